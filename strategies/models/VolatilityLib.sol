// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {PoolReader} from "../../vaults/libraries/PoolReader.sol";

// Windows of equal length whose mean ticks are compared.
uint256 constant CELLS = 8;

// Fewer observations than this in the whole window say too little.
uint256 constant MIN_OBSERVATIONS = 8;

// A spread is stated for this horizon ...
uint256 constant SPREAD_HORIZON_SECONDS = 1 days;

// ... and is the upper decile: this many standard deviations, 1e18 = 1.
uint256 constant SPREAD_DEVIATIONS_WAD = 1.28e18;

// Mean ticks carry this many fractional bits.
uint256 constant TICK_FRACTION_BITS = 8;

// What a head is given: the seven changes and their root sum of squares.
uint256 constant HEAD_INPUTS = 8;

// From 1/256 tick to 1/16: a head that clamps at 65,535 then still sees moves of 4,000 ticks.
uint256 constant HEAD_SHIFT = 4;

/// @notice What the pool's own observations say about its volatility.
struct RealisedVolatility {
    /// Upper decile of the price's move over a day, 1e18 = 100%; 0 when not known.
    uint256 spreadWad;
    /// False: the pool remembers too little, so assume the worst.
    bool known;
    /// Observations inside of the window.
    uint256 observations;
    /// Mean tick of each cell less that of the cell before it, in 1/256 tick, newest first.
    int256[7] changesX8;
    /// Root of the sum of the squares of the changes, in 1/256 tick.
    uint256 rootX8;
}

/// @notice An observation, counted back from the newest.
struct Sample {
    uint256 offset;
    /// Seconds before now.
    uint256 age;
    int256 tickCumulative;
}

/// @notice The pool's ring of observations and how far it has been read.
struct Ring {
    IUniswapV3Pool pool;
    uint256 index;
    uint256 cardinality;
    int256 spotTick;
    /// The last known sample that is not older than the last edge.
    Sample newer;
    Sample oldest;
    /// Seconds of the adjacent cells, summed over the changes.
    uint256 weight;
}

/// @title Realised volatility of a Uniswap v3 pool, from its own observations
/// @notice GRID. The window is cut into eight cells at fixed times, so that whoever writes more observations (a trade or
/// a dust of liquidity per block does) chooses nothing about it. A cell's mean tick is exact at any two observations;
/// an observation within a quarter of a cell of a cell's edge is taken for the edge, else the pool's own
/// interpolation at the edge, which is exact too, for between two observations the tick is constant.
///
/// CORRECTION. Means of adjacent windows of a Brownian motion differ with variance σ²(h₁ + h₂)/3, two thirds of what
/// the instants at the windows' ends do. So σ² = 3 Σd² / Σ(h₁ + h₂): for equal cells, 1.5 times the naive estimate.
///
/// TOO FEW. A ring that does not reach back to the window's start, or fewer than eight observations inside of it, is
/// not known. The caller should then assume the most that it would ever assume.
///
/// COST. The edges are found by the pace of the observations, then by interpolation and bisection in turns: about one
/// read each in a pool that trades evenly, never more than twice the logarithm of the ring's size.
library VolatilityLib {
    /// @notice Realised volatility over the last `windowSeconds` (at least eight, below 2^32).
    function measure(IUniswapV3Pool pool, uint256 windowSeconds)
        internal
        view
        returns (RealisedVolatility memory result)
    {
        (, int24 tick, uint16 index, uint16 cardinality,) = PoolReader.slot0(pool);
        if (cardinality < 2) return result;
        Ring memory ring;
        (ring.pool, ring.index, ring.cardinality, ring.spotTick) = (pool, index, cardinality, tick);
        if (!_findOldest(ring) || ring.oldest.age < windowSeconds) return result;
        (ring.newer,) = _read(ring, 0);
        _cells(result, ring, windowSeconds / CELLS);
    }

    /// @notice What a model's on-chain head is given, all in 1/16 tick and not negative: the sizes of the seven changes,
    /// newest first, then their root sum of squares.
    function headInputs(RealisedVolatility memory realised) internal pure returns (int256[] memory inputs) {
        inputs = new int256[](HEAD_INPUTS);
        for (uint256 i; i + 1 < HEAD_INPUTS; ++i) {
            int256 change = realised.changesX8[i];
            inputs[i] = (change < 0 ? -change : change) >> HEAD_SHIFT;
        }
        // Below 2^32.
        inputs[HEAD_INPUTS - 1] = int256(realised.rootX8 >> HEAD_SHIFT);
    }

    /// @dev Unchecked: offsets are below 2^16, ages below 2^32, ticks below 2^20 and cumulative ticks below 2^56, so no
    /// sum or product here comes near 2^255. The sum of squares is below 7 × 2^58.
    function _cells(RealisedVolatility memory result, Ring memory ring, uint256 cell) private view {
        unchecked {
            Sample memory newer = ring.newer;
            // The present, as the pool itself extends its last observation.
            uint256 edgeAge;
            int256 edgeCumulative = newer.tickCumulative + ring.spotTick * int256(newer.age);
            int256 lastMeanX8;
            uint256 lastSpan;
            for (uint256 i; i < CELLS; ++i) {
                uint256 age = cell * (i + 1);
                int256 cumulative;
                if (age <= newer.age) {
                    // Nothing was written since: the tick has been spot's.
                    cumulative = edgeCumulative - ring.spotTick * int256(age - edgeAge);
                } else {
                    (age, cumulative) = _edge(ring, age, cell / 4);
                }
                uint256 span = age - edgeAge;
                int256 meanX8 = ((edgeCumulative - cumulative) << TICK_FRACTION_BITS) / int256(span);
                if (i > 0) {
                    result.changesX8[i - 1] = lastMeanX8 - meanX8;
                    ring.weight += lastSpan + span;
                }
                (edgeAge, edgeCumulative, lastMeanX8, lastSpan) = (age, cumulative, meanX8, span);
            }
            // Where the last edge left off.
            newer = ring.newer;
            result.observations = newer.age <= edgeAge ? newer.offset + 1 : 0;
            if (result.observations >= MIN_OBSERVATIONS) _estimate(result, ring.weight);
        }
    }

    function _estimate(RealisedVolatility memory result, uint256 weight) private pure {
        unchecked {
            uint256 squares;
            for (uint256 i; i + 1 < CELLS; ++i) {
                int256 change = result.changesX8[i];
                squares += uint256(change * change);
            }
            result.known = true;
            result.rootX8 = Math.sqrt(squares);
            // A tick is a ten-thousandth of the price, and 2^16 undoes the fraction bits of a square.
            uint256 perTickWad = SPREAD_DEVIATIONS_WAD / 10_000;
            result.spreadWad = Math.sqrt(
                (3 * squares * SPREAD_HORIZON_SECONDS * perTickWad * perTickWad) / (weight << (2 * TICK_FRACTION_BITS))
            );
        }
    }

    /// @dev A grid point at `target` seconds ago, or within `tolerance` of it. Leaves in `ring.newer` the sample to go
    /// on from. `newer.age < target <= oldest.age`.
    function _edge(Ring memory ring, uint256 target, uint256 tolerance)
        private
        view
        returns (uint256 age, int256 cumulative)
    {
        unchecked {
            (Sample memory newer, Sample memory older) = (ring.newer, ring.oldest);
            uint256 probes;
            while (target - newer.age > tolerance) {
                if (older.age - target <= tolerance) {
                    // The next edge is older than this one: cells are longer than twice the tolerance.
                    newer = older;
                    break;
                }
                uint256 apart = older.offset - newer.offset;
                if (apart == 1) {
                    ring.newer = newer;
                    int256 slope = (newer.tickCumulative - older.tickCumulative) / int256(older.age - newer.age);
                    return (target, newer.tickCumulative - slope * int256(target - newer.age));
                }
                // First by the pace of the observations since; then between the two that are known.
                uint256 step = probes < 2 && newer.offset > 0
                    ? (newer.offset * (target - newer.age)) / newer.age
                    : probes % 2 == 0 ? (apart * (target - newer.age)) / (older.age - newer.age) : apart / 2;
                if (step == 0) step = 1;
                else if (step >= apart) step = apart - 1;
                (Sample memory middle,) = _read(ring, newer.offset + step);
                if (middle.age <= target) newer = middle;
                else older = middle;
                ++probes;
            }
            ring.newer = newer;
            return (newer.age, newer.tickCumulative);
        }
    }

    /// @dev As the pool looks for it: the slot after the newest, or slot 0 while the ring is not yet full.
    function _findOldest(Ring memory ring) private view returns (bool found) {
        (ring.oldest, found) = _read(ring, ring.cardinality - 1);
        if (!found) (ring.oldest, found) = _read(ring, ring.index);
        return found && ring.oldest.offset > 0;
    }

    /// @dev A sample of its own each time: those that are kept are kept by reference.
    function _read(Ring memory ring, uint256 offset) private view returns (Sample memory sample, bool) {
        unchecked {
            // The offset is below the cardinality.
            uint256 slot = ring.index >= offset ? ring.index - offset : ring.index + ring.cardinality - offset;
            (uint32 at, int56 tickCumulative,, bool initialized) = PoolReader.observation(ring.pool, slot);
            // Times are modulo 2^32 in the pool.
            uint32 age = uint32(block.timestamp) - at;
            (sample.offset, sample.age, sample.tickCumulative) = (offset, age, tickCumulative);
            return (sample, initialized);
        }
    }
}
