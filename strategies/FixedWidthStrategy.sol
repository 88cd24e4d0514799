// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IPriceOracle} from "../vaults/interfaces/IPriceOracle.sol";
import {IRangeVault, Position, RangeOrder} from "../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../vaults/interfaces/IUniswapV3Pool.sol";
import {BaseStrategy, Made} from "./BaseStrategy.sol";
import {Bounds, BoundsLib} from "./libraries/BoundsLib.sol";
import {PlainRangeLib} from "./libraries/PlainRangeLib.sol";
import {RebalanceProposal} from "./libraries/ProposalLib.sol";
import {StrategyErrorsLib} from "./libraries/StrategyErrorsLib.sol";

/// @notice The whole policy.
struct FixedWidthRule {
    /// From the centre of the range to either end; a multiple of the pool's spacing.
    uint24 halfWidthTicks;
    /// How far the mid reference must go from where it was at the last move.
    uint24 triggerTicks;
    /// After this time a move is due anyway, to put new deposits and fees to work.
    uint32 refreshSeconds;
    /// Part of the tokens that the range is offered.
    uint64 shareWad;
    /// What a move may cost, of NAV.
    uint64 maxCostWad;
}

// No rule may let a move cost more.
uint64 constant MAX_RULE_COST_WAD = 0.01e18; // 1%

// What is known before a move.
uint256 constant DUE = 1;
uint256 constant RESTS = 2;

/// @title One range of a fixed width: no model, no key, anybody may call
/// @notice RULE. While neither token is worth more than twice the other, a range centred on the mid reference. Else a
/// range of the same width right beside spot that asks for the abundant token alone: a resting order, through which the
/// market trades the vault back towards balance (PlainRangeLib). There is never a swap, so there is nothing to sandwich.
/// `plan` computes the range from the chain, and a proposal with any other is refused: the caller chooses only the
/// moment.
///
/// MOMENT. Nothing is held; or the mid reference has gone `triggerTicks` from where it was at the last move; or
/// `refreshSeconds` have passed since. Cooldown, moves per day, calm, width and centre are `BaseStrategy`'s, as for
/// everyone.
///
/// COST. Nobody forecasts a gain here; instead a move may cost at most `maxCostWad` of NAV at the mid reference (minting
/// at a spot beside it may lose a little), whatever the caller declares.
///
/// DE-RISK. Nobody can ask for it here: it is the guardian's, at the vault.
contract FixedWidthStrategy is BaseStrategy {
    /// @notice The mid reference at the last move.
    int24 public lastMidTick;

    FixedWidthRule public rule;

    IUniswapV3Pool private immutable pool;

    int24 private immutable spacing;

    event RuleAnnounced(FixedWidthRule rule, uint64 readyAt);

    event RuleSet(FixedWidthRule rule);

    constructor(IRangeVault vault_, address authority, Bounds memory bounds_, FixedWidthRule memory rule_)
        BaseStrategy(vault_, authority, bounds_)
        EIP712("Rangekeeper FixedWidthStrategy", "1")
    {
        pool = IUniswapV3Pool(vault_.pool());
        spacing = pool.tickSpacing();
        _checkRule(rule_);
        _setRule(rule_);
    }

    /// @notice The range that a proposal must ask for now, and whether the moment has come to ask for it.
    function plan() external view returns (RangeOrder memory range, bool due) {
        FixedWidthRule memory current = rule;
        int24 midTick = _midTick();
        Position[] memory held = vault.positions();
        // Below 2^19 by `_checkRule`.
        range = PlainRangeLib.place(vault, pool, held, midTick, int24(current.halfWidthTicks), current.shareWad);
        due = held.length == 0 || _refreshes(current) || _triggers(current, midTick);
    }

    /* CURATOR */

    /// @notice Puts a rule in force, or announces it where it is narrower, sooner, larger or dearer.
    function setRule(FixedWidthRule calldata newRule) external restricted {
        _checkRule(newRule);
        FixedWidthRule memory former = rule;
        bool raises = newRule.halfWidthTicks < former.halfWidthTicks || newRule.triggerTicks < former.triggerTicks
            || newRule.refreshSeconds < former.refreshSeconds || newRule.shareWad > former.shareWad
            || newRule.maxCostWad > former.maxCostWad;
        uint64 readyAt = _noticeOf("rule", raises, keccak256(abi.encode(newRule)));
        if (readyAt == 0) _setRule(newRule);
        else emit RuleAnnounced(newRule, readyAt);
    }

    /* HOOKS */

    /// @inheritdoc BaseStrategy
    /// @dev All that can be said before the move: whether time alone makes it due (bit 0 of the note), and whether the
    /// range rests beside spot (bit 1) rather than stands around the mid reference, which the move will tell.
    function _authorize(RebalanceProposal calldata proposal, bytes32, bytes calldata signature)
        internal
        view
        override
        returns (uint256 note)
    {
        require(signature.length == 0, StrategyErrorsLib.NothingToSign());
        require(proposal.modelId == bytes32(0), StrategyErrorsLib.ModelMismatch(proposal.modelId, bytes32(0)));
        FixedWidthRule memory current = rule;
        int24 half = int24(current.halfWidthTicks);
        Position[] memory held = vault.positions();
        (bool rests, int24 lowerTick) = PlainRangeLib.beside(vault, pool, held, half, spacing);
        if (!_isShaped(proposal, current) || (rests && proposal.ranges[0].lowerTick != lowerTick)) {
            if (!rests) lowerTick = PlainRangeLib.centredFrom(_midTick(), half, spacing);
            revert StrategyErrorsLib.PlanMismatch(lowerTick, lowerTick + 2 * half, current.shareWad);
        }
        if (held.length == 0 || _refreshes(current)) note = DUE;
        if (rests) note |= RESTS;
    }

    /// @inheritdoc BaseStrategy
    function _spreadWad(uint256 declaredSpreadWad, Bounds memory) internal pure override returns (uint256) {
        return declaredSpreadWad;
    }

    /// @inheritdoc BaseStrategy
    /// @dev The mid reference is that of the move itself, so nothing asks the oracle twice.
    function _checkMove(RebalanceProposal calldata proposal, Made memory made, uint256 note) internal override {
        FixedWidthRule memory current = rule;
        require(note & DUE != 0 || _triggers(current, made.midTick), StrategyErrorsLib.MoveNotDue());
        if (note & RESTS == 0) {
            int24 half = int24(current.halfWidthTicks);
            int24 lowerTick = PlainRangeLib.centredFrom(made.midTick, half, spacing);
            require(
                proposal.ranges[0].lowerTick == lowerTick,
                StrategyErrorsLib.PlanMismatch(lowerTick, lowerTick + 2 * half, current.shareWad)
            );
        }
        lastMidTick = made.midTick;
        if (!made.ordinary) return;
        uint256 most = Math.mulDiv(made.nav, current.maxCostWad, BoundsLib.WAD);
        require(proposal.declaredCost <= most, StrategyErrorsLib.CostAboveRule(proposal.declaredCost, most));
    }

    /* INTERNAL */

    function _midTick() private view returns (int24) {
        return TickMath.getTickAtSqrtPrice(IPriceOracle(vault.oracle()).referencePrices().midSqrtPriceX96);
    }

    /// @dev One range of the rule's width and part, and no swap.
    function _isShaped(RebalanceProposal calldata proposal, FixedWidthRule memory current) private pure returns (bool) {
        if (proposal.swap.amountIn != 0 || proposal.ranges.length != 1) return false;
        RangeOrder calldata range = proposal.ranges[0];
        return int256(range.upperTick) - range.lowerTick == 2 * int256(uint256(current.halfWidthTicks))
            && range.weightWad == current.shareWad;
    }

    function _refreshes(FixedWidthRule memory current) private view returns (bool) {
        return block.timestamp >= uint256(lastMoveAt) + current.refreshSeconds;
    }

    function _triggers(FixedWidthRule memory current, int24 midTick) private view returns (bool) {
        int256 gone = int256(midTick) - lastMidTick;
        return (gone < 0 ? -gone : gone) >= int256(uint256(current.triggerTicks));
    }

    function _checkRule(FixedWidthRule memory newRule) private view {
        require(
            newRule.halfWidthTicks > 0 && newRule.halfWidthTicks <= 400_000
                && int24(newRule.halfWidthTicks) % spacing == 0,
            StrategyErrorsLib.BoundInvalid("halfWidthTicks", newRule.halfWidthTicks)
        );
        require(newRule.triggerTicks > 0, StrategyErrorsLib.BoundInvalid("triggerTicks", 0));
        require(
            newRule.shareWad > 0 && newRule.shareWad <= BoundsLib.WAD,
            StrategyErrorsLib.BoundInvalid("shareWad", newRule.shareWad)
        );
        require(
            newRule.maxCostWad <= MAX_RULE_COST_WAD, StrategyErrorsLib.BoundInvalid("maxCostWad", newRule.maxCostWad)
        );
    }

    function _setRule(FixedWidthRule memory newRule) private {
        rule = newRule;
        emit RuleSet(newRule);
    }
}
