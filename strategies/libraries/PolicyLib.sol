// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {IRangeVault} from "../../vaults/interfaces/IRangeVault.sol";
import {Bounds, BoundsLib} from "./BoundsLib.sol";
import {StrategyErrorsLib} from "./StrategyErrorsLib.sol";

// The whole of the tick range.
uint256 constant MAX_WIDTH_TICKS = 2 * 887_272;

// A shorter window says little, a longer one nothing about today.
uint256 constant MIN_VOLATILITY_WINDOW_SECONDS = 480; // eight minutes, a minute a cell

uint256 constant MAX_VOLATILITY_WINDOW_SECONDS = 7 days;

// Less would mistake a hiccup for a death.
uint256 constant MIN_SILENCE_SECONDS = 1 hours;

// An announced change that nobody puts in force lapses after this time: a notice must be fresh.
uint256 constant ANNOUNCEMENT_LIFE_SECONDS = 7 days;

/// @notice A change of policy that was announced: it may be put in force from `readyAt` (Unix seconds) on.
struct Announcement {
    bytes32 digest;
    uint64 readyAt;
}

/// @title What a strategy's policy may be, and which changes of it must wait
/// @notice Linked library: policy changes rarely, so its code is kept out of the strategies.
///
/// NOTICE. A change that lets anything pass which was refused before is a raise. It is announced by the first call and
/// put in force by the same call again, after the vault's own notice and within a week of it: shareholders who do not
/// agree have that time to leave. Any other change is in force at once and drops what was announced.
library PolicyLib {
    using BoundsLib for Bounds;

    /// @notice Refuses bounds that contradict themselves.
    function check(Bounds memory bounds) external pure {
        uint256 wad = BoundsLib.WAD;
        require(
            bounds.minWidthTicks > 0 && bounds.minWidthTicks <= bounds.maxWidthTicks,
            StrategyErrorsLib.BoundInvalid("minWidthTicks", bounds.minWidthTicks)
        );
        require(
            bounds.maxWidthTicks <= MAX_WIDTH_TICKS,
            StrategyErrorsLib.BoundInvalid("maxWidthTicks", bounds.maxWidthTicks)
        );
        require(bounds.maxMovesPerDay > 0, StrategyErrorsLib.BoundInvalid("maxMovesPerDay", 0));
        require(bounds.gainMarginWad >= wad, StrategyErrorsLib.BoundInvalid("gainMarginWad", bounds.gainMarginWad));
        require(
            bounds.maxSwapShareWad <= wad, StrategyErrorsLib.BoundInvalid("maxSwapShareWad", bounds.maxSwapShareWad)
        );
        require(
            bounds.fullShareSpreadWad < bounds.spreadCeilingWad && bounds.spreadCeilingWad <= wad,
            StrategyErrorsLib.BoundInvalid("spreadCeilingWad", bounds.spreadCeilingWad)
        );
        require(bounds.minShareWad <= wad, StrategyErrorsLib.BoundInvalid("minShareWad", bounds.minShareWad));
        require(
            bounds.volatilityWindowSeconds == 0
                || (bounds.volatilityWindowSeconds >= MIN_VOLATILITY_WINDOW_SECONDS
                    && bounds.volatilityWindowSeconds <= MAX_VOLATILITY_WINDOW_SECONDS),
            StrategyErrorsLib.BoundInvalid("volatilityWindowSeconds", bounds.volatilityWindowSeconds)
        );
        // Realised volatility alone, which anyone can stir, must leave something to deploy at the ceiling.
        require(
            bounds.volatilityWindowSeconds == 0 || bounds.minShareWad > 0,
            StrategyErrorsLib.BoundInvalid("minShareWad", bounds.minShareWad)
        );
        require(
            bounds.maxSilenceSeconds == 0 || bounds.maxSilenceSeconds >= MIN_SILENCE_SECONDS,
            StrategyErrorsLib.BoundInvalid("maxSilenceSeconds", bounds.maxSilenceSeconds)
        );
        // At the ceiling a range must still exist, else the ceiling is not where it says.
        require(
            bounds.widthFloorTicks(bounds.spreadCeilingWad) <= bounds.maxWidthTicks,
            StrategyErrorsLib.BoundInvalid("maxWidthTicks", bounds.maxWidthTicks)
        );
    }

    /// @notice Whether `later` lets anything pass that `former` refuses.
    /// @dev Field by field, so that no change can hide behind another. Watching silence where it was not watched lets
    /// the vault go to less risk only.
    function raises(Bounds memory former, Bounds memory later) external pure returns (bool) {
        return later.minWidthTicks < former.minWidthTicks || later.maxWidthTicks > former.maxWidthTicks
            || later.maxCentreDistanceTicks > former.maxCentreDistanceTicks
            || later.cooldownSeconds < former.cooldownSeconds || later.maxMovesPerDay > former.maxMovesPerDay
            || later.gainMarginWad < former.gainMarginWad || later.maxSwapShareWad > former.maxSwapShareWad
            || later.widthFloorBaseTicks < former.widthFloorBaseTicks
            || later.widthFloorPerSpreadTicks < former.widthFloorPerSpreadTicks
            || later.fullShareSpreadWad > former.fullShareSpreadWad || later.minShareWad > former.minShareWad
            || later.spreadCeilingWad > former.spreadCeilingWad
            || (former.volatilityWindowSeconds != 0 && later.volatilityWindowSeconds != former.volatilityWindowSeconds)
            || (former.maxSilenceSeconds != 0
                && (later.maxSilenceSeconds == 0 || later.maxSilenceSeconds > former.maxSilenceSeconds));
    }

    /// @notice 0 = the raise may be put in force now, and what was announced for `key` is dropped; else it was just
    /// announced, for the time that is returned. Reverts while the notice runs.
    function announce(
        mapping(bytes32 key => Announcement) storage announced,
        IRangeVault vault,
        bytes32 key,
        bytes32 digest
    ) external returns (uint64 readyAt) {
        Announcement memory pending = announced[key];
        uint256 notice = vault.limits().noticeSeconds;
        if (pending.readyAt != 0 && pending.digest == digest) {
            require(block.timestamp >= pending.readyAt, StrategyErrorsLib.ChangeNotReady(key, pending.readyAt));
            if (block.timestamp <= pending.readyAt + ANNOUNCEMENT_LIFE_SECONDS) notice = 0;
        }
        if (notice == 0) {
            delete announced[key];
        } else {
            readyAt = uint64(block.timestamp + notice);
            announced[key] = Announcement(digest, readyAt);
        }
    }
}
