// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ModelParameters, Stage} from "../../../strategies/interfaces/IModelRegistry.sol";
import {StrategyErrorsLib} from "../../../strategies/libraries/StrategyErrorsLib.sol";
import {ModelRegistry} from "../../../strategies/models/ModelRegistry.sol";
import {StrategyTest} from "../../support/StrategyTest.sol";

contract ModelRegistryTest is StrategyTest {
    bytes32 private constant ID = keccak256("another");

    function _register() private {
        vm.prank(curator);
        registry.register(ID, _parameters(bob, 1000));
    }

    function _parameters(address signer, uint16 feeShareBps) private view returns (ModelParameters memory) {
        return ModelParameters(bytes32("sha"), bytes32("manifest"), signer, alice, feeShareBps, new address[](0));
    }

    function test_register_beginsInShadowAndNeverAgain() public {
        _register();
        assertEq(uint8(registry.stageOf(ID)), uint8(Stage.Shadow));
        assertEq(registry.model(ID).signer, bob);
        vm.startPrank(curator);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.ModelExists.selector, ID));
        registry.register(ID, _parameters(alice, 1000));
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.SignerMissing.selector, bytes32("x")));
        registry.register("x", _parameters(address(0), 1000));
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.FeeShareAboveMax.selector, 5001, 5000));
        registry.register("x", _parameters(bob, 5001));
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.ModelExists.selector, bytes32(0)));
        registry.register(0, _parameters(bob, 1000));
    }

    function test_raiseStage_takesEffectAfterTheNotice() public {
        _register();
        vm.prank(curator);
        registry.raiseStage(ID, Stage.Full, 0);
        skip(2 days - 1);
        assertEq(uint8(registry.stageOf(ID)), uint8(Stage.Shadow));
        skip(1);
        assertEq(uint8(registry.stageOf(ID)), uint8(Stage.Full));
    }

    function test_raiseStage_revertsWhenTheCapDoesNotFit() public {
        _register();
        uint256 cap = uint256(type(uint128).max) + 1;
        vm.startPrank(curator);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.CapTooLarge.selector, cap));
        registry.raiseStage(ID, Stage.Canary, cap);
        registry.raiseStage(ID, Stage.Canary, cap - 1);
    }

    function test_lowerStage_isInstantAndCancelsARise() public {
        _register();
        vm.prank(curator);
        registry.raiseStage(ID, Stage.Canary, 100);
        vm.prank(guardian);
        registry.lowerStage(ID, Stage.Shadow);
        skip(3 days);
        assertEq(uint8(registry.stageOf(ID)), uint8(Stage.Shadow));
        vm.prank(guardian);
        registry.lowerStage(ID, Stage.Retired);
        vm.prank(curator);
        vm.expectPartialRevert(StrategyErrorsLib.StageRefused.selector);
        registry.raiseStage(ID, Stage.Full, 0);
    }

    function testFuzz_raiseStage_onlyUpAndLowerOnlyDown(uint8 from, uint8 to) public {
        from = uint8(bound(from, 1, 3));
        to = uint8(bound(to, 0, 4));
        _register();
        if (from > 1) {
            vm.prank(curator);
            registry.raiseStage(ID, Stage(from), 0);
            skip(2 days);
        }
        bool rises = to > from && to <= uint8(Stage.Full);
        if (!rises) vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.StageRefused.selector, ID, from, to));
        vm.prank(curator);
        registry.raiseStage(ID, Stage(to), 0);
        bool falls = to != 0 && (to <= from || to == uint8(Stage.Retired));
        if (!falls) vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.StageRefused.selector, ID, from, to));
        vm.prank(guardian);
        registry.lowerStage(ID, Stage(to));
    }

    function test_roles_strangersAreRefused() public {
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, bob);
        vm.startPrank(bob);
        vm.expectRevert(refusal);
        registry.register(ID, _parameters(bob, 0));
        vm.expectRevert(refusal);
        registry.raiseStage(MODEL_ID, Stage.Full, 0);
        vm.expectRevert(refusal);
        registry.lowerStage(MODEL_ID, Stage.Retired);
        vm.expectRevert(refusal);
        registry.setNotice(0);
    }

    /// A shorter notice waits for the longer one: it cannot shorten a rise that could be asked now.
    function test_setNotice_shorterHoldsAfterTheLonger() public {
        _register();
        vm.startPrank(curator);
        registry.setNotice(1 hours);
        assertEq(registry.noticeSeconds(), 2 days);
        registry.raiseStage(ID, Stage.Full, 0);
        skip(2 days - 1);
        assertEq(uint8(registry.stageOf(ID)), uint8(Stage.Shadow));
        assertEq(registry.noticeSeconds(), 2 days);
        skip(1);
        assertEq(registry.noticeSeconds(), 1 hours);
        // Longer is instant, and drops the shorter that was asked.
        registry.setNotice(0);
        registry.setNotice(3 days);
        assertEq(registry.noticeSeconds(), 3 days);
        skip(1 days);
        assertEq(registry.noticeSeconds(), 3 days);
    }

    function test_setNotice_isCapped() public {
        vm.prank(curator);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.NoticeAboveMax.selector, 31 days, 30 days));
        registry.setNotice(31 days);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.NoticeAboveMax.selector, 31 days, 30 days));
        new ModelRegistry(address(manager), 31 days);
        assertEq(new ModelRegistry(address(manager), 30 days).noticeSeconds(), 30 days);
    }
}
