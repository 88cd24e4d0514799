// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {LiquidityAmounts} from "@uniswap/v4-periphery/src/libraries/LiquidityAmounts.sol";
import {ReferencePrices} from "../interfaces/IPriceOracle.sol";
import {Position, RangeOrder, RebalanceOrder, RebalanceReport} from "../interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {DeRiskLib} from "./DeRiskLib.sol";
import {ErrorsLib} from "./ErrorsLib.sol";
import {EventsLib} from "./EventsLib.sol";
import {FeeLib} from "./FeeLib.sol";
import {LossBudget, LossBudgetLib} from "./LossBudgetLib.sol";
import {NavLib} from "./NavLib.sol";
import {ObservationRing, ObservationsLib} from "./ObservationsLib.sol";
import {Burned, PoolLib} from "./PoolLib.sol";
import {Pricing, PricingLib} from "./PricingLib.sol";
import {BPS, Limits, MAX_POSITIONS, VaultContext, VaultState, WAD} from "./VaultState.sol";

// Seconds over which the pool's liquidity is averaged for the pool-share cap.
uint32 constant POOL_SHARE_WINDOW_SECONDS = 300;

// Units of each token that rounding may take per position and that are not a loss.
uint256 constant ROUNDING_UNITS_PER_POSITION = 2;

/// @notice A move in progress.
struct Move {
    ReferencePrices refs;
    /// Effective supply with virtual shares; a move changes none.
    uint256 supply;
    /// The pool's price before the move.
    uint160 spotX96;
    /// NAV at (low, mid, high) sqrt price before and after.
    uint256[3] before;
    uint256[3] later;
    /// Positions closed and opened, for the rounding allowance.
    uint256 touched;
    /// Only makes ranges wider, with no more liquidity than before.
    bool wider;
}

/// @title Moves of the vault's positions
/// @notice Linked library, runs in the vault's storage. Values at the low and high *sqrt price*; which of both makes
/// the vault dearest depends on the side of the asset, and a loss counts at either and between.
///
/// DE-RISKING. To idle: burn and collect only, never refused. To wider (DeRiskLib), without more liquidity than before: it
/// mints, so it waits for calm and for the end of a pause or hold, but no cooldown, count, drawdown or pool share stops
/// it, and its loss is drawn from a reserve that no other move can use up.
library PositionsLib {
    using LossBudgetLib for LossBudget;
    using SafeCast for uint256;

    /// @notice Ordinary move: everything is burned and collected, at most one swap, then the ordered ranges.
    function rebalance(
        VaultContext memory context,
        VaultState storage state,
        RebalanceOrder calldata order,
        uint256 totalSupply
    ) external returns (RebalanceReport memory report) {
        require(block.timestamp >= state.pausedUntil, ErrorsLib.Paused(state.pausedUntil));
        require(!state.woundDown, ErrorsLib.WoundDown());
        require(!state.rebalanceHeld, ErrorsLib.RebalanceHeld());
        FeeLib.accrue(state, totalSupply);
        ReferencePrices memory refs = PricingLib.goodReference(context, state);
        Limits memory limits = state.limits;
        Move memory move;
        Position[] memory held = state.positions;
        move.wider = order.swap.amountIn == 0 && DeRiskLib.isToWider(held, order);
        if (!move.wider) _countMove(state, limits);
        move.refs = refs;
        move.touched = held.length + order.ranges.length;
        (move.spotX96,) = PoolLib.spot(context.pool);
        {
            (uint256 idle0, uint256 idle1) = (state.idle0, state.idle1);
            (report.fees0, report.fees1) = _closeAll(context, state, false);
            move.before = NavLib.valuesOf(context, held, idle0 + report.fees0, idle1 + report.fees1, _three(refs));
        }
        move.supply = _supply(context, state, totalSupply, move);
        if (!move.wider) _checkDrawdown(context, state, limits, move);
        if (order.swap.amountIn > 0) (report.swap0, report.swap1) = _swap(context, state, order, move.spotX96);
        Position[] memory opened = _open(context, state, order.ranges, limits);
        if (move.wider && _liquidity(opened) <= _liquidity(held)) {
            state.lastMoveAt = uint32(block.timestamp);
        } else {
            // Wider, or the same again, but with more liquidity is a move like any other.
            if (move.wider) {
                move.wider = false;
                _countMove(state, limits);
                _checkDrawdown(context, state, limits, move);
            }
            _checkPoolShare(context, opened, limits);
        }

        (uint160 laterX96,) = PoolLib.spot(context.pool);
        // What left the price where it was did not end calm.
        if (laterX96 != move.spotX96) require(context.oracle.referencePrices().calm, ErrorsLib.NotCalm());
        // The pool owes nothing on what was just opened.
        move.later = NavLib.valuesOf(context, opened, state.idle0, state.idle1, _three(refs));
        report.navBefore = move.before[1];
        report.navAfter = move.later[1];
        report.lossWad = _worstLossWad(context, move);
        _chargeLoss(state, limits, report.lossWad, move.wider);
        {
            uint256 low = move.later[context.assetIsToken0 ? 2 : 0];
            uint256 sharePrice = Math.mulDiv(low + 1, WAD, move.supply);
            require(sharePrice >= order.minSharePrice, ErrorsLib.SharePriceBelowMin(sharePrice, order.minSharePrice));
        }
        _mark(state, opened, laterX96);
        emit EventsLib.Rebalanced(msg.sender, report, state.idle0, state.idle1, opened.length);
    }

    /// @notice Burns and collects everything and nothing else. A token that cannot move stays owed by the pool and in
    /// NAV. Trips the breaker's hold when the drawdown limit was passed, as far as a price is known.
    function deRisk(VaultContext memory context, VaultState storage state, uint256 totalSupply)
        external
        returns (RebalanceReport memory report)
    {
        FeeLib.accrue(state, totalSupply);
        ReferencePrices memory refs = PricingLib.referenceNow(context);
        uint160[3] memory prices = _three(refs);
        uint256[3] memory before = NavLib.navs(context, state, prices);
        uint256 held = refs.midSqrtPriceX96 == 0
            ? 0
            : NavLib.toAssetDown(state.held0, state.held1, refs.midSqrtPriceX96, context.assetIsToken0);
        if (!state.rebalanceHeld && before[1] * BPS < held * (BPS - state.limits.drawdownBps)) {
            state.rebalanceHeld = true;
            emit EventsLib.HoldSet(true, address(this));
        }
        (report.fees0, report.fees1) = _closeAll(context, state, true);
        report.navBefore = before[1];
        report.navAfter = NavLib.navs(context, state, prices)[1];
        state.lastMoveAt = uint32(block.timestamp);
        _markAll(context, state);
        emit EventsLib.Rebalanced(msg.sender, report, state.idle0, state.idle1, state.positions.length);
    }

    /// @notice Burns liquidity that others minted to the vault beyond what it tracks, and pays it to `receiver`.
    /// @dev Of a tracked range only the principal of the excess leaves: its fees are the shareholders'.
    function skimPosition(
        VaultContext memory context,
        VaultState storage state,
        int24 lowerTick,
        int24 upperTick,
        address receiver
    ) external returns (uint256 amount0, uint256 amount1) {
        uint128 trackedLiquidity;
        bool tracked;
        for (uint256 i; i < state.positions.length; ++i) {
            Position memory position = state.positions[i];
            if (position.lowerTick != lowerTick || position.upperTick != upperTick) continue;
            tracked = true;
            trackedLiquidity = position.liquidity;
        }
        (uint128 poolLiquidity,,,,) = context.pool.positions(NavLib.positionKey(address(this), lowerTick, upperTick));
        require(poolLiquidity > trackedLiquidity, ErrorsLib.SkimRefused());
        (amount0, amount1) = context.pool.burn(lowerTick, upperTick, poolLiquidity - trackedLiquidity);
        // Amounts of one burn fit in 128 bits: the pool stores them so.
        (uint128 take0, uint128 take1) =
            tracked ? (uint128(amount0), uint128(amount1)) : (type(uint128).max, type(uint128).max);
        (amount0, amount1) = context.pool.collect(receiver, lowerTick, upperTick, take0, take1);
        emit EventsLib.Skimmed(context.token0, receiver, amount0);
        emit EventsLib.Skimmed(context.token1, receiver, amount1);
    }

    /// @dev Effective supply with virtual shares, at the NAVs from before the move.
    function _supply(VaultContext memory context, VaultState storage state, uint256 totalSupply, Move memory move)
        private
        view
        returns (uint256)
    {
        Pricing memory pricing;
        pricing.issued = FeeLib.issued(state, totalSupply);
        if (!FeeLib.charges(state)) return pricing.issued;
        (uint256 dearest, uint256 cheapest) = context.assetIsToken0 ? (0, 2) : (2, 0);
        uint160[3] memory prices = _three(move.refs);
        (pricing.dearestX96, pricing.cheapestX96) = (prices[dearest], prices[cheapest]);
        (pricing.highNav, pricing.lowNav) = (move.before[dearest], move.before[cheapest]);
        return pricing.issued + FeeLib.pendingPerformance(context, state, pricing);
    }

    function _countMove(VaultState storage state, Limits memory limits) private {
        uint256 readyAt = uint256(state.lastMoveAt) + limits.cooldownSeconds;
        require(state.lastMoveAt == 0 || block.timestamp >= readyAt, ErrorsLib.CooldownActive(readyAt));
        uint16 day = uint16(block.timestamp / 1 days);
        uint16 moves = state.movesDay == day ? state.movesToday : 0;
        require(moves < limits.maxMovesPerDay, ErrorsLib.MovesPerDayReached(limits.maxMovesPerDay));
        state.movesDay = day;
        state.movesToday = moves + 1;
        state.lastMoveAt = uint32(block.timestamp);
    }

    /// @dev `tolerant`: a leg whose collect reverts stays owed, and the emptied position stays tracked for it.
    function _closeAll(VaultContext memory context, VaultState storage state, bool tolerant)
        private
        returns (uint256 fees0, uint256 fees1)
    {
        for (uint256 i = state.positions.length; i > 0; --i) {
            Position memory position = state.positions[i - 1];
            Burned memory burned = PoolLib.burn(context, position, position.liquidity);
            (uint256 got0, uint256 got1) = tolerant
                ? _collectTolerant(context, state, position, burned)
                : PoolLib.collect(context, state, position, burned, type(uint128).max, type(uint128).max);
            if (got0 > burned.principal0) fees0 += got0 - burned.principal0;
            if (got1 > burned.principal1) fees1 += got1 - burned.principal1;
            if (got0 == burned.owed0 && got1 == burned.owed1) PoolLib.dropPosition(state, i - 1);
            else state.positions[i - 1].liquidity = 0;
        }
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

    function _swap(
        VaultContext memory context,
        VaultState storage state,
        RebalanceOrder calldata order,
        uint160 spotX96
    ) private returns (int256, int256) {
        bool zeroForOne = order.swap.zeroForOne;
        uint256 idle = zeroForOne ? state.idle0 : state.idle1;
        require(
            order.swap.amountIn <= idle,
            ErrorsLib.IdleInsufficient(zeroForOne ? context.token0 : context.token1, order.swap.amountIn, idle)
        );
        uint160 limitX96 = order.swap.sqrtPriceLimitX96;
        if (limitX96 != 0) {
            require(
                zeroForOne
                    ? limitX96 < spotX96 && limitX96 > TickMath.MIN_SQRT_PRICE
                    : limitX96 > spotX96 && limitX96 < TickMath.MAX_SQRT_PRICE,
                ErrorsLib.SwapLimitInvalid(limitX96, spotX96)
            );
        }
        // amountIn <= idle < 2^128.
        return PoolLib.swap(context, state, zeroForOne, int256(order.swap.amountIn), order.swap.sqrtPriceLimitX96);
    }

    function _open(
        VaultContext memory context,
        VaultState storage state,
        RangeOrder[] calldata ranges,
        Limits memory limits
    ) private returns (Position[] memory opened) {
        require(ranges.length <= MAX_POSITIONS, ErrorsLib.TooManyRanges(ranges.length, MAX_POSITIONS));
        uint256 idle0 = state.idle0;
        uint256 idle1 = state.idle1;
        uint256 sumWad;
        (uint160 sqrtPriceX96,) = PoolLib.spot(context.pool);
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
            opened[i] = _openOne(
                context, state, range, sqrtPriceX96, (idle0 * range.weightWad) / WAD, (idle1 * range.weightWad) / WAD
            );
        }
    }

    function _before(int24 lowerTick, int24 upperTick, RangeOrder calldata next) private pure returns (bool) {
        return lowerTick < next.lowerTick || (lowerTick == next.lowerTick && upperTick < next.upperTick);
    }

    function _openOne(
        VaultContext memory context,
        VaultState storage state,
        RangeOrder calldata range,
        uint160 sqrtPriceX96,
        uint256 offered0,
        uint256 offered1
    ) private returns (Position memory position) {
        uint128 liquidity = LiquidityAmounts.getLiquidityForAmounts(
            sqrtPriceX96,
            TickMath.getSqrtPriceAtTick(range.lowerTick),
            TickMath.getSqrtPriceAtTick(range.upperTick),
            offered0,
            offered1
        );
        require(liquidity > 0, ErrorsLib.ZeroLiquidity(range.lowerTick, range.upperTick));
        _sweepDonation(context.pool, range.lowerTick, range.upperTick);
        (uint256 amount0, uint256 amount1) =
            context.pool.mint(address(this), range.lowerTick, range.upperTick, liquidity, "");
        position = Position(range.lowerTick, range.upperTick, liquidity);
        state.positions.push(position);
        emit EventsLib.PositionOpened(range.lowerTick, range.upperTick, liquidity, amount0, amount1);
    }

    /// @dev What someone else's liquidity in our name earned before we came is a donation, not NAV.
    function _sweepDonation(IUniswapV3Pool pool, int24 lowerTick, int24 upperTick) private {
        bytes32 key = NavLib.positionKey(address(this), lowerTick, upperTick);
        (uint128 liquidity,,, uint128 owed0, uint128 owed1) = pool.positions(key);
        if (liquidity > 0) {
            pool.burn(lowerTick, upperTick, 0);
            (,,, owed0, owed1) = pool.positions(key);
        }
        if (owed0 == 0 && owed1 == 0) return;
        (uint256 amount0, uint256 amount1) = pool.collect(address(this), lowerTick, upperTick, owed0, owed1);
        emit EventsLib.DonationSwept(lowerTick, upperTick, amount0, amount1);
    }

    function _checkPoolShare(VaultContext memory context, Position[] memory opened, Limits memory limits) private view {
        if (limits.maxPoolShareBps >= BPS) return;
        (, int24 tick, uint16 index, uint16 cardinality,,,) = context.pool.slot0();
        uint256 own;
        for (uint256 i; i < opened.length; ++i) {
            Position memory position = opened[i];
            if (position.lowerTick <= tick && tick < position.upperTick) own += position.liquidity;
        }
        if (own == 0) return;
        uint128 liquidity = context.pool.liquidity();
        ObservationRing memory ring = ObservationsLib.open(context.pool, index, cardinality, tick);
        (bool known, uint160 growthX128) = ObservationsLib.perLiquidityOver(ring, POOL_SHARE_WINDOW_SECONDS, liquidity);
        require(known, ErrorsLib.LongWindowUnavailable(POOL_SHARE_WINDOW_SECONDS));
        // One second of the largest liquidity already makes the accumulator grow.
        uint256 mean = (uint256(POOL_SHARE_WINDOW_SECONDS) << 128) / growthX128;
        uint256 most = (Math.min(mean, liquidity) * limits.maxPoolShareBps) / BPS;
        require(own <= most, ErrorsLib.PoolShareAboveMax(own, most));
    }

    function _worstLossWad(VaultContext memory context, Move memory move) private pure returns (uint256 lossWad) {
        uint160[3] memory prices = _three(move.refs);
        uint256 units = ROUNDING_UNITS_PER_POSITION * move.touched;
        for (uint256 p; p < 3; ++p) {
            uint256 allowance = NavLib.toAssetDown(units, units, prices[p], context.assetIsToken0) + 1;
            if (move.later[p] + allowance >= move.before[p]) continue;
            uint256 loss = move.before[p] - move.later[p] - allowance;
            lossWad = Math.max(lossWad, Math.mulDiv(loss, WAD, move.before[p], Math.Rounding.Ceil));
        }
    }

    /// @dev A move to wider draws on the reserved bucket, every other on the ordinary one.
    function _chargeLoss(VaultState storage state, Limits memory limits, uint256 lossWad, bool wider) private {
        uint256 limitWad = (uint256(limits.maxLossPerMoveBps) * WAD) / BPS;
        require(lossWad <= limitWad, ErrorsLib.LossAboveMoveLimit(lossWad, limitWad));
        uint256 capacityWad = (uint256(wider ? limits.reservedBudgetBps : limits.lossBudgetBps) * WAD) / BPS;
        LossBudget memory budget = wider
            ? LossBudget(state.reservedUsedWad, state.reservedAt)
            : LossBudget(state.budgetUsedWad, state.budgetAt);
        budget = budget.draw(lossWad, capacityWad, limits.lossBudgetRefillSeconds);
        if (wider) (state.reservedUsedWad, state.reservedAt) = (budget.usedWad, budget.updatedAt);
        else (state.budgetUsedWad, state.budgetAt) = (budget.usedWad, budget.updatedAt);
        emit EventsLib.LossCharged(wider, lossWad, capacityWad - budget.usedWad);
    }

    function _liquidity(Position[] memory held) private pure returns (uint256 sum) {
        for (uint256 i; i < held.length; ++i) {
            sum += held[i].liquidity;
        }
    }

    function _checkDrawdown(
        VaultContext memory context,
        VaultState storage state,
        Limits memory limits,
        Move memory move
    ) private view {
        uint256 mark = NavLib.toAssetDown(state.held0, state.held1, move.refs.midSqrtPriceX96, context.assetIsToken0);
        require(
            move.before[1] * BPS >= mark * (BPS - limits.drawdownBps),
            ErrorsLib.DrawdownBreakerTripped(move.before[1], mark)
        );
    }

    /// @dev Marks what the vault holds now, at spot, for the drawdown breaker.
    function _mark(VaultState storage state, Position[] memory opened, uint160 sqrtPriceX96) private {
        (uint256 total0, uint256 total1) = (state.idle0, state.idle1);
        for (uint256 i; i < opened.length; ++i) {
            (uint256 amount0, uint256 amount1) = NavLib.principalDown(opened[i], sqrtPriceX96);
            (total0, total1) = (total0 + amount0, total1 + amount1);
        }
        _setMark(state, total0, total1);
    }

    /// @dev The same where the pool may owe something.
    function _markAll(VaultContext memory context, VaultState storage state) private {
        (uint160 sqrtPriceX96,) = PoolLib.spot(context.pool);
        (uint256 total0, uint256 total1) = NavLib.holdings(context, state, sqrtPriceX96);
        _setMark(state, total0, total1);
    }

    function _setMark(VaultState storage state, uint256 total0, uint256 total1) private {
        // Token amounts of one pool stay below 2^128: the pool itself stores them so.
        state.held0 = uint128(total0);
        state.held1 = uint128(total1);
    }

    function _three(ReferencePrices memory refs) private pure returns (uint160[3] memory) {
        return [refs.lowSqrtPriceX96, refs.midSqrtPriceX96, refs.highSqrtPriceX96];
    }
}
