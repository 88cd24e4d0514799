// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEntryGate} from "../interfaces/IEntryGate.sol";
import {ReferencePrices} from "../interfaces/IPriceOracle.sol";
import {ErrorsLib} from "./ErrorsLib.sol";
import {FeeLib} from "./FeeLib.sol";
import {NavLib} from "./NavLib.sol";
import {Pricing, PricingLib} from "./PricingLib.sol";
import {BPS, VIRTUAL_SHARES, VaultContext, VaultState} from "./VaultState.sol";

// Instead of what is used of an inflow window: a vault that cannot be mispriced counts nothing.
uint256 constant UNCOUNTED = type(uint256).max;

/// @title How shareholders come in
/// @notice Linked library, runs in the vault's storage: prices an entry, takes its tokens and books them; the vault mints
/// the shares. Both ways in close when the vault is not calm, paused or wound down, and ask the gate.
///
/// WITH THE ASSET. At the dearest reference and the entry margin, up to the deposit cap and what is left of the inflow
/// window: a price that the pool has not seen yet can cost no more than that share of the vault.
///
/// IN KIND. Both tokens in the proportion in which the vault holds them at spot, rounded up; the margin comes off the
/// shares. The proportion needs no price: moving spot first only makes the entrant bring a mix that is worth more than
/// the slice he gets (a position is worth less than the tokens it held anywhere else on its curve). The inflow window
/// counts it all the same: who came in kind may leave by price, and after a fall that the pool has not seen he is paid
/// too much for whatever came in. It waits for calm, because cap, window and pending fee need a price, and because new
/// money has no hurry while somebody may be moving the market.
library EntryLib {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /* QUOTES */

    function maxDeposit(VaultContext memory context, VaultState storage state, uint256 totalSupply, address receiver)
        external
        view
        returns (uint256 assets)
    {
        (assets,) = _mostNow(context, state, totalSupply, receiver);
    }

    function maxMint(VaultContext memory context, VaultState storage state, uint256 totalSupply, address receiver)
        external
        view
        returns (uint256)
    {
        (uint256 assets, Pricing memory pricing) = _mostNow(context, state, totalSupply, receiver);
        return assets == 0 ? 0 : _toSharesDown(state, pricing, assets);
    }

    function previewDeposit(VaultContext memory context, VaultState storage state, uint256 totalSupply, uint256 assets)
        external
        view
        returns (uint256)
    {
        return _toSharesDown(state, _priceNow(context, state, totalSupply), assets);
    }

    function previewMint(VaultContext memory context, VaultState storage state, uint256 totalSupply, uint256 shares)
        external
        view
        returns (uint256)
    {
        return _toAssetsUp(state, _priceNow(context, state, totalSupply), shares);
    }

    /* ENTRIES */

    function deposit(
        VaultContext memory context,
        VaultState storage state,
        uint256 totalSupply,
        uint256 assets,
        address receiver,
        uint256 minShares
    ) external returns (uint256 shares) {
        Pricing memory pricing;
        _begin(context, state, totalSupply, receiver, pricing);
        (uint256 most, uint256 used) = _most(context, state, pricing);
        require(assets <= most, ERC4626.ERC4626ExceededMaxDeposit(receiver, assets, most));
        shares = _toSharesDown(state, pricing, assets);
        require(shares >= minShares, ErrorsLib.AmountBelowMin(shares, minShares));
        _enter(context, state, pricing, assets, shares, used);
    }

    function mint(
        VaultContext memory context,
        VaultState storage state,
        uint256 totalSupply,
        uint256 shares,
        address receiver,
        uint256 maxAssets
    ) external returns (uint256 assets) {
        Pricing memory pricing;
        _begin(context, state, totalSupply, receiver, pricing);
        (uint256 most, uint256 used) = _most(context, state, pricing);
        uint256 mostShares = _toSharesDown(state, pricing, most);
        require(shares <= mostShares, ERC4626.ERC4626ExceededMaxMint(receiver, shares, mostShares));
        assets = _toAssetsUp(state, pricing, shares);
        require(assets <= maxAssets, ErrorsLib.AmountAboveMax(assets, maxAssets));
        _enter(context, state, pricing, assets, shares, used);
    }

    /// @notice At most `max0` and `max1`, in the proportion of the vault's holdings at spot.
    function depositInKind(
        VaultContext memory context,
        VaultState storage state,
        uint256 totalSupply,
        uint256 max0,
        uint256 max1,
        address receiver,
        uint256 minShares
    ) external returns (uint256 shares, uint256 amount0, uint256 amount1) {
        Pricing memory pricing;
        _begin(context, state, totalSupply, receiver, pricing);
        // Without holders there is no proportion.
        require(pricing.issued > VIRTUAL_SHARES, ErrorsLib.ProportionUnknown());
        {
            (uint256 total0, uint256 total1) = NavLib.totals(state, pricing.seen, pricing.seen.spotX96);
            uint256 supply = pricing.issued + pricing.pending;
            shares = type(uint256).max;
            if (total0 > 0) shares = Math.mulDiv(Math.min(max0, type(uint128).max), supply, total0);
            if (total1 > 0) shares = Math.min(shares, Math.mulDiv(Math.min(max1, type(uint128).max), supply, total1));
            require(total0 > 0 || total1 > 0, ErrorsLib.ProportionUnknown());
            amount0 = Math.mulDiv(total0, shares, supply, Math.Rounding.Ceil);
            amount1 = Math.mulDiv(total1, shares, supply, Math.Rounding.Ceil);
        }
        shares = Math.mulDiv(shares, BPS - _marginBps(state, pricing), BPS);
        require(shares > 0, ErrorsLib.ZeroShares());
        require(shares >= minShares, ErrorsLib.AmountBelowMin(shares, minShares));
        uint256 value = NavLib.toAssetDown(amount0, amount1, pricing.dearestX96, context.assetIsToken0);
        (uint256 room, uint256 used) = _most(context, state, pricing);
        require(value <= room, ErrorsLib.AmountAboveMax(value, room));
        _countInflow(state, used, value);
        _book(context, state, pricing, amount0, amount1);
    }

    /* INTERNAL */

    function _begin(
        VaultContext memory context,
        VaultState storage state,
        uint256 totalSupply,
        address receiver,
        Pricing memory pricing
    ) private {
        require(!state.woundDown, ErrorsLib.WoundDown());
        require(!FeeLib.paused(state), ErrorsLib.Paused(state.pausedUntil));
        require(_mayEnter(state, receiver), ErrorsLib.EntryRefusedByGate(msg.sender, receiver));
        uint256 issued = FeeLib.accrue(state, totalSupply);
        ReferencePrices memory refs = PricingLib.goodReference(context, state);
        PricingLib.price(context, state, issued, refs, true, false, pricing);
    }

    function _mayEnter(VaultState storage state, address receiver) private view returns (bool) {
        return !state.gated || IEntryGate(state.gate).mayEnter(msg.sender, receiver);
    }

    function _priceNow(VaultContext memory context, VaultState storage state, uint256 totalSupply)
        private
        view
        returns (Pricing memory pricing)
    {
        uint256 issued = FeeLib.issued(state, totalSupply);
        PricingLib.price(context, state, issued, PricingLib.calmReference(context), true, false, pricing);
    }

    function _mostNow(VaultContext memory context, VaultState storage state, uint256 totalSupply, address receiver)
        private
        view
        returns (uint256 assets, Pricing memory pricing)
    {
        if (state.woundDown || FeeLib.paused(state) || !_mayEnter(state, receiver)) {
            return (0, pricing);
        }
        ReferencePrices memory refs = PricingLib.referenceNow(context);
        if (!refs.calm) return (0, pricing);
        PricingLib.price(context, state, FeeLib.issued(state, totalSupply), refs, true, false, pricing);
        (assets,) = _most(context, state, pricing);
    }

    /// @dev By the cap and by what is left of the inflow window; and what is used of the window, UNCOUNTED while nothing
    /// needs to be counted.
    function _most(VaultContext memory context, VaultState storage state, Pricing memory pricing)
        private
        view
        returns (uint256 assets, uint256 used)
    {
        assets = _capRoom(state, pricing);
        if (!_exposed(context, state, pricing)) return (assets, UNCOUNTED);
        uint256 inflowCap = (pricing.highNav * state.limits.inflowCapBps) / BPS;
        used = _inflowUsed(state, inflowCap);
        assets = Math.min(assets, inflowCap > used ? inflowCap - used : 0);
    }

    function _capRoom(VaultState storage state, Pricing memory pricing) private view returns (uint256) {
        uint256 cap = state.limits.depositCap;
        return cap > pricing.highNav ? cap - pricing.highNav : 0;
    }

    /// @dev Only a vault that holds more than its asset can be mispriced by a jump.
    function _exposed(VaultContext memory context, VaultState storage state, Pricing memory pricing)
        private
        view
        returns (bool)
    {
        if (pricing.issued == VIRTUAL_SHARES) return false;
        return state.positionCount > 0 || (context.assetIsToken0 ? state.idle1 : state.idle0) > 0;
    }

    function _inflowUsed(VaultState storage state, uint256 inflowCap) private view returns (uint256) {
        uint256 refilled = (inflowCap * (block.timestamp - state.inflowAt)) / state.limits.inflowWindowSeconds;
        return state.inflowUsed > refilled ? state.inflowUsed - refilled : 0;
    }

    /// @dev When no holder remains, nobody is there to be paid a margin.
    function _marginBps(VaultState storage state, Pricing memory pricing) private view returns (uint256) {
        return pricing.issued == VIRTUAL_SHARES ? 0 : state.limits.entryMarginBps;
    }

    function _toSharesDown(VaultState storage state, Pricing memory pricing, uint256 assets)
        private
        view
        returns (uint256)
    {
        uint256 net = Math.mulDiv(assets, BPS - _marginBps(state, pricing), BPS);
        return Math.mulDiv(net, pricing.issued + pricing.pending, pricing.highNav + 1);
    }

    function _toAssetsUp(VaultState storage state, Pricing memory pricing, uint256 shares)
        private
        view
        returns (uint256)
    {
        uint256 net = Math.mulDiv(shares, pricing.highNav + 1, pricing.issued + pricing.pending, Math.Rounding.Ceil);
        return Math.mulDiv(net, BPS, BPS - _marginBps(state, pricing), Math.Rounding.Ceil);
    }

    function _enter(
        VaultContext memory context,
        VaultState storage state,
        Pricing memory pricing,
        uint256 assets,
        uint256 shares,
        uint256 used
    ) private {
        require(shares > 0, ErrorsLib.ZeroShares());
        _countInflow(state, used, assets);
        if (context.assetIsToken0) _book(context, state, pricing, assets, 0);
        else _book(context, state, pricing, 0, assets);
    }

    function _countInflow(VaultState storage state, uint256 used, uint256 assets) private {
        if (used == UNCOUNTED) return;
        state.inflowUsed = (used + assets).toUint128();
        state.inflowAt = uint32(block.timestamp);
    }

    /// @dev Takes the tokens into idle and both marks.
    function _book(
        VaultContext memory context,
        VaultState storage state,
        Pricing memory pricing,
        uint256 amount0,
        uint256 amount1
    ) private {
        FeeLib.recordEntry(state, pricing, amount0, amount1);
        // Before the first move there is no drawdown to mark.
        (uint256 held0, uint256 held1) = (state.held0, state.held1);
        bool marked = held0 > 0 || held1 > 0;
        if (amount0 > 0) {
            _pull(context.token0, amount0);
            state.idle0 = (state.idle0 + amount0).toUint128();
            if (marked) state.held0 = (held0 + amount0).toUint128();
        }
        if (amount1 > 0) {
            _pull(context.token1, amount1);
            state.idle1 = (state.idle1 + amount1).toUint128();
            if (marked) state.held1 = (held1 + amount1).toUint128();
        }
    }

    function _pull(address token, uint256 amount) private {
        uint256 balance = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = IERC20(token).balanceOf(address(this)) - balance;
        require(received == amount, ErrorsLib.AssetReceivedNotSent(amount, received));
    }
}
