// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IPriceOracle, ReferencePrices} from "../../vaults/interfaces/IPriceOracle.sol";
import {IRangeVault, RangeOrder, RebalanceOrder, RebalanceReport} from "../../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {DeRiskLib} from "../../vaults/libraries/DeRiskLib.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {Bounds, BoundsLib} from "./BoundsLib.sol";
import {PlainRangeLib} from "./PlainRangeLib.sol";
import {StrategyErrorsLib} from "./StrategyErrorsLib.sol";

// What the fallback range may cost, of NAV at the mid reference: nobody has forecast a gain to pay for it.
uint256 constant MAX_FALLBACK_COST_WAD = 0.001e18; // 0.1%

/// @title Moves that only make the vault safer
/// @notice Linked library. WIDER is what the vault means by it (DeRiskLib: no swap, every new range contains all that are
/// held), as long as it puts no more to work than is at work already. THE FALLBACK is where a vault goes whose model
/// is silent: the plain range, as wide and as small as the bounds ask at the spread ceiling.
library FallbackLib {
    using BoundsLib for Bounds;

    /// @notice Whether the vault would take the order for a move to wider, and it puts no more to work than is.
    function widens(IRangeVault vault, RebalanceOrder calldata order) external view returns (bool) {
        if (!DeRiskLib.isToWider(vault.positions(), order.ranges, order.swap.amountIn)) return false;
        uint256 sumWad;
        for (uint256 i; i < order.ranges.length; ++i) {
            sumWad += order.ranges[i].weightWad;
        }
        return sumWad <= _deployedWad(vault);
    }

    /// @notice Moves the vault into the fallback range at a spread of at least the ceiling, or reverts.
    function fallBack(IRangeVault vault, IUniswapV3Pool pool, Bounds memory bounds, uint256 spreadWad)
        external
        returns (RebalanceReport memory report)
    {
        require(
            spreadWad <= bounds.spreadCeilingWad && bounds.minShareWad > 0,
            StrategyErrorsLib.DeRiskOnly(spreadWad, bounds.spreadCeilingWad)
        );
        ReferencePrices memory refs = IPriceOracle(vault.oracle()).referencePrices();
        require(refs.calm, StrategyErrorsLib.NotCalm());
        // Half of a width that `PolicyLib.check` let through, and a spacing: below 2^20.
        int256 spacing = pool.tickSpacing();
        int256 half = (int256(bounds.widthFloorTicks(spreadWad)) / 2 / spacing + 1) * spacing;
        RebalanceOrder memory order;
        order.ranges = new RangeOrder[](1);
        order.ranges[0] = PlainRangeLib.place(
            vault,
            pool,
            vault.positions(),
            TickMath.getTickAtSqrtPrice(refs.midSqrtPriceX96),
            int24(half),
            bounds.minShareWad
        );
        report = vault.rebalance(order);
        uint256 most = Math.mulDiv(report.navBefore, MAX_FALLBACK_COST_WAD, BoundsLib.WAD);
        uint256 cost = report.navBefore > report.navAfter ? report.navBefore - report.navAfter : 0;
        require(cost <= most, StrategyErrorsLib.CostAboveRule(cost, most));
    }

    /// @dev The part of the vault that is in ranges now, at the mid reference.
    function _deployedWad(IRangeVault vault) private view returns (uint256) {
        ReferencePrices memory refs = IPriceOracle(vault.oracle()).referencePrices();
        require(refs.calm, StrategyErrorsLib.NotCalm());
        (, uint256 nav,,,) = vault.navStatus();
        (uint256 idle0, uint256 idle1) = vault.idle();
        uint256 idle = NavLib.toAssetDown(idle0, idle1, refs.midSqrtPriceX96, vault.assetIsToken0());
        return idle < nav ? Math.mulDiv(nav - idle, BoundsLib.WAD, nav) : 0;
    }
}
