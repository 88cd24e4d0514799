// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReferencePrices} from "../interfaces/IPriceOracle.sol";
import {ErrorsLib} from "./ErrorsLib.sol";
import {EventsLib} from "./EventsLib.sol";
import {NavLib} from "./NavLib.sol";
import {Pricing, PricingLib} from "./PricingLib.sol";
import {SettingsLib} from "./SettingsLib.sol";
import {BPS, VIRTUAL_SHARES, VaultContext, VaultState} from "./VaultState.sol";

// The performance fee is charged on everybody at most once in this time.
uint256 constant FEE_EPOCH_SECONDS = 7 days;

// Shares that the high-water mark is quoted for.
uint256 constant MARK_SHARES = 1e18;

/// @notice An exit as the marks see it: shares that stay, and what is paid and what was held, at each reference.
struct Leaving {
    uint256 stay;
    uint256 lowPaid;
    uint256 highPaid;
    uint256 lowHeld;
    uint256 highHeld;
}

/// @title What the vault charges, in shares
/// @notice Linked library, runs in the vault's storage. Fee shares are first *due*: counted in every price, minted by
/// `collect`. Nothing is charged for paused time or after winding down.
///
/// MANAGEMENT. A rate a year on the shares issued.
///
/// PERFORMANCE. Two marks: the *benchmark*, tokens that the depositors would hold had the vault never touched them
/// (a deposit adds exactly its tokens, an exit scales them), and the *high-water mark*, the share price last charged
/// at. The base is the least of NAV less benchmark, at the low and at the high reference, and of what the low share price
/// is above the high-water mark. NAV is concave in the price and the benchmark is not curved, so between the references
/// the base is nowhere less. When it is above zero, charging it sets both marks to now; when it is not, neither moves:
/// a shortfall carries until it is earned back. Whoever enters takes over a part of the carry, good or bad: the marks are
/// the vault's, not the holder's.
///
/// LEAVING. An exit makes the leaver's part of the pending fee due, and scales both marks so that for those who stay
/// nothing changes; what he leaves behind (spread, rounding, a waived leg) is not performance.
library FeeLib {
    /* WHAT IS COUNTED */

    /// @notice Total supply, shares that are due, and virtual shares.
    function issued(VaultState storage state, uint256 totalSupply) internal view returns (uint256) {
        uint256 minted = totalSupply + state.dueManagement + state.duePerformance;
        return minted + _managementSince(state, minted) + VIRTUAL_SHARES;
    }

    /// @notice Whether there is a performance fee, so that flows move its marks.
    function keepsMarks(VaultState storage state) internal view returns (bool) {
        return state.limits.performanceFeeBps > 0 && !state.woundDown;
    }

    /// @notice Entry and moves are closed and nothing is charged: fees are then accrued until the end of the pause, which
    /// is ahead of now exactly while it lasts.
    function paused(VaultState storage state) internal view returns (bool) {
        return block.timestamp < state.feeAccruedAt;
    }

    /// @notice Whether the fee is charged now: not while paused.
    function charges(VaultState storage state) internal view returns (bool) {
        return keepsMarks(state) && !paused(state);
    }

    /// @notice Shares that the performance fee would add if it were charged now. Needs NAV at both references.
    function pendingPerformance(VaultContext memory context, VaultState storage state, Pricing memory pricing)
        internal
        view
        returns (uint256)
    {
        uint256 earned = _base(context, state, pricing);
        uint256 fee = (earned * state.limits.performanceFeeBps) / BPS;
        // earned <= highNav and the rate is below one, so something is left. At the dearest price the fewest shares.
        return fee == 0 ? 0 : Math.mulDiv(fee, pricing.issued, pricing.highNav + 1 - fee);
    }

    /* FLOWS */

    /// @notice Makes the management fee until now due, and tells what is issued then.
    function accrue(VaultState storage state, uint256 totalSupply) internal returns (uint256 issuedNow) {
        (uint256 management, uint256 performance) = (state.dueManagement, state.duePerformance);
        uint256 shares = _managementSince(state, totalSupply + management + performance);
        if (state.feeAccruedAt < block.timestamp) state.feeAccruedAt = uint32(block.timestamp);
        if (shares > 0) {
            management = _capped(management + shares);
            // Below 2^128 by the line above.
            state.dueManagement = uint128(management);
            emit EventsLib.ManagementFeeAccrued(shares);
        }
        return totalSupply + management + performance + VIRTUAL_SHARES;
    }

    /// @notice Tokens that came in; they are what their owner would hold.
    function recordEntry(VaultState storage state, Pricing memory pricing, uint256 amount0, uint256 amount1) internal {
        if (!keepsMarks(state)) return;
        if (pricing.issued == VIRTUAL_SHARES) {
            // Nobody is there whose marks they would be.
            (state.benchmark0, state.benchmark1) = (_capped(amount0), _capped(amount1));
            _setMark(state, Math.mulDiv(pricing.highNav + 1, MARK_SHARES, VIRTUAL_SHARES, Math.Rounding.Ceil));
            state.crystallisedAt = uint64(block.timestamp);
        } else {
            if (amount0 > 0) state.benchmark0 = _capped(state.benchmark0 + amount0);
            if (amount1 > 0) state.benchmark1 = _capped(state.benchmark1 + amount1);
        }
    }

    /// @notice `shares` leave with `paid0` and `paid1`; NAVs are those before.
    function recordExit(
        VaultContext memory context,
        VaultState storage state,
        Pricing memory pricing,
        uint256 shares,
        uint256 paid0,
        uint256 paid1
    ) internal {
        if (!keepsMarks(state)) return;
        Leaving memory leaving = Leaving({
            stay: pricing.issued - shares,
            lowPaid: _value(context, paid0, paid1, pricing, false),
            highPaid: _value(context, paid0, paid1, pricing, true),
            lowHeld: _value(context, state.benchmark0, state.benchmark1, pricing, false),
            highHeld: _value(context, state.benchmark0, state.benchmark1, pricing, true)
        });
        _scaleBenchmark(state, pricing, leaving);
        uint256 due = Math.mulDiv(pricing.pending, shares, pricing.issued);
        if (due == 0) return;
        state.duePerformance = _capped(state.duePerformance + due);
        emit EventsLib.PerformanceFeeAccrued(shares, due);
        // Pending, so the low NAV is above the mark; what those who stay are above it must not grow either.
        uint256 above = pricing.lowNav + 1 - _markValue(state, pricing.issued);
        above = Math.mulDiv(above, leaving.stay, pricing.issued);
        uint256 left = pricing.lowNav + 1 - Math.min(pricing.lowNav, leaving.lowPaid);
        if (left <= above) return;
        uint256 mark = Math.mulDiv(left - above, MARK_SHARES, leaving.stay + due, Math.Rounding.Ceil);
        if (mark > state.highWaterMark) _setMark(state, mark);
    }

    /// @notice As `recordExit` where no price answers: the leaver pays no performance fee, and what he takes of each
    /// token leaves the benchmark pro rata.
    function recordUnpricedExit(VaultState storage state, uint256 issued_, uint256 shares, bool keep0, bool keep1)
        internal
    {
        if (!keepsMarks(state)) return;
        uint256 stay = issued_ - shares;
        // Shrinks, so it fits.
        if (!keep0) state.benchmark0 = uint128(Math.mulDiv(state.benchmark0, stay, issued_, Math.Rounding.Ceil));
        if (!keep1) state.benchmark1 = uint128(Math.mulDiv(state.benchmark1, stay, issued_, Math.Rounding.Ceil));
    }

    /* CHARGING */

    /// @notice Charges what may be charged now and hands out everything that is due.
    /// @return toRecipient and toStrategist Shares to mint.
    function collect(VaultContext memory context, VaultState storage state, uint256 totalSupply)
        external
        returns (uint256 toRecipient, uint256 toStrategist)
    {
        uint256 issuedNow = accrue(state, totalSupply);
        if (charges(state) && block.timestamp >= state.crystallisedAt + FEE_EPOCH_SECONDS) {
            ReferencePrices memory refs = PricingLib.referenceNow(context);
            if (refs.calm) {
                Pricing memory pricing;
                PricingLib.price(context, state, issuedNow, refs, true, true, pricing);
                _crystallise(context, state, pricing, refs);
            }
        }
        return _takeDue(state);
    }

    /// @notice Hands out what is due without charging anything new.
    function takeDue(VaultState storage state, uint256 totalSupply)
        external
        returns (uint256 toRecipient, uint256 toStrategist)
    {
        accrue(state, totalSupply);
        return _takeDue(state);
    }

    /// @notice Sets a bounded number after what is due at the old rates: nothing is retroactive. A higher performance fee
    /// needs calm: what was earned until now is charged at the old rate, and where there was none, the marks begin now.
    function configure(
        VaultContext memory context,
        VaultState storage state,
        uint256 totalSupply,
        bytes32 key,
        uint256 value
    ) external {
        accrue(state, totalSupply);
        require(
            (key != "performanceFeeBps" && key != "managementFeeBps") || value == 0 || state.feeRecipient != address(0),
            ErrorsLib.ZeroAddress()
        );
        uint16 before = state.limits.performanceFeeBps;
        SettingsLib.configure(context, state, key, value);
        uint16 later = state.limits.performanceFeeBps;
        if (later <= before) return;

        ReferencePrices memory refs = PricingLib.calmReference(context);
        Pricing memory pricing;
        if (before == 0) {
            PricingLib.price(context, state, issued(state, totalSupply), refs, true, false, pricing);
            _resetMarks(state, pricing, pricing.issued, refs);
        } else {
            state.limits.performanceFeeBps = before;
            PricingLib.price(context, state, issued(state, totalSupply), refs, true, true, pricing);
            _crystallise(context, state, pricing, refs);
            state.limits.performanceFeeBps = later;
        }
    }

    function _crystallise(
        VaultContext memory context,
        VaultState storage state,
        Pricing memory pricing,
        ReferencePrices memory refs
    ) private {
        if (pricing.pending == 0) return;
        state.duePerformance = _capped(state.duePerformance + pricing.pending);
        emit EventsLib.PerformanceFeeCharged(
            _base(context, state, pricing), pricing.pending, state.benchmark0, state.benchmark1, state.highWaterMark
        );
        _resetMarks(state, pricing, pricing.issued + pricing.pending, refs);
    }

    /// @dev The dearest price and the tokens at the mid reference: nothing is charged twice.
    function _resetMarks(VaultState storage state, Pricing memory pricing, uint256 supply, ReferencePrices memory refs)
        private
    {
        (uint256 amount0, uint256 amount1) = NavLib.totals(state, pricing.seen, refs.midSqrtPriceX96);
        (state.benchmark0, state.benchmark1) = (_capped(amount0), _capped(amount1));
        _setMark(state, Math.mulDiv(pricing.highNav + 1, MARK_SHARES, supply, Math.Rounding.Ceil));
        state.crystallisedAt = uint64(block.timestamp);
        emit EventsLib.FeeMarksSet(state.benchmark0, state.benchmark1, state.highWaterMark);
    }

    function _takeDue(VaultState storage state) private returns (uint256 toRecipient, uint256 toStrategist) {
        uint256 performance = state.duePerformance;
        if (state.payout != address(0)) toStrategist = (performance * state.payoutShareBps) / BPS;
        toRecipient = state.dueManagement + performance - toStrategist;
        (state.dueManagement, state.duePerformance) = (0, 0);
        if (toRecipient + toStrategist > 0) {
            emit EventsLib.FeesMinted(state.feeRecipient, toRecipient, state.payout, toStrategist);
        }
    }

    /* ARITHMETIC */

    /// @notice What a fee may be charged on: the least of three differences, 0 where one is not above zero.
    function base(uint256 lowNav, uint256 lowHeld, uint256 highNav, uint256 highHeld, uint256 markValue)
        internal
        pure
        returns (uint256)
    {
        if (lowNav <= lowHeld || highNav <= highHeld || lowNav + 1 <= markValue) return 0;
        return Math.min(Math.min(lowNav - lowHeld, highNav - highHeld), lowNav + 1 - markValue);
    }

    function _base(VaultContext memory context, VaultState storage state, Pricing memory pricing)
        private
        view
        returns (uint256)
    {
        return base(
            pricing.lowNav,
            _value(context, state.benchmark0, state.benchmark1, pricing, false),
            pricing.highNav,
            _value(context, state.benchmark0, state.benchmark1, pricing, true),
            _markValue(state, pricing.issued)
        );
    }

    /// @dev Multiplies the benchmark so that at neither reference what those who stay are ahead of it grows beyond
    /// their part. Of a benchmark without value at both, what leaves is the leaver's part.
    function _scaleBenchmark(VaultState storage state, Pricing memory pricing, Leaving memory leaving) private {
        uint256 ratioX128 = Math.max(
            leaving.lowHeld == 0
                ? 0
                : _ratioX128(pricing.lowNav, leaving.lowHeld, leaving.lowPaid, leaving.stay, pricing.issued),
            leaving.highHeld == 0
                ? 0
                : _ratioX128(pricing.highNav, leaving.highHeld, leaving.highPaid, leaving.stay, pricing.issued)
        );
        if (leaving.lowHeld == 0 && leaving.highHeld == 0) {
            ratioX128 = Math.mulDiv(leaving.stay, 1 << 128, pricing.issued, Math.Rounding.Ceil);
        }
        state.benchmark0 = _capped(Math.mulDiv(state.benchmark0, ratioX128, 1 << 128, Math.Rounding.Ceil));
        state.benchmark1 = _capped(Math.mulDiv(state.benchmark1, ratioX128, 1 << 128, Math.Rounding.Ceil));
    }

    /// @dev What the benchmark must be worth after `paid` left, so that NAV is ahead of it, or behind, by the part of
    /// those who stay.
    function _ratioX128(uint256 nav, uint256 held, uint256 paid, uint256 stay, uint256 all)
        private
        pure
        returns (uint256)
    {
        uint256 wanted = nav - Math.min(nav, paid);
        if (nav < held) {
            wanted += Math.mulDiv(held - nav, stay, all, Math.Rounding.Ceil);
        } else {
            wanted -= Math.min(wanted, Math.mulDiv(nav - held, stay, all));
        }
        return Math.mulDiv(wanted, 1 << 128, held, Math.Rounding.Ceil);
    }

    function _value(VaultContext memory context, uint256 amount0, uint256 amount1, Pricing memory pricing, bool high)
        private
        pure
        returns (uint256)
    {
        return
            NavLib.toAssetDown(amount0, amount1, high ? pricing.dearestX96 : pricing.cheapestX96, context.assetIsToken0);
    }

    function _markValue(VaultState storage state, uint256 shares) private view returns (uint256) {
        return Math.mulDiv(state.highWaterMark, shares, MARK_SHARES, Math.Rounding.Ceil);
    }

    /// @dev A price beyond 2^192 is no price; then the mark is as high as it can be and nothing is charged.
    function _setMark(VaultState storage state, uint256 mark) private {
        state.highWaterMark = uint192(Math.min(mark, type(uint192).max));
    }

    /// @dev No fee for paused time. `minted`: shares that exist or are due.
    function _managementSince(VaultState storage state, uint256 minted) private view returns (uint256) {
        // First what a flow's second look ends with.
        uint256 since = state.feeAccruedAt;
        if (block.timestamp <= since || state.woundDown) return 0;
        uint256 rateBps = state.limits.managementFeeBps;
        if (rateBps == 0) return 0;
        return Math.mulDiv(minted, rateBps * (block.timestamp - since), BPS * 365 days);
    }

    /// @dev An exit must not fail for a fee: beyond 128 bits the rest is waived.
    function _capped(uint256 value) private pure returns (uint128) {
        return uint128(Math.min(value, type(uint128).max));
    }
}
