// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReferencePrices} from "../interfaces/IPriceOracle.sol";
import {ErrorsLib} from "./ErrorsLib.sol";
import {FeeLib} from "./FeeLib.sol";
import {Holdings, NavLib} from "./NavLib.sol";
import {VIRTUAL_SHARES, VaultContext, VaultState} from "./VaultState.sol";

/// @notice What flows are priced with.
struct Pricing {
    /// References as sqrt prices: the one that makes the vault dearest, and cheapest.
    uint160 dearestX96;
    uint160 cheapestX96;
    /// NAV at each; a side that nobody asked for is 0.
    uint256 highNav;
    uint256 lowNav;
    /// What the vault has in the pool.
    Holdings seen;
    /// Total supply, fee shares that are due, and virtual shares.
    uint256 issued;
    /// Shares that the performance fee would add if it were charged now.
    uint256 pending;
}

/// @title What a share is worth
/// @notice Linked library, runs in the vault's storage. Entries take `highNav`, exits `lowNav`, both over issued and
/// pending shares together.
library PricingLib {
    /// @notice Net asset value at the mid reference when calm, else at the last calm one.
    function totalAssets(VaultContext memory context, VaultState storage state) external view returns (uint256) {
        return NavLib.navs(context, state, [_displayPrice(state, referenceNow(context)), 0, 0])[0];
    }

    /// @notice Total supply plus all fee shares that are due or would be if charged now, without virtual shares.
    function effectiveSupply(VaultContext memory context, VaultState storage state, uint256 totalSupply)
        external
        view
        returns (uint256)
    {
        return _supply(context, state, totalSupply) - VIRTUAL_SHARES;
    }

    /// @notice Shares for `assets` at `totalAssets`, rounded down.
    function convertToShares(VaultContext memory context, VaultState storage state, uint256 totalSupply, uint256 assets)
        external
        view
        returns (uint256)
    {
        uint256 nav = NavLib.navs(context, state, [_displayPrice(state, referenceNow(context)), 0, 0])[0];
        return Math.mulDiv(assets, _supply(context, state, totalSupply), nav + 1);
    }

    /// @notice Assets for `shares` at `totalAssets`, rounded down.
    function convertToAssets(VaultContext memory context, VaultState storage state, uint256 totalSupply, uint256 shares)
        external
        view
        returns (uint256)
    {
        uint256 nav = NavLib.navs(context, state, [_displayPrice(state, referenceNow(context)), 0, 0])[0];
        return Math.mulDiv(shares, nav + 1, _supply(context, state, totalSupply));
    }

    /// @notice NAV at the references, cheapest first; at the last good price and its age when no source answers.
    function navStatus(VaultContext memory context, VaultState storage state)
        external
        view
        returns (uint256 lowNav, uint256 midNav, uint256 highNav, uint256 ageSeconds, bool calm)
    {
        ReferencePrices memory refs = referenceNow(context);
        calm = refs.calm;
        if (refs.midSqrtPriceX96 == 0) {
            uint160 last = state.lastGoodSqrtPriceX96;
            refs = ReferencePrices(last, last, last, false, 0);
            ageSeconds = block.timestamp - state.lastGoodAt;
        }
        uint256[3] memory values =
            NavLib.navs(context, state, [refs.lowSqrtPriceX96, refs.midSqrtPriceX96, refs.highSqrtPriceX96]);
        (lowNav, midNav, highNav) =
            context.assetIsToken0 ? (values[2], values[1], values[0]) : (values[0], values[1], values[2]);
    }

    /// @notice The references now; a dead oracle is an oracle without an answer.
    function referenceNow(VaultContext memory context) internal view returns (ReferencePrices memory refs) {
        try context.oracle.referencePrices() returns (ReferencePrices memory answer) {
            return answer;
        } catch {
            return refs;
        }
    }

    function calmReference(VaultContext memory context) internal view returns (ReferencePrices memory refs) {
        refs = referenceNow(context);
        require(refs.calm, ErrorsLib.NotCalm());
    }

    /// @notice Calm, and remembered as the last good price.
    function goodReference(VaultContext memory context, VaultState storage state)
        internal
        returns (ReferencePrices memory refs)
    {
        refs = referenceNow(context);
        require(refs.calm, ErrorsLib.NotCalm());
        _remember(state, refs);
    }

    /// @notice For a vault that nobody has entered yet.
    function rememberIfCalm(VaultContext memory context, VaultState storage state) external {
        ReferencePrices memory refs = referenceNow(context);
        if (refs.calm) _remember(state, refs);
    }

    function _remember(VaultState storage state, ReferencePrices memory refs) private {
        state.lastGoodSqrtPriceX96 = refs.midSqrtPriceX96;
        state.lastGoodAt = uint32(block.timestamp);
    }

    /// @notice Prices the vault, `issued` by FeeLib, at these references into an empty `pricing`; `high` and `low` say which
    /// sides are needed.
    function price(
        VaultContext memory context,
        VaultState storage state,
        uint256 issued,
        ReferencePrices memory refs,
        bool high,
        bool low,
        Pricing memory pricing
    ) internal view {
        (pricing.dearestX96, pricing.cheapestX96) = context.assetIsToken0
            ? (refs.lowSqrtPriceX96, refs.highSqrtPriceX96)
            : (refs.highSqrtPriceX96, refs.lowSqrtPriceX96);
        pricing.issued = issued;
        bool marked = FeeLib.keepsMarks(state);
        NavLib.look(context, state, pricing.seen);
        uint160[3] memory prices = [high || marked ? pricing.dearestX96 : 0, low || marked ? pricing.cheapestX96 : 0, 0];
        uint256[3] memory values = NavLib.navsOf(context, state, prices, pricing.seen);
        (pricing.highNav, pricing.lowNav) = (values[0], values[1]);
        if (marked && FeeLib.charges(state)) pricing.pending = FeeLib.pendingPerformance(context, state, pricing);
    }

    function _displayPrice(VaultState storage state, ReferencePrices memory refs) private view returns (uint160) {
        uint160 last = state.lastGoodSqrtPriceX96;
        return refs.calm || last == 0 ? refs.midSqrtPriceX96 : last;
    }

    /// @dev With virtual shares; at the last good price when not calm.
    function _supply(VaultContext memory context, VaultState storage state, uint256 totalSupply)
        private
        view
        returns (uint256)
    {
        uint256 issued = FeeLib.issued(state, totalSupply);
        if (!FeeLib.charges(state)) return issued;
        ReferencePrices memory refs = referenceNow(context);
        if (!refs.calm) {
            uint160 last = state.lastGoodSqrtPriceX96;
            refs = ReferencePrices(last, last, last, false, 0);
        }
        Pricing memory pricing;
        price(context, state, issued, refs, true, true, pricing);
        return pricing.issued + pricing.pending;
    }
}
