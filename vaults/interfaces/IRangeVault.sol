// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Limits} from "../libraries/VaultState.sol";

/// @notice A range to hold after a move. `weightWad` is the share (1e18 = all) of each idle token, counted after the
/// burn, the collect and the swap, that is offered to this range; the pool takes what its price asks for and the rest
/// stays idle. Weights sum to at most 1e18. Ranges are sorted by lower tick, then upper tick, without repetition.
struct RangeOrder {
    int24 lowerTick;
    int24 upperTick;
    uint64 weightWad;
}

/// @notice The one swap of a move, in the vault's own pool. `amountIn` in units of the token sold; 0 = no swap.
struct SwapOrder {
    bool zeroForOne;
    uint256 amountIn;
    uint160 sqrtPriceLimitX96;
}

/// @notice What the strategy asks of the vault. No ranges and no swap = de-risk to idle.
struct RebalanceOrder {
    RangeOrder[] ranges;
    SwapOrder swap;
    /// Asset units per 1e18 shares, at the low reference, after the move. 0 = no minimum.
    uint256 minSharePrice;
}

/// @notice What a move did, measured by the vault. Values in asset units at the mid reference price.
struct RebalanceReport {
    uint256 navBefore;
    uint256 navAfter;
    /// The worst of the losses at the low, mid and high reference, as a fraction of NAV (1e18 = all).
    uint256 lossWad;
    uint256 fees0;
    uint256 fees1;
    /// Pool's view: positive = paid by the vault to the pool.
    int256 swap0;
    int256 swap1;
}

/// @notice A position as the vault tracks it.
struct Position {
    int24 lowerTick;
    int24 upperTick;
    uint128 liquidity;
}

/// @notice An exit in both tokens.
struct InKindExit {
    uint256 shares;
    address receiver0;
    address receiver1;
    address owner;
    uint256 min0;
    uint256 min1;
    /// A waived leg stays with those who stay: the way out when one token cannot move.
    bool waive0;
    bool waive1;
}

/// @title The vault as strategies and the lens see it
/// @notice ERC-4626 over idle tokens and up to eight Uniswap v3 positions that the vault owns in the pool itself.
interface IRangeVault {
    function pool() external view returns (address);

    function oracle() external view returns (address);

    function asset() external view returns (address);

    /// @notice Whether the asset is the pool's token0.
    function assetIsToken0() external view returns (bool);

    function strategy() external view returns (address);

    /// @notice Idle tokens that belong to shareholders; donations are not in here.
    function idle() external view returns (uint256 idle0, uint256 idle1);

    /// @notice The positions that the vault opened; liquidity that others minted to it is not in here.
    function positions() external view returns (Position[] memory);

    /// @notice The bounded settings in force; strategies wait with theirs as long as the vault does.
    function limits() external view returns (Limits memory);

    /// @notice The last calm mid reference, and when (Unix seconds); after a move or a priced flow, that one's.
    function lastCalmPrice() external view returns (uint160 sqrtPriceX96, uint64 at);

    /// @notice Unix time of the last move, 0 before the first.
    function lastMoveAt() external view returns (uint64);

    /// @notice What is left of the loss budget now, as a fraction of NAV (1e18 = all).
    function lossBudgetLeftWad() external view returns (uint256);

    /// @notice Net asset value at (low, mid, high) reference prices, the age in seconds of those prices, and calm.
    /// Never reverts; when no price answers it uses the last good one and says its age.
    function navStatus()
        external
        view
        returns (uint256 lowNav, uint256 midNav, uint256 highNav, uint256 ageSeconds, bool calm);

    /// @notice Burns and collects everything, swaps at most once, mints the ordered ranges, inside the loss budget.
    /// Only the strategy.
    function rebalance(RebalanceOrder calldata order) external returns (RebalanceReport memory);

    /// @notice Burns and collects everything; never blocked by a price, a budget or a pause. Strategy or guardian.
    function deRisk() external;
}
