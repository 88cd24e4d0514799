// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {ErrorsLib} from "./ErrorsLib.sol";
import {BPS, Limits, VaultContext, WAD} from "./VaultState.sol";

/// @title Where mispricing a vault costs more than it pays
/// @notice THE ATTACK, on a vault without a feed. The true price moves by x (as a logarithm), the pool follows, the mean
/// does not yet. Somebody pushes spot back to the mean and holds it for two blocks: all references agree on the old
/// price. He enters where the vault is too cheap or leaves where it is too dear, and lets spot go again.
///
/// WHAT IT PAYS, per x, of the vault's value V. Entering: of the stale value he gets the part that his deposit is of
/// the whole. The inflow cap c lets c in, and as much again while it refills, for one window: 2c / (1 + 2c). Leaving by
/// price: with e of the vault in the other token he can be paid 1 − e of it in the asset, each unit e·x too dear:
/// e (1 − e), at most 1/4. Exposure is not a setting: a range that the price has left is all other token, and leavers
/// take the idle asset first. In kind nothing is stale.
///
/// WHAT IT COSTS. To move spot by x there and back sells twice L√P·x/2 at the pool's fee f. A vault with the share s of
/// the liquidity and its price in the middle of ranges of the widest kind is worth s·L√P·2(1 − exp(−w/2)), w the half
/// width as a logarithm; its own part of the fees is no cost to somebody who owns it.
///
/// SO, whatever x: s / (1 − s) × 2(1 − exp(−w/2)) × max(1/4, 2c / (1 + 2c)) <= f. With a feed the stale price is one that
/// the feed also says, within its deviation threshold, and the entry margin covers that.
///
/// NOT COVERED: a price that the pool has not followed at all (the inflow cap bounds it), and a spot held against
/// everybody for longer than an inflow window.
library SuitabilityLib {
    // Of the value, what leaving by a stale price can take per unit of log price.
    uint256 private constant LEAVER_GAIN_WAD = 0.25e18;

    /// @notice Refuses limits with which mispricing can pay.
    function requireUnprofitable(VaultContext memory context, Limits memory limits) internal view {
        if (context.oracle.feed() != address(0)) return;
        uint256 othersBps = BPS - limits.maxPoolShareBps;
        // Pips are 1e-6. The vault's share is of all, the fee's is of the others', so both carry bps.
        uint256 costWad = uint256(context.pool.fee()) * 1e12 * othersBps / BPS;
        uint256 gainWad = Math.mulDiv(depthWad(limits.maxWidthTicks), _giveawayWad(limits.inflowCapBps), WAD);
        gainWad = Math.mulDiv(gainWad, limits.maxPoolShareBps, BPS, Math.Rounding.Ceil);
        require(gainWad <= costWad, ErrorsLib.MispricingPays(gainWad, costWad));
    }

    /// @notice The least entry margin: entry alone carries the round trip, for leaving in kind has no spread.
    function minEntryMarginBps(VaultContext memory context) internal view returns (uint256) {
        // Pips are 1e-6 and bps 1e-4; rounded up.
        return Math.max(Math.ceilDiv(context.pool.fee(), 100), context.oracle.feedDeviationBps());
    }

    /// @notice Value of a centred range of this width over L√P: 2 (1 − exp(−w/2)).
    function depthWad(uint24 widthTicks) internal pure returns (uint256) {
        // A half width is at most MAX_TICK, and the price at a negative tick at most 1.
        uint256 root = TickMath.getSqrtPriceAtTick(-int24(widthTicks / 2 + widthTicks % 2));
        return Math.mulDiv(2 * ((1 << 96) - root), WAD, 1 << 96, Math.Rounding.Ceil);
    }

    function _giveawayWad(uint256 inflowCapBps) private pure returns (uint256) {
        uint256 entersBps = 2 * inflowCapBps;
        return Math.max(LEAVER_GAIN_WAD, Math.mulDiv(entersBps, WAD, BPS + entersBps, Math.Rounding.Ceil));
    }
}
