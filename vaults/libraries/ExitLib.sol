// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {ReferencePrices} from "../interfaces/IPriceOracle.sol";
import {Position} from "../interfaces/IRangeVault.sol";
import {ErrorsLib} from "./ErrorsLib.sol";
import {NavLib} from "./NavLib.sol";
import {Burned, PoolLib} from "./PoolLib.sol";
import {VaultContext, VaultState} from "./VaultState.sol";

/// @notice What a value-priced exit can count on now; amounts in asset units.
struct ExitTerms {
    /// NAV at the reference that makes the vault cheapest.
    uint256 lowNav;
    /// Effective supply with virtual shares.
    uint256 supply;
    uint256 idleAsset;
    /// Idle plus the whole asset leg of every position at spot, plus asset fees: all that an exit without a swap finds.
    uint256 available;
    /// What rounding may take when positions are burned; the leaver pays it.
    uint256 rounding;
}

/// @title How shareholders leave
/// @notice Linked library, runs in the vault's storage. Three ways out: without a swap (idle asset, then burns and
/// their asset leg), with a swap of the leaver's own slice, and in kind, which needs no price.
library ExitLib {
    using SafeCast for uint256;

    /// @notice The terms of a value-priced exit at these references.
    function terms(VaultContext memory context, VaultState storage state, ReferencePrices memory refs, uint256 supply)
        external
        view
        returns (ExitTerms memory result)
    {
        bool assetIsToken0 = context.assetIsToken0;
        uint160 cheapestX96 = assetIsToken0 ? refs.highSqrtPriceX96 : refs.lowSqrtPriceX96;
        result.lowNav = NavLib.navs(context, state, [cheapestX96, 0, 0])[0];
        result.supply = supply;
        result.idleAsset = assetIsToken0 ? state.idle0 : state.idle1;
        result.available = result.idleAsset;
        uint256 count = state.positions.length;
        if (count == 0) return result;
        (uint256 legs, uint256 fees) = _assetLegs(context, state);
        result.available += legs + fees;
        // One unit of each token per floor: of the burned part and of the rest.
        uint160 dearestX96 = assetIsToken0 ? refs.lowSqrtPriceX96 : refs.highSqrtPriceX96;
        result.rounding = NavLib.toAssetDown(2 * count, 2 * count, dearestX96, assetIsToken0) + 2;
    }

    /// @notice Assets paid for `shares` by the exit without a swap, as if enough were available.
    function assetsDown(ExitTerms memory quote, uint256 shares) internal pure returns (uint256) {
        uint256 worth = Math.mulDiv(shares, quote.lowNav + 1, quote.supply);
        if (worth <= quote.idleAsset) return worth;
        return worth > quote.idleAsset + quote.rounding ? worth - quote.rounding : quote.idleAsset;
    }

    /// @notice The fewest shares for which `assetsDown` gives `assets`.
    function sharesUp(ExitTerms memory quote, uint256 assets) internal pure returns (uint256) {
        uint256 worth = assets <= quote.idleAsset ? assets : assets + quote.rounding;
        return Math.mulDiv(worth, quote.supply, quote.lowNav + 1, Math.Rounding.Ceil);
    }

    /// @notice The most shares of `balance` that the exit without a swap can pay.
    function maxSharesDown(ExitTerms memory quote, uint256 balance) internal pure returns (uint256) {
        if (assetsDown(quote, balance) <= quote.available) return balance;
        uint256 worth = quote.available + quote.rounding + 1;
        return Math.min(balance, Math.mulDiv(worth, quote.supply, quote.lowNav + 1, Math.Rounding.Ceil) - 1);
    }

    /// @notice Makes at least `need` more of the asset idle by collecting fees and burning evenly over the positions.
    function raiseAsset(VaultContext memory context, VaultState storage state, uint256 need) external {
        (uint256 legs, uint256 fees) = _assetLegs(context, state);
        uint256 count = state.positions.length;
        // One unit per position makes up for the floor of each burn.
        uint256 wanted = need > fees ? need - fees + count : 0;
        for (uint256 i = count; i > 0; --i) {
            Position memory position = state.positions[i - 1];
            uint128 part = wanted == 0
                ? 0
                : wanted >= legs
                    ? position.liquidity
                    : uint128(Math.mulDiv(position.liquidity, wanted, legs, Math.Rounding.Ceil));
            Burned memory burned = PoolLib.burn(context, position, part);
            PoolLib.collect(context, state, position, burned, type(uint128).max, type(uint128).max);
            if (part == position.liquidity) PoolLib.dropPosition(state, i - 1);
            else if (part > 0) state.positions[i - 1].liquidity = position.liquidity - part;
        }
    }

    /// @notice Takes the slice `shares / supply` of everything out of the vault's books, leg by leg.
    /// @dev A waived leg is not touched in the pool: it stays owed to the vault and belongs to those who stay.
    /// @return amount0 and amount1 to be paid to the leaver.
    function slice(
        VaultContext memory context,
        VaultState storage state,
        uint256 shares,
        uint256 supply,
        bool waive0,
        bool waive1
    ) public returns (uint256 amount0, uint256 amount1) {
        if (!waive0) amount0 = Math.mulDiv(state.idle0, shares, supply);
        if (!waive1) amount1 = Math.mulDiv(state.idle1, shares, supply);
        for (uint256 i = state.positions.length; i > 0; --i) {
            Position memory position = state.positions[i - 1];
            // shares <= supply, so the part is at most the liquidity.
            uint128 part = uint128(Math.mulDiv(position.liquidity, shares, supply));
            Burned memory burned = PoolLib.burn(context, position, part);
            (uint256 got0, uint256 got1) =
                PoolLib.collect(context, state, position, burned, waive0 ? 0 : burned.owed0, waive1 ? 0 : burned.owed1);
            if (got0 > 0) amount0 += burned.principal0 + Math.mulDiv(got0 - burned.principal0, shares, supply);
            if (got1 > 0) amount1 += burned.principal1 + Math.mulDiv(got1 - burned.principal1, shares, supply);
            if (part > 0) state.positions[i - 1].liquidity = position.liquidity - part;
        }
        if (amount0 > 0) state.idle0 = (state.idle0 - amount0).toUint128();
        if (amount1 > 0) state.idle1 = (state.idle1 - amount1).toUint128();
    }

    /// @notice Sells the other leg of the slice for the asset; the whole proceeds are the leaver's.
    /// @return assets To be paid out of idle, where everything of the slice is.
    function sliceAndSell(
        VaultContext memory context,
        VaultState storage state,
        ReferencePrices memory refs,
        uint256 shares,
        uint256 supply
    ) external returns (uint256 assets) {
        uint256 other;
        (assets, other) = _sliceIntoIdle(context, state, shares, supply);
        if (other == 0) return assets;
        (uint256 sold, uint256 bought) = _sell(context, state, refs, other.toInt256());
        require(sold == other, ErrorsLib.SwapIncomplete(sold, other));
        assets += bought;
    }

    /// @notice Buys with the other leg of the slice for `shares` what its asset leg lacks of `assets`; what is left of
    /// the slice is given back for shares at the low price.
    /// @return used The shares to burn in the end; `assets` are to be paid out of idle.
    function sliceAndBuy(
        VaultContext memory context,
        VaultState storage state,
        ReferencePrices memory refs,
        ExitTerms memory quote,
        uint256 shares,
        uint256 assets
    ) external returns (uint256 used) {
        (uint256 left, uint256 otherLeft) = _sliceIntoIdle(context, state, shares, quote.supply);
        if (left < assets) {
            uint256 wanted = assets - left;
            (uint256 sold, uint256 bought) = _sell(context, state, refs, -wanted.toInt256());
            require(bought == wanted, ErrorsLib.SwapIncomplete(bought, wanted));
            require(sold <= otherLeft, ErrorsLib.AmountAboveMax(sold, otherLeft));
            (left, otherLeft) = (0, otherLeft - sold);
        } else {
            left -= assets;
        }
        bool assetIsToken0 = context.assetIsToken0;
        uint256 back = NavLib.toAssetDown(
            assetIsToken0 ? left : otherLeft,
            assetIsToken0 ? otherLeft : left,
            assetIsToken0 ? refs.highSqrtPriceX96 : refs.lowSqrtPriceX96,
            assetIsToken0
        );
        used = shares - Math.min(shares, Math.mulDiv(back, quote.supply, quote.lowNav + 1));
    }

    /// @dev The slice out of the positions, but still in idle: the pool is paid from there.
    function _sliceIntoIdle(VaultContext memory context, VaultState storage state, uint256 shares, uint256 supply)
        private
        returns (uint256 assetLeg, uint256 otherLeg)
    {
        (uint256 amount0, uint256 amount1) = slice(context, state, shares, supply, false, false);
        state.idle0 = (state.idle0 + amount0).toUint128();
        state.idle1 = (state.idle1 + amount1).toUint128();
        return context.assetIsToken0 ? (amount0, amount1) : (amount1, amount0);
    }

    /// @dev Sells the other token for the asset. The limit keeps spot within the band of every reference, so the swap
    /// of a leaver cannot make the vault not calm.
    function _sell(VaultContext memory context, VaultState storage state, ReferencePrices memory refs, int256 amount)
        private
        returns (uint256 sold, uint256 bought)
    {
        bool zeroForOne = !context.assetIsToken0;
        int24 band = int24(context.oracle.bandTicks());
        uint160 limitX96 = zeroForOne
            ? TickMath.getSqrtPriceAtTick(TickMath.getTickAtSqrtPrice(refs.highSqrtPriceX96) - band)
            : TickMath.getSqrtPriceAtTick(TickMath.getTickAtSqrtPrice(refs.lowSqrtPriceX96) + band);
        (int256 amount0, int256 amount1) = PoolLib.swap(context, state, zeroForOne, amount, limitX96);
        // The pool's signs: the token sold is positive, the token bought negative.
        return zeroForOne ? (uint256(amount0), uint256(-amount1)) : (uint256(amount1), uint256(-amount0));
    }

    function _assetLegs(VaultContext memory context, VaultState storage state)
        private
        view
        returns (uint256 legs, uint256 fees)
    {
        (uint160 sqrtPriceX96, int24 tick) = PoolLib.spot(context.pool);
        for (uint256 i; i < state.positions.length; ++i) {
            Position memory position = state.positions[i];
            (uint256 amount0, uint256 amount1) = NavLib.principalDown(position, sqrtPriceX96);
            (uint256 owed0, uint256 owed1) = NavLib.owedDown(context.pool, address(this), position, tick);
            legs += context.assetIsToken0 ? amount0 : amount1;
            fees += context.assetIsToken0 ? owed0 : owed1;
        }
    }
}
