// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {PoolReader} from "./PoolReader.sol";

/// @notice An observation of a pool, counted back from the newest.
struct Observation {
    uint256 offset;
    /// Seconds before now.
    uint256 age;
    int56 tickCumulative;
    /// Seconds per unit of liquidity, X128, modulo 2^160.
    uint160 perLiquidityX128;
    bool initialized;
}

/// @notice A pool's ring of observations.
struct ObservationRing {
    IUniswapV3Pool pool;
    uint256 index;
    uint256 cardinality;
    int24 spotTick;
    Observation newest;
}

/// @title What a pool's accumulators gained over a window, as its `observe` says, for a third of the gas
/// @notice `observe` bisects the ring from its ends: nine cold reads in a ring of 300. This goes by the pace of the
/// observations, from the third probe on in turns with bisection: three to five reads where trades come evenly, never
/// more than about twice the logarithm of the ring's size. Between two observations tick and liquidity are constant,
/// so what lies in between is exact, and rounded as the pool rounds it.
library ObservationsLib {
    /// @notice The ring that slot0 tells of, with its newest observation read; `cardinality` is positive.
    function open(IUniswapV3Pool pool, uint16 index, uint16 cardinality, int24 spotTick)
        internal
        view
        returns (ObservationRing memory ring)
    {
        (ring.pool, ring.index, ring.cardinality, ring.spotTick) = (pool, index, cardinality, spotTick);
        read(ring, 0, ring.newest);
    }

    /// @notice Growth of the tick accumulator until now, and the harmonic mean of the liquidity in range until the newest
    /// observation; not known when the ring does not reach back so far. A mean of 0: no observation lies inside of the
    /// window, so liquidity has been all the time what it was when this block began.
    /// @dev Unchecked: the accumulators wrap around as the pool's own do, and ages are below 2^32.
    function over(ObservationRing memory ring, uint256 windowSeconds)
        internal
        view
        returns (bool known, int56 ticks, uint128 meanLiquidity)
    {
        unchecked {
            Observation memory newest = ring.newest;
            // Seconds are below 2^32.
            if (windowSeconds <= newest.age) return (true, ring.spotTick * int56(uint56(windowSeconds)), 0);
            (bool found, Observation memory newer, Observation memory older) = _around(ring, windowSeconds);
            if (!found) return (false, 0, 0);
            int56 slope = (newer.tickCumulative - older.tickCumulative) / int56(uint56(older.age - newer.age));
            ticks = newest.tickCumulative + ring.spotTick * int56(uint56(newest.age)) - older.tickCumulative - slope
                * int56(uint56(older.age - windowSeconds));
            return (true, ticks, _meanLiquidity(newest, newer, older, windowSeconds));
        }
    }

    /// @dev From the window's start, which lies between `newer` and `older`, to the newest observation.
    function _meanLiquidity(
        Observation memory newest,
        Observation memory newer,
        Observation memory older,
        uint256 windowSeconds
    ) private pure returns (uint128) {
        unchecked {
            uint256 gained = uint160(newer.perLiquidityX128 - older.perLiquidityX128);
            uint256 before = (gained * (older.age - windowSeconds)) / (older.age - newer.age);
            // At least 1 for every second, as the pool adds seconds << 128 over liquidity.
            uint256 growthX128 = uint160(newest.perLiquidityX128 - older.perLiquidityX128 - uint160(before));
            uint256 mean = ((windowSeconds - newest.age) << 128) / growthX128;
            return mean > type(uint128).max ? type(uint128).max : uint128(mean);
        }
    }

    /// @notice Reads the observation at `offset` back from the newest, below the ring's cardinality.
    function read(ObservationRing memory ring, uint256 offset, Observation memory observation) internal view {
        unchecked {
            uint256 slot = ring.index >= offset ? ring.index - offset : ring.index + ring.cardinality - offset;
            uint32 at;
            (at, observation.tickCumulative, observation.perLiquidityX128, observation.initialized) =
                PoolReader.observation(ring.pool, slot);
            observation.offset = offset;
            // Times are modulo 2^32 in the pool.
            observation.age = uint32(block.timestamp) - at;
        }
    }

    /// @dev Two observations next to each other with the window's start between them, or on one of them. Only for a
    /// window longer than the newest observation is old.
    function _around(ObservationRing memory ring, uint256 windowSeconds)
        private
        view
        returns (bool found, Observation memory newer, Observation memory older)
    {
        unchecked {
            if (ring.cardinality < 2) return (false, newer, older);
            // As the pool looks for it: the slot after the newest, or slot 0 while the ring is not yet full.
            read(ring, ring.cardinality - 1, older);
            if (!older.initialized) read(ring, ring.index, older);
            if (older.age < windowSeconds || older.offset == 0) return (false, newer, older);
            (newer.age, newer.tickCumulative, newer.perLiquidityX128) =
            (ring.newest.age, ring.newest.tickCumulative, ring.newest.perLiquidityX128);
            Observation memory middle;
            for (uint256 probes; older.offset - newer.offset > 1; ++probes) {
                uint256 apart = older.offset - newer.offset;
                uint256 step = probes > 2 && probes % 2 == 1
                    ? apart / 2
                    : (apart * (windowSeconds - newer.age)) / (older.age - newer.age);
                if (step == 0) step = 1;
                else if (step == apart) step = apart - 1;
                read(ring, newer.offset + step, middle);
                if (middle.age <= windowSeconds) (newer, middle) = (middle, newer);
                else (older, middle) = (middle, older);
            }
            return (true, newer, older);
        }
    }
}
