// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../../../vaults/interfaces/IUniswapV3Pool.sol";
import {ObservationRing, ObservationsLib} from "../../../vaults/libraries/ObservationsLib.sol";
import {BaseTest} from "../../support/BaseTest.sol";

/// @notice Every answer beside that of the pool's own `observe`.
contract ObservationsLibTest is BaseTest {
    function setUp() public override {
        vm.warp(1_700_000_000);
        _deployPool();
    }

    function _compare(uint256 windowSeconds) private view {
        (, int24 tick, uint16 index, uint16 cardinality,,,) = pool.slot0();
        ObservationRing memory ring = ObservationsLib.open(pool, index, cardinality, tick);
        (bool known, int56 ticks, uint128 meanLiquidity) = ObservationsLib.over(ring, windowSeconds);
        // From the window's start to the newest observation, and to now.
        uint256 newestAge = ring.newest.age;
        uint32[] memory ago = new uint32[](3);
        (ago[0], ago[1]) = (uint32(windowSeconds), uint32(newestAge < windowSeconds ? newestAge : windowSeconds));
        try pool.observe(ago) returns (int56[] memory cumulatives, uint160[] memory perLiquidity) {
            assertTrue(known, "the pool knows");
            assertEq(ticks, cumulatives[2] - cumulatives[0], "ticks");
            assertEq(meanLiquidity, _mean(perLiquidity, ago[0] - ago[1]), "liquidity");
        } catch {
            assertFalse(known, "the pool does not know");
        }
    }

    /// @dev 0 where no observation lies in between.
    function _mean(uint160[] memory perLiquidity, uint256 spanSeconds) private pure returns (uint256) {
        if (spanSeconds == 0) return 0;
        unchecked {
            return (spanSeconds << 128) / (perLiquidity[1] - perLiquidity[0]);
        }
    }

    /// @dev Uneven gaps, from a second to an hour, in a ring that may be full, half full or just grown.
    function testFuzz_growth_isWhatThePoolSays(uint256 seed, uint16 trades, uint32 windowSeconds) public {
        uint256 count = bound(trades, 0, 450);
        for (uint256 i; i < count; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            skip(seed % 5 == 0 ? 1 + ((seed >> 8) % 3600) : 1 + ((seed >> 8) % 30));
            trader.moveTo(startTick + int24(int256((seed >> 64) % 400)) - 200);
            if (seed % 97 == 0) pool.increaseObservationCardinalityNext(uint16(400 + ((seed >> 128) % 200)));
        }
        if (seed % 3 != 0) skip(seed % 100);
        (,,, uint16 cardinality,,,) = pool.slot0();
        assertGt(cardinality, 1);
        for (uint256 i; i < 8; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            _compare(1 + (seed % (i % 2 == 0 ? 2000 : 40_000)));
        }
        _compare(windowSeconds > 0 ? windowSeconds : 1);
    }

    /// @dev On an observation, a second beside it, at the oldest and beyond it.
    function test_growth_atTheEdges() public {
        for (uint256 i; i < 500; ++i) {
            skip(12);
            trader.moveTo(startTick + int24(int256(i % 7)) * 10);
        }
        (,, uint16 index, uint16 cardinality,,,) = pool.slot0();
        for (uint256 offset; offset < cardinality; offset += 37) {
            (uint32 at,,,) = pool.observations((uint256(index) + cardinality - offset) % cardinality);
            uint256 age = block.timestamp - at;
            if (age > 1) _compare(age - 1);
            if (age > 0) _compare(age);
            _compare(age + 1);
        }
        (uint32 oldest,,,) = pool.observations((uint256(index) + 1) % cardinality);
        _compare(block.timestamp - oldest);
        _compare(block.timestamp - oldest + 1);
    }

    /// @dev A pool that was just made keeps a single observation.
    function test_growth_ofAYoungPool() public {
        IUniswapV3Pool(_another()).slot0();
        _compare(1);
        skip(5);
        _compare(4);
        _compare(5);
        _compare(6);
    }

    function _another() private returns (address) {
        (poolFeePips, poolSpacing) = (3000, 60);
        _deployYoungPool();
        return address(pool);
    }

    function _deployYoungPool() private {
        address factory =
            deployCode("node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json");
        (bool made, bytes memory answer) = factory.call(
            abi.encodeWithSignature("createPool(address,address,uint24)", address(token0), address(token1), poolFeePips)
        );
        assertTrue(made);
        pool = IUniswapV3Pool(abi.decode(answer, (address)));
        (made,) = address(pool).call(abi.encodeWithSignature("initialize(uint160)", uint160(1 << 96)));
        assertTrue(made);
    }
}
