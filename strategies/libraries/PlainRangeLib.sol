// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IRangeVault, Position, RangeOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {PoolReader} from "../../vaults/libraries/PoolReader.sol";

/// @title The one range that needs no opinion and no swap
/// @notice While neither token is worth more than twice the other, a range centred on the mid reference. Else a range of
/// the same width right beside spot that asks for the abundant token alone: a resting order, through which the market
/// trades the vault back towards balance.
library PlainRangeLib {
    /// @notice The range for what the vault holds now; `halfWidthTicks` is a multiple of the spacing, below 2^20.
    function place(
        IRangeVault vault,
        IUniswapV3Pool pool,
        Position[] memory held,
        int24 midTick,
        int24 halfWidthTicks,
        uint64 weightWad
    ) internal view returns (RangeOrder memory range) {
        int24 spacing = pool.tickSpacing();
        (bool rests, int24 lowerTick) = beside(vault, pool, held, halfWidthTicks, spacing);
        range.lowerTick = rests ? lowerTick : centredFrom(midTick, halfWidthTicks, spacing);
        range.upperTick = range.lowerTick + 2 * halfWidthTicks;
        range.weightWad = weightWad;
    }

    /// @notice Whether one token is worth more than twice the other, and then where the range beside spot begins.
    function beside(IRangeVault vault, IUniswapV3Pool pool, Position[] memory held, int24 halfWidthTicks, int24 spacing)
        internal
        view
        returns (bool rests, int24 lowerTick)
    {
        (uint160 spotX96,) = PoolReader.spot(pool);
        (uint256 worth0, uint256 worth1) = _worth(vault, held, spotX96);
        if (worth0 <= 2 * worth1 && worth1 <= 2 * worth0) return (false, 0);
        int24 base = _floor(TickMath.getTickAtSqrtPrice(spotX96), spacing);
        // Token0 alone is asked for above spot, token1 alone up to spot.
        return (true, worth0 > worth1 ? base + spacing : base - 2 * halfWidthTicks);
    }

    /// @notice Where the range that is centred on the mid reference begins.
    function centredFrom(int24 midTick, int24 halfWidthTicks, int24 spacing) internal pure returns (int24) {
        return _floor(midTick, spacing) - halfWidthTicks;
    }

    /// @dev What the vault holds of each token at spot, both in token1 units; fees not yet collected apart.
    function _worth(IRangeVault vault, Position[] memory held, uint160 spotX96)
        private
        view
        returns (uint256 worth0, uint256 worth1)
    {
        (worth0, worth1) = vault.idle();
        for (uint256 i; i < held.length; ++i) {
            (uint256 amount0, uint256 amount1) = NavLib.principalDown(held[i], spotX96);
            worth0 += amount0;
            worth1 += amount1;
        }
        worth0 = NavLib.quote0Down(worth0, spotX96);
    }

    function _floor(int24 tick, int24 spacing) private pure returns (int24) {
        int24 compressed = tick / spacing;
        if (tick < 0 && tick % spacing != 0) --compressed;
        return compressed * spacing;
    }
}
