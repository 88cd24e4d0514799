// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {LiquidityAmounts} from "@uniswap/v4-periphery/src/libraries/LiquidityAmounts.sol";
import {Position, RangeOrder, RebalanceOrder} from "../interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {ErrorsLib} from "./ErrorsLib.sol";
import {EventsLib} from "./EventsLib.sol";
import {HeldLib} from "./HeldLib.sol";
import {NavLib, Span} from "./NavLib.sol";
import {Burned, PoolLib} from "./PoolLib.sol";
import {PoolReader} from "./PoolReader.sol";
import {Limits, MAX_POSITIONS, VaultContext, VaultState, WAD} from "./VaultState.sol";

/// @notice What ranges are offered, and where the pool stands.
struct Offer {
    uint160 sqrtPriceX96;
    int24 tick;
    /// Idle, and the principal of what stays open.
    uint256 total0;
    uint256 total1;
}

/// @notice The ranges of a move with their ends as prices.
struct Ranges {
    Position[] held;
    Span[] heldSpans;
    /// Which of those held are ordered too, and stay open.
    bool[] stays;
    Position[] opened;
    Span[] openedSpans;
}

/// @title How a move closes and opens ranges
/// @notice WHAT STAYS. Without a swap, a range that is held and ordered is not burned: its fees are collected, and only
/// what its liquidity is to gain or lose is minted or burned. The vault ends with the same, for less gas.
library RangesLib {
    /// @notice Burns and collects all that does not stay, and collects the fees of what does.
    function close(
        VaultContext memory context,
        VaultState storage state,
        RebalanceOrder calldata order,
        Ranges memory ranges
    ) internal returns (uint256 fees0, uint256 fees1) {
        bool mayStay = order.swap.amountIn == 0;
        ranges.stays = new bool[](ranges.held.length);
        // Backwards, for what is dropped is replaced by the last.
        for (uint256 i = ranges.held.length; i > 0;) {
            Position memory position = ranges.held[--i];
            bool stays = mayStay && _isOrdered(order.ranges, position);
            Burned memory burned = PoolLib.burn(context, position, stays ? 0 : position.liquidity, false);
            PoolLib.collect(context, state, position, burned, type(uint128).max, type(uint128).max);
            (fees0, fees1) = (fees0 + burned.fees0, fees1 + burned.fees1);
            if (stays) ranges.stays[i] = true;
            else HeldLib.drop(state, i);
        }
    }

    /// @notice A leg whose collect reverts stays owed, and the emptied position stays tracked for it.
    function closeAll(VaultContext memory context, VaultState storage state)
        internal
        returns (uint256 fees0, uint256 fees1)
    {
        for (uint256 i = state.positionCount; i > 0; --i) {
            Position memory position = state.positions[i - 1];
            Burned memory burned = PoolLib.burn(context, position, position.liquidity, true);
            (uint256 got0, uint256 got1) = _collectTolerant(context, state, position, burned);
            (fees0, fees1) = (fees0 + burned.fees0, fees1 + burned.fees1);
            if (got0 == burned.owed0 && got1 == burned.owed1) HeldLib.drop(state, i - 1);
            else state.positions[i - 1].liquidity = 0;
        }
    }

    /// @notice Idle, and the principal of what stays open, at spot.
    function atWork(VaultState storage state, Ranges memory ranges, uint160 spotX96, int24 spotTick)
        internal
        view
        returns (Offer memory offer)
    {
        (uint256 total0, uint256 total1) = (state.idle0, state.idle1);
        for (uint256 i; i < ranges.stays.length; ++i) {
            if (!ranges.stays[i]) continue;
            (uint256 amount0, uint256 amount1) = NavLib.amountsDown(ranges.heldSpans[i], spotX96);
            (total0, total1) = (total0 + amount0, total1 + amount1);
        }
        return Offer(spotX96, spotTick, total0, total1);
    }

    /// @notice Opens the ordered ranges, each with its part of the offer.
    function open(
        VaultContext memory context,
        VaultState storage state,
        RangeOrder[] calldata ordered,
        Limits memory limits,
        Offer memory offer,
        Ranges memory ranges
    ) internal {
        uint256 count = ordered.length;
        require(count <= MAX_POSITIONS, ErrorsLib.TooManyRanges(count, MAX_POSITIONS));
        uint256 sumWad;
        (ranges.opened, ranges.openedSpans) = (new Position[](count), new Span[](count));
        int24 spacing = context.pool.tickSpacing();
        for (uint256 i; i < count; ++i) {
            RangeOrder calldata range = ordered[i];
            (int24 lowerTick, int24 upperTick) = (range.lowerTick, range.upperTick);
            uint256 weightWad = range.weightWad;
            sumWad += weightWad;
            require(sumWad <= WAD, ErrorsLib.WeightsAboveOne(sumWad));
            require(
                lowerTick < upperTick && lowerTick % spacing == 0 && upperTick % spacing == 0
                    && (i == 0 || _before(ranges.opened[i - 1], lowerTick, upperTick)),
                ErrorsLib.RangeInvalid(i)
            );
            // upper > lower, so the difference is positive and below 2^25.
            uint256 width = uint256(int256(upperTick) - lowerTick);
            require(width >= limits.minWidthTicks, ErrorsLib.WidthBelowMin(width, limits.minWidthTicks));
            require(width <= limits.maxWidthTicks, ErrorsLib.WidthAboveMax(width, limits.maxWidthTicks));
            Position memory target = Position(lowerTick, upperTick, 0);
            Span memory span = _span(ranges, target);
            span.liquidity = target.liquidity = _liquidity(span, weightWad, offer);
            require(target.liquidity > 0, ErrorsLib.ZeroLiquidity(lowerTick, upperTick));
            (ranges.opened[i], ranges.openedSpans[i]) = (target, span);
        }
        // What stays with less first: that makes idle what the others need.
        for (uint256 i; i < count && state.positionCount > 0; ++i) {
            _reduce(context, state, ranges.opened[i]);
        }
        for (uint256 i; i < count; ++i) {
            _mintMissing(context, state, ranges.opened[i]);
        }
    }

    function _isOrdered(RangeOrder[] calldata ranges, Position memory position) private pure returns (bool) {
        for (uint256 i; i < ranges.length; ++i) {
            if (ranges[i].lowerTick == position.lowerTick && ranges[i].upperTick == position.upperTick) return true;
        }
        return false;
    }

    function _collectTolerant(
        VaultContext memory context,
        VaultState storage state,
        Position memory position,
        Burned memory burned
    ) private returns (uint256 amount0, uint256 amount1) {
        amount0 = _tryCollect(context, position, burned.owed0, true);
        amount1 = _tryCollect(context, position, burned.owed1, false);
        PoolLib.recordCollected(state, position, burned, amount0, amount1);
    }

    function _tryCollect(VaultContext memory context, Position memory position, uint128 owed, bool leg0)
        private
        returns (uint256)
    {
        if (owed == 0) return 0;
        try context.pool
        .collect(address(this), position.lowerTick, position.upperTick, leg0 ? owed : 0, leg0 ? 0 : owed) returns (
            uint128 amount0, uint128 amount1
        ) {
            return leg0 ? amount0 : amount1;
        } catch {
            return 0;
        }
    }

    /// @dev A span of the same ends; those of a range that is held are known.
    function _span(Ranges memory ranges, Position memory range) private pure returns (Span memory) {
        for (uint256 i; i < ranges.held.length; ++i) {
            Position memory held = ranges.held[i];
            if (held.lowerTick != range.lowerTick || held.upperTick != range.upperTick) continue;
            return Span(ranges.heldSpans[i].lowerX96, ranges.heldSpans[i].upperX96, 0);
        }
        return NavLib.spanOf(range);
    }

    /// @dev What the range's part of all tokens pays for.
    function _liquidity(Span memory span, uint256 weightWad, Offer memory offer) private pure returns (uint128) {
        return LiquidityAmounts.getLiquidityForAmounts(
            offer.sqrtPriceX96,
            span.lowerX96,
            span.upperX96,
            (offer.total0 * weightWad) / WAD,
            (offer.total1 * weightWad) / WAD
        );
    }

    function _before(Position memory former, int24 lowerTick, int24 upperTick) private pure returns (bool) {
        return former.lowerTick < lowerTick || (former.lowerTick == lowerTick && former.upperTick < upperTick);
    }

    function _reduce(VaultContext memory context, VaultState storage state, Position memory target) private {
        (uint256 number, Position memory position) = _find(state, target);
        if (number == 0 || position.liquidity <= target.liquidity) return;
        Burned memory burned = PoolLib.burn(context, position, position.liquidity - target.liquidity, false);
        PoolLib.collect(context, state, position, burned, type(uint128).max, type(uint128).max);
        state.positions[number - 1].liquidity = target.liquidity;
    }

    function _mintMissing(VaultContext memory context, VaultState storage state, Position memory target) private {
        (uint256 number, Position memory position) = _find(state, target);
        // Reduced to the target, or below it.
        uint128 liquidity = target.liquidity - position.liquidity;
        if (number == 0) {
            _sweepDonation(context.pool, target.lowerTick, target.upperTick);
            HeldLib.add(state, target);
        } else if (liquidity == 0) {
            return;
        } else {
            state.positions[number - 1].liquidity = target.liquidity;
        }
        context.pool.mint(address(this), target.lowerTick, target.upperTick, liquidity, "");
    }

    /// @dev The held position of the same range, counted from one; zero = none.
    function _find(VaultState storage state, Position memory range)
        private
        view
        returns (uint256 number, Position memory position)
    {
        for (uint256 i = state.positionCount; i > 0; --i) {
            position = state.positions[i - 1];
            if (position.lowerTick == range.lowerTick && position.upperTick == range.upperTick) return (i, position);
        }
        position.liquidity = 0;
    }

    /// @dev What someone else's liquidity in our name earned before we came is a donation, not NAV.
    function _sweepDonation(IUniswapV3Pool pool, int24 lowerTick, int24 upperTick) private {
        bytes32 key = NavLib.positionKey(address(this), lowerTick, upperTick);
        (uint128 liquidity,,, uint128 owed0, uint128 owed1) = PoolReader.position(pool, key);
        if (liquidity > 0) {
            pool.burn(lowerTick, upperTick, 0);
            (,,, owed0, owed1) = PoolReader.position(pool, key);
        }
        if (owed0 == 0 && owed1 == 0) return;
        (uint256 amount0, uint256 amount1) = pool.collect(address(this), lowerTick, upperTick, owed0, owed1);
        emit EventsLib.DonationSwept(lowerTick, upperTick, amount0, amount1);
    }
}
