// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// @notice The reference prices of one pool at this instant, as sqrt(token1 / token0) in Q64.96.
/// @dev `low` and `high` are the extremes over every source (spot, pre-block tick, long TWAP, feed); `mid` is the
/// price for display and for benchmarks. `calm` says that all sources agree within the band and are fresh enough for
/// value-priced entry and exit. When no source answers, all prices are zero and `calm` is false.
struct ReferencePrices {
    uint160 lowSqrtPriceX96;
    uint160 midSqrtPriceX96;
    uint160 highSqrtPriceX96;
    bool calm;
    /// Harmonic mean of the pool's liquidity in range over the long window until its last observation, so that what came
    /// in since then does not count. 0 when not known, and then not calm either.
    uint128 meanLiquidity;
}

/// @title The one place where a price enters share accounting
interface IPriceOracle {
    /// @notice The pool that this oracle prices.
    function pool() external view returns (address);

    /// @notice How far apart, in ticks, the sources may be while the vault is calm.
    function bandTicks() external view returns (uint24);

    /// @notice The price feed among the sources; zero = none.
    function feed() external view returns (address);

    /// @notice How far the feed may be from the market before it answers anew; 0 without a feed.
    function feedDeviationBps() external view returns (uint16);

    /// @notice The reference prices now. Never reverts: a source that fails makes the answer not calm.
    function referencePrices() external view returns (ReferencePrices memory);
}
