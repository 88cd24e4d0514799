// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {Position} from "../interfaces/IRangeVault.sol";
import {EventsLib} from "./EventsLib.sol";
import {NavLib} from "./NavLib.sol";
import {PoolReader} from "./PoolReader.sol";
import {VaultContext, VaultState} from "./VaultState.sol";

/// @notice What a burn released and, where that was asked, what the pool owes after it (principal and fees together).
struct Burned {
    uint256 principal0;
    uint256 principal1;
    uint128 owed0;
    uint128 owed1;
    /// What was collected beyond the principal, from then on.
    uint256 fees0;
    uint256 fees1;
}

/// @title The vault's hands in its pool
/// @notice Burn, collect and swap, each with the tracking of idle tokens. What is paid to the pool leaves idle in the
/// vault's callbacks, so that nothing but tracked tokens can be paid.
library PoolLib {
    using SafeCast for uint256;

    /// @notice Burns `liquidity` (0 = poke only) of a tracked range; collects nothing. `askOwed`: who then collects all
    /// there is need not know before how much that is.
    function burn(VaultContext memory context, Position memory position, uint128 liquidity, bool askOwed)
        internal
        returns (Burned memory burned)
    {
        if (position.liquidity == 0) {
            (uint128 poolLiquidity,,, uint128 owed0, uint128 owed1) = _inPool(context, position);
            // The pool refuses to poke an empty position.
            if (poolLiquidity == 0) return Burned(0, 0, owed0, owed1, 0, 0);
        }
        (burned.principal0, burned.principal1) = context.pool.burn(position.lowerTick, position.upperTick, liquidity);
        if (askOwed) (,,, burned.owed0, burned.owed1) = _inPool(context, position);
    }

    /// @notice Collects up to the given amounts into idle.
    function collect(
        VaultContext memory context,
        VaultState storage state,
        Position memory position,
        Burned memory burned,
        uint128 want0,
        uint128 want1
    ) internal returns (uint256 amount0, uint256 amount1) {
        if (want0 > 0 || want1 > 0) {
            (amount0, amount1) =
                context.pool.collect(address(this), position.lowerTick, position.upperTick, want0, want1);
        }
        recordCollected(state, position, burned, amount0, amount1);
    }

    /// @notice Collects all there is into idle; where a token does not move, the asset's leg alone.
    /// @return whole Nothing stays owed.
    function collectForAsset(
        VaultContext memory context,
        VaultState storage state,
        Position memory position,
        Burned memory burned
    ) internal returns (bool whole) {
        (uint128 want0, uint128 want1) = (type(uint128).max, type(uint128).max);
        try context.pool.collect(address(this), position.lowerTick, position.upperTick, want0, want1) returns (
            uint128 amount0, uint128 amount1
        ) {
            recordCollected(state, position, burned, amount0, amount1);
            return true;
        } catch {
            (want0, want1) = context.assetIsToken0 ? (want0, uint128(0)) : (uint128(0), want1);
            collect(context, state, position, burned, want0, want1);
        }
    }

    /// @notice Books collected amounts: idle, which part of it was fees, and what stays owed by the pool.
    function recordCollected(
        VaultState storage state,
        Position memory position,
        Burned memory burned,
        uint256 amount0,
        uint256 amount1
    ) internal {
        (uint256 idle0, uint256 idle1) = (state.idle0, state.idle1);
        (uint128 later0, uint128 later1) = ((idle0 + amount0).toUint128(), (idle1 + amount1).toUint128());
        // One write of their slot.
        (state.idle0, state.idle1) = (later0, later1);
        if (amount0 > burned.principal0) burned.fees0 = amount0 - burned.principal0;
        if (amount1 > burned.principal1) burned.fees1 = amount1 - burned.principal1;
        uint256 left0 = burned.principal0 > amount0 ? burned.principal0 - amount0 : 0;
        uint256 left1 = burned.principal1 > amount1 ? burned.principal1 - amount1 : 0;
        if (left0 > 0 || left1 > 0) {
            emit EventsLib.OwedLeft(position.lowerTick, position.upperTick, left0, left1);
        }
    }

    /// @notice Swaps in the vault's pool. `amount` > 0 = exact in, < 0 = exact out; the limit 0 = none.
    /// @return amount0 and amount1 by the pool's view: positive = paid by the vault.
    function swap(
        VaultContext memory context,
        VaultState storage state,
        bool zeroForOne,
        int256 amount,
        uint160 sqrtPriceLimitX96
    ) internal returns (int256 amount0, int256 amount1) {
        if (sqrtPriceLimitX96 == 0) {
            sqrtPriceLimitX96 = zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1;
        }
        (amount0, amount1) = context.pool.swap(address(this), zeroForOne, amount, sqrtPriceLimitX96, "");
        if (amount0 < 0) state.idle0 = (state.idle0 + uint256(-amount0)).toUint128();
        if (amount1 < 0) state.idle1 = (state.idle1 + uint256(-amount1)).toUint128();
    }

    function _inPool(VaultContext memory context, Position memory position)
        private
        view
        returns (uint128, uint256, uint256, uint128, uint128)
    {
        return PoolReader.position(
            context.pool, NavLib.positionKey(address(this), position.lowerTick, position.upperTick)
        );
    }
}
