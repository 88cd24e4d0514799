// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {ReferencePrices} from "../interfaces/IPriceOracle.sol";
import {InKindExit, Position} from "../interfaces/IRangeVault.sol";
import {ErrorsLib} from "./ErrorsLib.sol";
import {EventsLib} from "./EventsLib.sol";
import {FeeLib} from "./FeeLib.sol";
import {HeldLib} from "./HeldLib.sol";
import {Holdings, NavLib} from "./NavLib.sol";
import {Burned, PoolLib} from "./PoolLib.sol";
import {PoolReader} from "./PoolReader.sol";
import {Pricing, PricingLib} from "./PricingLib.sol";
import {VIRTUAL_SHARES, VaultContext, VaultState} from "./VaultState.sol";

// Gas that an exit in kind gives the oracle; one that needs more is no answer.
uint256 constant IN_KIND_PRICE_GAS = 500_000;

/// @notice What a value-priced exit can count on now; amounts in asset units.
struct ExitTerms {
    Pricing pricing;
    /// Effective supply with virtual shares.
    uint256 supply;
    uint256 idleAsset;
    /// The whole asset leg of every position at spot, and asset fees; only read where idle is not enough.
    uint256 legs;
    uint256 fees;
    /// Idle, legs and fees: all that an exit without a swap finds.
    uint256 available;
    /// What rounding may take when positions are burned; the leaver pays it.
    uint256 rounding;
}

/// @title How shareholders leave
/// @notice Linked library, runs in the vault's storage: prices an exit, makes its tokens idle and takes them out of the
/// books; the vault burns the shares and pays. Three ways out: without a swap (idle asset, then burns and their asset
/// leg), with a swap of the leaver's own slice, and in kind, which needs no price.
library ExitLib {
    using SafeCast for uint256;

    /* QUOTES */

    function maxWithdraw(VaultContext memory context, VaultState storage state, uint256 totalSupply, uint256 balance)
        external
        view
        returns (uint256)
    {
        ReferencePrices memory refs = PricingLib.referenceNow(context);
        if (!refs.calm) return 0;
        ExitTerms memory quote;
        _terms(context, state, FeeLib.issued(state, totalSupply), refs, false, quote);
        _reach(context, state, quote);
        return Math.min(_assetsDown(quote, balance), quote.available);
    }

    function maxRedeem(VaultContext memory context, VaultState storage state, uint256 totalSupply, uint256 balance)
        external
        view
        returns (uint256)
    {
        ReferencePrices memory refs = PricingLib.referenceNow(context);
        if (!refs.calm) return 0;
        ExitTerms memory quote;
        _terms(context, state, FeeLib.issued(state, totalSupply), refs, false, quote);
        _reach(context, state, quote);
        return _maxSharesDown(quote, balance);
    }

    function previewWithdraw(VaultContext memory context, VaultState storage state, uint256 totalSupply, uint256 assets)
        external
        view
        returns (uint256)
    {
        ExitTerms memory quote;
        uint256 issued = FeeLib.issued(state, totalSupply);
        _terms(context, state, issued, PricingLib.calmReference(context), false, quote);
        return _sharesUp(quote, assets);
    }

    function previewRedeem(VaultContext memory context, VaultState storage state, uint256 totalSupply, uint256 shares)
        external
        view
        returns (uint256)
    {
        ExitTerms memory quote;
        uint256 issued = FeeLib.issued(state, totalSupply);
        _terms(context, state, issued, PricingLib.calmReference(context), false, quote);
        return _assetsDown(quote, shares);
    }

    /* WITHOUT A SWAP */

    /// @notice `owner` holds `balance`; what is returned is out of the books and in the vault's hands.
    function redeem(
        VaultContext memory context,
        VaultState storage state,
        uint256 totalSupply,
        uint256 shares,
        address owner,
        uint256 balance
    ) external returns (uint256 assets) {
        ExitTerms memory quote;
        _begin(context, state, totalSupply, false, quote);
        uint256 worth = _worthDown(quote, shares);
        assets = _paidDown(quote, worth);
        if (shares <= balance && worth <= quote.idleAsset) {
            _leave(context, state, quote, shares, assets);
            return assets;
        }
        _reach(context, state, quote);
        uint256 most = _maxSharesDown(quote, balance);
        require(shares <= most, ERC4626.ERC4626ExceededMaxRedeem(owner, shares, most));
        _raise(context, state, quote, assets);
        _leave(context, state, quote, shares, assets);
    }

    function withdraw(
        VaultContext memory context,
        VaultState storage state,
        uint256 totalSupply,
        uint256 assets,
        address owner,
        uint256 balance
    ) external returns (uint256 shares) {
        ExitTerms memory quote;
        _begin(context, state, totalSupply, false, quote);
        uint256 owned = _assetsDown(quote, balance);
        if (assets <= Math.min(owned, quote.idleAsset)) {
            shares = _sharesUp(quote, assets);
            _leave(context, state, quote, shares, assets);
            return shares;
        }
        _reach(context, state, quote);
        uint256 most = Math.min(owned, quote.available);
        require(assets <= most, ERC4626.ERC4626ExceededMaxWithdraw(owner, assets, most));
        shares = _sharesUp(quote, assets);
        _raise(context, state, quote, assets);
        _leave(context, state, quote, shares, assets);
    }

    /* WITH A SWAP OF THE SLICE */

    /// @notice At least `minAssets` for `shares`: from idle where that is enough, else the slice, its other leg sold.
    function redeemBySwap(
        VaultContext memory context,
        VaultState storage state,
        uint256 totalSupply,
        uint256 shares,
        address owner,
        uint256 balance,
        uint256 minAssets
    ) external returns (uint256 assets) {
        require(shares <= balance, ERC4626.ERC4626ExceededMaxRedeem(owner, shares, balance));
        ExitTerms memory quote;
        ReferencePrices memory refs = _begin(context, state, totalSupply, false, quote);
        uint256 worth = _worthDown(quote, shares);
        if (worth <= quote.idleAsset) {
            assets = worth;
            _leave(context, state, quote, shares, assets);
        } else {
            assets = _sliceAndSell(context, state, refs, quote, shares);
        }
        require(assets >= minAssets, ErrorsLib.AmountBelowMin(assets, minAssets));
    }

    /// @notice Exactly `assets` for at most `maxShares`: from idle where that is enough, else from the slice.
    function withdrawBySwap(
        VaultContext memory context,
        VaultState storage state,
        uint256 totalSupply,
        uint256 assets,
        uint256 maxShares
    ) external returns (uint256 shares) {
        ExitTerms memory quote;
        // Both sides: what is left of the slice enters again.
        ReferencePrices memory refs = _begin(context, state, totalSupply, true, quote);
        require(assets <= quote.pricing.lowNav, ErrorsLib.AmountAboveMax(assets, quote.pricing.lowNav));
        shares = _sharesUp(quote, assets);
        if (assets <= quote.idleAsset) {
            _leave(context, state, quote, shares, assets);
        } else {
            // Enough for the pool's fee and half a percent of impact; the rest comes back.
            uint256 margin = 1e6 + context.pool.fee() + 5000;
            shares = Math.min(Math.mulDiv(shares, margin, 1e6, Math.Rounding.Ceil), quote.supply - VIRTUAL_SHARES);
            shares = _sliceAndBuy(context, state, refs, quote, shares, assets);
        }
        require(shares <= maxShares, ErrorsLib.AmountAboveMax(shares, maxShares));
    }

    /* IN KIND */

    /// @notice The slice of both tokens. The performance fee of the leaver becomes due only if a price answers and is
    /// calm; nothing about a fee can make this revert.
    function redeemInKind(
        VaultContext memory context,
        VaultState storage state,
        uint256 totalSupply,
        InKindExit calldata exit
    ) external returns (uint256 amount0, uint256 amount1) {
        require(exit.shares > 0, ErrorsLib.ZeroShares());
        Pricing memory pricing;
        pricing.issued = FeeLib.accrue(state, totalSupply);
        bool priced;
        if (FeeLib.keepsMarks(state)) {
            try context.oracle.referencePrices{gas: IN_KIND_PRICE_GAS}() returns (ReferencePrices memory refs) {
                priced = refs.calm;
                if (priced) PricingLib.price(context, state, pricing.issued, refs, true, true, pricing);
            } catch {}
        }
        uint256 supply = pricing.issued + pricing.pending;
        // Burned by the vault afterwards, which refuses more than the owner has; here it must only not overflow.
        require(exit.shares <= supply, ErrorsLib.AmountAboveMax(exit.shares, supply));
        _scaleMark(state, exit.shares, supply);
        (amount0, amount1) = _slice(context, state, exit.shares, supply, exit.waive0, exit.waive1);
        (uint256 idle0, uint256 idle1) = (state.idle0, state.idle1);
        (idle0, idle1) = (idle0 - amount0, idle1 - amount1);
        // Less than there was, so they fit.
        (state.idle0, state.idle1) = (uint128(idle0), uint128(idle1));
        require(amount0 >= exit.min0, ErrorsLib.AmountBelowMin(amount0, exit.min0));
        require(amount1 >= exit.min1, ErrorsLib.AmountBelowMin(amount1, exit.min1));
        if (priced) FeeLib.recordExit(context, state, pricing, exit.shares, amount0, amount1);
        else FeeLib.recordUnpricedExit(state, pricing.issued, exit.shares, exit.waive0, exit.waive1);
    }

    /* INTERNAL: TERMS */

    function _begin(
        VaultContext memory context,
        VaultState storage state,
        uint256 totalSupply,
        bool high,
        ExitTerms memory quote
    ) private returns (ReferencePrices memory refs) {
        uint256 issued = FeeLib.accrue(state, totalSupply);
        refs = PricingLib.goodReference(context, state);
        _terms(context, state, issued, refs, high, quote);
    }

    /// @dev Writes the terms of a value-priced exit at these references into an empty `result`; `high` where something
    /// will enter again.
    function _terms(
        VaultContext memory context,
        VaultState storage state,
        uint256 issued,
        ReferencePrices memory refs,
        bool high,
        ExitTerms memory result
    ) private view {
        bool assetIsToken0 = context.assetIsToken0;
        PricingLib.price(context, state, issued, refs, high, true, result.pricing);
        result.supply = result.pricing.issued + result.pricing.pending;
        result.idleAsset = assetIsToken0 ? state.idle0 : state.idle1;
        uint256 count = state.positionCount;
        if (count == 0) return;
        // One unit of each token per floor: of the burned part and of the rest.
        result.rounding = NavLib.toAssetDown(2 * count, 2 * count, result.pricing.dearestX96, assetIsToken0) + 2;
    }

    /// @dev What an exit that idle alone cannot pay finds in the positions.
    function _reach(VaultContext memory context, VaultState storage state, ExitTerms memory quote) private view {
        if (state.positionCount > 0) {
            quote.legs = _assetLegs(context, quote.pricing.seen);
            quote.fees = context.assetIsToken0 ? quote.pricing.seen.owed0 : quote.pricing.seen.owed1;
        }
        quote.available = quote.idleAsset + quote.legs + quote.fees;
    }

    /// @dev Assets paid for `shares` by the exit without a swap, as if enough were available.
    function _assetsDown(ExitTerms memory quote, uint256 shares) private pure returns (uint256) {
        return _paidDown(quote, _worthDown(quote, shares));
    }

    function _worthDown(ExitTerms memory quote, uint256 shares) private pure returns (uint256) {
        return Math.mulDiv(shares, quote.pricing.lowNav + 1, quote.supply);
    }

    /// @dev Of what shares are worth: all from idle, less the rounding where positions must be burned.
    function _paidDown(ExitTerms memory quote, uint256 worth) private pure returns (uint256) {
        if (worth <= quote.idleAsset) return worth;
        return worth > quote.idleAsset + quote.rounding ? worth - quote.rounding : quote.idleAsset;
    }

    /// @dev The fewest shares for which `_assetsDown` gives `assets`.
    function _sharesUp(ExitTerms memory quote, uint256 assets) private pure returns (uint256) {
        uint256 worth = assets <= quote.idleAsset ? assets : assets + quote.rounding;
        return Math.mulDiv(worth, quote.supply, quote.pricing.lowNav + 1, Math.Rounding.Ceil);
    }

    /// @dev The most shares of `balance` that the exit without a swap can pay.
    function _maxSharesDown(ExitTerms memory quote, uint256 balance) private pure returns (uint256) {
        if (_assetsDown(quote, balance) <= quote.available) return balance;
        uint256 worth = quote.available + quote.rounding + 1;
        return Math.min(balance, Math.mulDiv(worth, quote.supply, quote.pricing.lowNav + 1, Math.Rounding.Ceil) - 1);
    }

    /* INTERNAL: BOOKS */

    /// @dev Takes `assets` out of idle for `shares`.
    function _leave(
        VaultContext memory context,
        VaultState storage state,
        ExitTerms memory quote,
        uint256 shares,
        uint256 assets
    ) private {
        _takeIdle(context, state, assets);
        _scaleMark(state, shares, quote.supply);
        (uint256 paid0, uint256 paid1) = context.assetIsToken0 ? (assets, uint256(0)) : (uint256(0), assets);
        FeeLib.recordExit(context, state, quote.pricing, shares, paid0, paid1);
    }

    function _takeIdle(VaultContext memory context, VaultState storage state, uint256 assets) private {
        if (context.assetIsToken0) state.idle0 = (state.idle0 - assets).toUint128();
        else state.idle1 = (state.idle1 - assets).toUint128();
    }

    /// @dev The drawdown mark shrinks with the supply, so it still fits.
    function _scaleMark(VaultState storage state, uint256 shares, uint256 supply) private {
        (uint256 held0, uint256 held1) = (state.held0, state.held1);
        if (held0 == 0 && held1 == 0) return;
        state.held0 = uint128(Math.mulDiv(held0, supply - shares, supply));
        state.held1 = uint128(Math.mulDiv(held1, supply - shares, supply));
    }

    /// @dev Makes idle reach `assets` by collecting fees and burning evenly over the positions. The other token comes
    /// along where it moves; else it stays owed by the pool and counted, and what was emptied stays tracked for it.
    function _raise(VaultContext memory context, VaultState storage state, ExitTerms memory quote, uint256 assets)
        private
    {
        if (assets <= quote.idleAsset) return;
        uint256 need = assets - quote.idleAsset;
        (uint256 legs, uint256 fees) = (quote.legs, quote.fees);
        uint256 count = state.positionCount;
        // One unit per position makes up for the floor of each burn.
        uint256 wanted = need > fees ? need - fees + count : 0;
        for (uint256 i = count; i > 0; --i) {
            Position memory position = state.positions[i - 1];
            uint128 part = wanted == 0
                ? 0
                : wanted >= legs
                    ? position.liquidity
                    : uint128(Math.mulDiv(position.liquidity, wanted, legs, Math.Rounding.Ceil));
            Burned memory burned = PoolLib.burn(context, position, part, false);
            bool whole = PoolLib.collectForAsset(context, state, position, burned);
            _tellFees(burned);
            if (whole && part == position.liquidity) HeldLib.drop(state, i - 1);
            else if (part > 0) state.positions[i - 1].liquidity = position.liquidity - part;
        }
    }

    function _tellFees(Burned memory burned) private {
        if (burned.fees0 > 0 || burned.fees1 > 0) emit EventsLib.FeesCollected(burned.fees0, burned.fees1);
    }

    /* INTERNAL: SLICES */

    /// @dev Makes the slice `shares / supply` of everything idle, leg by leg, and tells how much it is. A waived leg is not
    /// touched in the pool: it stays owed to the vault and belongs to those who stay.
    function _slice(
        VaultContext memory context,
        VaultState storage state,
        uint256 shares,
        uint256 supply,
        bool waive0,
        bool waive1
    ) private returns (uint256 amount0, uint256 amount1) {
        if (!waive0) amount0 = Math.mulDiv(state.idle0, shares, supply);
        if (!waive1) amount1 = Math.mulDiv(state.idle1, shares, supply);
        for (uint256 i = state.positionCount; i > 0; --i) {
            Position memory position = state.positions[i - 1];
            // shares <= supply, so the part is at most the liquidity.
            uint128 part = uint128(Math.mulDiv(position.liquidity, shares, supply));
            Burned memory burned = PoolLib.burn(context, position, part, false);
            (uint256 got0, uint256 got1) = PoolLib.collect(
                context, state, position, burned, waive0 ? 0 : type(uint128).max, waive1 ? 0 : type(uint128).max
            );
            _tellFees(burned);
            if (got0 > 0) amount0 += got0 - burned.fees0 + Math.mulDiv(burned.fees0, shares, supply);
            if (got1 > 0) amount1 += got1 - burned.fees1 + Math.mulDiv(burned.fees1, shares, supply);
            if (part > 0) state.positions[i - 1].liquidity = position.liquidity - part;
        }
    }

    /// @dev Sells the other leg of the slice for the asset; the whole proceeds are the leaver's.
    function _sliceAndSell(
        VaultContext memory context,
        VaultState storage state,
        ReferencePrices memory refs,
        ExitTerms memory quote,
        uint256 shares
    ) private returns (uint256 assets) {
        uint256 other;
        (assets, other) = _sliceIntoIdle(context, state, shares, quote.supply);
        _scaleMark(state, shares, quote.supply);
        _recordSlice(context, state, quote, shares, assets, other);
        if (other > 0) {
            (uint256 sold, uint256 bought) = _sell(context, state, refs, other.toInt256(), quote.pricing.seen.spotX96);
            require(sold == other, ErrorsLib.SwapIncomplete(sold, other));
            assets += bought;
        }
        _takeIdle(context, state, assets);
    }

    /// @dev Buys with the other leg of the slice for `shares` what its asset leg lacks of `assets`; what is left of
    /// the slice enters again.
    /// @return used The shares to burn in the end.
    function _sliceAndBuy(
        VaultContext memory context,
        VaultState storage state,
        ReferencePrices memory refs,
        ExitTerms memory quote,
        uint256 shares,
        uint256 assets
    ) private returns (uint256 used) {
        (uint256 left, uint256 otherLeft) = _sliceIntoIdle(context, state, shares, quote.supply);
        uint256 sold;
        if (left < assets) {
            uint256 wanted = assets - left;
            uint256 bought;
            (sold, bought) = _sell(context, state, refs, -wanted.toInt256(), quote.pricing.seen.spotX96);
            require(bought == wanted, ErrorsLib.SwapIncomplete(bought, wanted));
            require(sold <= otherLeft, ErrorsLib.AmountAboveMax(sold, otherLeft));
            (left, otherLeft) = (0, otherLeft - sold);
            wanted = assets - wanted;
            used = _afterReturn(context, quote, shares, left, otherLeft);
            _recordSlice(context, state, quote, used, wanted, sold);
        } else {
            left -= assets;
            used = _afterReturn(context, quote, shares, left, otherLeft);
            _recordSlice(context, state, quote, used, assets, 0);
        }
        _scaleMark(state, used, quote.supply);
        _takeIdle(context, state, assets);
    }

    /// @dev Shares less those given back for what is left, priced as an entry: what comes in at the low price, the
    /// vault at the high one. At one price for both, a slice cut while spot stands far from the low reference would be
    /// worth more in what is given back than it cost: a position holds more at its own price than at any other.
    function _afterReturn(
        VaultContext memory context,
        ExitTerms memory quote,
        uint256 shares,
        uint256 left,
        uint256 otherLeft
    ) private pure returns (uint256) {
        bool assetIsToken0 = context.assetIsToken0;
        uint256 back = NavLib.toAssetDown(
            assetIsToken0 ? left : otherLeft, assetIsToken0 ? otherLeft : left, quote.pricing.cheapestX96, assetIsToken0
        );
        return shares - Math.min(shares, Math.mulDiv(back, quote.supply, quote.pricing.highNav + 1));
    }

    function _recordSlice(
        VaultContext memory context,
        VaultState storage state,
        ExitTerms memory quote,
        uint256 shares,
        uint256 assetLeg,
        uint256 otherLeg
    ) private {
        (uint256 paid0, uint256 paid1) = context.assetIsToken0 ? (assetLeg, otherLeg) : (otherLeg, assetLeg);
        FeeLib.recordExit(context, state, quote.pricing, shares, paid0, paid1);
    }

    /// @dev The slice out of the positions; the pool is paid from idle.
    function _sliceIntoIdle(VaultContext memory context, VaultState storage state, uint256 shares, uint256 supply)
        private
        returns (uint256 assetLeg, uint256 otherLeg)
    {
        (uint256 amount0, uint256 amount1) = _slice(context, state, shares, supply, false, false);
        return context.assetIsToken0 ? (amount0, amount1) : (amount1, amount0);
    }

    /// @dev Sells the other token for the asset. The limit keeps spot within the band of every reference, so the swap
    /// of a leaver cannot make the vault not calm.
    function _sell(
        VaultContext memory context,
        VaultState storage state,
        ReferencePrices memory refs,
        int256 amount,
        uint160 spotX96
    ) private returns (uint256 sold, uint256 bought) {
        bool zeroForOne = !context.assetIsToken0;
        uint160 limitX96 = _bandEnd(context, refs, zeroForOne);
        // Known where positions were burned, which moves no price.
        if (spotX96 == 0) (spotX96,) = PoolReader.spot(context.pool);
        // Spot stands at the edge of the band: nothing can be sold inside of it.
        if (zeroForOne ? spotX96 <= limitX96 : spotX96 >= limitX96) return (0, 0);
        (int256 amount0, int256 amount1) = PoolLib.swap(context, state, zeroForOne, amount, limitX96);
        // The pool's signs: the token sold is positive, the token bought negative.
        return zeroForOne ? (uint256(amount0), uint256(-amount1)) : (uint256(amount1), uint256(-amount0));
    }

    /// @dev The price a band below the high reference, or above the low one, rounded towards it.
    function _bandEnd(VaultContext memory context, ReferencePrices memory refs, bool below)
        private
        view
        returns (uint160)
    {
        int24 band = int24(context.oracle.bandTicks());
        // The ratio is rounded up. A ratio below one keeps 160 bits, and MAX_SQRT_PRICE has no more.
        uint256 ratioX96 = TickMath.getSqrtPriceAtTick(below ? -band : band);
        if (below) {
            uint256 lowestX96 = Math.mulDiv(refs.highSqrtPriceX96, ratioX96, 1 << 96, Math.Rounding.Ceil);
            return uint160(Math.max(lowestX96, TickMath.MIN_SQRT_PRICE + 1));
        }
        uint256 highestX96 = Math.mulDiv(refs.lowSqrtPriceX96, ratioX96 - 1, 1 << 96);
        return uint160(Math.min(highestX96, TickMath.MAX_SQRT_PRICE - 1));
    }

    function _assetLegs(VaultContext memory context, Holdings memory seen) private pure returns (uint256 legs) {
        (uint256 amount0, uint256 amount1) = NavLib.sumsDown(seen.spans, seen.spotX96);
        legs = context.assetIsToken0 ? amount0 : amount1;
    }
}
