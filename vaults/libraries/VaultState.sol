// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Position} from "../interfaces/IRangeVault.sol";
import {IPriceOracle} from "../interfaces/IPriceOracle.sol";
import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";

uint256 constant MAX_POSITIONS = 8;

uint256 constant WAD = 1e18; // 100%

uint256 constant BPS = 10_000; // 100%

// Shares that exist beside the supply, against one virtual unit of the asset: 6 more decimals than the asset.
uint8 constant SHARE_DECIMALS_OFFSET = 6;

uint256 constant VIRTUAL_SHARES = 10 ** uint256(SHARE_DECIMALS_OFFSET);

/// @notice What never changes in a vault, bundled for the linked libraries.
struct VaultContext {
    IUniswapV3Pool pool;
    IPriceOracle oracle;
    address token0;
    address token1;
    bool assetIsToken0;
}

/// @notice The bounded settings, two slots.
struct Limits {
    uint128 depositCap;
    uint32 inflowWindowSeconds;
    uint32 lossBudgetRefillSeconds;
    uint32 cooldownSeconds;
    uint16 maxMovesPerDay;
    uint16 entryMarginBps;
    uint16 inflowCapBps;
    uint16 maxLossPerMoveBps;
    uint16 lossBudgetBps;
    uint16 maxPoolShareBps;
    uint16 drawdownBps;
    uint16 managementFeeBps;
    /// A second bucket, for moves that only make ranges wider; ordinary moves cannot draw on it.
    uint16 reservedBudgetBps;
    /// Of what was earned above holding and above the high-water mark.
    uint16 performanceFeeBps;
    uint24 minWidthTicks;
    uint24 maxWidthTicks;
    /// Between announcing a setting that raises risk and putting it in force.
    uint32 noticeSeconds;
}

/// @notice A setting that was announced: it may be put in force from `readyAt` (Unix seconds) on.
struct PendingSetting {
    uint192 value;
    uint64 readyAt;
}

/// @notice The storage that the vault shares with its linked libraries; one comment per slot. Times are Unix seconds in
/// 32 bits, good until 2106, as the pool's own.
struct VaultState {
    /// Slot 0: idle tokens of the shareholders.
    uint128 idle0;
    uint128 idle1;
    /// Slot 1: what the vault held after its last move, scaled by flows: the mark of the drawdown breaker. Nothing before
    /// the first.
    uint128 held0;
    uint128 held1;
    /// Slot 2: the tokens that the performance fee compares with holding; kept only while there is such a fee.
    uint128 benchmark0;
    uint128 benchmark1;
    /// Slot 3: asset units per 1e18 shares that the fee was last charged at, and when.
    uint192 highWaterMark;
    uint64 crystallisedAt;
    /// Slot 4: fee shares that are due and not minted.
    uint128 dueManagement;
    uint128 duePerformance;
    /// Slot 5: what priced entries into open positions write, and when the last pause ends.
    uint128 inflowUsed;
    uint32 inflowAt;
    uint32 pausedUntil;
    /// Slot 6: what every flow writes. The last calm mid price and its time; until when fees are accrued, which is ahead
    /// of now exactly while paused, for paused time is free; what closes moves; how many positions are held; and whether
    /// there is a gate to ask.
    uint160 lastGoodSqrtPriceX96;
    uint32 lastGoodAt;
    uint32 feeAccruedAt;
    bool rebalanceHeld;
    bool woundDown;
    uint8 positionCount;
    bool gated;
    /// Slot 7: what moves write. A day of Unix time fits 16 bits until 2149.
    uint64 budgetUsedWad;
    uint32 budgetAt;
    uint64 reservedUsedWad;
    uint32 reservedAt;
    uint32 lastMoveAt;
    uint16 movesDay;
    uint16 movesToday;
    /// Slots 8 and 9.
    Limits limits;
    /// One slot each.
    address strategy;
    address gate;
    address feeRecipient;
    address skimReceiver;
    address rewardClaimer;
    /// The strategist's part of the performance fee.
    address payout;
    uint16 payoutShareBps;
    /// One slot each; the first `positionCount` are held.
    Position[8] positions;
    mapping(bytes32 key => PendingSetting) pending;
}
