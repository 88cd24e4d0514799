// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {LiquidityAmounts} from "@uniswap/v4-periphery/src/libraries/LiquidityAmounts.sol";
import {Position, RangeOrder, RebalanceOrder} from "../interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {ErrorsLib} from "./ErrorsLib.sol";
import {EventsLib} from "./EventsLib.sol";
import {NavLib} from "./NavLib.sol";
import {Burned, PoolLib} from "./PoolLib.sol";
import {PoolReader} from "./PoolReader.sol";
import {Limits, MAX_POSITIONS, VaultContext, VaultState, WAD} from "./VaultState.sol";

/// @notice What ranges are offered, and the pool's price.
struct Offer {
    uint160 sqrtPriceX96;
    /// Idle, and the principal of what stays open.
    uint256 total0;
    uint256 total1;
}

/// @title How a move closes and opens ranges
/// @notice WHAT STAYS. Without a swap, a range that is held and ordered is not burned: its fees are collected, and only
/// what its liquidity is to gain or lose is minted or burned. The vault ends with the same, for less gas.
library RangesLib {
    /// @notice Burns and collects all that does not stay, and collects the fees of what does.
    function close(VaultContext memory context, VaultState storage state, RebalanceOrder calldata order)
        internal
        returns (uint256 fees0, uint256 fees1)
    {
        for (uint256 i = state.positions.length; i > 0; --i) {
            Position memory position = state.positions[i - 1];
            bool stays = order.swap.amountIn == 0 && _isOrdered(order.ranges, position);
            Burned memory burned = PoolLib.burn(context, position, stays ? 0 : position.liquidity, false);
            (uint256 got0, uint256 got1) =
                PoolLib.collect(context, state, position, burned, type(uint128).max, type(uint128).max);
            if (got0 > burned.principal0) fees0 += got0 - burned.principal0;
            if (got1 > burned.principal1) fees1 += got1 - burned.principal1;
            if (!stays) PoolLib.dropPosition(state, i - 1);
        }
    }

    /// @notice A leg whose collect reverts stays owed, and the emptied position stays tracked for it.
    function closeAll(VaultContext memory context, VaultState storage state)
        internal
        returns (uint256 fees0, uint256 fees1)
    {
        for (uint256 i = state.positions.length; i > 0; --i) {
            Position memory position = state.positions[i - 1];
            Burned memory burned = PoolLib.burn(context, position, position.liquidity, true);
            (uint256 got0, uint256 got1) = _collectTolerant(context, state, position, burned);
            if (got0 > burned.principal0) fees0 += got0 - burned.principal0;
            if (got1 > burned.principal1) fees1 += got1 - burned.principal1;
            if (got0 == burned.owed0 && got1 == burned.owed1) PoolLib.dropPosition(state, i - 1);
            else state.positions[i - 1].liquidity = 0;
        }
    }

    /// @notice Idle, and the principal of what is open, at spot; a price of 0 = ask the pool.
    function atWork(VaultContext memory context, VaultState storage state, uint160 spotX96)
        internal
        view
        returns (Offer memory offer)
    {
        if (spotX96 == 0) (spotX96,) = PoolReader.spot(context.pool);
        (uint256 total0, uint256 total1) = (state.idle0, state.idle1);
        for (uint256 i = state.positions.length; i > 0; --i) {
            (uint256 amount0, uint256 amount1) = NavLib.principalDown(state.positions[i - 1], spotX96);
            (total0, total1) = (total0 + amount0, total1 + amount1);
        }
        return Offer(spotX96, total0, total1);
    }

    /// @notice Opens the ordered ranges, each with its part of the offer.
    function open(
        VaultContext memory context,
        VaultState storage state,
        RangeOrder[] calldata ranges,
        Limits memory limits,
        Offer memory offer
    ) internal returns (Position[] memory opened) {
        require(ranges.length <= MAX_POSITIONS, ErrorsLib.TooManyRanges(ranges.length, MAX_POSITIONS));
        uint256 sumWad;
        opened = new Position[](ranges.length);
        int24 spacing = context.pool.tickSpacing();
        for (uint256 i; i < ranges.length; ++i) {
            RangeOrder calldata range = ranges[i];
            sumWad += range.weightWad;
            require(sumWad <= WAD, ErrorsLib.WeightsAboveOne(sumWad));
            require(
                range.lowerTick < range.upperTick && range.lowerTick % spacing == 0 && range.upperTick % spacing == 0
                    && (i == 0 || _before(ranges[i - 1].lowerTick, ranges[i - 1].upperTick, range)),
                ErrorsLib.RangeInvalid(i)
            );
            // upper > lower, so the difference is positive and below 2^25.
            uint256 width = uint256(int256(range.upperTick) - range.lowerTick);
            require(width >= limits.minWidthTicks, ErrorsLib.WidthBelowMin(width, limits.minWidthTicks));
            require(width <= limits.maxWidthTicks, ErrorsLib.WidthAboveMax(width, limits.maxWidthTicks));
            opened[i] = _target(range, offer);
        }
        // What stays with less first: that makes idle what the others need.
        for (uint256 i; i < opened.length && state.positions.length > 0; ++i) {
            _reduce(context, state, opened[i]);
        }
        for (uint256 i; i < opened.length; ++i) {
            _mintMissing(context, state, opened[i]);
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

    /// @dev The position that the range's part of all tokens pays for.
    function _target(RangeOrder calldata range, Offer memory offer) private pure returns (Position memory) {
        uint128 liquidity = LiquidityAmounts.getLiquidityForAmounts(
            offer.sqrtPriceX96,
            TickMath.getSqrtPriceAtTick(range.lowerTick),
            TickMath.getSqrtPriceAtTick(range.upperTick),
            (offer.total0 * range.weightWad) / WAD,
            (offer.total1 * range.weightWad) / WAD
        );
        require(liquidity > 0, ErrorsLib.ZeroLiquidity(range.lowerTick, range.upperTick));
        return Position(range.lowerTick, range.upperTick, liquidity);
    }

    function _before(int24 lowerTick, int24 upperTick, RangeOrder calldata next) private pure returns (bool) {
        return lowerTick < next.lowerTick || (lowerTick == next.lowerTick && upperTick < next.upperTick);
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
            state.positions.push(target);
        } else if (liquidity == 0) {
            return;
        } else {
            state.positions[number - 1].liquidity = target.liquidity;
        }
        (uint256 amount0, uint256 amount1) =
            context.pool.mint(address(this), target.lowerTick, target.upperTick, liquidity, "");
        emit EventsLib.PositionOpened(target.lowerTick, target.upperTick, liquidity, amount0, amount1);
    }

    /// @dev The held position of the same range, counted from one; zero = none.
    function _find(VaultState storage state, Position memory range)
        private
        view
        returns (uint256 number, Position memory position)
    {
        for (uint256 i = state.positions.length; i > 0; --i) {
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
