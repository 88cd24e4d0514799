// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BaseStrategy} from "../../strategies/BaseStrategy.sol";
import {FixedWidthRule, FixedWidthStrategy} from "../../strategies/FixedWidthStrategy.sol";
import {RebalanceProposal} from "../../strategies/libraries/ProposalLib.sol";
import {StrategyErrorsLib} from "../../strategies/libraries/StrategyErrorsLib.sol";
import {RangeOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {StrategyConformance} from "./StrategyConformance.sol";

abstract contract FixedWidthStrategyTests is StrategyConformance {
    FixedWidthStrategy internal fixedWidth;

    function setUp() public override {
        super.setUp();
        fixedWidth = new FixedWidthStrategy(vault, address(manager), _defaultBounds(), _rule());
        bytes4[] memory selectors = new bytes4[](2);
        selectors[0] = FixedWidthStrategy.setRule.selector;
        selectors[1] = BaseStrategy.setBounds.selector;
        manager.setTargetFunctionRole(address(fixedWidth), selectors, 2);
        vm.prank(owner);
        vault.setStrategy(address(fixedWidth));
    }

    function _rule() internal pure returns (FixedWidthRule memory) {
        return FixedWidthRule({
            halfWidthTicks: 600, triggerTicks: 200, refreshSeconds: 1 days, shareWad: 0.95e18, maxCostWad: 0.001e18
        });
    }

    function _strategy() internal view override returns (BaseStrategy) {
        return fixedWidth;
    }

    function _authorization(RebalanceProposal memory) internal pure override returns (bytes memory) {
        return "";
    }

    function _goodProposal() internal view override returns (RebalanceProposal memory proposal) {
        proposal.vault = address(vault);
        proposal.nonce = fixedWidth.nextNonce();
        proposal.deadline = uint64(block.timestamp + 300);
        proposal.ranges = new RangeOrder[](1);
        (proposal.ranges[0],) = fixedWidth.plan();
        proposal.declaredCost = vault.totalAssets() / 1000;
        proposal.declaredGain = 2 * proposal.declaredCost;
    }

    function _deRisk() internal override {
        vm.prank(guardian);
        vault.deRisk();
    }

    /// @dev He cannot choose the range, so he pushes spot as far as calm allows before he asks for it.
    function _hostileProposal(uint256 seed) internal override returns (RebalanceProposal memory) {
        trader.moveTo(startTick + int24(int256(seed % 560)) - 280);
        return _goodProposal();
    }

    function _refused(RebalanceProposal memory proposal, bytes memory reason) private {
        vm.expectRevert(reason);
        fixedWidth.rebalance(proposal, "");
    }

    /* THE RULE */

    function test_plan_ofOneTokenIsARestingOrderBesideSpot() public {
        _deposit(alice, _assets(1_000_000));
        (RangeOrder memory range, bool due) = fixedWidth.plan();
        assertTrue(due);
        int24 base = _floorTick(_spotTick());
        if (assetIsToken0()) assertEq(range.lowerTick, base + SPACING);
        else assertEq(range.upperTick, base);
        assertEq(range.upperTick - range.lowerTick, 1200);
        _submit(_goodProposal());
        (uint256 idle0, uint256 idle1) = vault.idle();
        // All that was offered is at work, and nothing was swapped.
        assertApproxEqRel(assetIsToken0() ? idle0 : idle1, _assets(50_000), 0.001e18);
        assertEq(assetIsToken0() ? idle1 : idle0, 0);
    }

    function test_plan_comesToBeCentredAsTheMarketTradesThroughTheOrder() public {
        _balance();
        (RangeOrder memory range, bool due) = fixedWidth.plan();
        assertTrue(due);
        assertEq(range.lowerTick + 600, _floorTick(_spotTick()));
        _submit(_goodProposal());
        assertEq(vault.positions().length, 1);
        assertEq(vault.positions()[0].lowerTick, range.lowerTick);
    }

    /// @dev Where the range is centred, only the move itself can say whether it is.
    function test_rebalance_refusesAnotherCentre(uint256 which) public {
        _balance();
        RebalanceProposal memory proposal = _goodProposal();
        RangeOrder memory planned = proposal.ranges[0];
        bytes memory reason = abi.encodeWithSelector(
            StrategyErrorsLib.PlanMismatch.selector, planned.lowerTick, planned.upperTick, planned.weightWad
        );
        which = which % 4;
        int24 aside = which == 0 ? -SPACING : SPACING;
        proposal.ranges = new RangeOrder[](which == 3 ? 0 : 1);
        if (which < 2) {
            proposal.ranges[0] = RangeOrder(planned.lowerTick + aside, planned.upperTick + aside, planned.weightWad);
        } else if (which == 2) {
            proposal.ranges[0] = RangeOrder(planned.lowerTick, planned.upperTick + aside, planned.weightWad);
        }
        _refused(proposal, reason);
    }

    /// @dev The market trades into the resting order: half of it is sold on the way.
    function _balance() private {
        _deposit(alice, _assets(1_000_000));
        _submit(_goodProposal());
        int24 target = startTick + (assetIsToken0() ? int24(610) : -int24(610));
        while (_spotTick() / SPACING != target / SPACING) {
            int24 next = _spotTick() + (target > _spotTick() ? int24(250) : -int24(250));
            trader.moveTo((target > _spotTick()) == (next > target) ? target : next);
            _calmDown();
        }
    }

    function test_rebalance_refusesAnyOtherRange(uint256 which) public {
        _deposit(alice, _assets(1_000_000));
        RebalanceProposal memory proposal = _goodProposal();
        RangeOrder memory planned = proposal.ranges[0];
        bytes memory reason = abi.encodeWithSelector(
            StrategyErrorsLib.PlanMismatch.selector, planned.lowerTick, planned.upperTick, planned.weightWad
        );
        which = which % 8;
        proposal.ranges = new RangeOrder[](which == 5 ? 2 : 1);
        proposal.ranges[0] = RangeOrder(planned.lowerTick, planned.upperTick, planned.weightWad);
        if (which == 0) proposal.ranges[0].lowerTick -= SPACING;
        if (which == 1) proposal.ranges[0].upperTick += SPACING;
        if (which == 2) proposal.ranges[0].weightWad -= 1;
        if (which == 3) proposal.swap.amountIn = 1;
        if (which == 4) proposal.ranges = new RangeOrder[](0);
        if (which == 5) proposal.ranges[1] = planned;
        // As wide, but not right beside spot.
        if (which > 5) {
            int24 aside = which == 6 ? -SPACING : SPACING;
            proposal.ranges[0].lowerTick += aside;
            proposal.ranges[0].upperTick += aside;
        }
        _refused(proposal, reason);
    }

    function test_rebalance_waitsForTheTriggerOrTheRefresh() public {
        _deposit(alice, _assets(1_000_000));
        _submit(_goodProposal());
        _calmDown();
        _refused(_goodProposal(), abi.encodeWithSelector(StrategyErrorsLib.MoveNotDue.selector));
        uint256 snapshot = vm.snapshotState();
        // Away from the resting order, so that the range must follow.
        trader.moveTo(startTick + (assetIsToken0() ? -int24(220) : int24(220)));
        _calmDown();
        _submit(_goodProposal());
        vm.revertToState(snapshot);
        skip(1 days);
        _calmDown();
        _submit(_goodProposal());
    }

    function test_rebalance_isFreeForAllButNothingElse() public {
        _deposit(alice, _assets(1_000_000));
        RebalanceProposal memory proposal = _goodProposal();
        vm.expectRevert(StrategyErrorsLib.NothingToSign.selector);
        fixedWidth.rebalance(proposal, hex"00");
        proposal.modelId = MODEL_ID;
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.ModelMismatch.selector, MODEL_ID, bytes32(0)));
        proposal.modelId = bytes32(0);
        uint256 most = (vault.totalAssets() * 0.001e18) / 1e18;
        proposal.declaredCost = most + 1;
        proposal.declaredGain = 2 * most;
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.CostAboveRule.selector, most + 1, most));
        proposal.declaredCost = most;
        vm.prank(makeAddr("anybody"));
        fixedWidth.rebalance(proposal, "");
    }

    function test_setRule_refusesContradictions() public {
        FixedWidthRule memory rule = _rule();
        vm.startPrank(curator);
        rule.halfWidthTicks = 605;
        _refusesRule(rule, "halfWidthTicks", 605);
        rule.halfWidthTicks = 0;
        _refusesRule(rule, "halfWidthTicks", 0);
        rule.halfWidthTicks = 400_010;
        _refusesRule(rule, "halfWidthTicks", 400_010);
        rule = _rule();
        rule.triggerTicks = 0;
        _refusesRule(rule, "triggerTicks", 0);
        rule = _rule();
        rule.shareWad = 1e18 + 1;
        _refusesRule(rule, "shareWad", 1e18 + 1);
        rule.shareWad = 0;
        _refusesRule(rule, "shareWad", 0);
        rule = _rule();
        rule.maxCostWad = 0.01e18 + 1;
        _refusesRule(rule, "maxCostWad", 0.01e18 + 1);
        rule.maxCostWad = 0.01e18;
        fixedWidth.setRule(rule);
        (,,,, uint64 maxCostWad) = fixedWidth.rule();
        assertEq(maxCostWad, 0.01e18);
    }

    function test_setRule_everyRaiseWaitsAndEveryCutIsInstant() public {
        vm.prank(curator);
        vault.configure("noticeSeconds", 2 days);
        for (uint256 field; field < 5; ++field) {
            FixedWidthRule memory riskier = _riskier(field);
            vm.startPrank(curator);
            fixedWidth.setRule(riskier);
            assertEq(_ruleHash(), keccak256(abi.encode(_rule())), "a raise was instant");
            skip(2 days);
            fixedWidth.setRule(riskier);
            assertEq(_ruleHash(), keccak256(abi.encode(riskier)));
            fixedWidth.setRule(_rule());
            assertEq(_ruleHash(), keccak256(abi.encode(_rule())), "a cut waited");
            vm.stopPrank();
        }
    }

    function _riskier(uint256 field) private pure returns (FixedWidthRule memory rule) {
        rule = _rule();
        if (field == 0) rule.halfWidthTicks = 590;
        else if (field == 1) rule.triggerTicks = 199;
        else if (field == 2) rule.refreshSeconds = 23 hours;
        else if (field == 3) rule.shareWad = 0.96e18;
        else rule.maxCostWad = 0.002e18;
    }

    function _ruleHash() private view returns (bytes32) {
        (uint24 half, uint24 trigger, uint32 refresh, uint64 share, uint64 cost) = fixedWidth.rule();
        return keccak256(abi.encode(FixedWidthRule(half, trigger, refresh, share, cost)));
    }

    function _refusesRule(FixedWidthRule memory rule, bytes32 name, uint256 value) private {
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.BoundInvalid.selector, name, value));
        fixedWidth.setRule(rule);
    }
}

contract FixedWidthStrategyAssetToken1Test is FixedWidthStrategyTests {}

contract FixedWidthStrategyAssetToken0Test is FixedWidthStrategyTests {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
