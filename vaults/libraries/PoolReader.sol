// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

// Decoding what nobody uses was a tenth of a deposit.
// solhint-disable no-inline-assembly

import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";

/// @title Questions to a pool, without copying the answers around
/// @notice In assembly, because it was measured: a priced deposit asks the pool a dozen things and uses a few words of each
/// answer; decoding all of them costs 900 gas a question, this 200. A pool is a genuine Uniswap v3 pool, so its words are
/// clean; an answer that is too short (no pool there) is refused.
library PoolReader {
    function slot0(IUniswapV3Pool pool)
        internal
        view
        returns (uint160 sqrtPriceX96, int24 tick, uint16 index, uint16 cardinality, bool unlocked)
    {
        uint256 at = _ask(pool, IUniswapV3Pool.slot0.selector, 0, 224);
        assembly ("memory-safe") {
            sqrtPriceX96 := mload(at)
            tick := mload(add(at, 32))
            index := mload(add(at, 64))
            cardinality := mload(add(at, 96))
            unlocked := mload(add(at, 192))
        }
    }

    /// @notice Current price and tick.
    function spot(IUniswapV3Pool pool) internal view returns (uint160 sqrtPriceX96, int24 tick) {
        uint256 at = _ask(pool, IUniswapV3Pool.slot0.selector, 0, 224);
        assembly ("memory-safe") {
            sqrtPriceX96 := mload(at)
            tick := mload(add(at, 32))
        }
    }

    function observation(IUniswapV3Pool pool, uint256 index)
        internal
        view
        returns (uint32 blockTimestamp, int56 tickCumulative, uint160 perLiquidityX128, bool initialized)
    {
        uint256 at = _ask(pool, IUniswapV3Pool.observations.selector, index, 128);
        assembly ("memory-safe") {
            blockTimestamp := mload(at)
            tickCumulative := mload(add(at, 32))
            perLiquidityX128 := mload(add(at, 64))
            initialized := mload(add(at, 96))
        }
    }

    function position(IUniswapV3Pool pool, bytes32 key)
        internal
        view
        returns (uint128 liquidity, uint256 inside0X128, uint256 inside1X128, uint128 owed0, uint128 owed1)
    {
        uint256 at = _ask(pool, IUniswapV3Pool.positions.selector, uint256(key), 160);
        assembly ("memory-safe") {
            liquidity := mload(at)
            inside0X128 := mload(add(at, 32))
            inside1X128 := mload(add(at, 64))
            owed0 := mload(add(at, 96))
            owed1 := mload(add(at, 128))
        }
    }

    /// @notice Fee growth on the other side of an initialised tick.
    function feeGrowthOutside(IUniswapV3Pool pool, int24 tick)
        internal
        view
        returns (uint256 outside0X128, uint256 outside1X128)
    {
        // The ABI's word of a negative tick is its two's complement.
        uint256 at = _ask(pool, IUniswapV3Pool.ticks.selector, uint256(int256(tick)), 256);
        assembly ("memory-safe") {
            outside0X128 := mload(add(at, 64))
            outside1X128 := mload(add(at, 96))
        }
    }

    function feeGrowthGlobal(IUniswapV3Pool pool) internal view returns (uint256 global0X128, uint256 global1X128) {
        uint256 at = _ask(pool, IUniswapV3Pool.feeGrowthGlobal0X128.selector, 0, 32);
        assembly ("memory-safe") {
            global0X128 := mload(at)
        }
        at = _ask(pool, IUniswapV3Pool.feeGrowthGlobal1X128.selector, 0, 32);
        assembly ("memory-safe") {
            global1X128 := mload(at)
        }
    }

    /// @dev Asks with one argument (ignored by functions without any) and returns where the answer of `length` bytes
    /// lies: in free memory, good until something is allocated.
    function _ask(IUniswapV3Pool pool, bytes4 selector, uint256 argument, uint256 length)
        private
        view
        returns (uint256 at)
    {
        assembly ("memory-safe") {
            at := mload(0x40)
            mstore(at, selector)
            mstore(add(at, 4), argument)
            // Arguments are evaluated from the right: the call comes first.
            if iszero(and(gt(add(returndatasize(), 1), length), staticcall(gas(), pool, at, 36, at, length))) {
                revert(0, 0)
            }
        }
    }
}
