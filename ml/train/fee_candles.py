"""What a long history of exchange volume teaches about how activity goes on: slopes that the fee model starts from.

Fee income is volume over liquidity, and its hours rise and fall as volume does. The pools' spans are weeks or months;
exchange candles are years. Their hourly volume stands in for the fee windows, all other regressors are the same.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from errors import DatasetError
from fee_rows import read_table
from fees import FEATURES, FEE, HOURS, LIQUIDITY, PRIOR, Z_LIMIT, design, ridge
from ops import NumpyOps

SHARED = [name for name in FEATURES if name not in FEE + LIQUIDITY]
YEARS = 3
# Rows of a fit number tens of thousands: this only keeps equal regressors apart.
PENALTY = 0.001
# An hour whose volume is e⁵ times the forecast, or that much below, is a halted exchange.
ERROR_LIMIT = 5.0


@dataclasses.dataclass(frozen=True)
class Candles:
    """Hours of exchange candles: regressors [N, k], and by horizon ln volume a day to come less its prior [N, 4]."""

    at: np.ndarray
    x: np.ndarray
    errors: np.ndarray

    def slopes(self, known: int) -> np.ndarray:
        """Slopes [k, horizons] from what was over at `known` and no older than three years; 0 where that is little."""
        out = np.zeros((self.x.shape[1], len(HOURS)))
        for k, hours in enumerate(HOURS):
            error = self.errors[:, k]
            recent = (self.at + hours * 3600 <= known) & (self.at > known - YEARS * 365 * 86400)
            rows = np.flatnonzero(recent & (np.abs(error) < ERROR_LIMIT))
            if len(rows) < 1000:
                continue
            centre, scale = self.x[rows].mean(axis=0), self.x[rows].std(axis=0)
            scale = np.where(scale > 1e-6, scale, np.inf)
            z = np.clip((self.x[rows] - centre) / scale, -Z_LIMIT, Z_LIMIT)
            out[:, k] = ridge(z, error[rows], PENALTY)[0] / scale
        return out

    def digest(self) -> str:
        """sha256 of every value that is read."""
        found = hashlib.sha256()
        for values in (self.at, self.x, self.errors):
            found.update(np.ascontiguousarray(values, np.float64).tobytes())
        return "0x" + found.hexdigest()


def load_candles(folder: Path) -> Candles:
    """Features of volatility.csv, hours of yield-candles.csv; DatasetError names what is missing."""
    names, series, features = read_table(folder / "volatility.csv", ["at", *SHARED])
    exchanges, exchange, volumes = read_table(folder / "yield-candles.csv", ["at", "volume"])
    parts = []
    for i, name in enumerate(exchanges):
        if name not in names:
            raise DatasetError(f"dataset: volatility.csv has no rows of the series {name}; export the dataset anew")
        parts.append(candles_of(features[series == names.index(name)], volumes[exchange == i]))
    return Candles(*(np.concatenate([getattr(part, key) for part in parts]) for key in ("at", "x", "errors")))


def candles_of(table: np.ndarray, volumes: np.ndarray) -> Candles:
    """From one series' rows of [at, SHARED…] and hours of [at, volume], `at` being the end of the hour."""
    at, ends = table[:, 0].astype(np.int64), volumes[:, 0].astype(np.int64)
    grid = np.full(int((ends.max() - ends.min()) // 3600) + 1, np.nan)
    grid[(ends - ends.min()) // 3600] = volumes[:, 1]
    # Hours that are over at each row.
    over = (at - ends.min()) // 3600 + 1
    total = np.concatenate([np.zeros(1), np.cumsum(np.where(np.isfinite(grid), grid, 0.0))])
    count = np.concatenate([np.zeros(1), np.cumsum(np.isfinite(grid))])

    def mean(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """ln of the mean of hours first ≤ i < last, NaN where one of them is not known or nothing traded."""
        inside = (first >= 0) & (last <= len(grid))
        first, last = np.clip(first, 0, len(grid)), np.clip(last, 0, len(grid))
        sums = total[last] - total[first]
        whole = inside & (count[last] - count[first] == last - first) & (sums > 0)
        return np.log(np.where(whole, sums, np.nan) / np.maximum(last - first, 1))

    day = mean(over - 24, over)
    # Only differences of windows are read, so that the unit of volume does not matter.
    windows = {name: mean(over - hours, over) - day for name, hours in zip(FEE, (1, 6, 24, 168), strict=True)}
    values = {name: table[:, 1 + i] for i, name in enumerate(SHARED)} | windows
    features = np.stack([values.get(name, np.full(len(at), np.nan)) for name in FEATURES], axis=1)
    there = np.isfinite(features)
    inputs = {"features": np.where(there, features, 0.0), "mask": (~there).astype(np.float64)}
    level, spread, x = design(NumpyOps(), {"fee_level": np.zeros((1, 1))}, inputs)
    prior = np.asarray(level, np.float64) + np.asarray(spread, np.float64) @ PRIOR.T
    ahead = np.stack([mean(over, over + hours) - day for hours in HOURS], axis=1)
    whole = there[:, [FEATURES.index(name) for name in FEE]].all(axis=1)
    return Candles(at, np.asarray(x, np.float64), np.where(whole[:, None], ahead - prior, np.nan))
