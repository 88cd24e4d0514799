// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IRangeVault, RebalanceOrder, RebalanceReport} from "../vaults/interfaces/IRangeVault.sol";
import {NavLib} from "../vaults/libraries/NavLib.sol";
import {Bounds, BoundsLib} from "./libraries/BoundsLib.sol";
import {FallbackLib} from "./libraries/FallbackLib.sol";
import {Announcement, PolicyLib} from "./libraries/PolicyLib.sol";
import {ProposalLib, RebalanceProposal} from "./libraries/ProposalLib.sol";
import {StrategyErrorsLib} from "./libraries/StrategyErrorsLib.sol";

// How far ahead a deadline may lie.
uint256 constant MAX_DEADLINE_SECONDS = 15 minutes;

// Units of each token that rounding may take per range and that are not a cost.
uint256 constant ROUNDING_UNITS_PER_RANGE = 2;

/// @notice A move that the vault has just made.
struct Made {
    /// Not one to wider.
    bool ordinary;
    /// The mid reference that the vault moved by.
    int24 midTick;
    /// Part of the vault that was offered to ranges, where the move is an ordinary one.
    uint256 deployedWad;
    /// In asset units, from before the move.
    uint256 nav;
}

/// @title Policy between a proposal and the money
/// @notice WHO. Anyone may relay a proposal (unless it names its executor); whether it is genuine is `_authorize`'s to
/// say. The vault obeys this contract and holds its own, independent limits, so a mistake here costs at most the
/// vault's loss budget.
///
/// WHAT PASSES. The next nonce, a deadline at most 15 minutes ahead, a calm market, cooldown and moves per day, each
/// width between the floor for the spread and the maximum, each centre within reach of the mid reference, weights
/// within what the spread allows, a swap under its cap, declared gain >= declared cost × margin, and a measured cost
/// no higher than declared.
///
/// DE-RISK. A proposal without ranges and without a swap needs only to be genuine, for this vault, in time and next in
/// order. No bound meant to limit risk can stop it. Nor can one stop a move to *wider* (no swap, every new range contains
/// all that are held, no more at work than now): it needs a calm market, for it mints, and costs at
/// most what it declares, and waits for no cooldown, count of moves, gain, width, centre or spread.
///
/// NOTICE. A change of policy that lets anything pass which was refused before waits as long as the vault's own notice:
/// the first call announces it, the same call puts it in force. The guardian can cancel it.
///
/// HOOKS. `_authorize` accepts or reverts; `_spreadWad` gives the spread that counts for width, share and ceiling (never
/// less than declared); `_checkMove` looks at a move that was just made and may refuse it. What `_authorize` found out
/// before the move it tells `_checkMove` in a *note*.
abstract contract BaseStrategy is AccessManaged, EIP712 {
    using BoundsLib for Bounds;

    IRangeVault public immutable vault;

    bool private immutable assetIsToken0;

    mapping(bytes32 key => Announcement) private _announced;

    Bounds internal _bounds;

    /// @dev From here on one slot, which leaves a strategy 32 bits of its own. A day of Unix time fits 16 bits until 2149.
    uint64 private _nonce;
    uint64 public lastMoveAt;
    /// @notice When a proposal of any kind was last executed, a de-risk too; at first, when this was deployed.
    uint64 public lastDecisionAt;
    uint16 private _movesDay;
    uint16 private _movesToday;

    event BoundsAnnounced(Bounds bounds, uint64 readyAt);

    event BoundsSet(Bounds bounds);

    event ChangeCancelled(bytes32 indexed key, address indexed by);

    event NonceInvalidated(uint256 indexed nonce, address indexed by);

    event ProposalExecuted(
        address indexed vault,
        uint256 indexed nonce,
        bytes32 indexed modelId,
        bytes32 proposalDigest,
        bytes32 inputsDigest,
        uint256 declaredGain,
        uint256 declaredCost,
        uint256 declaredSpreadWad,
        uint256 measuredCost,
        uint256 lossWad
    );

    constructor(IRangeVault vault_, address authority, Bounds memory bounds_) AccessManaged(authority) {
        vault = vault_;
        assetIsToken0 = vault_.assetIsToken0();
        // Who begins has his time to speak.
        _heard();
        PolicyLib.check(bounds_);
        _setBounds(bounds_);
    }

    /// @notice The bounds in force.
    function bounds() external view returns (Bounds memory) {
        return _bounds;
    }

    /// @notice What was announced for "bounds", or another part of the policy; `readyAt` 0 = nothing.
    function announcement(bytes32 key) external view returns (Announcement memory) {
        return _announced[key];
    }

    /// @notice The nonce that the next proposal must carry.
    function nextNonce() public view returns (uint256) {
        return _nonce;
    }

    /// @notice Moves made in the current day of Unix time; de-risking does not count.
    function movesToday() public view returns (uint256) {
        return _movesDay == uint16(block.timestamp / 1 days) ? _movesToday : 0;
    }

    /// @notice EIP-712 digest of a proposal: what the signer signs.
    function proposalDigest(RebalanceProposal calldata proposal) public view returns (bytes32) {
        return _hashTypedDataV4(ProposalLib.structHash(proposal));
    }

    /// @notice What a spread (1e18 = 100%) allows: narrowest range, largest sum of weights, or nothing but de-risking.
    function confidenceLimits(uint256 spreadWad)
        external
        view
        returns (uint24 minWidthTicks, uint256 maxShareWad, bool deRiskOnly)
    {
        Bounds memory current = _bounds;
        // 24 bits of ticks per spread 1e18: cap what an absurd spread would overflow.
        minWidthTicks = uint24(Math.min(current.widthFloorTicks(Math.min(spreadWad, 1e24)), type(uint24).max));
        maxShareWad = current.deployableShareWad(spreadWad);
        deRiskOnly = spreadWad > current.spreadCeilingWad;
    }

    /// @notice The spread that would count for a proposal that declares this one; never less.
    function effectiveSpreadWad(uint256 declaredSpreadWad) external view returns (uint256) {
        return _spreadWad(declaredSpreadWad, _bounds);
    }

    /// @notice Executes a proposal that is genuine and within every bound.
    function rebalance(RebalanceProposal calldata proposal, bytes calldata signature)
        external
        returns (RebalanceReport memory report)
    {
        require(proposal.vault == address(vault), StrategyErrorsLib.VaultMismatch(proposal.vault, address(vault)));
        require(
            proposal.executor == address(0) || proposal.executor == msg.sender,
            StrategyErrorsLib.ExecutorMismatch(msg.sender, proposal.executor)
        );
        _checkDeadline(proposal.deadline);
        require(proposal.nonce == _nonce, StrategyErrorsLib.NonceMismatch(proposal.nonce, _nonce));
        _nonce += 1;
        lastDecisionAt = uint64(block.timestamp);
        bytes32 digest = proposalDigest(proposal);
        uint256 note = _authorize(proposal, digest, signature);

        uint256 measuredCost;
        if (proposal.ranges.length == 0 && proposal.swap.amountIn == 0) {
            report = vault.rebalance(_order(proposal));
        } else {
            (report, measuredCost) = _move(proposal, note);
        }
        emit ProposalExecuted(
            proposal.vault,
            proposal.nonce,
            proposal.modelId,
            digest,
            proposal.inputsDigest,
            proposal.declaredGain,
            proposal.declaredCost,
            proposal.declaredSpreadWad,
            measuredCost,
            report.lossWad
        );
    }

    /* CURATOR */

    /// @notice Puts bounds in force, or announces them where they let more pass.
    function setBounds(Bounds calldata newBounds) external restricted {
        PolicyLib.check(newBounds);
        uint64 readyAt = _noticeOf("bounds", PolicyLib.raises(_bounds, newBounds), keccak256(abi.encode(newBounds)));
        if (readyAt == 0) _setBounds(newBounds);
        else emit BoundsAnnounced(newBounds, readyAt);
    }

    /* GUARDIAN */

    /// @notice Drops what was announced for a part of the policy.
    function cancelAnnouncement(bytes32 key) external restricted {
        require(_announced[key].readyAt != 0, StrategyErrorsLib.ChangeNotAnnounced(key));
        delete _announced[key];
        emit ChangeCancelled(key, msg.sender);
    }

    /// @notice Makes every proposal signed for the next nonce void.
    function invalidateNonce() external restricted {
        emit NonceInvalidated(_nonce, msg.sender);
        _nonce += 1;
    }

    /* HOOKS */

    /// @dev Reverts unless the proposal is genuine. The nonce is already used.
    function _authorize(RebalanceProposal calldata proposal, bytes32 digest, bytes calldata signature)
        internal
        virtual
        returns (uint256 note);

    /// @dev The spread that counts under these bounds; at least the declared one.
    function _spreadWad(uint256 declaredSpreadWad, Bounds memory current) internal view virtual returns (uint256);

    /// @dev Further limits on a move that was just made.
    function _checkMove(RebalanceProposal calldata proposal, Made memory made, uint256 note) internal virtual;

    /* INTERNAL */

    function _checkDeadline(uint256 deadline) internal view {
        require(
            deadline >= block.timestamp && deadline <= block.timestamp + MAX_DEADLINE_SECONDS,
            StrategyErrorsLib.DeadlineInvalid(deadline, block.timestamp)
        );
    }

    function _move(RebalanceProposal calldata proposal, uint256 note)
        private
        returns (RebalanceReport memory report, uint256 measuredCost)
    {
        Bounds memory current = _bounds;
        Made memory made;
        {
            uint256 spreadWad = _spreadWad(proposal.declaredSpreadWad, current);
            made.ordinary = !_widens(proposal, current, spreadWad);
            if (made.ordinary) made.deployedWad = _checkOrdinary(proposal, current, spreadWad);
        }

        // The vault asks its oracle and refuses where that is not calm; the mid reference of this move is then its last.
        report = vault.rebalance(_order(proposal));
        (uint160 midX96,) = vault.lastCalmPrice();
        (made.midTick, made.nav) = (TickMath.getTickAtSqrtPrice(midX96), report.navBefore);
        if (made.ordinary) {
            current.checkCentres(proposal.ranges, made.midTick);
            // Against the NAV from before the move, which the vault has just measured.
            _checkSwap(proposal, current, midX96, report.navBefore);
        }
        _checkMove(proposal, made, note);
        measuredCost = _measuredCost(report, proposal.ranges.length, midX96);
        require(
            measuredCost <= proposal.declaredCost,
            StrategyErrorsLib.CostAboveDeclared(measuredCost, proposal.declaredCost)
        );
    }

    /// @dev Whether it is a de-risk to wider. Asked only where it matters: no gain is declared, or an ordinary move would
    /// be refused for the spread, the cooldown or the moves of the day.
    function _widens(RebalanceProposal calldata proposal, Bounds memory current, uint256 spreadWad)
        private
        view
        returns (bool)
    {
        if (proposal.swap.amountIn > 0) return false;
        bool refused = spreadWad > current.spreadCeilingWad || block.timestamp < _readyAt(current)
            || movesToday() >= current.maxMovesPerDay;
        return (refused || proposal.declaredGain == 0) && FallbackLib.widens(vault, _order(proposal));
    }

    function _checkOrdinary(RebalanceProposal calldata proposal, Bounds memory current, uint256 spreadWad)
        private
        returns (uint256 deployedWad)
    {
        _countMove(current);
        require(
            spreadWad <= current.spreadCeilingWad || proposal.ranges.length == 0,
            StrategyErrorsLib.DeRiskOnly(spreadWad, current.spreadCeilingWad)
        );
        // No vault holds so much; a larger cost would not fit the product.
        require(
            proposal.declaredCost <= type(uint128).max,
            StrategyErrorsLib.GainBelowCost(proposal.declaredGain, type(uint256).max)
        );
        uint256 required = Math.mulDiv(proposal.declaredCost, current.gainMarginWad, BoundsLib.WAD, Math.Rounding.Ceil);
        require(proposal.declaredGain >= required, StrategyErrorsLib.GainBelowCost(proposal.declaredGain, required));
        deployedWad = current.checkWidths(proposal.ranges, spreadWad);
        uint256 allowedWad = current.deployableShareWad(spreadWad);
        require(deployedWad <= allowedWad, StrategyErrorsLib.ShareAboveLimit(deployedWad, allowedWad));
    }

    function _readyAt(Bounds memory current) private view returns (uint256) {
        return lastMoveAt == 0 ? 0 : uint256(lastMoveAt) + current.cooldownSeconds;
    }

    function _countMove(Bounds memory current) private {
        uint256 readyAt = _readyAt(current);
        require(block.timestamp >= readyAt, StrategyErrorsLib.CooldownActive(readyAt));
        uint256 moves = movesToday();
        require(moves < current.maxMovesPerDay, StrategyErrorsLib.MovesPerDayReached(current.maxMovesPerDay));
        lastMoveAt = uint64(block.timestamp);
        _movesDay = uint16(block.timestamp / 1 days);
        // moves < maxMovesPerDay, a uint16.
        _movesToday = uint16(moves + 1);
    }

    function _checkSwap(RebalanceProposal calldata proposal, Bounds memory current, uint160 midX96, uint256 nav)
        private
        view
    {
        uint256 amountIn = proposal.swap.amountIn;
        if (amountIn == 0) return;
        bool zeroForOne = proposal.swap.zeroForOne;
        uint256 value = NavLib.toAssetDown(zeroForOne ? amountIn : 0, zeroForOne ? 0 : amountIn, midX96, assetIsToken0);
        uint256 limit = Math.mulDiv(nav, current.maxSwapShareWad, BoundsLib.WAD);
        require(value <= limit, StrategyErrorsLib.SwapAboveLimit(value, limit));
    }

    /// @dev NAV lost at the mid reference, less what rounding alone can take.
    function _measuredCost(RebalanceReport memory report, uint256 ranges, uint160 midX96)
        private
        view
        returns (uint256)
    {
        uint256 units = ROUNDING_UNITS_PER_RANGE * (ranges + 1);
        uint256 after_ = report.navAfter + NavLib.toAssetDown(units, units, midX96, assetIsToken0) + 1;
        return report.navBefore > after_ ? report.navBefore - after_ : 0;
    }

    function _order(RebalanceProposal calldata proposal) private pure returns (RebalanceOrder memory) {
        return RebalanceOrder({ranges: proposal.ranges, swap: proposal.swap, minSharePrice: proposal.minSharePrice});
    }

    /// @dev When a change may be put in force: 0 = now, else it was just announced.
    function _noticeOf(bytes32 key, bool raises, bytes32 digest) internal returns (uint64) {
        if (raises) return PolicyLib.announce(_announced, vault, key, digest);
        delete _announced[key];
        return 0;
    }

    function _heard() internal {
        lastDecisionAt = uint64(block.timestamp);
    }

    function _setBounds(Bounds memory newBounds) private {
        _bounds = newBounds;
        emit BoundsSet(newBounds);
    }
}
