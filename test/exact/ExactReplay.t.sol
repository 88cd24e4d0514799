// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {ExactDriver, FreeToken} from "./ExactDriver.sol";

interface IExactFactory {
    function enableFeeAmount(uint24 fee, int24 tickSpacing) external;
    function feeAmountTickSpacing(uint24 fee) external view returns (int24);
    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address);
}

/// @title Plays chunks of operations in the real pool bytecode and holds every one to the engine's hash
///
/// The engine writes the chunks beforehand, each with the running hash after every operation. Without a folder of fresh
/// ones in RANGEKEEPER_EXACT the committed sample is played.
contract ExactReplayTest is ExactDriver, Test {
    /// @dev One pool's life. `slots` and `values` are written into its storage before the first operation; `expected`
    /// holds the first eight bytes of the running hash after each operation, then of `everything`.
    struct Chunk {
        uint24 feePips;
        int24 tickSpacing;
        bytes32[] slots;
        bytes32[] values;
        int24[] ticks;
        Operation[] positions;
        bytes operations;
        bytes expected;
    }

    /// @dev All of a chunk is as expected; raised so that the chunk leaves nothing behind, not even memory.
    error Equal(uint256 operations);
    /// @dev The first operation after which the real pool differs; one past the last = the comparison of everything.
    error Different(uint256 operation, bytes8 expected, bytes8 real);

    string private constant FACTORY =
        "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";

    function test_everyOperationLeavesTheRealPoolAsTheEngineSays() public {
        vm.pauseGasMetering();
        string memory fresh = vm.envOr("RANGEKEEPER_EXACT", string(""));
        string memory folder = bytes(fresh).length > 0 ? fresh : "test/exact/sample";
        uint256 chunks = vm.parseUint(vm.readLine(string.concat(folder, "/chunks.txt")));
        uint256 operations;
        for (uint256 i; i < chunks; ++i) {
            string memory path = string.concat(folder, "/", vm.toString(i), ".bin");
            try this.playFile(path) {
                fail();
            } catch (bytes memory answer) {
                // casting to 'bytes4' is safe because an error begins with its selector
                // forge-lint: disable-next-line(unsafe-typecast)
                if (bytes4(answer) != Equal.selector) {
                    string memory text = string.concat(vm.toString(i), " ", vm.toString(answer));
                    if (bytes(fresh).length > 0) vm.writeFile(string.concat(folder, "/different.txt"), text);
                    revert(text);
                }
                operations += uint256(bytes32(_tail(answer)));
            }
        }
        assertGt(operations, 0);
    }

    function playFile(string calldata path) external {
        this.playChunk(abi.decode(vm.readFileBinary(path), (Chunk)));
    }

    function playChunk(Chunk calldata chunk) external {
        open(_deploy(chunk.feePips, chunk.tickSpacing));
        for (uint256 i; i < chunk.slots.length; ++i) {
            vm.store(address(pool), chunk.slots[i], chunk.values[i]);
        }
        uint256 count = chunk.operations.length / OPERATION_BYTES;
        bytes32 hash;
        for (uint256 i; i < count; ++i) {
            Operation memory operation = unpack(chunk.operations, i);
            vm.warp(operation.time);
            hash = _play(hash, operation, chunk.ticks);
            _hold(chunk, i, hash);
        }
        _hold(chunk, count, everything(chunk.ticks, chunk.positions));
        revert Equal(count);
    }

    function _hold(Chunk calldata chunk, uint256 index, bytes32 hash) private pure {
        bytes8 expected = bytes8(chunk.expected[index * 8:(index + 1) * 8]);
        require(bytes8(hash) == expected, Different(index, expected, bytes8(hash)));
    }

    function _deploy(uint24 feePips, int24 tickSpacing) private returns (address) {
        IExactFactory factory = IExactFactory(deployCode(FACTORY));
        if (factory.feeAmountTickSpacing(feePips) != tickSpacing) factory.enableFeeAmount(feePips, tickSpacing);
        return factory.createPool(address(new FreeToken()), address(new FreeToken()), feePips);
    }

    function _tail(bytes memory answer) private pure returns (bytes memory tail) {
        tail = new bytes(32);
        for (uint256 i; i < 32; ++i) {
            tail[i] = answer[i + 4];
        }
    }
}
