// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {FullMath} from "@uniswap/v4-core/src/libraries/FullMath.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {Position} from "../interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {PoolReader} from "./PoolReader.sol";
import {VaultContext, VaultState} from "./VaultState.sol";

/// @notice Liquidity between two sqrt prices.
struct Span {
    uint160 lowerX96;
    uint160 upperX96;
    uint128 liquidity;
}

/// @notice What a vault has in the pool, and where the pool stands; the price is 0 where nothing is held.
struct Holdings {
    Span[] spans;
    /// What the pool owes on all positions, beside their principal.
    uint256 owed0;
    uint256 owed1;
    uint160 spotX96;
}

/// @title What a vault's holdings are worth
/// @notice Token amounts at a given sqrt price, uncollected fees without a poke, and their value in the asset.
library NavLib {
    uint256 private constant Q128 = 1 << 128;

    /// @notice Principal of `liquidity` in a range at a sqrt price, each token rounded down as the pool's burn does.
    function principalDown(Position memory position, uint160 sqrtPriceX96)
        internal
        pure
        returns (uint256 amount0, uint256 amount1)
    {
        return amountsDown(spanOf(position), sqrtPriceX96);
    }

    /// @notice The position with its ends as prices, which cost more to find than all that follows.
    function spanOf(Position memory position) internal pure returns (Span memory) {
        return Span(
            TickMath.getSqrtPriceAtTick(position.lowerTick),
            TickMath.getSqrtPriceAtTick(position.upperTick),
            position.liquidity
        );
    }

    function spansOf(Position[] memory held) internal pure returns (Span[] memory spans) {
        spans = new Span[](held.length);
        for (uint256 i; i < held.length; ++i) {
            spans[i] = spanOf(held[i]);
        }
    }

    /// @notice Tokens of a span at a sqrt price, each rounded down as the pool's burn does.
    /// @dev Unchecked: liquidity is below 2^128 and prices below 2^160; lower <= inside <= upper.
    function amountsDown(Span memory span, uint160 sqrtPriceX96)
        internal
        pure
        returns (uint256 amount0, uint256 amount1)
    {
        (uint256 lowerX96, uint256 upperX96, uint256 liquidity) = (span.lowerX96, span.upperX96, span.liquidity);
        unchecked {
            if (sqrtPriceX96 < upperX96) {
                uint256 fromX96 = sqrtPriceX96 > lowerX96 ? sqrtPriceX96 : lowerX96;
                amount0 = FullMath.mulDiv(liquidity << 96, upperX96 - fromX96, upperX96) / fromX96;
            }
            if (sqrtPriceX96 > lowerX96) {
                uint256 toX96 = sqrtPriceX96 < upperX96 ? sqrtPriceX96 : upperX96;
                amount1 = Math.mulShr(liquidity, toX96 - lowerX96, 96);
            }
        }
    }

    /// @notice What the pool owes `owner` on a range beside liquidity: exactly what a poke and a collect would pay.
    /// @dev Liquidity that others minted to `owner` earns for it; fee growth is modulo 2^256 and the side of each
    /// bound comes from slot0.tick, never from the price.
    function owedDown(IUniswapV3Pool pool, address owner, Position memory position, int24 tick)
        internal
        view
        returns (uint256 owed0, uint256 owed1)
    {
        (uint128 poolLiquidity, uint256 last0, uint256 last1, uint128 stored0, uint128 stored1) =
            PoolReader.position(pool, positionKey(owner, position.lowerTick, position.upperTick));
        if (poolLiquidity == 0) return (stored0, stored1);
        (uint256 inside0, uint256 inside1) = _feeGrowthInside(pool, position, tick);
        unchecked {
            // The pool truncates to 128 bits and adds without a check; so does this.
            owed0 = uint128(stored0 + uint128(FullMath.mulDiv(inside0 - last0, poolLiquidity, Q128)));
            owed1 = uint128(stored1 + uint128(FullMath.mulDiv(inside1 - last1, poolLiquidity, Q128)));
        }
    }

    /// @notice Key of a range in the pool's `positions`.
    function positionKey(address owner, int24 lowerTick, int24 upperTick) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(owner, lowerTick, upperTick));
    }

    /// @notice Value of both tokens in asset units at a sqrt price, rounded down once.
    function toAssetDown(uint256 amount0, uint256 amount1, uint160 sqrtPriceX96, bool assetIsToken0)
        internal
        pure
        returns (uint256)
    {
        if (assetIsToken0) return amount0 + quote1Down(amount1, sqrtPriceX96);
        return amount1 + quote0Down(amount0, sqrtPriceX96);
    }

    /// @notice `amount0` of token0 in token1, rounded down.
    function quote0Down(uint256 amount0, uint160 sqrtPriceX96) internal pure returns (uint256) {
        if (sqrtPriceX96 <= type(uint128).max) {
            unchecked {
                // 128 bits squared.
                return Math.mulShr(amount0, uint256(sqrtPriceX96) * sqrtPriceX96, 192);
            }
        }
        return Math.mulShr(amount0, Math.mulShr(sqrtPriceX96, sqrtPriceX96, 64), 128);
    }

    /// @notice `amount1` of token1 in token0, rounded down.
    function quote1Down(uint256 amount1, uint160 sqrtPriceX96) internal pure returns (uint256) {
        if (sqrtPriceX96 <= type(uint128).max) {
            unchecked {
                // 128 bits squared.
                return FullMath.mulDiv(amount1, 1 << 192, uint256(sqrtPriceX96) * sqrtPriceX96);
            }
        }
        return FullMath.mulDiv(amount1, Q128, Math.mulShr(sqrtPriceX96, sqrtPriceX96, 64));
    }

    /// @notice Net asset value of the calling vault at three sqrt prices (zero price = zero value).
    function navs(VaultContext memory context, VaultState storage state, uint160[3] memory sqrtPricesX96)
        internal
        view
        returns (uint256[3] memory)
    {
        return navsOf(context, state, sqrtPricesX96, look(context, state));
    }

    /// @notice As `navs`, of what was just looked at.
    function navsOf(
        VaultContext memory context,
        VaultState storage state,
        uint160[3] memory sqrtPricesX96,
        Holdings memory seen
    ) internal view returns (uint256[3] memory) {
        return valuesOf(context, seen.spans, state.idle0 + seen.owed0, state.idle1 + seen.owed1, sqrtPricesX96);
    }

    /// @notice What the calling vault has in the pool now.
    function look(VaultContext memory context, VaultState storage state) internal view returns (Holdings memory seen) {
        uint256 count = state.positionCount;
        seen.spans = new Span[](count);
        if (count == 0) return seen;
        int24 tick;
        (seen.spotX96, tick) = PoolReader.spot(context.pool);
        for (uint256 i; i < count; ++i) {
            Position memory position = state.positions[i];
            (uint256 owed0, uint256 owed1) = owedDown(context.pool, address(this), position, tick);
            seen.spans[i] = spanOf(position);
            (seen.owed0, seen.owed1) = (seen.owed0 + owed0, seen.owed1 + owed1);
        }
    }

    /// @notice Tokens of the calling vault, principal as at a sqrt price: idle, positions and what the pool owes.
    function holdings(VaultContext memory context, VaultState storage state, uint160 sqrtPriceX96)
        internal
        view
        returns (uint256 total0, uint256 total1)
    {
        return totals(state, look(context, state), sqrtPriceX96);
    }

    /// @notice As `holdings`, of what was just looked at.
    function totals(VaultState storage state, Holdings memory seen, uint160 sqrtPriceX96)
        internal
        view
        returns (uint256 total0, uint256 total1)
    {
        (total0, total1) = (state.idle0 + seen.owed0, state.idle1 + seen.owed1);
        for (uint256 i; i < seen.spans.length; ++i) {
            (uint256 amount0, uint256 amount1) = amountsDown(seen.spans[i], sqrtPriceX96);
            (total0, total1) = (total0 + amount0, total1 + amount1);
        }
    }

    /// @notice Value at three sqrt prices (zero price = zero value) of tokens and of spans, without a question to the
    /// pool: for when what it owes is known.
    function valuesOf(
        VaultContext memory context,
        Span[] memory spans,
        uint256 total0,
        uint256 total1,
        uint160[3] memory sqrtPricesX96
    ) internal pure returns (uint256[3] memory values) {
        bool assetIsToken0 = context.assetIsToken0;
        uint256 count = spans.length;
        for (uint256 p; p < 3; ++p) {
            uint160 priceX96 = sqrtPricesX96[p];
            if (priceX96 == 0) continue;
            (uint256 amount0, uint256 amount1) = (total0, total1);
            for (uint256 i; i < count; ++i) {
                (uint256 more0, uint256 more1) = amountsDown(spans[i], priceX96);
                unchecked {
                    // Below 2^192 each, and at most eight of them.
                    (amount0, amount1) = (amount0 + more0, amount1 + more1);
                }
            }
            values[p] = toAssetDown(amount0, amount1, priceX96, assetIsToken0);
        }
    }

    function _feeGrowthInside(IUniswapV3Pool pool, Position memory position, int24 tick)
        private
        view
        returns (uint256 inside0, uint256 inside1)
    {
        (uint256 global0, uint256 global1) = PoolReader.feeGrowthGlobal(pool);
        (uint256 lower0, uint256 lower1) = PoolReader.feeGrowthOutside(pool, position.lowerTick);
        (uint256 upper0, uint256 upper1) = PoolReader.feeGrowthOutside(pool, position.upperTick);
        unchecked {
            (uint256 below0, uint256 below1) =
                tick >= position.lowerTick ? (lower0, lower1) : (global0 - lower0, global1 - lower1);
            (uint256 above0, uint256 above1) =
                tick < position.upperTick ? (upper0, upper1) : (global0 - upper0, global1 - upper1);
            inside0 = global0 - below0 - above0;
            inside1 = global1 - below1 - above1;
        }
    }
}
