// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {RangeOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {StrategyErrorsLib} from "./StrategyErrorsLib.sol";

/// @notice What a strategy lets through. Ticks, seconds, ratios in Wad (1e18 = 100%).
struct Bounds {
    uint24 minWidthTicks;
    uint24 maxWidthTicks;
    /// Range centre from the mid reference tick.
    uint24 maxCentreDistanceTicks;
    uint32 cooldownSeconds;
    uint16 maxMovesPerDay;
    /// Declared gain >= declared cost × this.
    uint64 gainMarginWad;
    /// Value sold by the swap, of NAV.
    uint64 maxSwapShareWad;
    /// Width floor = base + perSpread × spread (at spread 1e18).
    uint24 widthFloorBaseTicks;
    uint24 widthFloorPerSpreadTicks;
    /// Up to this spread everything may be deployed; from here the share falls linearly ...
    uint64 fullShareSpreadWad;
    /// ... to this share at the ceiling.
    uint64 minShareWad;
    /// Above it only de-risking is accepted.
    uint64 spreadCeilingWad;
    /// Over which the pool's own volatility is measured; 0 = it is not asked.
    uint32 volatilityWindowSeconds;
    /// A model that said nothing for this long may be sent to idle by anybody; 0 = never.
    uint32 maxSilenceSeconds;
}

/// @title The arithmetic of a strategy's bounds: the more uncertain, the wider and the smaller
library BoundsLib {
    uint256 internal constant WAD = 1e18; // 100%

    /// @notice Narrowest range at this spread.
    function widthFloorTicks(Bounds memory bounds, uint256 spreadWad) internal pure returns (uint256 floor) {
        floor = bounds.widthFloorBaseTicks + (uint256(bounds.widthFloorPerSpreadTicks) * spreadWad) / WAD;
        if (floor < bounds.minWidthTicks) floor = bounds.minWidthTicks;
    }

    /// @notice Largest sum of weights at this spread.
    function deployableShareWad(Bounds memory bounds, uint256 spreadWad) internal pure returns (uint256) {
        if (spreadWad <= bounds.fullShareSpreadWad) return WAD;
        if (spreadWad > bounds.spreadCeilingWad) return 0;
        // The ceiling is above the full-share spread here, so the span is positive.
        uint256 span = bounds.spreadCeilingWad - bounds.fullShareSpreadWad;
        uint256 past = spreadWad - bounds.fullShareSpreadWad;
        return WAD - ((WAD - bounds.minShareWad) * past) / span;
    }

    /// @notice The width of each range; returns the sum of weights.
    function checkWidths(Bounds memory bounds, RangeOrder[] calldata ranges, uint256 spreadWad)
        internal
        pure
        returns (uint256 sumWad)
    {
        uint256 floor = widthFloorTicks(bounds, spreadWad);
        for (uint256 i; i < ranges.length; ++i) {
            int256 lower = ranges[i].lowerTick;
            int256 upper = ranges[i].upperTick;
            uint256 width = upper > lower ? uint256(upper - lower) : 0;
            require(width >= floor, StrategyErrorsLib.WidthBelowFloor(i, width, floor));
            require(width <= bounds.maxWidthTicks, StrategyErrorsLib.WidthAboveMax(i, width, bounds.maxWidthTicks));
            sumWad += ranges[i].weightWad;
        }
    }

    /// @notice The centre of each range.
    function checkCentres(Bounds memory bounds, RangeOrder[] calldata ranges, int24 midTick) internal pure {
        for (uint256 i; i < ranges.length; ++i) {
            int256 offset = (int256(ranges[i].lowerTick) + ranges[i].upperTick) / 2 - midTick;
            uint256 distance = offset < 0 ? uint256(-offset) : uint256(offset);
            require(
                distance <= bounds.maxCentreDistanceTicks,
                StrategyErrorsLib.CentreTooFar(i, distance, bounds.maxCentreDistanceTicks)
            );
        }
    }
}
