// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Position} from "../interfaces/IRangeVault.sol";
import {IPriceOracle} from "../interfaces/IPriceOracle.sol";
import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {LossBudget} from "./LossBudgetLib.sol";

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

/// @notice The storage that the vault shares with its linked libraries.
struct VaultState {
    /// Idle tokens of the shareholders.
    uint128 idle0;
    uint128 idle1;
    /// What the vault held after its last move, scaled by flows: the mark of the drawdown breaker.
    uint128 held0;
    uint128 held1;
    LossBudget budget;
    uint64 lastMoveAt;
    uint32 movesDay;
    uint16 movesToday;
    bool rebalanceHeld;
    /// The last calm mid price and its time.
    uint160 lastGoodSqrtPriceX96;
    uint64 lastGoodAt;
    uint128 inflowUsed;
    uint64 inflowAt;
    uint64 feeAccruedAt;
    uint64 pausedUntil;
    Limits limits;
    Position[] positions;
    mapping(bytes32 key => PendingSetting) pending;
}
