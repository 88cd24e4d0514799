// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RebalanceProposal} from "../../strategies/libraries/ProposalLib.sol";
import {StrategyErrorsLib} from "../../strategies/libraries/StrategyErrorsLib.sol";
import {RangeOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {StrategyTest} from "../support/StrategyTest.sol";

/// @notice Whatever is wrong with a proposal or a heartbeat: a named refusal, and nothing has changed.
contract BadInputTest is StrategyTest {
    function setUp() public override {
        super.setUp();
        _deposit(alice, _assets(1_000_000));
    }

    /// @dev All that a refused call could have changed, in strategy, vault and pool.
    function _state() private view returns (bytes32) {
        (uint64 at, uint64 nonce, bytes16 digest) = modelStrategy.lastHeartbeat();
        (uint256 idle0, uint256 idle1) = vault.idle();
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        return keccak256(
            abi.encode(
                abi.encode(modelStrategy.nextNonce(), modelStrategy.lastMoveAt(), modelStrategy.lastDecisionAt()),
                abi.encode(
                    modelStrategy.movesToday(), modelStrategy.modelId(), modelStrategy.bounds(), at, nonce, digest
                ),
                abi.encode(idle0, idle1, vault.positions(), vault.totalSupply(), vault.lastMoveAt(), sqrtPriceX96),
                abi.encode(token0.balanceOf(address(vault)), token1.balanceOf(address(vault)))
            )
        );
    }

    function _refused(RebalanceProposal memory proposal, bytes memory signature, bytes4 selector) private {
        bytes32 before = _state();
        vm.expectPartialRevert(selector);
        modelStrategy.rebalance(proposal, signature);
        assertEq(_state(), before);
    }

    function _refusedSigned(RebalanceProposal memory proposal, bytes4 selector) private {
        _refused(proposal, _signModel(proposal), selector);
    }

    function test_rebalance_refusesSignaturesOfEveryWrongForm() public {
        bytes memory whole = _signModel(_goodProposal());
        bytes4 invalid = StrategyErrorsLib.SignatureInvalid.selector;
        _refused(_goodProposal(), "", invalid);
        _refused(_goodProposal(), new bytes(64), invalid);
        _refused(_goodProposal(), new bytes(65), invalid);
        _refused(_goodProposal(), bytes.concat(whole, hex"00"), invalid);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SIGNER_KEY, modelStrategy.proposalDigest(_goodProposal()));
        _refused(_goodProposal(), abi.encodePacked(r, s), invalid);
        _refused(_goodProposal(), abi.encodePacked(r, s, v == 27 ? uint8(28) : uint8(27)), invalid);
        _refused(_goodProposal(), abi.encodePacked(r, s, v - 27), invalid);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        _refused(
            _goodProposal(), abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27)), invalid
        );
        modelStrategy.rebalance(_goodProposal(), whole);
    }

    function test_rebalance_refusesAnotherChainsSignature() public {
        bytes memory signature = _signModel(_goodProposal());
        vm.chainId(999);
        _refused(_goodProposal(), signature, StrategyErrorsLib.SignatureInvalid.selector);
    }

    function test_rebalance_refusesReplayedAndReordered() public {
        RebalanceProposal memory next = _goodProposal();
        next.nonce = 1;
        bytes memory later = _signModel(next);
        _refused(next, later, StrategyErrorsLib.NonceMismatch.selector);
        next.nonce = type(uint256).max;
        _refusedSigned(next, StrategyErrorsLib.NonceMismatch.selector);
        next.nonce = 0;
        bytes memory first = _signModel(next);
        modelStrategy.rebalance(next, first);
        _refused(next, first, StrategyErrorsLib.NonceMismatch.selector);
    }

    function test_rebalance_refusesTimesAndNamesAtTheirExtremes() public {
        RebalanceProposal memory bad = _goodProposal();
        bad.deadline = 0;
        _refusedSigned(bad, StrategyErrorsLib.DeadlineInvalid.selector);
        bad.deadline = type(uint64).max;
        _refusedSigned(bad, StrategyErrorsLib.DeadlineInvalid.selector);
        bad = _goodProposal();
        bad.vault = address(0);
        _refusedSigned(bad, StrategyErrorsLib.VaultMismatch.selector);
        bad = _goodProposal();
        bad.modelId = bytes32(type(uint256).max);
        _refusedSigned(bad, StrategyErrorsLib.ModelMismatch.selector);
        bad = _goodProposal();
        bad.executor = address(type(uint160).max);
        _refusedSigned(bad, StrategyErrorsLib.ExecutorMismatch.selector);
    }

    function test_rebalance_refusesNumbersAtTheirExtremes() public {
        RebalanceProposal memory bad = _goodProposal();
        bad.declaredGain = 0;
        _refusedSigned(bad, StrategyErrorsLib.GainBelowCost.selector);
        bad = _goodProposal();
        bad.declaredSpreadWad = type(uint256).max;
        _refusedSigned(bad, StrategyErrorsLib.DeRiskOnly.selector);
        bad = _goodProposal();
        bad.declaredCost = 0;
        _refusedSigned(bad, StrategyErrorsLib.CostAboveDeclared.selector);
        bad = _goodProposal();
        bad.declaredGain = type(uint256).max;
        bad.declaredCost = type(uint256).max;
        _refusedSigned(bad, StrategyErrorsLib.GainBelowCost.selector);
        bad = _goodProposal();
        bad.minSharePrice = type(uint256).max;
        _refusedSigned(bad, ErrorsLib.SharePriceBelowMin.selector);
        bad = _goodProposal();
        bad.swap.amountIn = _assets(700_000);
        _refusedSigned(bad, StrategyErrorsLib.SwapAboveLimit.selector);
        bad.swap.amountIn = type(uint256).max;
        _refusedSigned(bad, ErrorsLib.IdleInsufficient.selector);
    }

    function test_rebalance_refusesRangesThatAreNone() public {
        int24 centre = _floorTick(_spotTick());
        RebalanceProposal memory bad = _goodProposal();
        bad.ranges[0] = RangeOrder(centre, centre, 0.5e18);
        _refusedSigned(bad, StrategyErrorsLib.WidthBelowFloor.selector);
        bad.ranges[0] = RangeOrder(centre + 600, centre - 600, 0.5e18);
        _refusedSigned(bad, StrategyErrorsLib.WidthBelowFloor.selector);
        bad.ranges[0] = RangeOrder(type(int24).min, type(int24).max, 0.5e18);
        _refusedSigned(bad, StrategyErrorsLib.WidthAboveMax.selector);
        bad.ranges[0] = RangeOrder(centre - 601, centre + 600, 0.5e18);
        _refusedSigned(bad, ErrorsLib.RangeInvalid.selector);
        bad.ranges[0] = RangeOrder(centre - 600, centre + 600, type(uint64).max);
        _refusedSigned(bad, StrategyErrorsLib.ShareAboveLimit.selector);
        bad.ranges[0].weightWad = 0.2e18;
        bad.ranges = _twice(bad.ranges[0], bad.ranges[0]);
        _refusedSigned(bad, ErrorsLib.RangeInvalid.selector);
        bad.ranges[1] = RangeOrder(centre - 660, centre + 600, 0.2e18);
        _refusedSigned(bad, ErrorsLib.RangeInvalid.selector);
        bad.ranges = new RangeOrder[](9);
        for (uint256 i; i < 9; ++i) {
            bad.ranges[i] = RangeOrder(centre - 600, centre + 600, 0.01e18);
        }
        _refusedSigned(bad, ErrorsLib.TooManyRanges.selector);
    }

    function _twice(RangeOrder memory first, RangeOrder memory second)
        private
        pure
        returns (RangeOrder[] memory ranges)
    {
        ranges = new RangeOrder[](2);
        (ranges[0], ranges[1]) = (first, second);
    }

    function test_heartbeat_refusesWhatIsWrong() public {
        uint64 deadline = uint64(block.timestamp + 60);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SIGNER_KEY, modelStrategy.heartbeatDigest(deadline, 7, ""));
        bytes memory signature = abi.encodePacked(r, s, v);
        bytes32 before = _state();
        vm.expectPartialRevert(StrategyErrorsLib.SignatureInvalid.selector);
        modelStrategy.heartbeat(deadline, 7, "", "");
        vm.expectPartialRevert(StrategyErrorsLib.SignatureInvalid.selector);
        modelStrategy.heartbeat(deadline, 7, bytes32(uint256(1)), signature);
        vm.expectPartialRevert(StrategyErrorsLib.NonceMismatch.selector);
        modelStrategy.heartbeat(deadline, 0, "", signature);
        vm.expectPartialRevert(StrategyErrorsLib.NonceMismatch.selector);
        modelStrategy.heartbeat(deadline, uint256(type(uint64).max) + 1, "", signature);
        vm.expectPartialRevert(StrategyErrorsLib.DeadlineInvalid.selector);
        modelStrategy.heartbeat(0, 7, "", signature);
        vm.expectPartialRevert(StrategyErrorsLib.DeadlineInvalid.selector);
        modelStrategy.heartbeat(type(uint64).max, 7, "", signature);
        vm.chainId(999);
        vm.expectPartialRevert(StrategyErrorsLib.SignatureInvalid.selector);
        modelStrategy.heartbeat(deadline, 7, "", signature);
        assertEq(_state(), before);
    }
}
