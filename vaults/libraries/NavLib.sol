// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

// What a price makes of the positions is asked six times a move.
// solhint-disable no-inline-assembly

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
    /// @dev Unchecked: liquidity is below 2^128 and prices below 2^160; lower <= inside <= upper. Nearly
    /// every product fits one word; two cost four times as much.
    function amountsDown(Span memory span, uint160 sqrtPriceX96)
        internal
        pure
        returns (uint256 amount0, uint256 amount1)
    {
        (uint256 lowerX96, uint256 upperX96, uint256 liquidity) = (span.lowerX96, span.upperX96, span.liquidity);
        unchecked {
            uint256 atX96 = sqrtPriceX96 < lowerX96 ? lowerX96 : sqrtPriceX96 > upperX96 ? upperX96 : sqrtPriceX96;
            uint256 product = liquidity * (upperX96 - atX96);
            if (liquidity >> 96 == 0 && product >> 160 == 0) {
                return ((product << 96) / upperX96 / atX96, (liquidity * (atX96 - lowerX96)) >> 96);
            }
            amount0 = FullMath.mulDiv(liquidity << 96, upperX96 - atX96, upperX96) / atX96;
            amount1 = Math.mulShr(liquidity, atX96 - lowerX96, 96);
        }
    }

    /// @notice Tokens of all spans at a sqrt price: the sums of what `amountsDown` says of each.
    /// @dev In assembly, because it was measured: a move asks this six times, and the arithmetic above, compiled, was a
    /// tenth of a move's own code. It is the same arithmetic; where a product needs two words, `amountsDown` does it.
    function sumsDown(Span[] memory spans, uint160 sqrtPriceX96)
        internal
        pure
        returns (uint256 amount0, uint256 amount1)
    {
        uint256 wide;
        assembly ("memory-safe") {
            let price := and(sqrtPriceX96, 0xffffffffffffffffffffffffffffffffffffffff)
            let at := add(spans, 32)
            for { let end := add(at, shl(5, mload(spans))) } lt(at, end) { at := add(at, 32) } {
                let span := mload(at)
                let lower := mload(span)
                let upper := mload(add(span, 32))
                let liquidity := mload(add(span, 64))
                let inside := price
                if lt(inside, lower) { inside := lower }
                if gt(inside, upper) { inside := upper }
                let product := mul(liquidity, sub(upper, inside))
                wide := or(wide, or(shr(96, liquidity), shr(160, product)))
                amount0 := add(amount0, div(div(shl(96, product), upper), inside))
                amount1 := add(amount1, shr(96, mul(liquidity, sub(inside, lower))))
            }
        }
        if (wide == 0) return (amount0, amount1);
        (amount0, amount1) = (0, 0);
        for (uint256 i; i < spans.length; ++i) {
            (uint256 more0, uint256 more1) = amountsDown(spans[i], sqrtPriceX96);
            unchecked {
                // Below 2^192 each, and at most eight of them.
                (amount0, amount1) = (amount0 + more0, amount1 + more1);
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
                uint256 squareX192 = uint256(sqrtPriceX96) * sqrtPriceX96;
                uint256 product = amount0 * squareX192;
                if (amount0 == 0 || product / amount0 == squareX192) return product >> 192;
                return Math.mulShr(amount0, squareX192, 192);
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
        Holdings memory seen;
        look(context, state, seen);
        return navsOf(context, state, sqrtPricesX96, seen);
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

    /// @notice Writes into an empty `seen` what the calling vault has in the pool now.
    function look(VaultContext memory context, VaultState storage state, Holdings memory seen) internal view {
        uint256 count = state.positionCount;
        if (count == 0) return;
        seen.spans = new Span[](count);
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
        Holdings memory seen;
        look(context, state, seen);
        return totals(state, seen, sqrtPriceX96);
    }

    /// @notice As `holdings`, of what was just looked at.
    function totals(VaultState storage state, Holdings memory seen, uint160 sqrtPriceX96)
        internal
        view
        returns (uint256 total0, uint256 total1)
    {
        (uint256 amount0, uint256 amount1) = sumsDown(seen.spans, sqrtPriceX96);
        return (state.idle0 + seen.owed0 + amount0, state.idle1 + seen.owed1 + amount1);
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
        for (uint256 p; p < 3; ++p) {
            uint160 priceX96 = sqrtPricesX96[p];
            if (priceX96 == 0) continue;
            (uint256 amount0, uint256 amount1) = sumsDown(spans, priceX96);
            values[p] = toAssetDown(total0 + amount0, total1 + amount1, priceX96, assetIsToken0);
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
