// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {ReferencePrices} from "../../../vaults/interfaces/IPriceOracle.sol";
import {IUniswapV3Pool} from "../../../vaults/interfaces/IUniswapV3Pool.sol";
import {ErrorsLib} from "../../../vaults/libraries/ErrorsLib.sol";
import {OracleParameters, ReferencePriceOracle} from "../../../vaults/oracles/ReferencePriceOracle.sol";
import {BaseTest} from "../../support/BaseTest.sol";
import {MockFeed} from "../../support/mocks/MockFeed.sol";

contract ReferencePriceOracleTest is BaseTest {
    function _tick(uint160 sqrtPriceX96) private pure returns (int24) {
        return TickMath.getTickAtSqrtPrice(sqrtPriceX96);
    }

    function test_referencePrices_agreeWhenNothingMoves() public view {
        ReferencePrices memory refs = oracle.referencePrices();
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        assertTrue(refs.calm);
        assertEq(refs.midSqrtPriceX96, sqrtPriceX96);
        assertApproxEqAbs(_tick(refs.lowSqrtPriceX96), startTick, 1);
        assertApproxEqAbs(_tick(refs.highSqrtPriceX96), startTick, 1);
    }

    /// The pre-block tick is what the pool said before this block, however often it moved since.
    function testFuzz_preBlockTick_survivesTradesInTheBlock(int256 before, int256 first, int256 second) public {
        int24 known = startTick + int24(bound(before, -250, 250));
        trader.moveTo(known);
        skip(12);
        trader.moveTo(startTick + int24(bound(first, -3000, -300)));
        trader.moveTo(startTick + int24(bound(second, 310, 3000)));
        ReferencePrices memory refs = oracle.referencePrices();
        assertFalse(refs.calm);
        // Spot is above both; the pre-block tick and the mean are the lower two.
        assertLe(_tick(refs.lowSqrtPriceX96), known);
        assertLe(_tick(refs.midSqrtPriceX96), startTick + 250);
        // Back at the former mean: low and high still hold the pre-block tick.
        trader.moveTo(startTick);
        refs = oracle.referencePrices();
        assertLe(_tick(refs.lowSqrtPriceX96), known);
        assertGe(_tick(refs.highSqrtPriceX96), known - 1);
    }

    function testFuzz_bounds_containSpotAndMean(int256 move, uint256 wait) public {
        trader.moveTo(startTick + int24(bound(move, -5000, 5000)));
        skip(bound(wait, 0, 7000));
        ReferencePrices memory refs = oracle.referencePrices();
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        assertLe(refs.lowSqrtPriceX96, sqrtPriceX96);
        assertGe(refs.highSqrtPriceX96, sqrtPriceX96);
        assertLe(refs.lowSqrtPriceX96, refs.midSqrtPriceX96);
        assertGe(refs.highSqrtPriceX96, refs.midSqrtPriceX96);
        if (refs.calm) {
            assertLe(_tick(refs.highSqrtPriceX96) - _tick(refs.lowSqrtPriceX96), int24(BAND_TICKS) + 1);
        }
    }

    function testFuzz_meanTick_isRoundedDownAndFollows(int256 move, uint256 wait) public {
        int24 target = startTick + int24(bound(move, -5000, 5000));
        wait = bound(wait, 1, WINDOW_SECONDS);
        trader.moveTo(target);
        skip(wait);
        uint32[] memory ago = new uint32[](2);
        ago[0] = WINDOW_SECONDS;
        (int56[] memory cumulative,) = pool.observe(ago);
        int256 sum = cumulative[1] - cumulative[0];
        int256 mean = sum / int256(uint256(WINDOW_SECONDS));
        if (mean * int256(uint256(WINDOW_SECONDS)) > sum) --mean;
        ReferencePrices memory refs = oracle.referencePrices();
        int24 extreme = target > startTick ? _tick(refs.lowSqrtPriceX96) : _tick(refs.highSqrtPriceX96);
        // The mean is the source that lags; spot's own tick is stated exactly, so one tick apart.
        assertApproxEqAbs(extreme, mean, 1);
    }

    function test_calm_endsWhenObservationsAreOld() public {
        skip(2 hours - 60);
        assertTrue(oracle.referencePrices().calm);
        skip(120);
        assertFalse(oracle.referencePrices().calm);
        _tradeAround();
        skip(12);
        assertTrue(oracle.referencePrices().calm);
    }

    function test_constructor_refusesTooFewObservations() public {
        OracleParameters memory parameters = _oracleParameters();
        parameters.blockIntervalSeconds = 2;
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.ObservationsTooFew.selector, 400, 1080));
        new ReferencePriceOracle(parameters);
    }

    function test_constructor_refusesAWindowThatThePoolCannotAnswer() public {
        OracleParameters memory parameters = _oracleParameters();
        parameters.longWindowSeconds = 30 days;
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.LongWindowUnavailable.selector, 30 days));
        new ReferencePriceOracle(parameters);
        parameters.longWindowSeconds = 299;
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.LongWindowTooShort.selector, 299, 300));
        new ReferencePriceOracle(parameters);
    }

    /// A trade in every second, and the ring no longer reaches back over the window.
    function test_referencePrices_neverRevert() public {
        for (uint256 i; i < 420; ++i) {
            skip(1);
            trader.moveTo(startTick + int24(int256(i % 2)) * 20);
        }
        ReferencePrices memory refs = oracle.referencePrices();
        assertFalse(refs.calm);
        assertGt(refs.midSqrtPriceX96, 0);
    }

    function _withFeed(MockFeed feed, bool inverted) private returns (ReferencePriceOracle) {
        OracleParameters memory parameters = _oracleParameters();
        parameters.feed = address(feed);
        parameters.feedMaxAgeSeconds = 3600;
        parameters.feedInverted = inverted;
        return new ReferencePriceOracle(parameters);
    }

    function testFuzz_feed_isScaledByDecimalsBothWays(uint256 dollars, uint8 decimals, bool inverted) public {
        dollars = bound(dollars, 1560, 1640);
        decimals = uint8(bound(decimals, 6, 18));
        int256 answer =
            inverted ? int256((10 ** uint256(decimals) * 1e12) / dollars / 1e12) : int256(dollars * 10 ** decimals);
        ReferencePriceOracle fed = _withFeed(new MockFeed(decimals, answer), inverted);
        ReferencePrices memory refs = fed.referencePrices();
        // Dollars per ether in units: dollars × 1e6 / 1e18.
        int24 expected = _tick(uint160(sqrt((dollars << 192) / 1e12)));
        int24 nearest = expected < startTick ? _tick(refs.lowSqrtPriceX96) : _tick(refs.highSqrtPriceX96);
        // Six decimals of an inverse price are about 16 ticks coarse.
        assertApproxEqAbs(nearest, expected, inverted && decimals < 10 ? 20 : 2);
        assertTrue(refs.calm);
    }

    function sqrt(uint256 x) private pure returns (uint256 y) {
        y = x;
        uint256 z = (x + 1) / 2;
        while (z < y) (y, z) = (z, (x / z + z) / 2);
    }

    function test_feed_mustBeFreshAliveAndNear() public {
        MockFeed feed = new MockFeed(8, 1605e8);
        ReferencePriceOracle fed = _withFeed(feed, false);
        assertTrue(fed.referencePrices().calm);
        feed.set(1605e8, block.timestamp - 3601);
        assertFalse(fed.referencePrices().calm);
        feed.set(1605e8, block.timestamp + 1);
        assertFalse(fed.referencePrices().calm);
        feed.set(1800e8, block.timestamp);
        assertFalse(fed.referencePrices().calm);
        feed.set(0, block.timestamp);
        assertFalse(fed.referencePrices().calm);
        feed.set(-1, block.timestamp);
        assertFalse(fed.referencePrices().calm);
        feed.set(type(int256).max, block.timestamp);
        assertFalse(fed.referencePrices().calm);
        feed.set(1605e8, block.timestamp);
        assertTrue(fed.referencePrices().calm);
        feed.kill();
        assertFalse(fed.referencePrices().calm);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.FeedUnusable.selector, address(feed)));
        _withFeed(feed, false);
    }

    function _expectOutOfBounds(bytes32 key, uint256 value, uint256 max) private {
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.SettingOutOfBounds.selector, key, value, 1, max));
    }

    /// A pool that nobody trades has no price of its own.
    function test_constructor_withoutAFeedTheObservationsMustBeYoung() public {
        OracleParameters memory parameters = _oracleParameters();
        parameters.maxObservationAgeSeconds = 0;
        _expectOutOfBounds("maxObservationAgeSeconds", 0, 1 days);
        new ReferencePriceOracle(parameters);
        parameters.maxObservationAgeSeconds = 1 days + 1;
        _expectOutOfBounds("maxObservationAgeSeconds", 1 days + 1, 1 days);
        new ReferencePriceOracle(parameters);
        parameters.feed = address(new MockFeed(8, 1605e8));
        parameters.feedMaxAgeSeconds = 30 days;
        parameters.maxObservationAgeSeconds = 0;
        ReferencePriceOracle fed = new ReferencePriceOracle(parameters);
        skip(20 days);
        assertTrue(fed.referencePrices().calm, "the feed vouches for a quiet pool");
        assertEq(fed.feedDeviationBps(), 1);
        assertEq(oracle.feedDeviationBps(), 0, "no feed, no deviation");
    }

    function test_constructor_refusesAFeedThatDeviatesMoreThanAMarginMayBe() public {
        OracleParameters memory parameters = _oracleParameters();
        parameters.feed = address(new MockFeed(8, 1605e8));
        parameters.feedMaxAgeSeconds = 3600;
        parameters.feedDeviationBps = 0;
        _expectOutOfBounds("feedDeviationBps", 0, 500);
        new ReferencePriceOracle(parameters);
        parameters.feedDeviationBps = 501;
        _expectOutOfBounds("feedDeviationBps", 501, 500);
        new ReferencePriceOracle(parameters);
        parameters.feedDeviationBps = 500;
        new ReferencePriceOracle(parameters);
    }

    /// Whatever a feed of permitted decimals says, the oracle answers.
    function testFuzz_feed_neverOverflows(uint8 decimals, uint128 answer, bool inverted) public {
        decimals = uint8(bound(decimals, 0, 40));
        MockFeed feed = new MockFeed(decimals, 0);
        uint256 shown = 1600;
        if (decimals > 36) {
            vm.expectRevert(abi.encodeWithSelector(ErrorsLib.DecimalsTooMany.selector, address(feed), decimals));
            _withFeed(feed, inverted);
            return;
        }
        // An inverse of a price needs some digits to be one at all.
        if (inverted && decimals < 6) return;
        feed.set(int256(inverted ? 10 ** uint256(decimals) / shown : shown * 10 ** uint256(decimals)), block.timestamp);
        if (!inverted && decimals > 35) return;
        ReferencePriceOracle fed = _withFeed(feed, inverted);
        assertTrue(fed.referencePrices().calm);
        feed.set(int256(uint256(answer)), block.timestamp);
        ReferencePrices memory refs = fed.referencePrices();
        assertGt(refs.midSqrtPriceX96, 0);
    }

    function test_constructor_refusesTokensWithAbsurdDecimals() public {
        MockFeed feed = new MockFeed(8, 1605e8);
        vm.mockCall(address(token1), abi.encodeWithSignature("decimals()"), abi.encode(uint8(37)));
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.DecimalsTooMany.selector, address(token1), 37));
        _withFeed(feed, false);
    }

    function test_calm_endsInsideAPoolCall() public {
        // The trader reads the oracle from inside the pool's callback.
        Prober prober = new Prober(oracle);
        token0.mint(address(prober), 1e18);
        pool.swap(address(prober), true, 1e15, TickMath.MIN_SQRT_PRICE + 1, abi.encode(prober));
        assertTrue(prober.asked());
        assertFalse(prober.calmInside());
    }

    function uniswapV3SwapCallback(int256 delta0, int256, bytes calldata data) external {
        abi.decode(data, (Prober)).ask();
        token0.mint(address(pool), uint256(delta0));
    }

    /* THE SEQUENCER OF A ROLLUP */

    function _withSequencer(MockFeed sequencer) private returns (ReferencePriceOracle) {
        OracleParameters memory parameters = _oracleParameters();
        parameters.sequencerFeed = address(sequencer);
        parameters.sequencerGraceSeconds = 3600;
        return new ReferencePriceOracle(parameters);
    }

    /// The feed's `startedAt` is when its answer last changed; the mock's is `updatedAt`.
    function test_calm_waitsForTheGraceAfterTheSequencerCameBack() public {
        MockFeed sequencer = new MockFeed(0, 0);
        sequencer.set(0, block.timestamp - 3600);
        ReferencePriceOracle watched = _withSequencer(sequencer);
        assertTrue(watched.referencePrices().calm);
        sequencer.set(1, block.timestamp - 7200);
        assertFalse(watched.referencePrices().calm, "down");
        sequencer.set(0, block.timestamp);
        assertFalse(watched.referencePrices().calm, "just back");
        skip(3599);
        _tradeAround();
        assertFalse(watched.referencePrices().calm, "a second too early");
        skip(1);
        assertTrue(watched.referencePrices().calm, "back for long enough");
        sequencer.set(0, block.timestamp + 1);
        assertFalse(watched.referencePrices().calm, "from the future");
        sequencer.set(0, 0);
        assertFalse(watched.referencePrices().calm, "round not started");
        sequencer.set(0, block.timestamp - 7200);
        sequencer.kill();
        ReferencePrices memory refs = watched.referencePrices();
        assertFalse(refs.calm, "dead");
        assertGt(refs.midSqrtPriceX96, 0);
    }

    function test_constructor_refusesAGraceShorterThanTheWindow() public {
        OracleParameters memory parameters = _oracleParameters();
        parameters.sequencerFeed = address(new MockFeed(0, 0));
        parameters.sequencerGraceSeconds = WINDOW_SECONDS - 1;
        vm.expectRevert(
            abi.encodeWithSelector(
                ErrorsLib.SettingOutOfBounds.selector,
                bytes32("sequencerGraceSeconds"),
                WINDOW_SECONDS - 1,
                WINDOW_SECONDS,
                1 days
            )
        );
        new ReferencePriceOracle(parameters);
    }
}

contract Prober {
    ReferencePriceOracle private immutable oracle;
    bool public asked;
    bool public calmInside;

    constructor(ReferencePriceOracle oracle_) {
        oracle = oracle_;
    }

    function ask() external {
        asked = true;
        calmInside = oracle.referencePrices().calm;
    }
}
