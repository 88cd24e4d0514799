// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BaseStrategy} from "../../strategies/BaseStrategy.sol";
import {ModelStrategy} from "../../strategies/ModelStrategy.sol";
import {ModelParameters, Stage} from "../../strategies/interfaces/IModelRegistry.sol";
import {Bounds} from "../../strategies/libraries/BoundsLib.sol";
import {RebalanceProposal} from "../../strategies/libraries/ProposalLib.sol";
import {ModelRegistry} from "../../strategies/models/ModelRegistry.sol";
import {RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {BaseTest} from "./BaseTest.sol";

/// @notice BaseTest with a registered model and its strategy in the vault's slot.
abstract contract StrategyTest is BaseTest {
    bytes32 internal constant MODEL_ID = keccak256("test-model");
    uint256 internal constant SIGNER_KEY = 0xA11CE;

    ModelRegistry internal registry;
    ModelStrategy internal modelStrategy;

    function setUp() public virtual override {
        super.setUp();
        registry = new ModelRegistry(address(manager), 0);
        bytes4[] memory selectors = new bytes4[](3);
        selectors[0] = ModelRegistry.register.selector;
        selectors[1] = ModelRegistry.raiseStage.selector;
        selectors[2] = ModelRegistry.setNotice.selector;
        manager.setTargetFunctionRole(address(registry), selectors, 2);
        selectors = new bytes4[](1);
        selectors[0] = ModelRegistry.lowerStage.selector;
        manager.setTargetFunctionRole(address(registry), selectors, 3);
        vm.startPrank(curator);
        registry.register(MODEL_ID, _modelParameters(new address[](0)));
        registry.raiseStage(MODEL_ID, Stage.Full, 0);
        registry.setNotice(2 days);
        vm.stopPrank();

        modelStrategy = new ModelStrategy(vault, registry, MODEL_ID, address(manager), _defaultBounds());
        selectors = new bytes4[](2);
        selectors[0] = BaseStrategy.setBounds.selector;
        selectors[1] = ModelStrategy.setModel.selector;
        manager.setTargetFunctionRole(address(modelStrategy), selectors, 2);
        selectors = new bytes4[](2);
        selectors[0] = BaseStrategy.invalidateNonce.selector;
        selectors[1] = BaseStrategy.cancelAnnouncement.selector;
        manager.setTargetFunctionRole(address(modelStrategy), selectors, 3);
        vm.prank(owner);
        vault.setStrategy(address(modelStrategy));
    }

    function _defaultBounds() internal pure virtual returns (Bounds memory) {
        return Bounds({
            minWidthTicks: 200,
            maxWidthTicks: 20_000,
            maxCentreDistanceTicks: 1000,
            cooldownSeconds: 1800,
            maxMovesPerDay: 4,
            gainMarginWad: 1.2e18,
            maxSwapShareWad: 0.6e18,
            widthFloorBaseTicks: 200,
            widthFloorPerSpreadTicks: 12_665,
            fullShareSpreadWad: 0.05e18,
            minShareWad: 0.2e18,
            spreadCeilingWad: 0.3e18,
            volatilityWindowSeconds: 0,
            maxSilenceSeconds: 0
        });
    }

    function _modelParameters(address[] memory head) internal pure returns (ModelParameters memory) {
        return ModelParameters(sha256("onnx"), keccak256("manifest"), vm.addr(SIGNER_KEY), address(0), 0, head);
    }

    /// @dev A proposal that passes every bound in a calm market, unsigned.
    function _goodProposal() internal view virtual returns (RebalanceProposal memory proposal) {
        RebalanceOrder memory order = _centredOrder(600, 0.9e18);
        proposal.vault = address(vault);
        proposal.nonce = modelStrategy.nextNonce();
        proposal.deadline = uint64(block.timestamp + 300);
        proposal.modelId = MODEL_ID;
        proposal.inputsDigest = keccak256("inputs");
        uint256 nav = vault.totalAssets();
        proposal.declaredCost = nav / 500;
        proposal.declaredGain = nav / 100;
        proposal.declaredSpreadWad = 0.05e18;
        proposal.ranges = order.ranges;
        proposal.swap = order.swap;
    }

    function _signModel(RebalanceProposal memory proposal) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SIGNER_KEY, modelStrategy.proposalDigest(proposal));
        return abi.encodePacked(r, s, v);
    }
}
