// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {FullMath} from "@uniswap/v4-core/src/libraries/FullMath.sol";
import {SqrtPriceMath} from "@uniswap/v4-core/src/libraries/SqrtPriceMath.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {Position} from "../interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {PoolReader} from "./PoolReader.sol";
import {VaultContext, VaultState} from "./VaultState.sol";

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
        return _principalBetween(
            TickMath.getSqrtPriceAtTick(position.lowerTick),
            TickMath.getSqrtPriceAtTick(position.upperTick),
            position.liquidity,
            sqrtPriceX96
        );
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
            return FullMath.mulDiv(amount0, uint256(sqrtPriceX96) * sqrtPriceX96, 1 << 192);
        }
        return FullMath.mulDiv(amount0, FullMath.mulDiv(sqrtPriceX96, sqrtPriceX96, 1 << 64), Q128);
    }

    /// @notice `amount1` of token1 in token0, rounded down.
    function quote1Down(uint256 amount1, uint160 sqrtPriceX96) internal pure returns (uint256) {
        if (sqrtPriceX96 <= type(uint128).max) {
            return FullMath.mulDiv(amount1, 1 << 192, uint256(sqrtPriceX96) * sqrtPriceX96);
        }
        return FullMath.mulDiv(amount1, Q128, FullMath.mulDiv(sqrtPriceX96, sqrtPriceX96, 1 << 64));
    }

    /// @notice Net asset value of the calling vault at three sqrt prices (zero price = zero value).
    function navs(VaultContext memory context, VaultState storage state, uint160[3] memory sqrtPricesX96)
        internal
        view
        returns (uint256[3] memory values)
    {
        (values,,) = navsAndOwed(context, state, sqrtPricesX96);
    }

    /// @notice As `navs`, and what the pool owes on all positions beside their principal.
    function navsAndOwed(VaultContext memory context, VaultState storage state, uint160[3] memory sqrtPricesX96)
        internal
        view
        returns (uint256[3] memory values, uint256 all0, uint256 all1)
    {
        uint256[3] memory amounts0 = [uint256(state.idle0), state.idle0, state.idle0];
        uint256[3] memory amounts1 = [uint256(state.idle1), state.idle1, state.idle1];
        uint256 count = state.positions.length;
        if (count > 0) {
            (, int24 tick) = PoolReader.spot(context.pool);
            for (uint256 i; i < count; ++i) {
                Position memory position = state.positions[i];
                (uint256 owed0, uint256 owed1) = owedDown(context.pool, address(this), position, tick);
                _addPosition(position, owed0, owed1, sqrtPricesX96, amounts0, amounts1);
                (all0, all1) = (all0 + owed0, all1 + owed1);
            }
        }
        _value(context, sqrtPricesX96, amounts0, amounts1, values);
    }

    /// @notice Tokens of the calling vault, principal as at a sqrt price: idle, positions and what the pool owes.
    function holdings(VaultContext memory context, VaultState storage state, uint160 sqrtPriceX96)
        internal
        view
        returns (uint256 total0, uint256 total1)
    {
        (total0, total1) = (state.idle0, state.idle1);
        uint256 count = state.positions.length;
        if (count == 0) return (total0, total1);
        (, int24 tick) = PoolReader.spot(context.pool);
        for (uint256 i; i < count; ++i) {
            Position memory position = state.positions[i];
            (uint256 amount0, uint256 amount1) = principalDown(position, sqrtPriceX96);
            (uint256 owed0, uint256 owed1) = owedDown(context.pool, address(this), position, tick);
            total0 += amount0 + owed0;
            total1 += amount1 + owed1;
        }
    }

    /// @notice Value at three sqrt prices of tokens and of the principal of ranges, without a question to the pool: for
    /// when what it owes is known.
    function valuesOf(
        VaultContext memory context,
        Position[] memory held,
        uint256 total0,
        uint256 total1,
        uint160[3] memory sqrtPricesX96
    ) internal pure returns (uint256[3] memory values) {
        uint256[3] memory amounts0 = [total0, total0, total0];
        uint256[3] memory amounts1 = [total1, total1, total1];
        for (uint256 i; i < held.length; ++i) {
            _addPosition(held[i], 0, 0, sqrtPricesX96, amounts0, amounts1);
        }
        _value(context, sqrtPricesX96, amounts0, amounts1, values);
    }

    /// @dev Adds the position's principal at each price, and what the pool owes on it.
    function _addPosition(
        Position memory position,
        uint256 owed0,
        uint256 owed1,
        uint160[3] memory sqrtPricesX96,
        uint256[3] memory amounts0,
        uint256[3] memory amounts1
    ) private pure {
        uint160 lowerX96 = TickMath.getSqrtPriceAtTick(position.lowerTick);
        uint160 upperX96 = TickMath.getSqrtPriceAtTick(position.upperTick);
        for (uint256 p; p < 3; ++p) {
            if (sqrtPricesX96[p] == 0) continue;
            (uint256 amount0, uint256 amount1) =
                _principalBetween(lowerX96, upperX96, position.liquidity, sqrtPricesX96[p]);
            amounts0[p] += amount0 + owed0;
            amounts1[p] += amount1 + owed1;
        }
    }

    function _principalBetween(uint160 lowerX96, uint160 upperX96, uint128 liquidity, uint160 sqrtPriceX96)
        private
        pure
        returns (uint256 amount0, uint256 amount1)
    {
        uint160 insideX96 = sqrtPriceX96 < lowerX96 ? lowerX96 : sqrtPriceX96 > upperX96 ? upperX96 : sqrtPriceX96;
        amount0 = SqrtPriceMath.getAmount0Delta(insideX96, upperX96, liquidity, false);
        amount1 = SqrtPriceMath.getAmount1Delta(lowerX96, insideX96, liquidity, false);
    }

    function _value(
        VaultContext memory context,
        uint160[3] memory sqrtPricesX96,
        uint256[3] memory amounts0,
        uint256[3] memory amounts1,
        uint256[3] memory values
    ) private pure {
        for (uint256 p; p < 3; ++p) {
            if (sqrtPricesX96[p] == 0) continue;
            values[p] = toAssetDown(amounts0[p], amounts1[p], sqrtPricesX96[p], context.assetIsToken0);
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
