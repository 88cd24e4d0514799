// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {RebalanceReport} from "../interfaces/IRangeVault.sol";

/// @title Everything that a vault tells the world beside ERC-20 and ERC-4626 events
/// @dev What the pool tells of the vault is not told again, for it was a hundredth of a move's gas: `Mint`, `Burn` and
/// `Collect` with the vault as indexed owner are its positions, opened, reduced, closed and collected, to the wei; `Swap`
/// with the vault as indexed sender is its own.
library EventsLib {
    /// @notice Digest of all settings and parties before and after, in force at `effectiveAt` (Unix seconds); for an
    /// announcement, as they would be if it alone were in force.
    event ConfigurationChanged(bytes32 indexed before, bytes32 indexed later, uint64 effectiveAt);

    /// @notice A setting changed.
    event Configured(bytes32 indexed key, uint256 before, uint256 value);

    event DepositedInKind(
        address indexed caller, address indexed receiver, uint256 shares, uint256 amount0, uint256 amount1
    );

    /// @notice Tokens that others left in a range before the vault opened it; they wait for `skim`, outside of NAV.
    event DonationSwept(int24 indexed lowerTick, int24 indexed upperTick, uint256 amount0, uint256 amount1);

    /// @notice Swap fees of one position that an exit moved into the vault's idle tokens; those of a move are in its report.
    event FeesCollected(uint256 fees0, uint256 fees1);

    event FeeRecipientSet(address indexed before, address indexed recipient);

    event GateSet(address indexed before, address indexed gate);

    /// @notice Rebalancing stopped (by the guardian's de-risk or by the drawdown breaker) or was freed by the curator.
    event HoldSet(bool held, address indexed by);

    /// @notice The marks of the performance fee were set to now: tokens, and asset units per 1e18 shares.
    event FeeMarksSet(uint256 benchmark0, uint256 benchmark1, uint256 highWaterMark);

    /// @notice Fee shares that were due are minted.
    event FeesMinted(address indexed recipient, uint256 shares, address indexed strategist, uint256 strategistShares);

    /// @notice A move's loss was drawn from the ordinary bucket or from the reserve; `leftWad` of it is left.
    event LossCharged(bool indexed reserved, uint256 lossWad, uint256 leftWad);

    /// @notice Fee shares for the time since the last accrual; due from now on.
    event ManagementFeeAccrued(uint256 shares);

    /// @notice Tokens of a position that could not be, or were not to be, collected stay owed by the pool to the vault.
    event OwedLeft(int24 indexed lowerTick, int24 indexed upperTick, uint256 amount0, uint256 amount1);

    event PausedUntil(uint64 until, address indexed by);

    /// @notice A leaver's part of the pending performance fee is due.
    event PerformanceFeeAccrued(uint256 sharesLeaving, uint256 shares);

    /// @notice The performance fee on `base` asset units is due; the marks are those it was measured against.
    event PerformanceFeeCharged(
        uint256 base, uint256 shares, uint256 benchmark0, uint256 benchmark1, uint256 highWaterMark
    );

    /// @notice A move, or a de-risk, is over. Idle amounts are those after it.
    event Rebalanced(address indexed caller, RebalanceReport report, uint256 idle0, uint256 idle1, uint256 positions);

    event RedeemedInKind(
        address indexed caller,
        address indexed owner,
        address receiver0,
        address receiver1,
        uint256 shares,
        uint256 amount0,
        uint256 amount1
    );

    event RewardClaimerSet(address indexed before, address indexed claimer);

    /// @notice A setting that raises risk may be put in force from `readyAt` (Unix seconds) on.
    event SettingAnnounced(bytes32 indexed key, uint256 current, uint256 value, uint64 readyAt);

    event SettingCancelled(bytes32 indexed key, uint256 value);

    event Skimmed(address indexed token, address indexed receiver, uint256 amount);

    event SkimReceiverSet(address indexed before, address indexed receiver);

    event StrategistAnnounced(address indexed payout, uint16 shareBps, uint64 readyAt);

    event StrategistSet(address indexed before, uint16 beforeBps, address indexed payout, uint16 shareBps);

    event StrategySet(address indexed before, address indexed strategy);

    /// @notice Entry and moves are closed and fees are off for good.
    event WindDown(address indexed by);
}
