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

// A shorter window says little, a longer one nothing about today.
uint256 constant MIN_VOLATILITY_WINDOW_SECONDS = 480; // eight minutes, a minute a cell

uint256 constant MAX_VOLATILITY_WINDOW_SECONDS = 7 days;

// Less would mistake a hiccup for a death.
uint256 constant MIN_SILENCE_SECONDS = 1 hours;

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

    /// @notice Width and centre of each range; returns the sum of weights.
    function checkRanges(Bounds memory bounds, RangeOrder[] calldata ranges, int24 midTick, uint256 spreadWad)
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
            int256 offset = (lower + upper) / 2 - midTick;
            uint256 distance = offset < 0 ? uint256(-offset) : uint256(offset);
            require(
                distance <= bounds.maxCentreDistanceTicks,
                StrategyErrorsLib.CentreTooFar(i, distance, bounds.maxCentreDistanceTicks)
            );
            sumWad += ranges[i].weightWad;
        }
    }

    /// @notice Refuses bounds that contradict themselves.
    function check(Bounds memory bounds) internal pure {
        require(
            bounds.minWidthTicks > 0 && bounds.minWidthTicks <= bounds.maxWidthTicks,
            StrategyErrorsLib.BoundInvalid("minWidthTicks", bounds.minWidthTicks)
        );
        require(bounds.maxMovesPerDay > 0, StrategyErrorsLib.BoundInvalid("maxMovesPerDay", 0));
        require(bounds.gainMarginWad >= WAD, StrategyErrorsLib.BoundInvalid("gainMarginWad", bounds.gainMarginWad));
        require(
            bounds.maxSwapShareWad <= WAD, StrategyErrorsLib.BoundInvalid("maxSwapShareWad", bounds.maxSwapShareWad)
        );
        require(
            bounds.fullShareSpreadWad < bounds.spreadCeilingWad && bounds.spreadCeilingWad <= WAD,
            StrategyErrorsLib.BoundInvalid("spreadCeilingWad", bounds.spreadCeilingWad)
        );
        require(bounds.minShareWad <= WAD, StrategyErrorsLib.BoundInvalid("minShareWad", bounds.minShareWad));
        require(
            bounds.volatilityWindowSeconds == 0
                || (bounds.volatilityWindowSeconds >= MIN_VOLATILITY_WINDOW_SECONDS
                    && bounds.volatilityWindowSeconds <= MAX_VOLATILITY_WINDOW_SECONDS),
            StrategyErrorsLib.BoundInvalid("volatilityWindowSeconds", bounds.volatilityWindowSeconds)
        );
        // Realised volatility alone, which anyone can stir, must leave something to deploy at the ceiling.
        require(
            bounds.volatilityWindowSeconds == 0 || bounds.minShareWad > 0,
            StrategyErrorsLib.BoundInvalid("minShareWad", bounds.minShareWad)
        );
        require(
            bounds.maxSilenceSeconds == 0 || bounds.maxSilenceSeconds >= MIN_SILENCE_SECONDS,
            StrategyErrorsLib.BoundInvalid("maxSilenceSeconds", bounds.maxSilenceSeconds)
        );
        // At the ceiling a range must still exist, else the ceiling is not where it says.
        require(
            widthFloorTicks(bounds, bounds.spreadCeilingWad) <= bounds.maxWidthTicks,
            StrategyErrorsLib.BoundInvalid("maxWidthTicks", bounds.maxWidthTicks)
        );
    }
}
