// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {BaseStrategy} from "../../strategies/BaseStrategy.sol";
import {ModelStrategy} from "../../strategies/ModelStrategy.sol";
import {ModelParameters, Stage} from "../../strategies/interfaces/IModelRegistry.sol";
import {Bounds} from "../../strategies/libraries/BoundsLib.sol";
import {RebalanceProposal} from "../../strategies/libraries/ProposalLib.sol";
import {StrategyErrorsLib} from "../../strategies/libraries/StrategyErrorsLib.sol";
import {IPriceOracle} from "../../vaults/interfaces/IPriceOracle.sol";
import {Position, RangeOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {Mlp, Network} from "../support/Mlp.sol";
import {StrategyConformance} from "./StrategyConformance.sol";

contract ModelStrategyTest is StrategyConformance {
    function _strategy() internal view override returns (BaseStrategy) {
        return modelStrategy;
    }

    function _authorization(RebalanceProposal memory proposal) internal view override returns (bytes memory) {
        return _signModel(proposal);
    }

    /// @dev Signed by the model, and refused for exactly this reason.
    function _refused(RebalanceProposal memory proposal, bytes memory reason) private {
        bytes memory signature = _signModel(proposal);
        vm.expectRevert(reason);
        modelStrategy.rebalance(proposal, signature);
    }

    function _funded() private returns (RebalanceProposal memory) {
        _deposit(alice, _assets(1_000_000));
        return _goodProposal();
    }

    /* THE DIGEST */

    function test_proposalDigest_isTheEip712OneOfTheDomain() public view {
        RebalanceProposal memory proposal = _deRiskProposal();
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Rangekeeper ModelStrategy"),
                keccak256("1"),
                block.chainid,
                address(modelStrategy)
            )
        );
        bytes32 swapHash = keccak256(
            abi.encode(keccak256("SwapOrder(bool zeroForOne,uint256 amountIn,uint160 sqrtPriceLimitX96)"), false, 0, 0)
        );
        bytes32 structHash = keccak256(
            bytes.concat(
                abi.encode(
                    keccak256(
                        "RebalanceProposal(address vault,uint256 nonce,uint64 deadline,address executor,bytes32 modelId,bytes32 inputsDigest,uint256 declaredGain,uint256 declaredCost,uint256 declaredSpreadWad,RangeOrder[] ranges,SwapOrder swap,uint256 minSharePrice)RangeOrder(int24 lowerTick,int24 upperTick,uint64 weightWad)SwapOrder(bool zeroForOne,uint256 amountIn,uint160 sqrtPriceLimitX96)"
                    ),
                    proposal.vault,
                    proposal.nonce,
                    proposal.deadline,
                    proposal.executor,
                    proposal.modelId,
                    proposal.inputsDigest
                ),
                abi.encode(
                    proposal.declaredGain,
                    proposal.declaredCost,
                    proposal.declaredSpreadWad,
                    keccak256(""),
                    swapHash,
                    proposal.minSharePrice
                )
            )
        );
        assertEq(modelStrategy.proposalDigest(proposal), keccak256(abi.encodePacked("\x19\x01", domain, structHash)));
    }

    /* GENUINE */

    function test_rebalance_emitsWhatHappened() public {
        RebalanceProposal memory proposal = _funded();
        bytes memory signature = _signModel(proposal);
        vm.expectEmit(true, true, true, false, address(modelStrategy));
        emit BaseStrategy.ProposalExecuted(address(vault), 0, MODEL_ID, 0, 0, 0, 0, 0, 0, 0);
        modelStrategy.rebalance(proposal, signature);
    }

    function testFuzz_rebalance_refusesAnyOtherSigner(uint256 key) public {
        key = bound(key, 1, 1e30);
        vm.assume(key != SIGNER_KEY);
        RebalanceProposal memory proposal = _funded();
        bytes32 digest = modelStrategy.proposalDigest(proposal);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        vm.expectRevert(
            abi.encodeWithSelector(StrategyErrorsLib.SignatureInvalid.selector, vm.addr(SIGNER_KEY), digest)
        );
        modelStrategy.rebalance(proposal, abi.encodePacked(r, s, v));
    }

    function test_rebalance_refusesAMalleableSignature() public {
        RebalanceProposal memory proposal = _funded();
        bytes32 digest = modelStrategy.proposalDigest(proposal);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SIGNER_KEY, digest);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes memory flipped = abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        vm.expectRevert(
            abi.encodeWithSelector(StrategyErrorsLib.SignatureInvalid.selector, vm.addr(SIGNER_KEY), digest)
        );
        modelStrategy.rebalance(proposal, flipped);
    }

    function testFuzz_rebalance_refusesAChangedField(uint256 which, uint256 noise) public {
        RebalanceProposal memory proposal = _funded();
        bytes memory signature = _signModel(proposal);
        noise = bound(noise, 1, 1e6);
        which = which % 8;
        if (which == 0) proposal.deadline += uint64(bound(noise, 1, 500));
        else if (which == 1) proposal.inputsDigest = bytes32(noise);
        else if (which == 2) proposal.declaredGain += noise;
        else if (which == 3) proposal.declaredCost += noise;
        else if (which == 4) proposal.declaredSpreadWad += noise;
        else if (which == 5) proposal.ranges[0].weightWad -= uint64(noise);
        else if (which == 6) proposal.swap.amountIn += noise;
        else proposal.minSharePrice += noise;
        vm.expectPartialRevert(StrategyErrorsLib.SignatureInvalid.selector);
        modelStrategy.rebalance(proposal, signature);
    }

    function test_rebalance_refusesOtherVaultModelExecutorAndTime() public {
        RebalanceProposal memory proposal = _funded();
        proposal.vault = alice;
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.VaultMismatch.selector, alice, address(vault)));
        proposal.vault = address(vault);
        proposal.modelId = bytes32("other");
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.ModelMismatch.selector, bytes32("other"), MODEL_ID));
        proposal.modelId = MODEL_ID;
        proposal.executor = bob;
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.ExecutorMismatch.selector, address(this), bob));
        proposal.executor = address(0);
        proposal.deadline = uint64(block.timestamp - 1);
        _refused(
            proposal,
            abi.encodeWithSelector(StrategyErrorsLib.DeadlineInvalid.selector, block.timestamp - 1, block.timestamp)
        );
        proposal.deadline = uint64(block.timestamp + 901);
        _refused(
            proposal,
            abi.encodeWithSelector(StrategyErrorsLib.DeadlineInvalid.selector, block.timestamp + 901, block.timestamp)
        );
        proposal.deadline = uint64(block.timestamp + 900);
        proposal.nonce = 1;
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.NonceMismatch.selector, 1, 0));
        proposal.nonce = 0;
        proposal.executor = address(this);
        _submit(proposal);
    }

    function test_invalidateNonce_voidsWhatWasSigned() public {
        RebalanceProposal memory proposal = _funded();
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, bob));
        modelStrategy.invalidateNonce();
        vm.prank(guardian);
        modelStrategy.invalidateNonce();
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.NonceMismatch.selector, 0, 1));
    }

    /// S3 for a de-risk, which passes every bound.
    function test_deRisk_neverTwice() public {
        RebalanceProposal memory proposal = _deRiskProposal();
        bytes memory signature = _signModel(proposal);
        modelStrategy.rebalance(proposal, signature);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.NonceMismatch.selector, 0, 1));
        modelStrategy.rebalance(proposal, signature);
    }

    /* THE MODEL'S STAGE */

    function test_stage_loweringStopsAtOnce() public {
        RebalanceProposal memory proposal = _funded();
        vm.prank(guardian);
        registry.lowerStage(MODEL_ID, Stage.Shadow);
        _refused(
            proposal, abi.encodeWithSelector(StrategyErrorsLib.ModelNotActive.selector, MODEL_ID, uint8(Stage.Shadow))
        );
    }

    function test_stage_canaryKeepsItsCap() public {
        RebalanceProposal memory proposal = _funded();
        vm.prank(guardian);
        registry.lowerStage(MODEL_ID, Stage.Shadow);
        vm.prank(curator);
        registry.raiseStage(MODEL_ID, Stage.Canary, _assets(100_000));
        skip(2 days);
        _tradeAround();
        skip(12);
        proposal = _goodProposal();
        bytes memory signature = _signModel(proposal);
        vm.expectPartialRevert(StrategyErrorsLib.CanaryCapExceeded.selector);
        modelStrategy.rebalance(proposal, signature);
        proposal.ranges[0].weightWad = 0.099e18;
        _submit(proposal);
    }

    function test_setModel_followsAnother() public {
        RebalanceProposal memory proposal = _funded();
        vm.prank(curator);
        modelStrategy.setModel(bytes32("next"));
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.ModelMismatch.selector, MODEL_ID, bytes32("next")));
    }

    /* BOUNDS */

    function test_rebalance_revertsWhenCooldownActive() public {
        _submit(_funded());
        uint256 readyAt = block.timestamp + 1800;
        skip(1000);
        RebalanceProposal memory proposal = _goodProposal();
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.CooldownActive.selector, readyAt));
    }

    function test_rebalance_revertsWhenMovesPerDayReached() public {
        _deposit(alice, _assets(1_000_000));
        vm.warp(((block.timestamp / 1 days) + 1) * 1 days);
        for (uint256 i; i < 4; ++i) {
            _calmDown();
            RebalanceProposal memory each = _goodProposal();
            each.ranges[0].lowerTick -= int24(int256(i)) * SPACING;
            _submit(each);
        }
        _calmDown();
        RebalanceProposal memory proposal = _goodProposal();
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.MovesPerDayReached.selector, 4));
    }

    function test_rebalance_revertsWhenNotCalm() public {
        RebalanceProposal memory proposal = _funded();
        trader.moveTo(startTick + 400);
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.NotCalm.selector));
    }

    function test_rebalance_revertsOutsideOfWidthAndCentre() public {
        RebalanceProposal memory proposal = _funded();
        int24 centre = _floorTick(_spotTick());
        proposal.ranges[0] = RangeOrder(centre - 410, centre + 410, 0.5e18);
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.WidthBelowFloor.selector, 0, 820, 833));
        proposal.ranges[0] = RangeOrder(centre - 10_010, centre + 10_010, 0.5e18);
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.WidthAboveMax.selector, 0, 20_020, 20_000));
        proposal.ranges[0] = RangeOrder(centre + 500, centre + 1700, 0.5e18);
        uint256 distance = uint256(int256(centre) + 1100 - _spotTick());
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.CentreTooFar.selector, 0, distance, 1000));
    }

    function testFuzz_rebalance_spreadDecidesWidthAndShare(uint256 spread) public {
        RebalanceProposal memory proposal = _funded();
        spread = bound(spread, 0.0501e18, 0.3e18);
        proposal.declaredSpreadWad = spread;
        (uint24 width, uint256 share, bool deRiskOnly) = modelStrategy.confidenceLimits(spread);
        assertFalse(deRiskOnly);
        int24 half = (int24(width) / 2 / SPACING + 1) * SPACING;
        int24 centre = _floorTick(_spotTick());
        proposal.ranges[0] = RangeOrder(centre - half, centre + half, uint64(share + 1));
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.ShareAboveLimit.selector, share + 1, share));
        proposal.ranges[0].weightWad = uint64(share);
        _submit(proposal);
    }

    function test_confidenceLimits_areTheDocumentedOnes() public view {
        (uint24 width,,) = modelStrategy.confidenceLimits(0.05e18);
        assertEq(width, 833);
        (width,,) = modelStrategy.confidenceLimits(0.25e18);
        assertEq(width, 3366);
        (, uint256 share, bool deRiskOnly) = modelStrategy.confidenceLimits(0.3e18);
        assertEq(share, 0.2e18);
        assertFalse(deRiskOnly);
        (, share, deRiskOnly) = modelStrategy.confidenceLimits(0.3e18 + 1);
        assertEq(share, 0);
        assertTrue(deRiskOnly);
        modelStrategy.confidenceLimits(type(uint256).max);
    }

    function test_rebalance_aboveTheCeilingOnlyDeRisks() public {
        RebalanceProposal memory proposal = _funded();
        proposal.declaredSpreadWad = 0.3e18 + 1;
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.DeRiskOnly.selector, 0.3e18 + 1, 0.3e18));
        _submit(_deRiskProposal());
    }

    function test_rebalance_aboveTheCeilingMaySellOutOfAllRanges() public {
        RebalanceProposal memory proposal = _funded();
        proposal.declaredSpreadWad = 0.3e18 + 1;
        proposal.ranges = new RangeOrder[](0);
        proposal.swap.zeroForOne = assetIsToken0();
        proposal.swap.amountIn = _assets(1000);
        _submit(proposal);
        assertEq(vault.movesToday(), 1);
        assertEq(vault.positions().length, 0);
    }

    function test_rebalance_revertsWhenGainDoesNotPayTheCost() public {
        RebalanceProposal memory proposal = _funded();
        proposal.declaredCost = _assets(1000);
        uint256 required = (proposal.declaredCost * 12 + 9) / 10;
        proposal.declaredGain = required - 1;
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.GainBelowCost.selector, required - 1, required));
        proposal.declaredGain = required;
        _submit(proposal);
    }

    function test_rebalance_revertsWhenCostAboveDeclared() public {
        RebalanceProposal memory proposal = _funded();
        proposal.declaredCost = _assets(1);
        bytes memory signature = _signModel(proposal);
        vm.expectPartialRevert(StrategyErrorsLib.CostAboveDeclared.selector);
        modelStrategy.rebalance(proposal, signature);
    }

    function test_rebalance_revertsWhenSwapAboveLimit() public {
        RebalanceProposal memory proposal = _funded();
        proposal.swap.amountIn = _assets(600_001);
        bytes memory signature = _signModel(proposal);
        vm.expectPartialRevert(StrategyErrorsLib.SwapAboveLimit.selector);
        modelStrategy.rebalance(proposal, signature);
    }

    function test_setBounds_refusesContradictions() public {
        Bounds memory bounds = _defaultBounds();
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, address(this)));
        modelStrategy.setBounds(bounds);
        bounds.maxWidthTicks = 3000;
        vm.startPrank(curator);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.BoundInvalid.selector, bytes32("maxWidthTicks"), 3000));
        modelStrategy.setBounds(bounds);
        bounds.maxWidthTicks = 5000;
        modelStrategy.setBounds(bounds);
        assertEq(modelStrategy.bounds().maxWidthTicks, 5000);
    }

    /* REALISED VOLATILITY AND HEAD */

    function _watchVolatility() private {
        Bounds memory bounds = _defaultBounds();
        bounds.volatilityWindowSeconds = 1920;
        vm.prank(curator);
        modelStrategy.setBounds(bounds);
    }

    /// @dev Trades every minute around the start, `ticks` up and down; calm in the end.
    function _stir(int24 ticks) private {
        for (uint256 i; i < 40; ++i) {
            skip(60);
            // Ten minutes up, ten minutes down: cells differ.
            trader.moveTo(startTick + int24(int256(i % 2)) + ((i / 10) % 2 == 0 ? ticks : -ticks));
        }
        skip(60);
        trader.moveTo(startTick);
        skip(12);
    }

    function test_spread_followsThePoolsOwnVolatility() public {
        _deposit(alice, _assets(1_000_000));
        _watchVolatility();
        _stir(20);
        uint256 spread = modelStrategy.effectiveSpreadWad(0);
        assertGt(spread, 0.05e18);
        assertLt(spread, 0.3e18);
        assertEq(spread, modelStrategy.realisedVolatility().spreadWad);
        assertEq(modelStrategy.effectiveSpreadWad(0.29e18), 0.29e18, "a declared spread above it counts");
        (uint24 width, uint256 share,) = modelStrategy.confidenceLimits(spread);
        RebalanceProposal memory proposal = _goodProposal();
        // Wide enough for what it declares, not for what the pool saw.
        proposal.ranges = _around(420, 0.1e18);
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.WidthBelowFloor.selector, 0, 840, width));
        int24 half = (int24(width) / 2 / SPACING + 1) * SPACING;
        proposal.ranges = _around(half, uint64(share + 1));
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.ShareAboveLimit.selector, share + 1, share));
        proposal.ranges[0].weightWad = uint64(share);
        _submit(proposal);
    }

    /// Rule: whoever stirs a pool can widen and shrink, never stop.
    function test_spread_stirredAloneNeverForcesIdle() public {
        _deposit(alice, _assets(1_000_000));
        _watchVolatility();
        _stir(250);
        assertGt(modelStrategy.realisedVolatility().spreadWad, 0.3e18);
        assertEq(modelStrategy.effectiveSpreadWad(0), 0.3e18);
        RebalanceProposal memory proposal = _goodProposal();
        proposal.ranges = _around(2000, 0.2e18);
        _submit(proposal);
    }

    function test_spread_isTheCeilingWhileThePoolRemembersTooLittle() public {
        _watchVolatility();
        assertFalse(modelStrategy.realisedVolatility().known);
        assertEq(modelStrategy.effectiveSpreadWad(0.01e18), 0.3e18);
        assertEq(modelStrategy.effectiveSpreadWad(0.4e18), 0.4e18);
    }

    /// @dev A head that answers a constant ratio, whatever it sees, plus a 1,024th of it per 1/16 tick of input 7.
    function _headOf(int256 constant_, int256 slope) private returns (address[] memory) {
        uint256[] memory dims = new uint256[](2);
        (dims[0], dims[1]) = (8, 1);
        Network memory network = Mlp.random(1, dims, 0, 65_535, 20);
        network.weights[0] = new int256[](8);
        network.weights[0][7] = slope;
        network.biases[0][0] = constant_;
        return Mlp.store(network);
    }

    function _followHead(address[] memory head) private {
        bytes32 id = keccak256(abi.encode(head));
        vm.startPrank(curator);
        registry.register(id, _modelParameters(head));
        registry.raiseStage(id, Stage.Full, 0);
        vm.stopPrank();
        skip(2 days);
        vm.prank(curator);
        modelStrategy.setModel(id);
        assertEq(registry.headOf(id), head);
    }

    function test_spread_followsTheRecomputedHead() public {
        _deposit(alice, _assets(1_000_000));
        _watchVolatility();
        // A quarter in units of 2^-20: no less than 0.25.
        _followHead(_headOf(2 ** 18, 0));
        _stir(20);
        assertEq(modelStrategy.effectiveSpreadWad(0.01e18), 0.25e18);
        RebalanceProposal memory proposal = _goodProposal();
        proposal.modelId = modelStrategy.modelId();
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.WidthBelowFloor.selector, 0, 1200, 3366));
    }

    function test_spread_headSeesWhatThePoolSaw() public {
        _watchVolatility();
        _followHead(_headOf(0, 100));
        _stir(20);
        uint256 root = modelStrategy.realisedVolatility().rootX8 >> 4;
        uint256 answered = (root * 100 * 1e18) >> 20;
        assertGt(answered, modelStrategy.realisedVolatility().spreadWad);
        assertEq(modelStrategy.effectiveSpreadWad(0), answered);
    }

    function test_spread_headAboveTheCeilingOnlyDeRisks() public {
        _deposit(alice, _assets(1_000_000));
        _watchVolatility();
        _followHead(_headOf(2 ** 19, 0));
        _stir(5);
        RebalanceProposal memory proposal = _goodProposal();
        proposal.modelId = modelStrategy.modelId();
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.DeRiskOnly.selector, 0.5e18, 0.3e18));
        proposal = _deRiskProposal();
        proposal.modelId = modelStrategy.modelId();
        _submit(proposal);
    }

    function test_register_refusesAHeadThatCannotAnswer() public {
        uint256[] memory dims = new uint256[](2);
        (dims[0], dims[1]) = (7, 1);
        ModelParameters memory parameters = _modelParameters(Mlp.store(Mlp.random(1, dims, 0, 127, 0)));
        vm.startPrank(curator);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.HeadInputsMismatch.selector, 7, 8));
        registry.register("x", parameters);
        parameters.head[0] = address(vault);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.HeadDataInvalid.selector, address(vault)));
        registry.register("x", parameters);
    }

    function test_setBounds_refusesAWindowThatSaysNothing() public {
        Bounds memory bounds = _defaultBounds();
        bounds.volatilityWindowSeconds = 479;
        bytes memory refusal =
            abi.encodeWithSelector(StrategyErrorsLib.BoundInvalid.selector, bytes32("volatilityWindowSeconds"), 479);
        vm.startPrank(curator);
        vm.expectRevert(refusal);
        modelStrategy.setBounds(bounds);
        bounds.volatilityWindowSeconds = 480;
        modelStrategy.setBounds(bounds);
        bounds.minShareWad = 0;
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.BoundInvalid.selector, bytes32("minShareWad"), 0));
        modelStrategy.setBounds(bounds);
    }

    /* DEAD MAN */

    function _watchSilence() private {
        Bounds memory bounds = _defaultBounds();
        bounds.maxSilenceSeconds = 6 hours;
        vm.prank(curator);
        modelStrategy.setBounds(bounds);
    }

    function _beat(uint256 nonce) private {
        uint64 deadline = uint64(block.timestamp + 60);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SIGNER_KEY, modelStrategy.heartbeatDigest(deadline, nonce, ""));
        modelStrategy.heartbeat(deadline, nonce, "", abi.encodePacked(r, s, v));
    }

    function test_retreat_isForAnybodyOnceTheModelWasSilentTooLong() public {
        _watchSilence();
        _submit(_funded());
        uint256 movedAt = block.timestamp;
        skip(6 hours);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.ModelHeard.selector, movedAt, 6 hours));
        modelStrategy.retreat();
        _beat(1);
        uint256 heardAt = block.timestamp;
        skip(6 hours);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.ModelHeard.selector, heardAt, 6 hours));
        modelStrategy.retreat();
        skip(1);
        // No price, paused, whoever calls.
        vm.prank(guardian);
        vault.pause(1 days);
        vm.mockCallRevert(address(oracle), abi.encodeCall(IPriceOracle.referencePrices, ()), "dead");
        vm.expectEmit(address(modelStrategy));
        emit ModelStrategy.Retreated(address(vault), MODEL_ID, heardAt, false, bob);
        vm.prank(bob);
        modelStrategy.retreat();
        assertEq(vault.positions().length, 0);
        assertFalse(vault.rebalanceHeld());
        skip(6 hours);
        vm.expectRevert(StrategyErrorsLib.NothingHeld.selector);
        modelStrategy.retreat();
    }

    /// The range that the bounds allow at the ceiling: 200 + 12,665 × 0.3 ticks wide, a fifth at work.
    function test_retreat_goesIntoTheWideRangeWhenCalm() public {
        _watchSilence();
        _submit(_funded());
        skip(6 hours);
        _calmDown();
        (uint256 idle0, uint256 idle1) = _holdings();
        vm.expectEmit(address(modelStrategy));
        emit ModelStrategy.Retreated(address(vault), MODEL_ID, block.timestamp - 6 hours - 1872, true, address(this));
        modelStrategy.retreat();
        Position[] memory held = vault.positions();
        assertEq(held.length, 1);
        assertEq(held[0].upperTick - held[0].lowerTick, 4000);
        assertLe(held[0].lowerTick, startTick - 1970);
        assertGe(held[0].upperTick, startTick + 1970);
        (uint256 left0, uint256 left1) = vault.idle();
        assertGe(left0, (idle0 * 79) / 100);
        assertGe(left1, (idle1 * 79) / 100);
        assertTrue(left0 < (idle0 * 81) / 100 || left1 < (idle1 * 81) / 100, "nothing is at work");
        // Once per silence, then again.
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.RetreatTooSoon.selector, block.timestamp + 6 hours));
        modelStrategy.retreat();
        // The market has gone elsewhere by then.
        skip(6 hours);
        trader.moveTo(startTick + 150);
        _calmDown();
        modelStrategy.retreat();
        assertEq(vault.positions().length, 1);
        assertGt(vault.positions()[0].lowerTick, held[0].lowerTick);
    }

    function test_retreat_restsBesideSpotWhenOneTokenIsLeft() public {
        _watchSilence();
        _submit(_funded());
        trader.moveTo(startTick + 800);
        skip(6 hours);
        _calmDown();
        modelStrategy.retreat();
        Position[] memory held = vault.positions();
        assertEq(held.length, 1);
        // All in token1 by then: asked for up to spot.
        assertEq(held[0].upperTick, _floorTick(_spotTick()));
        assertEq(held[0].lowerTick, held[0].upperTick - 4000);
    }

    /// Nobody may choose more than the moment: where spot was pushed, the range would cost more than 0.1%, so idle.
    function testFuzz_retreat_isIdleOrCheap(int24 pushed) public {
        pushed = int24(bound(pushed, -500, 500));
        _watchSilence();
        _submit(_funded());
        skip(6 hours);
        _calmDown();
        trader.moveTo(startTick + pushed);
        // Valued at the price before the push.
        uint160 trueX96 = TickMath.getSqrtPriceAtTick(startTick);
        uint256 before = _perShareAt(trueX96);
        (,,,, bool calm) = vault.navStatus();
        modelStrategy.retreat();
        uint256 later = _perShareAt(trueX96);
        if (!calm) assertEq(vault.positions().length, 0, "moved into a range while not calm");
        assertGe(later, before - before / 500);
    }

    function test_retreat_ofACanaryOrWithoutAShareIsToIdle() public {
        _watchSilence();
        _submit(_funded());
        vm.prank(guardian);
        registry.lowerStage(MODEL_ID, Stage.Retired);
        skip(6 hours);
        _calmDown();
        modelStrategy.retreat();
        assertEq(vault.positions().length, 0);
    }

    function test_retreat_headAboveTheCeilingIsToIdle() public {
        _deposit(alice, _assets(1_000_000));
        Bounds memory bounds = _defaultBounds();
        bounds.maxSilenceSeconds = 6 hours;
        vm.prank(curator);
        modelStrategy.setBounds(bounds);
        _followHead(_headOf(2 ** 19, 0));
        _calmDown();
        RebalanceProposal memory proposal = _goodProposal();
        proposal.modelId = modelStrategy.modelId();
        _submit(proposal);
        bounds.volatilityWindowSeconds = 1920;
        vm.prank(curator);
        modelStrategy.setBounds(bounds);
        skip(6 hours);
        _stir(5);
        assertGt(modelStrategy.effectiveSpreadWad(0), 0.3e18);
        modelStrategy.retreat();
        assertEq(vault.positions().length, 0);
    }

    function test_retreat_countsADeRiskAsADecision() public {
        _watchSilence();
        _submit(_funded());
        skip(5 hours);
        _submit(_deRiskProposal());
        uint256 heardAt = block.timestamp;
        skip(2 hours);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.ModelHeard.selector, heardAt, 6 hours));
        modelStrategy.retreat();
    }

    function test_retreat_leavesTheWayOpenForAModelThatComesBack() public {
        _watchSilence();
        _submit(_funded());
        skip(6 hours + 1);
        modelStrategy.retreat();
        _calmDown();
        _submit(_goodProposal());
        assertEq(vault.positions().length, 1);
        vm.expectPartialRevert(StrategyErrorsLib.ModelHeard.selector);
        modelStrategy.retreat();
    }

    function test_retreat_isOffUnlessSilenceIsWatched() public {
        _submit(_funded());
        skip(365 days);
        vm.expectPartialRevert(StrategyErrorsLib.ModelHeard.selector);
        modelStrategy.retreat();
        Bounds memory bounds = _defaultBounds();
        bounds.maxSilenceSeconds = 3599;
        vm.prank(curator);
        vm.expectRevert(
            abi.encodeWithSelector(StrategyErrorsLib.BoundInvalid.selector, bytes32("maxSilenceSeconds"), 3599)
        );
        modelStrategy.setBounds(bounds);
    }

    /* DE-RISK TO WIDER */

    /// @dev Live, in the vault's cooldown and the strategy's, and above the spread ceiling.
    function _wider(int24 halfWidth, uint64 weightWad) private returns (RebalanceProposal memory proposal) {
        _submit(_funded());
        Position memory held = vault.positions()[0];
        skip(120);
        _tradeAround();
        proposal = _deRiskProposal();
        proposal.declaredCost = vault.totalAssets() / 500;
        int24 centre = (held.lowerTick + held.upperTick) / 2;
        proposal.ranges = new RangeOrder[](1);
        proposal.ranges[0] = RangeOrder(centre - halfWidth, centre + halfWidth, weightWad);
    }

    /// S2: neither cooldown nor spread nor a missing gain stops a move that only makes the vault safer.
    function test_wider_isNeverBlockedByABound() public {
        RebalanceProposal memory proposal = _wider(610, 0.8e18);
        uint256 movedAt = modelStrategy.lastMoveAt();
        _submit(proposal);
        assertEq(vault.positions()[0].upperTick, proposal.ranges[0].upperTick);
        // It is not one of the day's moves, and starts no cooldown.
        assertEq(modelStrategy.lastMoveAt(), movedAt);
        assertEq(modelStrategy.movesToday(), 1);
    }

    function test_wider_isAnythingLessAnOrdinaryMove() public {
        RebalanceProposal memory proposal = _wider(610, 0.8e18);
        bytes memory tooSoon =
            abi.encodeWithSelector(StrategyErrorsLib.CooldownActive.selector, modelStrategy.lastMoveAt() + 1800);
        // Wider, but it leaves a part of the old range.
        proposal.ranges[0].lowerTick += 2 * SPACING;
        proposal.ranges[0].upperTick += 1000 * SPACING;
        _refused(proposal, tooSoon);
        // More at work than is.
        proposal.ranges[0].lowerTick -= 50 * SPACING;
        proposal.ranges[0].weightWad = 1e18;
        _refused(proposal, tooSoon);
        // With a swap.
        proposal.ranges[0].weightWad = 0.8e18;
        proposal.swap.amountIn = 1;
        _refused(proposal, tooSoon);
        skip(1800);
        _tradeAround();
        proposal.deadline = uint64(block.timestamp + 60);
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.DeRiskOnly.selector, 5e18, 0.3e18));
    }

    /// It mints, so it needs a price.
    function test_wider_needsCalm() public {
        RebalanceProposal memory proposal = _wider(1200, 0.8e18);
        trader.moveTo(startTick + 400);
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.NotCalm.selector));
    }

    /* NOTICE */

    function _slowDown() private {
        vm.prank(curator);
        vault.configure("noticeSeconds", 2 days);
    }

    /// @dev One field at a time; the first of each pair lets more pass than the default, the second less.
    function _changed(uint256 field, bool riskier) private pure returns (Bounds memory bounds) {
        bounds = _watchedBounds();
        if (field == 0) bounds.minWidthTicks = riskier ? 100 : 300;
        else if (field == 1) bounds.maxWidthTicks = riskier ? 30_000 : 10_000;
        else if (field == 2) bounds.maxCentreDistanceTicks = riskier ? 1001 : 999;
        else if (field == 3) bounds.cooldownSeconds = riskier ? 1799 : 1801;
        else if (field == 4) bounds.maxMovesPerDay = riskier ? 5 : 3;
        else if (field == 5) bounds.gainMarginWad = riskier ? 1.1e18 : 1.3e18;
        else if (field == 6) bounds.maxSwapShareWad = riskier ? 0.7e18 : 0.5e18;
        else if (field == 7) bounds.widthFloorBaseTicks = riskier ? 199 : 201;
        else if (field == 8) bounds.widthFloorPerSpreadTicks = riskier ? 12_664 : 12_666;
        else if (field == 9) bounds.fullShareSpreadWad = riskier ? 0.06e18 : 0.04e18;
        else if (field == 10) bounds.minShareWad = riskier ? 0.21e18 : 0.19e18;
        else if (field == 11) bounds.spreadCeilingWad = riskier ? 0.31e18 : 0.29e18;
        else if (field == 12) bounds.volatilityWindowSeconds = riskier ? 0 : 1920;
        else bounds.maxSilenceSeconds = riskier ? 7 hours : 5 hours;
    }

    function _watchedBounds() private pure returns (Bounds memory bounds) {
        bounds = _defaultBounds();
        bounds.volatilityWindowSeconds = 1920;
        bounds.maxSilenceSeconds = 6 hours;
    }

    function test_setBounds_everyRaiseWaitsAndEveryCutIsInstant() public {
        vm.prank(curator);
        modelStrategy.setBounds(_watchedBounds());
        _slowDown();
        for (uint256 field; field < 14; ++field) {
            bytes32 before = keccak256(abi.encode(_watchedBounds()));
            Bounds memory riskier = _changed(field, true);
            vm.prank(curator);
            modelStrategy.setBounds(riskier);
            assertEq(keccak256(abi.encode(modelStrategy.bounds())), before, "a raise was instant");
            assertEq(modelStrategy.announcement("bounds").readyAt, block.timestamp + 2 days);
            vm.prank(curator);
            modelStrategy.setBounds(_changed(field, false));
            assertEq(
                keccak256(abi.encode(modelStrategy.bounds())),
                keccak256(abi.encode(_changed(field, false))),
                "a cut waited"
            );
            assertEq(modelStrategy.announcement("bounds").readyAt, 0, "a cut drops what was announced");
            // Back, after the notice, except where the change was none.
            vm.prank(curator);
            modelStrategy.setBounds(_watchedBounds());
            if (modelStrategy.announcement("bounds").readyAt == 0) continue;
            skip(2 days);
            vm.prank(curator);
            modelStrategy.setBounds(_watchedBounds());
            assertEq(keccak256(abi.encode(modelStrategy.bounds())), before);
        }
    }

    function test_setBounds_raisesAfterItsNoticeAndWithinAWeek() public {
        _slowDown();
        Bounds memory riskier = _defaultBounds();
        riskier.maxMovesPerDay = 5;
        uint256 readyAt = block.timestamp + 2 days;
        vm.startPrank(curator);
        modelStrategy.setBounds(riskier);
        skip(2 days - 1);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.ChangeNotReady.selector, bytes32("bounds"), readyAt));
        modelStrategy.setBounds(riskier);
        // Too late is announced anew.
        vm.warp(readyAt + 7 days + 1);
        modelStrategy.setBounds(riskier);
        assertEq(modelStrategy.bounds().maxMovesPerDay, 4);
        readyAt = block.timestamp + 2 days;
        // Another value is another announcement.
        riskier.maxMovesPerDay = 6;
        vm.warp(readyAt);
        modelStrategy.setBounds(riskier);
        assertEq(modelStrategy.bounds().maxMovesPerDay, 4);
        vm.warp(readyAt + 2 days);
        modelStrategy.setBounds(riskier);
        assertEq(modelStrategy.bounds().maxMovesPerDay, 6);
        assertEq(modelStrategy.announcement("bounds").readyAt, 0);
    }

    function test_cancelAnnouncement_isTheGuardians() public {
        _slowDown();
        Bounds memory riskier = _defaultBounds();
        riskier.maxMovesPerDay = 5;
        vm.prank(curator);
        modelStrategy.setBounds(riskier);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, bob));
        vm.prank(bob);
        modelStrategy.cancelAnnouncement("bounds");
        vm.prank(guardian);
        modelStrategy.cancelAnnouncement("bounds");
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.ChangeNotAnnounced.selector, bytes32("bounds")));
        vm.prank(guardian);
        modelStrategy.cancelAnnouncement("bounds");
        skip(2 days);
        vm.prank(curator);
        modelStrategy.setBounds(riskier);
        assertEq(modelStrategy.bounds().maxMovesPerDay, 4);
    }

    function test_setModel_waitsForAnotherAndNotForNone() public {
        RebalanceProposal memory proposal = _funded();
        _slowDown();
        vm.startPrank(curator);
        modelStrategy.setModel(bytes32("next"));
        assertEq(modelStrategy.modelId(), MODEL_ID);
        skip(2 days);
        modelStrategy.setModel(bytes32("next"));
        assertEq(modelStrategy.modelId(), bytes32("next"));
        assertEq(modelStrategy.lastDecisionAt(), block.timestamp);
        // So has the model of a strategy that has just been deployed.
        assertEq(
            new ModelStrategy(vault, registry, MODEL_ID, address(manager), _defaultBounds()).lastDecisionAt(),
            block.timestamp
        );
        modelStrategy.setModel(0);
        vm.stopPrank();
        proposal.deadline = uint64(block.timestamp);
        proposal.modelId = 0;
        _refused(proposal, abi.encodeWithSelector(StrategyErrorsLib.ModelNotActive.selector, bytes32(0), 0));
    }

    /* HEARTBEAT */

    function test_heartbeat_isSignedAndOnlyOnce() public {
        uint64 deadline = uint64(block.timestamp + 60);
        bytes32 inputs = keccak256("hold");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SIGNER_KEY, modelStrategy.heartbeatDigest(deadline, 7, inputs));
        bytes memory signature = abi.encodePacked(r, s, v);
        vm.expectPartialRevert(StrategyErrorsLib.SignatureInvalid.selector);
        modelStrategy.heartbeat(deadline, 8, inputs, signature);
        modelStrategy.heartbeat(deadline, 7, inputs, signature);
        (uint64 at, uint64 nonce, bytes16 digest) = modelStrategy.lastHeartbeat();
        assertEq(at, block.timestamp);
        assertEq(nonce, 7);
        assertEq(digest, bytes16(inputs));
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.NonceMismatch.selector, 7, 8));
        modelStrategy.heartbeat(deadline, 7, inputs, signature);
    }
}
