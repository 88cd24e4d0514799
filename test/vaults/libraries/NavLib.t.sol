// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {FullMath} from "@uniswap/v4-core/src/libraries/FullMath.sol";
import {SqrtPriceMath} from "@uniswap/v4-core/src/libraries/SqrtPriceMath.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {Position} from "../../../vaults/interfaces/IRangeVault.sol";
import {NavLib, Span} from "../../../vaults/libraries/NavLib.sol";
import {BaseTest} from "../../support/BaseTest.sol";

/// @notice Against the real pool: what NavLib says is what a burn and a collect pay.
contract NavLibTest is BaseTest {
    function _check(Position memory position) private {
        (uint160 sqrtPriceX96, int24 tick,,,,,) = pool.slot0();
        (uint256 owed0, uint256 owed1) = NavLib.owedDown(pool, address(this), position, tick);
        (uint256 amount0, uint256 amount1) = NavLib.principalDown(position, sqrtPriceX96);
        (uint256 burned0, uint256 burned1) = pool.burn(position.lowerTick, position.upperTick, position.liquidity);
        assertEq(burned0, amount0);
        assertEq(burned1, amount1);
        (uint128 got0, uint128 got1) =
            pool.collect(address(this), position.lowerTick, position.upperTick, type(uint128).max, type(uint128).max);
        assertEq(got0, owed0 + amount0);
        assertEq(got1, owed1 + amount1);
    }

    function testFuzz_amounts_equalWhatThePoolPays(
        int256 lower,
        uint256 width,
        uint128 liquidity,
        int24[6] memory moves
    ) public {
        int24 lowerTick = _floorTick(startTick + int24(bound(lower, -1500, 1500)));
        int24 upperTick = lowerTick + int24(int256(bound(width, 1, 200))) * SPACING;
        liquidity = uint128(bound(liquidity, 1e9, 1e20));
        trader.provide(address(this), lowerTick, upperTick, liquidity);
        for (uint256 i; i < moves.length; ++i) {
            trader.moveTo(startTick + int24(bound(moves[i], -2000, 2000)));
            skip(12);
            // Someone else mints to us now and then: the fees of that are ours, the principal is not.
            if (i == 3) trader.provide(address(this), lowerTick, upperTick, 1e15);
        }
        _check(Position(lowerTick, upperTick, liquidity));
    }

    /// The tick is below the bound while the price is exactly on it.
    function testFuzz_amounts_whenThePriceStopsOnABound(bool onUpper, bool fromAbove, uint128 liquidity) public {
        int24 lowerTick = _floorTick(startTick) - 300;
        int24 upperTick = lowerTick + 600;
        liquidity = uint128(bound(liquidity, 1e9, 1e20));
        trader.provide(address(this), lowerTick, upperTick, liquidity);
        int24 bound_ = onUpper ? upperTick : lowerTick;
        trader.moveTo(fromAbove ? bound_ + 200 : bound_ - 200);
        trader.moveTo(bound_);
        (, int24 tick,,,,,) = pool.slot0();
        if (fromAbove) assertEq(tick, bound_ - 1);
        _check(Position(lowerTick, upperTick, liquidity));
    }

    function testFuzz_quotes_areInverse(uint128 amount, int24 tick) public pure {
        tick = int24(bound(tick, -400_000, 400_000));
        amount = uint128(bound(amount, 0, 1e30));
        uint160 price = TickMath.getSqrtPriceAtTick(tick);
        uint256 there = NavLib.quote0Down(amount, price);
        assertLe(NavLib.quote1Down(there, price), amount);
    }

    /// One word or two: each span by itself, and their sums, are what the protocol's own arithmetic says.
    function testFuzz_amounts_areExactAtEverySizeOfLiquidity(
        uint128[3] memory liquidity,
        uint8[3] memory shift,
        int24[3] memory lower,
        int24[3] memory upper,
        int24 tick
    ) public pure {
        uint160 priceX96 = TickMath.getSqrtPriceAtTick(int24(bound(tick, TickMath.MIN_TICK, TickMath.MAX_TICK)));
        Span[] memory spans = new Span[](3);
        uint256 sum0;
        uint256 sum1;
        for (uint256 i; i < 3; ++i) {
            int24 lowerTick = int24(bound(lower[i], TickMath.MIN_TICK, TickMath.MAX_TICK - 1));
            int24 upperTick = int24(bound(upper[i], lowerTick + 1, TickMath.MAX_TICK));
            spans[i] = Span(
                TickMath.getSqrtPriceAtTick(lowerTick),
                TickMath.getSqrtPriceAtTick(upperTick),
                liquidity[i] >> (shift[i] % 128)
            );
            uint160 atX96 = priceX96;
            if (atX96 < spans[i].lowerX96) atX96 = spans[i].lowerX96;
            if (atX96 > spans[i].upperX96) atX96 = spans[i].upperX96;
            (uint256 amount0, uint256 amount1) = NavLib.amountsDown(spans[i], priceX96);
            assertEq(amount0, SqrtPriceMath.getAmount0Delta(atX96, spans[i].upperX96, spans[i].liquidity, false));
            assertEq(amount1, SqrtPriceMath.getAmount1Delta(spans[i].lowerX96, atX96, spans[i].liquidity, false));
            (sum0, sum1) = (sum0 + amount0, sum1 + amount1);
        }
        (uint256 all0, uint256 all1) = NavLib.sumsDown(spans, priceX96);
        assertEq(all0, sum0);
        assertEq(all1, sum1);
    }

    function testFuzz_quotes_areExactAtEverySize(uint128 amount, uint8 shift, int24 tick) public pure {
        // The square of the price fits one word.
        uint256 priceX96 = TickMath.getSqrtPriceAtTick(int24(bound(tick, TickMath.MIN_TICK, 443_635)));
        uint256 squareX192 = priceX96 * priceX96;
        uint256 small = amount >> (shift % 128);
        assertEq(NavLib.quote0Down(small, uint160(priceX96)), FullMath.mulDiv(small, squareX192, 1 << 192));
        // The other way the most that is worth no more: a unit less than one too many.
        uint256 there = NavLib.quote1Down(small, uint160(priceX96));
        assertTrue(_isAtMost(there, squareX192, small, 1 << 192));
        assertFalse(_isAtMost(there + 1, squareX192, small, 1 << 192));
    }

    /// @dev a b <= c d, in 512 bits.
    function _isAtMost(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (bool) {
        (uint256 high, uint256 low) = Math.mul512(a, b);
        (uint256 high_, uint256 low_) = Math.mul512(c, d);
        return high < high_ || (high == high_ && low <= low_);
    }
}
