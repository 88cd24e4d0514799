// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ErrorsLib} from "./ErrorsLib.sol";
import {EventsLib} from "./EventsLib.sol";
import {LossBudget, LossBudgetLib} from "./LossBudgetLib.sol";
import {BPS, Limits, VaultContext, VaultState, WAD} from "./VaultState.sol";

/// @title The bounded settings of a vault
/// @notice A key is the setting's name as bytes32. Bounds: depositCap < 2^128; entryMarginBps between the pool's fee
/// and 500; inflowCapBps 1 to 10,000; inflowWindowSeconds 60 to 1 day; maxLossPerMoveBps 0 to 500; lossBudgetBps 0 to
/// 1,000; lossBudgetRefillSeconds 1 hour to 30 days; minWidthTicks from two spacings to 200,000; cooldownSeconds to 7
/// days; maxMovesPerDay 1 to 1,440; maxPoolShareBps 1 to 10,000 (10,000 = no cap); drawdownBps 1 to 5,000;
/// managementFeeBps to 500 a year.
library SettingsLib {
    using LossBudgetLib for LossBudget;

    function configure(VaultContext memory context, VaultState storage state, bytes32 key, uint256 value) external {
        _configure(context, state, key, value);
    }

    /// @notice All settings at once, for the constructor.
    function configureAll(VaultContext memory context, VaultState storage state, Limits memory limits) external {
        state.limits.lossBudgetRefillSeconds = 1 hours;
        _configure(context, state, "depositCap", limits.depositCap);
        _configure(context, state, "entryMarginBps", limits.entryMarginBps);
        _configure(context, state, "inflowCapBps", limits.inflowCapBps);
        _configure(context, state, "inflowWindowSeconds", limits.inflowWindowSeconds);
        _configure(context, state, "maxLossPerMoveBps", limits.maxLossPerMoveBps);
        _configure(context, state, "lossBudgetBps", limits.lossBudgetBps);
        _configure(context, state, "lossBudgetRefillSeconds", limits.lossBudgetRefillSeconds);
        _configure(context, state, "minWidthTicks", limits.minWidthTicks);
        _configure(context, state, "cooldownSeconds", limits.cooldownSeconds);
        _configure(context, state, "maxMovesPerDay", limits.maxMovesPerDay);
        _configure(context, state, "maxPoolShareBps", limits.maxPoolShareBps);
        _configure(context, state, "drawdownBps", limits.drawdownBps);
        _configure(context, state, "managementFeeBps", limits.managementFeeBps);
    }

    function _configure(VaultContext memory context, VaultState storage state, bytes32 key, uint256 value) private {
        Limits storage limits = state.limits;
        uint256 before;
        if (key == "depositCap") {
            _bound(key, value, 0, type(uint128).max);
            before = limits.depositCap;
            limits.depositCap = uint128(value);
        } else if (key == "entryMarginBps") {
            // Pips are 1e-6 and bps 1e-4; rounded up.
            _bound(key, value, (uint256(context.pool.fee()) + 99) / 100, 500);
            before = limits.entryMarginBps;
            limits.entryMarginBps = uint16(value);
        } else if (key == "inflowCapBps") {
            _bound(key, value, 1, BPS);
            before = limits.inflowCapBps;
            limits.inflowCapBps = uint16(value);
        } else if (key == "inflowWindowSeconds") {
            _bound(key, value, 60, 1 days);
            before = limits.inflowWindowSeconds;
            limits.inflowWindowSeconds = uint32(value);
        } else if (key == "maxLossPerMoveBps") {
            _bound(key, value, 0, 500);
            before = limits.maxLossPerMoveBps;
            limits.maxLossPerMoveBps = uint16(value);
        } else if (key == "lossBudgetBps") {
            _bound(key, value, 0, 1000);
            before = limits.lossBudgetBps;
            _settle(state);
            limits.lossBudgetBps = uint16(value);
        } else if (key == "lossBudgetRefillSeconds") {
            _bound(key, value, 1 hours, 30 days);
            before = limits.lossBudgetRefillSeconds;
            _settle(state);
            limits.lossBudgetRefillSeconds = uint32(value);
        } else if (key == "minWidthTicks") {
            _bound(key, value, 2 * uint256(uint24(context.pool.tickSpacing())), 200_000);
            before = limits.minWidthTicks;
            limits.minWidthTicks = uint24(value);
        } else if (key == "cooldownSeconds") {
            _bound(key, value, 0, 7 days);
            before = limits.cooldownSeconds;
            limits.cooldownSeconds = uint32(value);
        } else if (key == "maxMovesPerDay") {
            _bound(key, value, 1, 1440);
            before = limits.maxMovesPerDay;
            limits.maxMovesPerDay = uint16(value);
        } else if (key == "maxPoolShareBps") {
            _bound(key, value, 1, BPS);
            before = limits.maxPoolShareBps;
            limits.maxPoolShareBps = uint16(value);
        } else if (key == "drawdownBps") {
            _bound(key, value, 1, 5000);
            before = limits.drawdownBps;
            limits.drawdownBps = uint16(value);
        } else if (key == "managementFeeBps") {
            _bound(key, value, 0, 500);
            before = limits.managementFeeBps;
            limits.managementFeeBps = uint16(value);
        } else {
            revert ErrorsLib.SettingUnknown(key);
        }
        emit EventsLib.Configured(key, before, value);
    }

    function _settle(VaultState storage state) private {
        Limits storage limits = state.limits;
        state.budget.settle((uint256(limits.lossBudgetBps) * WAD) / BPS, limits.lossBudgetRefillSeconds);
    }

    function _bound(bytes32 key, uint256 value, uint256 min, uint256 max) private pure {
        require(value >= min && value <= max, ErrorsLib.SettingOutOfBounds(key, value, min, max));
    }
}
