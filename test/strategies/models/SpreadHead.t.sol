// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DataContracts} from "../../../deploy/DataContracts.sol";
import {Stage} from "../../../strategies/interfaces/IModelRegistry.sol";
import {Bounds} from "../../../strategies/libraries/BoundsLib.sol";
import {RebalanceProposal} from "../../../strategies/libraries/ProposalLib.sol";
import {StrategyErrorsLib} from "../../../strategies/libraries/StrategyErrorsLib.sol";
import {MlpShape, QuantizedMlp} from "../../../strategies/models/QuantizedMlp.sol";
import {RealisedVolatility, VolatilityLib} from "../../../strategies/models/VolatilityLib.sol";
import {StrategyTest} from "../../support/StrategyTest.sol";

/// @notice The head that ships, in data contracts, as a registered model's.
contract SpreadHeadTest is StrategyTest {
    string private constant HEAD = "deploy/heads/spread-head";

    bytes32 private constant ID = keccak256("with-head");

    /// @dev Its own frame, so that the loaded weights do not pile up in the test's memory.
    function evaluate(address[] memory data, int256[] memory inputs) external view returns (int256[] memory) {
        return QuantizedMlp.evaluate(data, inputs);
    }

    function _head() private returns (address[] memory) {
        return DataContracts.create(vm.parseBytes(vm.trim(vm.readFile(string.concat(HEAD, ".hex")))));
    }

    /// To the bit what the integer reference answered: zero, the extremes and beyond, one input at a time, random.
    function test_evaluate_answersTheShippedVectors() public {
        string memory json = vm.readFile(string.concat(HEAD, ".vectors.json"));
        bytes memory blob = vm.parseBytes(vm.trim(vm.readFile(string.concat(HEAD, ".hex"))));
        assertEq(keccak256(blob), vm.parseJsonBytes32(json, ".blobKeccak256"));
        address[] memory data = DataContracts.create(blob);
        MlpShape memory shape = QuantizedMlp.shapeOf(data);
        assertEq(shape.dims[0], 8);
        assertEq(shape.dims[1], 32);
        uint256 cases;
        for (; vm.keyExistsJson(json, _item("inputs", cases)); ++cases) {
            int256[] memory answers = this.evaluate(data, vm.parseJsonIntArray(json, _item("inputs", cases)));
            assertEq(answers, vm.parseJsonIntArray(json, _item("outputs", cases)));
        }
        assertEq(cases, 77);
    }

    function _item(string memory name, uint256 i) private pure returns (string memory) {
        return string.concat(".", name, "[", vm.toString(i), "]");
    }

    /// @dev Follows the head over a day, and trades for as long: `ticks` up for three hours, as many down.
    function _liveADay(int24 ticks) private {
        Bounds memory bounds = _defaultBounds();
        bounds.volatilityWindowSeconds = 1 days;
        vm.startPrank(curator);
        modelStrategy.setBounds(bounds);
        registry.register(ID, _modelParameters(_head()));
        registry.raiseStage(ID, Stage.Full, 0);
        vm.stopPrank();
        skip(2 days);
        vm.prank(curator);
        modelStrategy.setModel(ID);
        for (uint256 i; i < 81; ++i) {
            skip(20 minutes);
            trader.moveTo(startTick + int24(int256(i % 2)) + ((i / 9) % 2 == 0 ? ticks : -ticks));
        }
        skip(20 minutes);
        trader.moveTo(startTick);
        skip(WINDOW_SECONDS);
        _tradeAround();
        skip(12);
    }

    function test_strategy_takesTheWorseOfPoolAndHead() public {
        _deposit(alice, _assets(1_000_000));
        _liveADay(60);
        RealisedVolatility memory realised = modelStrategy.realisedVolatility();
        assertTrue(realised.known);
        uint256 head = QuantizedMlp.lastOutputWad(registry.headOf(ID), VolatilityLib.headInputs(realised));
        assertGt(head, 0.005e18, "the head has an opinion");
        assertLt(head, 0.2e18, "and not an absurd one");
        uint256 worse = head > realised.spreadWad ? head : realised.spreadWad;
        assertEq(modelStrategy.effectiveSpreadWad(0), worse);
        // The signer may say more, not less.
        assertEq(modelStrategy.effectiveSpreadWad(worse + 1), worse + 1);
        (uint24 floor, uint256 share,) = modelStrategy.confidenceLimits(worse);
        RebalanceProposal memory proposal = _goodProposal();
        proposal.modelId = ID;
        proposal.declaredSpreadWad = 0;
        // The widest range on the pool's spacing that is narrower than the floor.
        int24 half = (int24(floor - 1) / 2 / SPACING) * SPACING;
        proposal.ranges = _around(half, uint64(share));
        bytes memory signature = _signModel(proposal);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.WidthBelowFloor.selector, 0, uint24(2 * half), floor));
        modelStrategy.rebalance(proposal, signature);
        proposal.ranges = _around(half + SPACING, uint64(share));
        modelStrategy.rebalance(proposal, _signModel(proposal));
        assertEq(vault.positions().length, 1);
    }
}
