// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Position} from "../../vaults/interfaces/IRangeVault.sol";
import {BareCaller} from "./BareCaller.sol";
import {GasTest} from "./GasTest.sol";

/// @notice The same work by a caller without shares, prices, limits or books: what no vault can go below.
/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract FloorGasTest is GasTest {
    BareCaller private bare;

    function _hold(uint256 count) private {
        bare = new BareCaller(pool);
        token0.mint(address(bare), 1e24);
        token1.mint(address(bare), 1e15);
        Position[] memory list = _tiny(count, 0);
        for (uint256 i; i < count; ++i) {
            bare.mint(list[i]);
        }
        _blocks(160);
    }

    function _floorRow(string memory name, bytes memory data) private {
        _row(string.concat("floor: ", name), operator, address(bare), data);
    }

    function _move(uint256 count, uint256 sold) private view returns (bytes memory) {
        return abi.encodeCall(BareCaller.move, (_tiny(count, 0), _tiny(count, 1), false, int256(sold)));
    }

    function _moves(uint256 count, string memory what) private {
        _hold(count);
        uint256 id = vm.snapshotState();
        _floorRow(string.concat("move ", what, ", fresh ticks"), _move(count, 0));
        vm.revertToState(id);
        _floorRow(string.concat("move ", what, ", fresh ticks, swap"), _move(count, 20_000e6));
        vm.revertToState(id);
        _initialise(count, 1);
        _blocks(2);
        _floorRow(string.concat("move ", what, ", initialised ticks"), _move(count, 0));
    }

    function test_gas_floorOneRange() public {
        _moves(1, "1 range");
    }

    function test_gas_floorTwoRanges() public {
        _moves(2, "2 ranges");
    }

    function test_gas_floorThreeRanges() public {
        _moves(3, "3 ranges");
    }

    function test_gas_floorSteps() public {
        _hold(1);
        Position memory position = _tiny(1, 0)[0];
        uint256 id = vm.snapshotState();
        _floorRow("mint on a live range", abi.encodeCall(BareCaller.mint, (position)));
        vm.revertToState(id);
        Position[] memory poke = _tiny(1, 0);
        poke[0].liquidity = 0;
        _floorRow("poke and collect", abi.encodeCall(BareCaller.burn, (poke[0])));
        vm.revertToState(id);
        bytes memory compound = abi.encodeCall(BareCaller.move, (poke, _tiny(1, 0), false, 0));
        _floorRow("compound, first", compound);
        _blocks(160);
        _floorRow("compound, steady", compound);
        vm.revertToState(id);
        _floorRow("burn all and collect", abi.encodeCall(BareCaller.burn, (position)));
        vm.revertToState(id);
        position.liquidity /= 2;
        _floorRow("burn half and collect", abi.encodeCall(BareCaller.burn, (position)));
        _blocks(160);
        position.liquidity /= 2;
        _floorRow("burn half and collect, steady", abi.encodeCall(BareCaller.burn, (position)));
    }
}
