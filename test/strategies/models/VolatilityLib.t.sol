// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {console} from "forge-std/Test.sol";
import {RealisedVolatility, VolatilityLib} from "../../../strategies/models/VolatilityLib.sol";
import {IUniswapV3Pool} from "../../../vaults/interfaces/IUniswapV3Pool.sol";
import {BaseTest, IFactory, IPoolInitialize} from "../../support/BaseTest.sol";
import {makeCold} from "../../support/MakeCold.sol";

/// @notice So that gas is that of a call.
contract Volatility {
    function measure(IUniswapV3Pool pool, uint256 windowSeconds) external view returns (RealisedVolatility memory) {
        return VolatilityLib.measure(pool, windowSeconds);
    }
}

contract VolatilityLibTest is BaseTest {
    uint256 private constant WINDOW = 1920; // cells of 240 s

    Volatility private volatility = new Volatility();

    function _measure() private view returns (RealisedVolatility memory) {
        return volatility.measure(pool, WINDOW);
    }

    /// @dev `steps` trades, `seconds_` apart, each up or down by `ticks`.
    function _walk(uint256 seed, uint256 steps, uint256 seconds_, int24 ticks) private {
        int24 at = _spotTick();
        for (uint256 i; i < steps; ++i) {
            skip(seconds_);
            at += uint256(keccak256(abi.encode(seed, i))) % 2 == 0 ? ticks : -ticks;
            if (at > startTick + 3000) at -= 2 * ticks;
            if (at < startTick - 3000) at += 2 * ticks;
            trader.moveTo(at);
        }
    }

    /// @dev The same from the pool's `observe` at the exact edges.
    function _byObserve() private view returns (int256[7] memory changesX8) {
        uint32[] memory ago = new uint32[](9);
        for (uint256 i; i < 9; ++i) {
            ago[i] = uint32((WINDOW / 8) * i);
        }
        (int56[] memory cumulative,) = pool.observe(ago);
        int256[8] memory means;
        for (uint256 i; i < 8; ++i) {
            means[i] = (int256(cumulative[i] - cumulative[i + 1]) << 8) / int256(WINDOW / 8);
        }
        for (uint256 i; i < 7; ++i) {
            changesX8[i] = means[i] - means[i + 1];
        }
    }

    /// Trades at fractions of a cell longer than the tolerance: observations lie exactly at the edges.
    function testFuzz_measure_equalsThePoolsOwnObserve(uint256 seed, uint256 part) public {
        part = [uint256(80), 120, 240][part % 3];
        _walk(seed, (WINDOW / part) + 8, part, 9);
        RealisedVolatility memory realised = _measure();
        int256[7] memory expected = _byObserve();
        assertEq(realised.observations, WINDOW / part + 1);
        for (uint256 i; i < 7; ++i) {
            assertEq(realised.changesX8[i], expected[i]);
        }
    }

    /// At any times the edges are the pool's own, or an exact mean that begins at most a quarter of a cell off.
    function testFuzz_measure_staysCloseToObserveAtAnyTimes(uint256 seed) public {
        for (uint256 i; i < 60; ++i) {
            skip(1 + (uint256(keccak256(abi.encode(seed, i, "time"))) % 90));
            trader.moveTo(startTick + int24(int256(uint256(keccak256(abi.encode(seed, i))) % 60)));
        }
        skip(seed % 300);
        RealisedVolatility memory realised = _measure();
        if (!realised.known) return;
        int256[7] memory expected = _byObserve();
        for (uint256 i; i < 7; ++i) {
            // Two means of ticks within 60 of each other, each with at most 1/4 of a span at either end exchanged.
            assertApproxEqAbs(realised.changesX8[i], expected[i], 60 * 256);
        }
    }

    /// A random walk of ±5 ticks a minute has 5 √1440 = 190 ticks a day: a spread of 1.28 × 1.9 %.
    function test_measure_findsTheVolatilityOfARandomWalk() public {
        uint256 squares;
        for (uint256 i; i < 60; ++i) {
            _walk(i, 33, 60, 5);
            RealisedVolatility memory realised = _measure();
            assertTrue(realised.known);
            squares += (realised.spreadWad / 1e9) ** 2;
        }
        // 1.28 x 189.74e-4; each of the 60 windows has seven changes, so the variance is known to about a tenth.
        uint256 expected = 0.024286e9;
        assertApproxEqRel(squares / 60, expected ** 2, 0.2e18);
    }

    function test_measure_ofAQuietMarketIsNothing() public {
        for (uint256 i; i < 20; ++i) {
            skip(120);
            _tradeAround();
        }
        RealisedVolatility memory realised = _measure();
        assertTrue(realised.known);
        assertLt(realised.spreadWad, 0.0005e18);
    }

    /// Whoever writes observations (dust of liquidity per block) chooses nothing.
    function test_measure_ignoresObservationsThatOthersWrite() public {
        _walk(3, 70, 60, 20);
        uint256 snapshot = vm.snapshotState();
        skip(192);
        uint256 expected = _measure().spreadWad;
        vm.revertToState(snapshot);
        for (uint256 i; i < 16; ++i) {
            skip(12);
            trader.provide(address(trader), startTick - 6000, startTick + 6000, 1);
        }
        assertApproxEqAbs(_measure().observations, 16 + 29, 1);
        assertApproxEqRel(_measure().spreadWad, expected, 0.02e18);
    }

    function test_measure_isUnknownWithTooFewObservations() public {
        assertFalse(_measure().known, "two trades");
        skip(WINDOW);
        for (uint256 i; i < 7; ++i) {
            skip(200);
            _tradeAround();
        }
        assertFalse(_measure().known, "seven in the window");
        skip(200);
        _tradeAround();
        assertTrue(_measure().known, "eight in the window");
        skip(WINDOW);
        assertFalse(_measure().known, "none in the window");
    }

    function test_measure_isUnknownWhileTheRingIsTooShort() public {
        address factory =
            deployCode("node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json");
        pool = IUniswapV3Pool(IFactory(factory).createPool(address(token0), address(token1), 3000));
        assertFalse(_measure().known, "not initialised");
        IPoolInitialize(address(pool)).initialize(1 << 96);
        skip(10_000);
        assertFalse(_measure().known, "one slot");
    }

    /// The ring has gone round: the oldest is the slot after the newest.
    function test_measure_worksInARingThatHasGoneRound() public {
        _walk(5, 500, 12, 3);
        (,, uint16 index, uint16 cardinality,,,) = pool.slot0();
        assertEq(cardinality, 400);
        assertLt(index, 399);
        RealisedVolatility memory realised = _measure();
        int256[7] memory expected = _byObserve();
        for (uint256 i; i < 7; ++i) {
            assertEq(realised.changesX8[i], expected[i]);
        }
        assertFalse(volatility.measure(pool, 4801).known, "older than the ring");
        assertTrue(volatility.measure(pool, 4780).known);
    }

    function test_gas_ofAMeasure() public {
        _walk(5, 500, 12, 3);
        _gas("every 12 s, ring of 400", 60_000);
        for (uint256 i; i < 200; ++i) {
            skip(1 + (uint256(keccak256(abi.encode(i))) % 60));
            trader.moveTo(startTick + int24(int256(i % 7)));
        }
        _gas("at random, ring of 400", 65_000);
        skip(240);
        _gas("and nothing for 240 s", 65_000);
    }

    function _gas(string memory name, uint256 most) private {
        makeCold(vm, address(pool));
        RealisedVolatility memory realised = _measure();
        uint256 used = vm.lastCallGas().gasTotalUsed;
        console.log("%s: %s gas", name, used);
        assertTrue(realised.known);
        assertLe(used, most);
    }
}
