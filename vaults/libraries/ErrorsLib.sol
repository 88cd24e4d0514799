// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @title Every refusal of the vaults and their oracles, named for the rule that was broken
library ErrorsLib {
    /// @notice The token took a fee or lied: `received` differs from what was `sent`.
    error AssetReceivedNotSent(uint256 sent, uint256 received);

    /// @notice Shares of a token that cannot be divided would round whole units away.
    error AssetWithoutDecimals(address asset);

    /// @notice The asset is neither token of the pool.
    error AssetNotInPool(address asset);

    /// @notice The next move is allowed at `readyAt` (Unix seconds).
    error CooldownActive(uint256 readyAt);

    /// @notice Net asset value fell below the value of the tokens held after the last move by more than the limit.
    error DrawdownBreakerTripped(uint256 nav, uint256 heldValue);

    /// @notice The gate refuses this receiver.
    error EntryRefusedByGate(address caller, address receiver);

    /// @notice The swap of a move sells more than the vault holds idle.
    error IdleInsufficient(address token, uint256 wanted, uint256 idle);

    /// @notice Not the creation code that this factory or deployer was made for.
    error CreationCodeUnknown(bytes32 codeHash, bytes32 knownHash);

    /// @notice With so many decimals a price would not fit.
    error DecimalsTooMany(address of_, uint256 decimals);

    /// @notice The external feed does not answer, or with a price that cannot be used.
    error FeedUnusable(address feed);

    /// @notice Exit pays less than the caller's minimum.
    error AmountBelowMin(uint256 amount, uint256 min);

    /// @notice Entry costs more assets, or exit more shares, than the caller's maximum.
    error AmountAboveMax(uint256 amount, uint256 max);

    /// @notice No fee is due, and none may be charged now.
    error FeeNotDue();

    /// @notice The pool cannot answer `observe` over the long window.
    error LongWindowUnavailable(uint32 windowSeconds);

    /// @notice The long window is shorter than the shortest one allowed.
    error LongWindowTooShort(uint32 windowSeconds, uint32 minSeconds);

    /// @notice The move would lose more than one move may.
    error LossAboveMoveLimit(uint256 lossWad, uint256 limitWad);

    /// @notice The move would lose more than what is left of the budget.
    error LossBudgetExhausted(uint256 lossWad, uint256 leftWad);

    /// @notice Without a feed these settings would let a stale price pay more, per unit of log price, than it costs to
    /// bring the pool back to it (1e18 = L√P).
    error MispricingPays(uint256 gainWad, uint256 costWad);

    /// @notice As many moves as a day allows were made today.
    error MovesPerDayReached(uint256 limit);

    /// @notice Nothing is deployed at an address that is to be called.
    error NoContract(address account);

    /// @notice The reference prices disagree, are old, or are missing: nothing can be priced now.
    error NotCalm();

    /// @notice There is no pause to end.
    error NotPaused();

    /// @notice Only the pool, and only while the vault is in an operation.
    error NotPool(address caller);

    /// @notice Only the strategy.
    error NotStrategy(address caller);

    /// @notice The pool keeps too few observations for the long window.
    error ObservationsTooFew(uint256 cardinalityNext, uint256 required);

    /// @notice Closed until `until` (Unix seconds).
    error Paused(uint256 until);

    /// @notice A guardian's pause may follow another only at `readyAt` (Unix seconds).
    error PauseTooSoon(uint256 readyAt);

    /// @notice Uniswap's factory does not know this pool.
    error PoolNotGenuine(address pool);

    /// @notice The vault would hold more of the pool's liquidity in range than allowed.
    error PoolShareAboveMax(uint256 ownLiquidity, uint256 maxLiquidity);

    /// @notice Nobody holds a share, so there is no proportion to enter in.
    error ProportionUnknown();

    /// @notice At least one range is inverted or off the pool's tick spacing, or ranges are not sorted and distinct.
    error RangeInvalid(uint256 index);

    /// @notice Rebalancing waits for the curator to lift the hold.
    error RebalanceHeld();

    /// @notice There is no announcement to cancel.
    error SettingNotAnnounced(bytes32 key);

    /// @notice The setting raises risk; its notice runs until `readyAt` (Unix seconds).
    error SettingNotReady(bytes32 key, uint256 readyAt);

    /// @notice `value` of setting `key` is outside of [`min`, `max`].
    error SettingOutOfBounds(bytes32 key, uint256 value, uint256 min, uint256 max);

    /// @notice There is no setting of this name.
    error SettingUnknown(bytes32 key);

    /// @notice The share price after the move is lower than the order asks.
    error SharePriceBelowMin(uint256 sharePrice, uint256 min);

    /// @notice Nothing to skim, or nowhere to skim to.
    error SkimRefused();

    /// @notice The reference band ends before the swap of an exit is filled.
    error SwapIncomplete(uint256 filled, uint256 wanted);

    /// @notice The price limit of a move's swap is not on the side that the swap goes to.
    error SwapLimitInvalid(uint160 limitX96, uint160 spotX96);

    /// @notice More ranges than a vault may hold.
    error TooManyRanges(uint256 count, uint256 max);

    /// @notice The weights of the ranges sum to more than 1e18.
    error WeightsAboveOne(uint256 sumWad);

    /// @notice The range is wider than allowed.
    error WidthAboveMax(uint256 widthTicks, uint256 maxTicks);

    /// @notice The range is narrower than allowed.
    error WidthBelowMin(uint256 widthTicks, uint256 minTicks);

    /// @notice The vault was wound down: there is only the way out.
    error WoundDown();

    error ZeroAddress();

    /// @notice The idle tokens cannot fund this range at the pool's price.
    error ZeroLiquidity(int24 lowerTick, int24 upperTick);

    error ZeroShares();
}
