// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {OracleParameters} from "../../vaults/oracles/ReferencePriceOracle.sol";
import {RangeVault} from "../../vaults/RangeVault.sol";
import {MockGate} from "../support/mocks/MockGate.sol";
import {GasTest} from "./GasTest.sol";

/// @notice The same deposit and the same move, each with one guard more or less.
abstract contract GuardsGasTest is GasTest {
    address internal carol = makeAddr("carol");

    function _prepare() internal {
        _approved(carol, _assets(10_000));
        _live(1);
        _deposit(carol, _assets(1000));
        vm.prank(carol);
        assetToken.approve(address(vault), type(uint256).max);
        assetToken.mint(carol, _assets(10_000));
        _blocks(30);
    }

    function _depositRow(string memory guard) internal {
        bytes memory data = abi.encodeCall(IERC4626.deposit, (_assets(1000), carol));
        _row(string.concat("guards: deposit, ", guard), carol, address(vault), data);
    }

    function _moveRow(string memory guard) internal {
        RebalanceOrder memory order;
        order.ranges = _ranges(1, 1);
        _row(
            string.concat("guards: move, ", guard),
            operator,
            address(vault),
            abi.encodeCall(RangeVault.rebalance, (order))
        );
    }

    function _configure(bytes32 key, uint256 value) internal {
        vm.prank(curator);
        vault.configure(key, value);
    }
}

/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract WithFeedGasTest is GuardsGasTest {
    function test_gas_guards() public {
        _prepare();
        uint256 id = vm.snapshotState();
        _depositRow("as it is");
        vm.revertToState(id);
        _moveRow("as it is");

        vm.revertToState(id);
        MockGate gate = new MockGate();
        gate.allow(carol);
        vm.prank(owner);
        vault.setGate(address(gate));
        _depositRow("with a gate");

        vm.revertToState(id);
        _configure("managementFeeBps", 0);
        _depositRow("without a management fee");

        vm.revertToState(id);
        _configure("performanceFeeBps", 1000);
        _depositRow("with a performance fee");
        vm.revertToState(id);
        _configure("performanceFeeBps", 1000);
        _moveRow("with a performance fee");

        vm.revertToState(id);
        _configure("maxPoolShareBps", 10_000);
        _moveRow("without a pool-share cap");
    }

    function test_gas_harvest() public {
        _prepare();
        uint256 id = vm.snapshotState();
        _harvestRow("the management fee");

        vm.revertToState(id);
        _configure("performanceFeeBps", 1000);
        skip(7 days);
        // Trades enough that there is something to charge.
        _blocks(300);
        (uint256 management,) = vault.dueShares();
        assertGt(vault.effectiveSupply(), vault.totalSupply() + management);
        uint256 earned = vm.snapshotState();
        _moveRow("with a performance fee to charge");
        vm.revertToState(earned);
        _harvestRow("both fees");
        (,,, uint256 chargedAt) = vault.feeMarks();
        assertEq(chargedAt, block.timestamp);
    }

    function _harvestRow(string memory what) private {
        _row(string.concat("harvest: ", what), operator, address(vault), abi.encodeCall(RangeVault.collectFees, ()));
    }
}

/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract WithoutFeedGasTest is GuardsGasTest {
    function _oracleParameters() internal view override returns (OracleParameters memory parameters) {
        parameters = super._oracleParameters();
        parameters.feed = address(0);
    }

    function test_gas_guardsWithoutFeed() public {
        _prepare();
        uint256 id = vm.snapshotState();
        _depositRow("without a feed");
        vm.revertToState(id);
        _moveRow("without a feed");
    }
}
