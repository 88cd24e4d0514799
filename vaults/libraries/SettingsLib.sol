// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IRewardClaimer} from "../interfaces/IRewardClaimer.sol";
import {ErrorsLib} from "./ErrorsLib.sol";
import {EventsLib} from "./EventsLib.sol";
import {LossBudget, LossBudgetLib} from "./LossBudgetLib.sol";
import {SuitabilityLib} from "./SuitabilityLib.sol";
import {BPS, Limits, PendingSetting, VaultContext, VaultState, WAD} from "./VaultState.sol";

// An announced setting that nobody puts in force lapses after this time: a notice must be fresh.
uint256 constant ANNOUNCEMENT_LIFE_SECONDS = 7 days;

// The strategist's share of the performance fee at most.
uint16 constant MAX_PAYOUT_SHARE_BPS = 5000; // 50%

/// @notice A setting as it is, and what may be done with it.
struct Setting {
    uint256 current;
    uint256 min;
    uint256 max;
    /// Whether a higher value lets more happen to the shareholders.
    bool higherIsRiskier;
}

/// @title The bounded settings of a vault, and its skims
/// @notice A key is the setting's name as bytes32. Bounds: depositCap < 2^128; entryMarginBps to 500; inflowCapBps 1 to
/// 10,000; inflowWindowSeconds 60 to 1 day; maxLossPerMoveBps 0 to 500; lossBudgetBps 0 to 1,000; reservedBudgetBps 0 to
/// 500; lossBudgetRefillSeconds 1 hour to 30 days; minWidthTicks from two spacings to 200,000; maxWidthTicks from
/// minWidthTicks to all ticks; cooldownSeconds to 7 days; maxMovesPerDay 1 to 1,440; maxPoolShareBps 1 to 10,000 (10,000 =
/// no cap); drawdownBps 1 to 5,000; managementFeeBps to 500 a year; performanceFeeBps to 2,000; noticeSeconds to 30 days.
///
/// REGION. The entry margin is at least the pool's fee and the feed's deviation threshold; a vault starts where mispricing
/// cannot pay, and what raises maxPoolShareBps, maxWidthTicks or inflowCapBps must stay there (SuitabilityLib).
///
/// NOTICE. What cuts risk is in force at once. What raises it (a larger cap, budget, fee or share; a smaller margin,
/// width, cooldown or notice) is announced by the first call, and put in force by the same call again, after
/// `noticeSeconds` and within a week of it: shareholders who do not agree have that time to leave. A call with another
/// value announces anew; one that cuts risk drops the announcement.
library SettingsLib {
    using LossBudgetLib for LossBudget;
    using SafeERC20 for IERC20;

    function configure(VaultContext memory context, VaultState storage state, bytes32 key, uint256 value) external {
        Setting memory setting = _look(context, state.limits, key);
        _bound(setting, key, value);
        bool raises = setting.higherIsRiskier ? value > setting.current : value < setting.current;
        if (raises) _requireSuitable(context, state.limits, key, value);
        uint256 notice = state.limits.noticeSeconds;
        if (!raises || notice == 0 || _announced(state, key, value)) {
            delete state.pending[key];
            _write(state, key, value);
            emit EventsLib.Configured(key, setting.current, value);
        } else {
            // The time fits, and so does the value: every bound is below 2^128.
            PendingSetting memory pending = PendingSetting(uint192(value), uint64(block.timestamp + notice));
            state.pending[key] = pending;
            bytes32 before = configurationHash(state);
            _write(state, key, value);
            emit EventsLib.ConfigurationChanged(before, configurationHash(state), pending.readyAt);
            _write(state, key, setting.current);
            emit EventsLib.SettingAnnounced(key, setting.current, value, pending.readyAt);
        }
    }

    /// @notice Drops an announcement.
    function cancel(VaultState storage state, bytes32 key) external {
        require(state.pending[key].readyAt != 0, ErrorsLib.SettingNotAnnounced(key));
        emit EventsLib.SettingCancelled(key, state.pending[key].value);
        delete state.pending[key];
    }

    /// @notice All settings at once, for the constructor: within the same bounds, and in the same region.
    function configureAll(VaultContext memory context, VaultState storage state, Limits memory limits) external {
        state.limits.lossBudgetRefillSeconds = 1 hours;
        _set(context, state, "depositCap", limits.depositCap);
        _set(context, state, "entryMarginBps", limits.entryMarginBps);
        _set(context, state, "inflowCapBps", limits.inflowCapBps);
        _set(context, state, "inflowWindowSeconds", limits.inflowWindowSeconds);
        _set(context, state, "maxLossPerMoveBps", limits.maxLossPerMoveBps);
        _set(context, state, "lossBudgetBps", limits.lossBudgetBps);
        _set(context, state, "lossBudgetRefillSeconds", limits.lossBudgetRefillSeconds);
        _set(context, state, "minWidthTicks", limits.minWidthTicks);
        _set(context, state, "maxWidthTicks", limits.maxWidthTicks);
        _set(context, state, "cooldownSeconds", limits.cooldownSeconds);
        _set(context, state, "maxMovesPerDay", limits.maxMovesPerDay);
        _set(context, state, "maxPoolShareBps", limits.maxPoolShareBps);
        _set(context, state, "drawdownBps", limits.drawdownBps);
        _set(context, state, "managementFeeBps", limits.managementFeeBps);
        _set(context, state, "performanceFeeBps", limits.performanceFeeBps);
        _set(context, state, "reservedBudgetBps", limits.reservedBudgetBps);
        _set(context, state, "noticeSeconds", limits.noticeSeconds);
        SuitabilityLib.requireUnprofitable(context, limits);
    }

    /// @notice Gives `payout` a share of the performance fee, by two equal calls with the notice between them; a smaller
    /// share for the same address at once.
    function setStrategist(VaultState storage state, address payout, uint16 shareBps) external {
        require(
            shareBps <= MAX_PAYOUT_SHARE_BPS,
            ErrorsLib.SettingOutOfBounds("payoutShareBps", shareBps, 0, MAX_PAYOUT_SHARE_BPS)
        );
        require((payout == address(0)) == (shareBps == 0), ErrorsLib.ZeroAddress());
        bool raises = payout != state.payout ? shareBps > 0 : shareBps > state.payoutShareBps;
        // 160 + 16 bits do not fit a pending value, a digest of them does.
        uint128 value = uint128(uint256(keccak256(abi.encode(payout, shareBps))));
        uint256 notice = state.limits.noticeSeconds;
        if (!raises || notice == 0 || _announced(state, "strategist", value)) {
            delete state.pending["strategist"];
            emit EventsLib.StrategistSet(state.payout, state.payoutShareBps, payout, shareBps);
            (state.payout, state.payoutShareBps) = (payout, shareBps);
        } else {
            // The time fits.
            uint64 readyAt = uint64(block.timestamp + notice);
            state.pending["strategist"] = PendingSetting(value, readyAt);
            emit EventsLib.StrategistAnnounced(payout, shareBps, readyAt);
        }
    }

    /// @notice Digest of every setting and of the parties.
    function configurationHash(VaultState storage state) public view returns (bytes32) {
        return keccak256(
            abi.encode(
                state.limits,
                state.strategy,
                state.gate,
                state.feeRecipient,
                state.skimReceiver,
                state.rewardClaimer,
                state.payout,
                state.payoutShareBps
            )
        );
    }

    /// @notice Says what changed since the digest was `before`, if anything did.
    function emitChange(VaultState storage state, bytes32 before) external {
        bytes32 later = configurationHash(state);
        if (later != before) emit EventsLib.ConfigurationChanged(before, later, uint64(block.timestamp));
    }

    /// @notice Lets the claimer fetch rewards to the vault, and sends each token on as `skim` does.
    function claimRewards(
        VaultContext memory context,
        VaultState storage state,
        address[] calldata tokens,
        bytes calldata data
    ) external {
        address claimer = state.rewardClaimer;
        require(claimer != address(0), ErrorsLib.ZeroAddress());
        IRewardClaimer(claimer).claim(address(this), tokens, data);
        for (uint256 i; i < tokens.length; ++i) {
            skim(context, state, tokens[i], state.skimReceiver);
        }
    }

    /// @notice Sends what the vault holds of `token` beyond its tracked idle to `receiver`.
    function skim(VaultContext memory context, VaultState storage state, address token, address receiver) public {
        uint256 tracked = token == context.token0 ? state.idle0 : token == context.token1 ? state.idle1 : 0;
        require(token.code.length > 0, ErrorsLib.SkimRefused());
        // Shares sent to the vault itself are not a donation of tokens.
        require(receiver != address(0) && token != address(this) && token.code.length > 0, ErrorsLib.SkimRefused());
        uint256 balance;
        try IERC20(token).balanceOf(address(this)) returns (uint256 held) {
            balance = held;
        } catch {}
        require(balance > tracked, ErrorsLib.SkimRefused());
        IERC20(token).safeTransfer(receiver, balance - tracked);
        emit EventsLib.Skimmed(token, receiver, balance - tracked);
    }

    function _set(VaultContext memory context, VaultState storage state, bytes32 key, uint256 value) private {
        Setting memory setting = _look(context, state.limits, key);
        _bound(setting, key, value);
        _write(state, key, value);
        emit EventsLib.Configured(key, setting.current, value);
    }

    /// @dev Whether this value was announced and its time is now; reverts while the notice still runs.
    function _announced(VaultState storage state, bytes32 key, uint256 value) private view returns (bool) {
        PendingSetting memory pending = state.pending[key];
        if (pending.readyAt == 0 || pending.value != value) return false;
        require(block.timestamp >= pending.readyAt, ErrorsLib.SettingNotReady(key, pending.readyAt));
        return block.timestamp <= pending.readyAt + ANNOUNCEMENT_LIFE_SECONDS;
    }

    function _look(VaultContext memory context, Limits storage limits, bytes32 key)
        private
        view
        returns (Setting memory)
    {
        if (key == "depositCap") return Setting(limits.depositCap, 0, type(uint128).max, true);
        if (key == "entryMarginBps") {
            return Setting(limits.entryMarginBps, SuitabilityLib.minEntryMarginBps(context), 500, false);
        }
        if (key == "inflowCapBps") return Setting(limits.inflowCapBps, 1, BPS, true);
        if (key == "inflowWindowSeconds") return Setting(limits.inflowWindowSeconds, 60, 1 days, false);
        if (key == "maxLossPerMoveBps") return Setting(limits.maxLossPerMoveBps, 0, 500, true);
        if (key == "lossBudgetBps") return Setting(limits.lossBudgetBps, 0, 1000, true);
        if (key == "lossBudgetRefillSeconds") return Setting(limits.lossBudgetRefillSeconds, 1 hours, 30 days, false);
        if (key == "minWidthTicks") {
            return Setting(limits.minWidthTicks, 2 * uint256(uint24(context.pool.tickSpacing())), 200_000, false);
        }
        if (key == "maxWidthTicks") {
            return Setting(limits.maxWidthTicks, limits.minWidthTicks, 2 * uint256(uint24(TickMath.MAX_TICK)), true);
        }
        if (key == "cooldownSeconds") return Setting(limits.cooldownSeconds, 0, 7 days, false);
        if (key == "maxMovesPerDay") return Setting(limits.maxMovesPerDay, 1, 1440, true);
        if (key == "maxPoolShareBps") return Setting(limits.maxPoolShareBps, 1, BPS, true);
        if (key == "drawdownBps") return Setting(limits.drawdownBps, 1, 5000, true);
        if (key == "managementFeeBps") return Setting(limits.managementFeeBps, 0, 500, true);
        if (key == "performanceFeeBps") return Setting(limits.performanceFeeBps, 0, 2000, true);
        if (key == "reservedBudgetBps") return Setting(limits.reservedBudgetBps, 0, 500, true);
        if (key == "noticeSeconds") return Setting(limits.noticeSeconds, 0, 30 days, false);
        revert ErrorsLib.SettingUnknown(key);
    }

    /// @dev The value is within the bounds of `_look`, which each cast fits.
    function _write(VaultState storage state, bytes32 key, uint256 value) private {
        Limits storage limits = state.limits;
        if (key == "depositCap") {
            limits.depositCap = uint128(value);
        } else if (key == "entryMarginBps") {
            limits.entryMarginBps = uint16(value);
        } else if (key == "inflowCapBps") {
            limits.inflowCapBps = uint16(value);
        } else if (key == "inflowWindowSeconds") {
            limits.inflowWindowSeconds = uint32(value);
        } else if (key == "maxLossPerMoveBps") {
            limits.maxLossPerMoveBps = uint16(value);
        } else if (key == "lossBudgetBps") {
            _settle(state);
            limits.lossBudgetBps = uint16(value);
        } else if (key == "lossBudgetRefillSeconds") {
            _settle(state);
            limits.lossBudgetRefillSeconds = uint32(value);
        } else if (key == "minWidthTicks") {
            limits.minWidthTicks = uint24(value);
        } else if (key == "maxWidthTicks") {
            limits.maxWidthTicks = uint24(value);
        } else if (key == "cooldownSeconds") {
            limits.cooldownSeconds = uint32(value);
        } else if (key == "maxMovesPerDay") {
            limits.maxMovesPerDay = uint16(value);
        } else if (key == "maxPoolShareBps") {
            limits.maxPoolShareBps = uint16(value);
        } else if (key == "drawdownBps") {
            limits.drawdownBps = uint16(value);
        } else if (key == "managementFeeBps") {
            limits.managementFeeBps = uint16(value);
        } else if (key == "performanceFeeBps") {
            limits.performanceFeeBps = uint16(value);
        } else if (key == "reservedBudgetBps") {
            _settle(state);
            limits.reservedBudgetBps = uint16(value);
        } else {
            limits.noticeSeconds = uint32(value);
        }
    }

    /// @dev The region is bounded by three settings; the others do not matter to it.
    function _requireSuitable(VaultContext memory context, Limits memory limits, bytes32 key, uint256 value)
        private
        view
    {
        // Within the bounds of `_look`, which each cast fits.
        if (key == "maxPoolShareBps") limits.maxPoolShareBps = uint16(value);
        else if (key == "maxWidthTicks") limits.maxWidthTicks = uint24(value);
        else if (key == "inflowCapBps") limits.inflowCapBps = uint16(value);
        else return;
        SuitabilityLib.requireUnprofitable(context, limits);
    }

    function _settle(VaultState storage state) private {
        Limits storage limits = state.limits;
        uint256 refillSeconds = limits.lossBudgetRefillSeconds;
        LossBudget memory budget = LossBudget(state.budgetUsedWad, state.budgetAt)
            .settle((uint256(limits.lossBudgetBps) * WAD) / BPS, refillSeconds);
        (state.budgetUsedWad, state.budgetAt) = (budget.usedWad, budget.updatedAt);
        budget = LossBudget(state.reservedUsedWad, state.reservedAt)
            .settle((uint256(limits.reservedBudgetBps) * WAD) / BPS, refillSeconds);
        (state.reservedUsedWad, state.reservedAt) = (budget.usedWad, budget.updatedAt);
    }

    function _bound(Setting memory setting, bytes32 key, uint256 value) private pure {
        require(
            value >= setting.min && value <= setting.max,
            ErrorsLib.SettingOutOfBounds(key, value, setting.min, setting.max)
        );
    }
}
