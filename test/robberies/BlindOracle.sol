// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IPriceOracle, ReferencePrices} from "../../vaults/interfaces/IPriceOracle.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";

/// @notice The oracle as the robbed had it: some of the sources are missing. A test etches its code over the real one,
/// so that the same vault stands there without that guard.
contract BlindOracle is IPriceOracle {
    address public immutable pool;
    uint24 public immutable bandTicks;
    address public constant feed = address(0);
    uint16 public constant feedDeviationBps = 0;
    bool private immutable seesSpot;
    /// 0 = no mean.
    uint32 private immutable windowSeconds;

    constructor(address pool_, uint24 bandTicks_, bool seesSpot_, uint32 windowSeconds_) {
        pool = pool_;
        bandTicks = bandTicks_;
        seesSpot = seesSpot_;
        windowSeconds = windowSeconds_;
    }

    function referencePrices() external view returns (ReferencePrices memory refs) {
        (uint160 spotX96, int24 spotTick,,,,,) = IUniswapV3Pool(pool).slot0();
        if (windowSeconds == 0) return ReferencePrices(spotX96, spotX96, spotX96, true, _meanLiquidity(300));
        uint32[] memory ago = new uint32[](2);
        ago[0] = windowSeconds;
        (int56[] memory cumulative,) = IUniswapV3Pool(pool).observe(ago);
        int24 meanTick = int24((cumulative[1] - cumulative[0]) / int56(uint56(windowSeconds)));
        uint160 meanX96 = TickMath.getSqrtPriceAtTick(meanTick);
        int24 apart = meanTick > spotTick ? meanTick - spotTick : spotTick - meanTick;
        // The band is asked of what is seen and of spot, as a mean with a deviation check does.
        bool calm = uint24(apart) <= bandTicks;
        uint128 liquidity = _meanLiquidity(windowSeconds);
        if (!seesSpot) return ReferencePrices(meanX96, meanX96, meanX96, calm, liquidity);
        (uint160 lowX96, uint160 highX96) = spotX96 < meanX96 ? (spotX96, meanX96) : (meanX96, spotX96);
        return ReferencePrices(lowX96, uint160((uint256(lowX96) + highX96) / 2), highX96, calm, liquidity);
    }

    /// @dev None of the robbed went without a cap on his share of the pool.
    function _meanLiquidity(uint32 secondsAgo) private view returns (uint128) {
        uint32[] memory ago = new uint32[](2);
        ago[0] = secondsAgo;
        (, uint160[] memory perLiquidity) = IUniswapV3Pool(pool).observe(ago);
        return uint128((uint256(secondsAgo) << 128) / (perLiquidity[1] - perLiquidity[0]));
    }
}
