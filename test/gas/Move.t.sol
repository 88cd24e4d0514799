// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BaseStrategy} from "../../strategies/BaseStrategy.sol";
import {Stage} from "../../strategies/interfaces/IModelRegistry.sol";
import {Bounds} from "../../strategies/libraries/BoundsLib.sol";
import {RebalanceProposal} from "../../strategies/libraries/ProposalLib.sol";
import {ModelStrategy} from "../../strategies/ModelStrategy.sol";
import {RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {RangeVault} from "../../vaults/RangeVault.sol";
import {Mlp, Network} from "../support/Mlp.sol";
import {GasTest} from "./GasTest.sol";

/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract MoveGasTest is GasTest {
    bytes32 private constant HEAD_ID = keccak256("test-head");

    uint256 private constant SOLD = 20_000e6;

    /* THE VAULT ALONE: AN ACCOUNT AS ITS STRATEGY */

    function _order(uint256 count, int24 shift, uint256 sold) private view returns (RebalanceOrder memory order) {
        order.ranges = _ranges(count, shift);
        order.swap.amountIn = sold;
    }

    function _vaultRow(string memory name, RebalanceOrder memory order) private {
        _row(name, operator, address(vault), abi.encodeCall(RangeVault.rebalance, (order)));
    }

    function _vaultMoves(uint256 count, string memory what) private {
        _live(count);
        uint256 id = vm.snapshotState();
        _vaultRow(string.concat("vault: move ", what, ", fresh ticks"), _order(count, 1, 0));
        vm.revertToState(id);
        _vaultRow(string.concat("vault: move ", what, ", fresh ticks, swap"), _order(count, 1, SOLD));
        vm.revertToState(id);
        _initialise(count, 1);
        _blocks(2);
        _vaultRow(string.concat("vault: move ", what, ", initialised ticks"), _order(count, 1, 0));
    }

    function test_gas_vaultOneRange() public {
        _vaultMoves(1, "1 range");
    }

    function test_gas_vaultTwoRanges() public {
        _vaultMoves(2, "2 ranges");
    }

    function test_gas_vaultThreeRanges() public {
        _vaultMoves(3, "3 ranges");
    }

    function test_gas_vaultFirstMoveAndDeRisk() public {
        vm.prank(owner);
        vault.setStrategy(operator);
        _deposit(alice, _assets(1_000_000));
        _blocks(2);
        _vaultRow("vault: first move, 1 range, swap", _order(1, 0, _assets(500_000)));
        _blocks(160);
        RebalanceOrder memory order;
        _vaultRow("vault: de-risk to idle, 1 range", order);
    }

    /// @dev The same ranges again: what fees and deposits brought is put to work.
    function test_gas_compound() public {
        _live(1);
        _vaultRow("compound, 1 range, first", _order(1, 0, 0));
        _blocks(160);
        _vaultRow("compound, 1 range, steady", _order(1, 0, 0));
    }

    /* THE RULES */

    function test_gas_fixedWidth() public {
        _live(1);
        _take(address(fixedWidth));
        _fixedWidthRow("rules strategy: move 1 range, fresh ticks", 60);
        _blocks(160);
        _initialise(1, 2);
        _fixedWidthRow("rules strategy: move 1 range, initialised ticks", 120);
    }

    function _fixedWidthRow(string memory name, int24 up) private {
        startTick += up;
        _blocks(160);
        RebalanceProposal memory proposal;
        proposal.vault = address(vault);
        proposal.nonce = fixedWidth.nextNonce();
        proposal.deadline = uint64(block.timestamp + 300);
        proposal.ranges = new RangeOrder[](1);
        (proposal.ranges[0],) = fixedWidth.plan();
        proposal.declaredCost = vault.totalAssets() / 1000;
        proposal.declaredGain = 2 * proposal.declaredCost;
        _row(name, operator, address(fixedWidth), abi.encodeCall(BaseStrategy.rebalance, (proposal, "")));
    }

    /* A MODEL */

    function _take(address strategy) private {
        vm.prank(owner);
        vault.setStrategy(strategy);
    }

    function _proposal(uint256 count, uint256 sold) private view returns (RebalanceProposal memory proposal) {
        proposal.vault = address(vault);
        proposal.nonce = modelStrategy.nextNonce();
        proposal.deadline = uint64(block.timestamp + 300);
        proposal.modelId = modelStrategy.modelId();
        proposal.inputsDigest = keccak256("inputs");
        proposal.declaredCost = vault.totalAssets() / 500;
        proposal.declaredGain = vault.totalAssets() / 100;
        proposal.declaredSpreadWad = 0.01e18;
        proposal.ranges = _ranges(count, 1);
        proposal.swap.amountIn = sold;
    }

    function _modelRow(string memory name, RebalanceProposal memory proposal) private {
        bytes memory data = abi.encodeCall(BaseStrategy.rebalance, (proposal, _signModel(proposal)));
        _row(name, operator, address(modelStrategy), data);
    }

    /// @dev The worst that may count: volatility asked of the pool, and an 8-32-32-3 net evaluated.
    function _prepareHead() private {
        uint256[] memory dims = new uint256[](4);
        (dims[0], dims[1], dims[2], dims[3]) = (8, 32, 32, 3);
        // An answer v stands for v / 2^40: next to nothing, so that the declared spread counts.
        Network memory network = Mlp.random(1, dims, 9, 127, 40);
        address[] memory head = Mlp.store(network);
        vm.startPrank(curator);
        registry.register(HEAD_ID, _modelParameters(head));
        registry.raiseStage(HEAD_ID, Stage.Full, 0);
        vm.stopPrank();
        skip(3 days);
        _blocks(160);
    }

    function _follow(bytes32 modelId) private {
        vm.prank(curator);
        modelStrategy.setModel(modelId);
    }

    function _watchVolatility() private {
        Bounds memory bounds = _defaultBounds();
        bounds.volatilityWindowSeconds = 1 hours;
        vm.prank(curator);
        modelStrategy.setBounds(bounds);
    }

    function _modelMoves(uint256 count, string memory what) private {
        _prepareHead();
        _live(count);
        _take(address(modelStrategy));
        uint256 id = vm.snapshotState();
        _modelRow(string.concat("model strategy: move ", what), _proposal(count, 0));
        vm.revertToState(id);
        _modelRow(string.concat("model strategy: move ", what, ", swap"), _proposal(count, SOLD));
        vm.revertToState(id);
        _watchVolatility();
        _modelRow(string.concat("model strategy: move ", what, ", volatility"), _proposal(count, 0));
        vm.revertToState(id);
        _watchVolatility();
        _follow(HEAD_ID);
        _modelRow(string.concat("model strategy: move ", what, ", volatility and head"), _proposal(count, 0));
    }

    function test_gas_modelOneRange() public {
        _modelMoves(1, "1 range");
    }

    function test_gas_modelTwoRanges() public {
        _modelMoves(2, "2 ranges");
    }

    function test_gas_heartbeat() public {
        _live(1);
        uint64 deadline = uint64(block.timestamp + 300);
        for (uint256 nonce = 1; nonce < 3; ++nonce) {
            bytes32 digest = modelStrategy.heartbeatDigest(deadline, nonce, "inputs");
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(SIGNER_KEY, digest);
            bytes memory data =
                abi.encodeCall(ModelStrategy.heartbeat, (deadline, nonce, "inputs", abi.encodePacked(r, s, v)));
            _row(nonce == 1 ? "heartbeat, first" : "heartbeat", operator, address(modelStrategy), data);
        }
    }
}
