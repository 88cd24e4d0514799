// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IPriceOracle, ReferencePrices} from "./interfaces/IPriceOracle.sol";
import {Position} from "./interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "./interfaces/IUniswapV3Pool.sol";
import {ErrorsLib} from "./libraries/ErrorsLib.sol";
import {NavLib} from "./libraries/NavLib.sol";
import {Limits, VIRTUAL_SHARES} from "./libraries/VaultState.sol";
import {RangeVault} from "./RangeVault.sol";

/// @notice A position at the pool's spot price.
struct PositionStatus {
    int24 lowerTick;
    int24 upperTick;
    uint128 liquidity;
    /// Principal.
    uint256 amount0;
    uint256 amount1;
    /// Uncollected.
    uint256 fees0;
    uint256 fees1;
}

/// @notice All that a worker asks about a vault before it decides.
struct VaultStatus {
    address asset;
    address token0;
    address token1;
    address pool;
    address oracle;
    address strategy;
    bool assetIsToken0;
    uint256 idle0;
    uint256 idle1;
    PositionStatus[] positions;
    uint160 sqrtPriceX96;
    int24 tick;
    ReferencePrices refs;
    uint256 lowNav;
    uint256 midNav;
    uint256 highNav;
    uint256 navAgeSeconds;
    bool calm;
    uint256 totalSupply;
    uint256 effectiveSupply;
    /// Fee shares that are due and not minted yet.
    uint256 dueManagementShares;
    uint256 duePerformanceShares;
    /// What the performance fee is measured against: tokens held instead, and asset units per 1e18 shares when it was
    /// last charged.
    uint256 benchmark0;
    uint256 benchmark1;
    uint256 highWaterMark;
    uint256 crystallisedAt;
    /// Asset units per 1e18 shares at the mid NAV, and at the low one (what `minSharePrice` of an order is held to).
    uint256 sharePrice;
    uint256 lowSharePrice;
    uint64 lastMoveAt;
    uint256 movesToday;
    uint256 budgetLeftWad;
    bool paused;
    uint64 pausedUntil;
    bool rebalanceHeld;
    Limits limits;
}

/// @notice What an exit of some shares would pay now, way by way; asset units unless said otherwise.
struct ExitQuote {
    bool calm;
    /// By the standard exit, out of idle alone (0 when idle is not enough).
    uint256 idleNow;
    /// By the standard exit, which may burn positions (0 when their asset leg is not enough).
    uint256 withoutSwap;
    /// By `redeem` with a minimum: the slice with its other leg sold at spot less the pool's fee, before impact.
    uint256 withSwap;
    /// By `redeemInKind`, token0 and token1.
    uint256 inKind0;
    uint256 inKind1;
}

/// @title Tables and quotes about vaults, for people and workers
/// @notice Holds nothing and may be replaced at any time; nothing on chain should rely on it.
contract VaultLens {
    /// @notice Everything about a vault in one call.
    function status(RangeVault vault) external view returns (VaultStatus memory result) {
        result.asset = vault.asset();
        result.token0 = vault.token0();
        result.token1 = vault.token1();
        result.pool = vault.pool();
        result.oracle = vault.oracle();
        result.strategy = vault.strategy();
        result.assetIsToken0 = vault.assetIsToken0();
        (result.idle0, result.idle1) = vault.idle();
        result.positions = positions(vault);
        (result.sqrtPriceX96, result.tick,,,,,) = IUniswapV3Pool(result.pool).slot0();
        // A dead oracle is one without an answer: not calm, and zeros.
        try IPriceOracle(result.oracle).referencePrices() returns (ReferencePrices memory refs) {
            result.refs = refs;
        } catch {}
        (result.lowNav, result.midNav, result.highNav, result.navAgeSeconds, result.calm) = vault.navStatus();
        result.totalSupply = vault.totalSupply();
        result.effectiveSupply = vault.effectiveSupply();
        (result.dueManagementShares, result.duePerformanceShares) = vault.dueShares();
        (result.benchmark0, result.benchmark1, result.highWaterMark, result.crystallisedAt) = vault.feeMarks();
        result.sharePrice = Math.mulDiv(result.midNav + 1, 1e18, result.effectiveSupply + VIRTUAL_SHARES);
        result.lowSharePrice = Math.mulDiv(result.lowNav + 1, 1e18, result.effectiveSupply + VIRTUAL_SHARES);
        result.lastMoveAt = vault.lastMoveAt();
        result.movesToday = vault.movesToday();
        result.budgetLeftWad = vault.lossBudgetLeftWad();
        result.pausedUntil = vault.pausedUntil();
        result.paused = block.timestamp < result.pausedUntil;
        result.rebalanceHeld = vault.rebalanceHeld();
        result.limits = vault.limits();
    }

    /// @notice NAV at (low, mid, high) reference prices, their age in seconds, and calm.
    function navStatus(RangeVault vault)
        external
        view
        returns (uint256 lowNav, uint256 midNav, uint256 highNav, uint256 ageSeconds, bool calm)
    {
        return vault.navStatus();
    }

    /// @notice The vault's positions with amounts and uncollected fees at spot.
    function positions(RangeVault vault) public view returns (PositionStatus[] memory result) {
        IUniswapV3Pool pool = IUniswapV3Pool(vault.pool());
        (uint160 sqrtPriceX96, int24 tick,,,,,) = pool.slot0();
        Position[] memory tracked = vault.positions();
        result = new PositionStatus[](tracked.length);
        for (uint256 i; i < tracked.length; ++i) {
            PositionStatus memory entry = result[i];
            entry.lowerTick = tracked[i].lowerTick;
            entry.upperTick = tracked[i].upperTick;
            entry.liquidity = tracked[i].liquidity;
            (entry.amount0, entry.amount1) = NavLib.principalDown(tracked[i], sqrtPriceX96);
            (entry.fees0, entry.fees1) = NavLib.owedDown(pool, address(vault), tracked[i], tick);
        }
    }

    /// @notice What `shares`, no more than there are, would bring by each way out.
    function exitQuote(RangeVault vault, uint256 shares) external view returns (ExitQuote memory quote) {
        uint256 supply = vault.effectiveSupply() + VIRTUAL_SHARES;
        require(shares <= supply, ErrorsLib.AmountAboveMax(shares, supply));
        uint256 available = _fillInKind(vault, quote, shares, supply);
        (uint256 lowNav,,,, bool calm) = vault.navStatus();
        quote.calm = calm;
        if (!calm) return quote;

        uint256 worth = Math.mulDiv(shares, lowNav + 1, supply);
        quote.idleNow = worth <= _idleAsset(vault) ? worth : 0;
        // The redeem overload pays out of idle where that is enough.
        quote.withSwap = quote.idleNow > 0 ? worth : _sold(vault, quote.inKind0, quote.inKind1);
        uint256 paid = vault.previewRedeem(shares);
        quote.withoutSwap = paid <= available ? paid : 0;
    }

    /// @dev Fills the slice of both tokens; returns the asset that an exit without a swap can find.
    function _fillInKind(RangeVault vault, ExitQuote memory quote, uint256 shares, uint256 supply)
        private
        view
        returns (uint256 available)
    {
        bool assetIsToken0 = vault.assetIsToken0();
        (uint160 sqrtPriceX96,,,,,,) = IUniswapV3Pool(vault.pool()).slot0();
        available = _idleAsset(vault);
        (quote.inKind0, quote.inKind1) = vault.idle();
        quote.inKind0 = Math.mulDiv(quote.inKind0, shares, supply);
        quote.inKind1 = Math.mulDiv(quote.inKind1, shares, supply);
        PositionStatus[] memory held = positions(vault);
        for (uint256 i; i < held.length; ++i) {
            PositionStatus memory entry = held[i];
            available += assetIsToken0 ? entry.amount0 + entry.fees0 : entry.amount1 + entry.fees1;
            // A part of a uint128.
            uint128 part = uint128(Math.mulDiv(entry.liquidity, shares, supply));
            (uint256 amount0, uint256 amount1) =
                NavLib.principalDown(Position(entry.lowerTick, entry.upperTick, part), sqrtPriceX96);
            quote.inKind0 += amount0 + Math.mulDiv(entry.fees0, shares, supply);
            quote.inKind1 += amount1 + Math.mulDiv(entry.fees1, shares, supply);
        }
    }

    function _idleAsset(RangeVault vault) private view returns (uint256) {
        (uint256 idle0, uint256 idle1) = vault.idle();
        return vault.assetIsToken0() ? idle0 : idle1;
    }

    /// @dev Both tokens in the asset at spot, the other one less the pool's fee.
    function _sold(RangeVault vault, uint256 amount0, uint256 amount1) private view returns (uint256) {
        IUniswapV3Pool pool = IUniswapV3Pool(vault.pool());
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        uint256 afterFee = 1e6 - pool.fee();
        return vault.assetIsToken0()
            ? amount0 + NavLib.quote1Down(Math.mulDiv(amount1, afterFee, 1e6), sqrtPriceX96)
            : amount1 + NavLib.quote0Down(Math.mulDiv(amount0, afterFee, 1e6), sqrtPriceX96);
    }
}
