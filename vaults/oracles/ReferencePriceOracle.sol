// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IPriceOracle, ReferencePrices} from "../interfaces/IPriceOracle.sol";
import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {ErrorsLib} from "../libraries/ErrorsLib.sol";
import {Observation, ObservationRing, ObservationsLib} from "../libraries/ObservationsLib.sol";
import {PoolReader} from "../libraries/PoolReader.sol";

/// @notice The part of a price feed that is read here.
interface IAggregatorV3 {
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}

interface IDecimals {
    function decimals() external view returns (uint8);
}

/// @notice How an oracle is set up; nothing changes afterwards.
struct OracleParameters {
    IUniswapV3Pool pool;
    uint32 longWindowSeconds;
    /// All sources must lie within this many ticks of each other.
    uint24 bandTicks;
    /// The pool's last observation may be this old; 0 = any age, only with a feed.
    uint32 maxObservationAgeSeconds;
    /// The shortest time between blocks: with the window it says how many observations the pool must keep.
    uint32 blockIntervalSeconds;
    /// AggregatorV3 feed of one token in the other; zero = none.
    address feed;
    uint32 feedMaxAgeSeconds;
    /// The feed's deviation threshold: how far the market may be from its last answer.
    uint16 feedDeviationBps;
    /// False: the feed gives token0 in units of token1. True: token1 in units of token0.
    bool feedInverted;
    /// AggregatorV3 that says whether a rollup's sequencer is up (answer 0) and since when; zero = no rollup.
    address sequencerFeed;
    /// How long it must have been up; at least the long window, which else remembers the outage.
    uint32 sequencerGraceSeconds;
}

/// @notice What has answered so far.
struct Sources {
    uint256 count;
    uint160 lowX96;
    uint160 highX96;
    uint256 sumX96;
    int24 lowTick;
    int24 highTick;
    uint160 spotX96;
    int24 spotTick;
    bool calm;
    uint128 meanLiquidity;
}

// Below this a mean says little more than spot.
uint32 constant MIN_LONG_WINDOW_SECONDS = 300; // 5 minutes

uint32 constant MAX_SEQUENCER_GRACE_SECONDS = 1 days;

// A pool without a feed that nobody traded for longer prices nothing.
uint32 constant MAX_OBSERVATION_AGE_SECONDS = 1 days;

// The entry margin covers it, and that has this bound too.
uint16 constant MAX_FEED_DEVIATION_BPS = 500;

// Of a token or a feed: products of two powers of ten and an answer below 2^128 then fit in 256 bits.
uint8 constant MAX_DECIMALS = 36;

/// @title Reference prices of one Uniswap v3 pool
/// @notice SOURCES. Spot; the *pre-block* tick (what the pool said before the first trade of this block, from its last
/// two observations); the long time-weighted mean tick; an external feed where one is set. A tick stands for all its prices.
/// `low` and `high` are the extremes over all that answer, `mid` is their median: whoever moves spot within a block
/// moves neither the pre-block tick nor the mean.
///
/// CALM means: every configured source answers, all lie within `bandTicks` of each other, the pool's last observation
/// and the feed's answer are young enough, the pool is not in the middle of a call, and on a rollup the sequencer has
/// been up for the grace period: while it was down nobody could trade, so the mean is not one, and feeds lag.
///
/// FAILURE. `referencePrices` never reverts: a source that fails is left out and the answer is not calm. A deployment
/// is refused when the pool cannot answer for the long window, or keeps too few observations to go on answering.
contract ReferencePriceOracle is IPriceOracle {
    address public immutable pool;
    uint32 public immutable longWindowSeconds;
    uint24 public immutable bandTicks;
    uint32 public immutable maxObservationAgeSeconds;
    /// @inheritdoc IPriceOracle
    address public immutable feed;
    uint32 public immutable feedMaxAgeSeconds;
    /// @inheritdoc IPriceOracle
    uint16 public immutable feedDeviationBps;
    bool public immutable feedInverted;
    address public immutable sequencerFeed;
    uint32 public immutable sequencerGraceSeconds;

    /// @dev ratio (token1 units per token0 unit) = answer × numerator / denominator, or its inverse.
    uint256 private immutable feedNumerator;
    uint256 private immutable feedDenominator;

    constructor(OracleParameters memory parameters) {
        require(
            parameters.longWindowSeconds >= MIN_LONG_WINDOW_SECONDS,
            ErrorsLib.LongWindowTooShort(parameters.longWindowSeconds, MIN_LONG_WINDOW_SECONDS)
        );
        pool = address(parameters.pool);
        longWindowSeconds = parameters.longWindowSeconds;
        bandTicks = parameters.bandTicks;
        maxObservationAgeSeconds = parameters.maxObservationAgeSeconds;
        feed = parameters.feed;
        feedMaxAgeSeconds = parameters.feedMaxAgeSeconds;
        feedDeviationBps = parameters.feed == address(0) ? 0 : parameters.feedDeviationBps;
        feedInverted = parameters.feedInverted;
        sequencerFeed = parameters.sequencerFeed;
        sequencerGraceSeconds = parameters.sequencerGraceSeconds;
        // An address without code could not even be asked: `referencePrices` would revert.
        require(
            parameters.sequencerFeed == address(0) || parameters.sequencerFeed.code.length > 0,
            ErrorsLib.FeedUnusable(parameters.sequencerFeed)
        );
        require(
            parameters.sequencerFeed == address(0)
                || (parameters.sequencerGraceSeconds >= parameters.longWindowSeconds
                    && parameters.sequencerGraceSeconds <= MAX_SEQUENCER_GRACE_SECONDS),
            ErrorsLib.SettingOutOfBounds(
                "sequencerGraceSeconds",
                parameters.sequencerGraceSeconds,
                parameters.longWindowSeconds,
                MAX_SEQUENCER_GRACE_SECONDS
            )
        );
        require(
            parameters.bandTicks > 0 && parameters.bandTicks <= 10_000,
            ErrorsLib.SettingOutOfBounds("bandTicks", parameters.bandTicks, 1, 10_000)
        );
        require(
            parameters.blockIntervalSeconds > 0,
            ErrorsLib.SettingOutOfBounds("blockIntervalSeconds", 0, 1, type(uint32).max)
        );

        require(
            parameters.feed != address(0)
                || (parameters.maxObservationAgeSeconds > 0
                    && parameters.maxObservationAgeSeconds <= MAX_OBSERVATION_AGE_SECONDS),
            ErrorsLib.SettingOutOfBounds(
                "maxObservationAgeSeconds", parameters.maxObservationAgeSeconds, 1, MAX_OBSERVATION_AGE_SECONDS
            )
        );
        require(
            parameters.feed == address(0)
                || (parameters.feedDeviationBps > 0 && parameters.feedDeviationBps <= MAX_FEED_DEVIATION_BPS),
            ErrorsLib.SettingOutOfBounds("feedDeviationBps", parameters.feedDeviationBps, 1, MAX_FEED_DEVIATION_BPS)
        );

        (, int24 spotTick, uint16 index, uint16 cardinality, uint16 cardinalityNext,,) = parameters.pool.slot0();
        bool answered;
        if (cardinality > 0) {
            ObservationRing memory ring = ObservationsLib.open(parameters.pool, index, cardinality, spotTick);
            (answered,,) = ObservationsLib.over(ring, parameters.longWindowSeconds);
        }
        require(answered, ErrorsLib.LongWindowUnavailable(parameters.longWindowSeconds));
        uint256 required =
            Math.ceilDiv(uint256(parameters.longWindowSeconds) * 12, 10 * uint256(parameters.blockIntervalSeconds));
        require(cardinalityNext >= required, ErrorsLib.ObservationsTooFew(cardinalityNext, required));

        uint256 numerator = 1;
        uint256 denominator = 1;
        if (parameters.feed != address(0)) {
            // Whole tokens to units: token1 units per token0 unit = price × 10^decimals1 / 10^decimals0.
            numerator = _unit(parameters.pool.token1());
            denominator = _unit(parameters.pool.token0());
            uint256 feedUnit = _unit(parameters.feed);
            if (parameters.feedInverted) numerator *= feedUnit;
            else denominator *= feedUnit;
        }
        feedNumerator = numerator;
        feedDenominator = denominator;
        if (parameters.feed != address(0)) {
            (, bool usable) = _feedPrice();
            require(usable, ErrorsLib.FeedUnusable(parameters.feed));
        }
    }

    /// @inheritdoc IPriceOracle
    function referencePrices() external view returns (ReferencePrices memory refs) {
        Sources memory sources;
        sources.calm = true;
        _readPool(sources);
        if (feed != address(0)) {
            (uint160 feedX96, bool usable) = _feedPrice();
            if (usable) _addPrice(sources, feedX96);
            else sources.calm = false;
        }
        if (sequencerFeed != address(0) && !_sequencerUp()) sources.calm = false;
        // high >= low, so the difference is not negative.
        refs.calm = sources.calm && uint256(int256(sources.highTick) - sources.lowTick) <= bandTicks;
        (refs.lowSqrtPriceX96, refs.highSqrtPriceX96) = (sources.lowX96, sources.highX96);
        refs.midSqrtPriceX96 = _median(sources);
        refs.meanLiquidity = sources.meanLiquidity;
    }

    /// @dev One whole of what a token or a feed counts in.
    function _unit(address of_) private view returns (uint256) {
        require(of_.code.length > 0, ErrorsLib.FeedUnusable(of_));
        try IDecimals(of_).decimals() returns (uint8 decimals) {
            require(decimals <= MAX_DECIMALS, ErrorsLib.DecimalsTooMany(of_, decimals));
            return 10 ** decimals;
        } catch {
            revert ErrorsLib.FeedUnusable(of_);
        }
    }

    function _readPool(Sources memory sources) private view {
        IUniswapV3Pool target = IUniswapV3Pool(pool);
        (uint160 spotX96, int24 spotTick, uint16 index, uint16 cardinality, bool unlocked) = PoolReader.slot0(target);
        sources.spotX96 = spotX96;
        sources.spotTick = spotTick;
        if (!unlocked) sources.calm = false;
        _add(sources, spotX96, spotTick);
        if (cardinality == 0) {
            sources.calm = false;
            return;
        }
        ObservationRing memory ring = ObservationsLib.open(target, index, cardinality, spotTick);
        (bool known, int24 preBlockTick) = _preBlockTick(ring);
        if (known) _addTick(sources, preBlockTick);
        else sources.calm = false;
        if (maxObservationAgeSeconds != 0 && ring.newest.age > maxObservationAgeSeconds) sources.calm = false;
        (bool answered, int56 growth, uint128 meanLiquidity) = ObservationsLib.over(ring, longWindowSeconds);
        sources.meanLiquidity = answered && meanLiquidity == 0 ? target.liquidity() : meanLiquidity;
        if (answered) _addTick(sources, _tickDown(growth, longWindowSeconds));
        else sources.calm = false;
    }

    /// @dev A tick stands for every price in it. In spot's own tick that is spot; else the end that is further from it,
    /// so that low is never too high nor high too low. A tick of a pool is below MAX_TICK.
    function _addTick(Sources memory sources, int24 tick) private pure {
        uint160 priceX96 = sources.spotX96;
        if (tick != sources.spotTick) {
            priceX96 = TickMath.getSqrtPriceAtTick(tick > sources.spotTick ? tick + 1 : tick);
        }
        _add(sources, priceX96, tick);
    }

    /// @dev The tick of a price between those that are known is between theirs: nobody need know it.
    function _addPrice(Sources memory sources, uint160 sqrtPriceX96) private pure {
        bool within = sources.lowX96 <= sqrtPriceX96 && sqrtPriceX96 < sources.highX96;
        _add(sources, sqrtPriceX96, within ? sources.lowTick : TickMath.getTickAtSqrtPrice(sqrtPriceX96));
    }

    function _add(Sources memory sources, uint160 sqrtPriceX96, int24 tick) private pure {
        if (sources.count == 0) {
            (sources.lowTick, sources.highTick) = (tick, tick);
            (sources.lowX96, sources.highX96) = (sqrtPriceX96, sqrtPriceX96);
        } else {
            if (tick < sources.lowTick) sources.lowTick = tick;
            if (tick > sources.highTick) sources.highTick = tick;
            if (sqrtPriceX96 < sources.lowX96) sources.lowX96 = sqrtPriceX96;
            if (sqrtPriceX96 > sources.highX96) sources.highX96 = sqrtPriceX96;
        }
        unchecked {
            // At most four prices of 160 bits.
            sources.sumX96 += sqrtPriceX96;
            ++sources.count;
        }
    }

    /// @dev Of one to four prices: what is left without both extremes, and of an even count the mean of the two in the
    /// middle.
    function _median(Sources memory sources) private pure returns (uint160) {
        unchecked {
            uint256 inner = sources.sumX96 - sources.lowX96 - sources.highX96;
            // One price is both extremes; a mean of uint160 is one.
            if (sources.count == 1) return sources.lowX96;
            if (sources.count == 2) return uint160(sources.sumX96 / 2);
            return uint160(sources.count == 3 ? inner : inner / 2);
        }
    }

    /// @dev The pool writes an observation in the first trade of a block that leaves its tick, so between the last two
    /// observations the tick was constant; when the last one is of an earlier block, the tick has not moved since.
    function _preBlockTick(ObservationRing memory ring) private view returns (bool known, int24 tick) {
        Observation memory newest = ring.newest;
        if (newest.age != 0) return (true, ring.spotTick);
        if (ring.cardinality < 2) return (false, 0);
        Observation memory before;
        ObservationsLib.read(ring, 1, before);
        if (!before.initialized) return (false, 0);
        int56 difference;
        unchecked {
            difference = newest.tickCumulative - before.tickCumulative;
        }
        // An observation is at least a second older than the next; ages are below 2^32.
        return (true, _tickDown(difference, uint32(before.age)));
    }

    function _feedPrice() private view returns (uint160 sqrtPriceX96, bool usable) {
        try IAggregatorV3(feed).latestRoundData() returns (uint80, int256 answer, uint256, uint256 updatedAt, uint80) {
            if (answer <= 0 || uint256(answer) > type(uint128).max) return (0, false);
            if (updatedAt > block.timestamp || block.timestamp - updatedAt > feedMaxAgeSeconds) return (0, false);
            (uint256 top, uint256 bottom) = feedInverted
                ? (feedNumerator, feedDenominator * uint256(answer))
                : (feedNumerator * uint256(answer), feedDenominator);
            // Below 2^64 the ratio fits as X192, above as X128.
            uint256 root = top / bottom < 1 << 63
                ? Math.sqrt(Math.mulDiv(top, 1 << 192, bottom))
                : top / bottom < 1 << 127 ? Math.sqrt(Math.mulDiv(top, 1 << 128, bottom)) << 32 : 0;
            if (root < TickMath.MIN_SQRT_PRICE || root >= TickMath.MAX_SQRT_PRICE) return (0, false);
            // root < 2^160 by the line above.
            return (uint160(root), true);
        } catch {
            return (0, false);
        }
    }

    /// @dev Up, and for long enough; a feed that does not answer, or whose clock is off, says no.
    function _sequencerUp() private view returns (bool) {
        try IAggregatorV3(sequencerFeed).latestRoundData() returns (
            uint80, int256 answer, uint256 startedAt, uint256, uint80
        ) {
            return answer == 0 && startedAt != 0 && startedAt <= block.timestamp
                && block.timestamp - startedAt >= sequencerGraceSeconds;
        } catch {
            return false;
        }
    }

    /// @dev Rounds toward negative infinity, as a tick does.
    function _tickDown(int56 difference, uint32 elapsed) private pure returns (int24) {
        int56 span = int56(uint56(elapsed));
        int56 mean = difference / span;
        if (difference < 0 && difference % span != 0) --mean;
        // A mean of ticks is within their range.
        return int24(mean);
    }
}
