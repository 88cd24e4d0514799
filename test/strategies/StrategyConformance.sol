// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BaseStrategy} from "../../strategies/BaseStrategy.sol";
import {RebalanceProposal} from "../../strategies/libraries/ProposalLib.sol";
import {StrategyErrorsLib} from "../../strategies/libraries/StrategyErrorsLib.sol";
import {IPriceOracle} from "../../vaults/interfaces/IPriceOracle.sol";
import {StrategyTest} from "../support/StrategyTest.sol";

/// @notice What every strategy must keep, whatever its policy. Inherit it, say which strategy and how a proposal is
/// made genuine for it.
abstract contract StrategyConformance is StrategyTest {
    function _strategy() internal view virtual returns (BaseStrategy);

    /// @dev What makes `proposal` genuine (a signature, or nothing).
    function _authorization(RebalanceProposal memory proposal) internal view virtual returns (bytes memory);

    function _submit(RebalanceProposal memory proposal) internal {
        _strategy().rebalance(proposal, _authorization(proposal));
    }

    /// @dev The strategy's way to idle, or the guardian's where the strategy has none.
    function _deRisk() internal virtual {
        _submit(_deRiskProposal());
    }

    /// @dev Whatever somebody who means harm could ask for at this moment.
    function _hostileProposal(uint256 seed) internal virtual returns (RebalanceProposal memory proposal) {
        proposal = _goodProposal();
        proposal.declaredSpreadWad = seed % 0.4e18;
        proposal.declaredCost = vault.totalAssets();
        proposal.declaredGain = proposal.declaredCost * 2;
        int24 shift = int24(int256((seed >> 32) % 160) - 80) * SPACING;
        proposal.ranges[0].lowerTick += shift;
        proposal.ranges[0].upperTick += shift + int24(int256((seed >> 64) % 300)) * SPACING;
        proposal.ranges[0].weightWad = uint64(seed >> 128) % 1.1e18;
        proposal.swap.zeroForOne = seed & (1 << 200) != 0;
        (uint256 idle0, uint256 idle1) = _holdings();
        proposal.swap.amountIn = (proposal.swap.zeroForOne ? idle0 : idle1) * ((seed >> 208) % 120) / 100;
    }

    function _deRiskProposal() internal view returns (RebalanceProposal memory proposal) {
        proposal.vault = address(vault);
        proposal.nonce = _strategy().nextNonce();
        proposal.deadline = uint64(block.timestamp + 300);
        proposal.modelId = MODEL_ID;
        proposal.declaredSpreadWad = 5e18;
    }

    function test_conformance_acceptsAGoodProposal() public {
        _deposit(alice, _assets(1_000_000));
        _submit(_goodProposal());
        assertEq(vault.positions().length, 1);
        assertEq(_strategy().nextNonce(), 1);
    }

    /// S2: no cooldown, no pause, no price, no spread stops de-risking.
    function test_conformance_S2_deRiskIsNeverBlocked() public {
        _deposit(alice, _assets(1_000_000));
        _submit(_goodProposal());
        vm.prank(guardian);
        vault.pause(1 days);
        trader.moveTo(startTick + 3000);
        vm.mockCallRevert(address(oracle), abi.encodeCall(IPriceOracle.referencePrices, ()), "dead");
        _deRisk();
        assertEq(vault.positions().length, 0);
    }

    /// S3: the same proposal never executes twice.
    function test_conformance_S3_neverTwice() public {
        _deposit(alice, _assets(1_000_000));
        RebalanceProposal memory proposal = _goodProposal();
        bytes memory authorization = _authorization(proposal);
        BaseStrategy strategy = _strategy();
        strategy.rebalance(proposal, authorization);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.NonceMismatch.selector, 0, 1));
        strategy.rebalance(proposal, authorization);
    }

    /// The more uncertain, the wider and the smaller; above the ceiling only de-risking.
    function testFuzz_conformance_confidenceIsMonotone(uint256 spread, uint256 more) public view {
        spread = bound(spread, 0, 2e18);
        more = bound(more, spread, 3e18);
        (uint24 width, uint256 share, bool deRiskOnly) = _strategy().confidenceLimits(spread);
        (uint24 widthMore, uint256 shareMore, bool deRiskOnlyMore) = _strategy().confidenceLimits(more);
        assertGe(widthMore, width);
        assertLe(shareMore, share);
        assertTrue(deRiskOnlyMore || !deRiskOnly);
        if (deRiskOnly) assertEq(share, 0);
    }

    /// S1: whatever is signed, what holders lose stays within the budget and its refill.
    function testFuzz_conformance_S1_lossStaysWithinBudget(uint256 seed) public {
        _deposit(alice, _assets(1_000_000));
        _submit(_goodProposal());
        uint256 startedAt = block.timestamp;
        uint256 lostWad;
        for (uint256 i; i < 6; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            skip(1800 + (seed % 600));
            _tradeAround();
            skip(12);
            RebalanceProposal memory proposal = _hostileProposal(seed);
            bytes memory authorization = _authorization(proposal);
            uint256 midBefore = _midNav();
            try _strategy().rebalance(proposal, authorization) {
                uint256 midAfter = _midNav();
                if (midAfter < midBefore) lostWad += ((midBefore - midAfter) * 1e18) / midBefore;
            } catch {}
        }
        uint256 window = block.timestamp - startedAt;
        assertLe(lostWad, 0.03e18 + (0.03e18 * window) / 1 days + 1e9, "the operator took more than the budget");
    }

    function _midNav() private view returns (uint256 mid) {
        (, mid,,,) = vault.navStatus();
    }
}
