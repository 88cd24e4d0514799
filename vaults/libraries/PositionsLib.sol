// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {ReferencePrices} from "../interfaces/IPriceOracle.sol";
import {Position, RebalanceOrder, RebalanceReport} from "../interfaces/IRangeVault.sol";
import {DeRiskLib} from "./DeRiskLib.sol";
import {ErrorsLib} from "./ErrorsLib.sol";
import {EventsLib} from "./EventsLib.sol";
import {FeeLib} from "./FeeLib.sol";
import {HeldLib} from "./HeldLib.sol";
import {LossBudget, LossBudgetLib} from "./LossBudgetLib.sol";
import {NavLib} from "./NavLib.sol";
import {PoolLib} from "./PoolLib.sol";
import {PoolReader} from "./PoolReader.sol";
import {Pricing, PricingLib} from "./PricingLib.sol";
import {Offer, Ranges, RangesLib} from "./RangesLib.sol";
import {BPS, Limits, VaultContext, VaultState, WAD} from "./VaultState.sol";

// Units of each token that rounding may take per position and that are not a loss.
uint256 constant ROUNDING_UNITS_PER_POSITION = 2;

/// @notice A move in progress.
struct Move {
    ReferencePrices refs;
    /// The low, mid and high of them.
    uint160[3] prices;
    /// Effective supply with virtual shares; a move changes none.
    uint256 supply;
    /// The pool's price before the move.
    uint160 spotX96;
    /// All tokens, after the swap and before anything is opened, and where the pool stands then and from then on.
    Offer offer;
    Ranges ranges;
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
        require(!FeeLib.paused(state), ErrorsLib.Paused(state.pausedUntil));
        require(!state.woundDown, ErrorsLib.WoundDown());
        require(!state.rebalanceHeld, ErrorsLib.RebalanceHeld());
        Limits memory limits = state.limits;
        Move memory move;
        move.ranges.held = HeldLib.list(state);
        bool swaps = order.swap.amountIn > 0;
        move.wider = DeRiskLib.isToWider(move.ranges.held, order.ranges, order.swap.amountIn);
        if (!move.wider) _countMove(state, limits);
        move.refs = PricingLib.goodReference(context, state);
        move.prices = _three(move.refs);
        move.touched = move.ranges.held.length + order.ranges.length;
        int24 laterTick;
        (move.spotX96, laterTick) = PoolReader.spot(context.pool);
        {
            (uint256 idle0, uint256 idle1) = (state.idle0, state.idle1);
            move.ranges.heldSpans = NavLib.spansOf(move.ranges.held);
            (report.fees0, report.fees1) = RangesLib.close(context, state, order, move.ranges);
            move.before = NavLib.valuesOf(
                context, move.ranges.heldSpans, idle0 + report.fees0, idle1 + report.fees1, move.prices
            );
        }
        move.supply = _supply(context, state, totalSupply, move);
        if (!move.wider) _checkDrawdown(context, state, limits, move);
        uint160 laterX96 = move.spotX96;
        if (swaps) {
            (report.swap0, report.swap1) = _swap(context, state, order, move.spotX96);
            (laterX96, laterTick) = PoolReader.spot(context.pool);
        }
        // Nothing else in a move can change the price: the pool is locked whenever a token is called.
        move.offer = RangesLib.atWork(state, move.ranges, laterX96, laterTick);
        RangesLib.open(context, state, order.ranges, limits, move.offer, move.ranges);
        Position[] memory opened = move.ranges.opened;
        if (move.wider && _liquidity(opened) <= _liquidity(move.ranges.held)) {
            state.lastMoveAt = uint32(block.timestamp);
        } else {
            // Wider, or the same again, but with more liquidity is a move like any other.
            if (move.wider) {
                move.wider = false;
                _countMove(state, limits);
                _checkDrawdown(context, state, limits, move);
            }
            _checkPoolShare(context, move, limits);
        }

        // What left the price where it was ended as calm as it began.
        if (laterX96 != move.spotX96) _checkStillCalm(context, move.refs, laterTick, laterX96 < move.spotX96);
        // The pool owes nothing on what was just opened.
        move.later = NavLib.valuesOf(context, move.ranges.openedSpans, state.idle0, state.idle1, move.prices);
        report.navBefore = move.before[1];
        report.navAfter = move.later[1];
        report.lossWad = _worstLossWad(context, move);
        _chargeLoss(state, limits, report.lossWad, move.wider);
        {
            uint256 low = move.later[context.assetIsToken0 ? 2 : 0];
            uint256 sharePrice = Math.mulDiv(low + 1, WAD, move.supply);
            require(sharePrice >= order.minSharePrice, ErrorsLib.SharePriceBelowMin(sharePrice, order.minSharePrice));
        }
        // The pool took these tokens, and may give back a unit less of each per position.
        _setMark(state, _less(move.offer.total0, opened.length), _less(move.offer.total1, opened.length));
        emit EventsLib.Rebalanced(msg.sender, report, state.idle0, state.idle1, opened.length);
    }

    /// @notice Burns and collects everything and nothing else. A token that cannot move stays owed by the pool and in
    /// NAV. Trips the breaker's hold when the drawdown limit was passed, as far as a price is known.
    function deRisk(VaultContext memory context, VaultState storage state)
        external
        returns (RebalanceReport memory report)
    {
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
        (report.fees0, report.fees1) = RangesLib.closeAll(context, state);
        report.navBefore = before[1];
        report.navAfter = NavLib.navs(context, state, prices)[1];
        state.lastMoveAt = uint32(block.timestamp);
        _markAll(context, state);
        emit EventsLib.Rebalanced(msg.sender, report, state.idle0, state.idle1, state.positionCount);
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
        for (uint256 i; i < state.positionCount; ++i) {
            Position memory position = state.positions[i];
            if (position.lowerTick != lowerTick || position.upperTick != upperTick) continue;
            tracked = true;
            trackedLiquidity = position.liquidity;
        }
        (uint128 poolLiquidity,,,,) =
            PoolReader.position(context.pool, NavLib.positionKey(address(this), lowerTick, upperTick));
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
        (pricing.dearestX96, pricing.cheapestX96) = (move.prices[dearest], move.prices[cheapest]);
        (pricing.highNav, pricing.lowNav) = (move.before[dearest], move.before[cheapest]);
        return pricing.issued + FeeLib.pendingPerformance(context, state, pricing);
    }

    function _countMove(VaultState storage state, Limits memory limits) private {
        uint256 readyAt = uint256(state.lastMoveAt) + limits.cooldownSeconds;
        require(state.lastMoveAt == 0 || block.timestamp >= readyAt, ErrorsLib.CooldownActive(readyAt));
        uint16 day = uint16(block.timestamp / 1 days);
        uint16 moves = state.movesDay == day ? state.movesToday : 0;
        require(moves < limits.maxMovesPerDay, ErrorsLib.MovesPerDayReached(limits.maxMovesPerDay));
        ++moves;
        (state.movesDay, state.movesToday, state.lastMoveAt) = (day, moves, uint32(block.timestamp));
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

    /// @dev Against the lesser of the pool's liquidity now and its mean until the last observation, which nothing that was
    /// minted for the occasion has changed.
    function _checkPoolShare(VaultContext memory context, Move memory move, Limits memory limits) private view {
        if (limits.maxPoolShareBps >= BPS) return;
        int24 tick = move.offer.tick;
        uint256 own;
        for (uint256 i; i < move.ranges.opened.length; ++i) {
            Position memory position = move.ranges.opened[i];
            if (position.lowerTick <= tick && tick < position.upperTick) own += position.liquidity;
        }
        if (own == 0) return;
        (uint256 mean, uint256 liquidity) = (move.refs.meanLiquidity, context.pool.liquidity());
        uint256 most = (Math.min(mean, liquidity) * limits.maxPoolShareBps) / BPS;
        require(own <= most, ErrorsLib.PoolShareAboveMax(own, most));
    }

    /// @dev A swap moves spot and no other source, and away from one extreme of those before only: within the band of
    /// that one, all are within it now.
    function _checkStillCalm(VaultContext memory context, ReferencePrices memory refs, int24 tick, bool fell)
        private
        view
    {
        int24 from = TickMath.getTickAtSqrtPrice(fell ? refs.highSqrtPriceX96 : refs.lowSqrtPriceX96);
        // Ticks are below 2^20.
        require((fell ? from - tick : tick - from) <= int24(context.oracle.bandTicks()), ErrorsLib.NotCalm());
    }

    function _worstLossWad(VaultContext memory context, Move memory move) private pure returns (uint256 lossWad) {
        uint256 units = ROUNDING_UNITS_PER_POSITION * move.touched;
        for (uint256 p; p < 3; ++p) {
            (uint256 before, uint256 later) = (move.before[p], move.later[p]);
            if (later >= before) continue;
            uint256 allowance = NavLib.toAssetDown(units, units, move.prices[p], context.assetIsToken0) + 1;
            if (later + allowance >= before) continue;
            lossWad = Math.max(lossWad, Math.mulDiv(before - later - allowance, WAD, before, Math.Rounding.Ceil));
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
    function _markAll(VaultContext memory context, VaultState storage state) private {
        (uint160 sqrtPriceX96,) = PoolReader.spot(context.pool);
        (uint256 total0, uint256 total1) = NavLib.holdings(context, state, sqrtPriceX96);
        _setMark(state, total0, total1);
    }

    function _less(uint256 amount, uint256 units) private pure returns (uint256) {
        return amount > units ? amount - units : 0;
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
