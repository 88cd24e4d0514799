"""Persistence and EWMA of fee growth, through the same range geometry and with the same care for their spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fees import HOURS, QUANTILES, Rows, inputs_of, shape, weighted_summary
from ops import NumpyOps

HALF_LIVES_HOURS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FEWEST = 100


def past_mean(rows: Rows, hours: int) -> np.ndarray:
    """Full-range fee yield per day over the last `hours`, from the hourly windows; NaN without any."""
    out = np.full(len(rows.at), np.nan)
    hourly = np.exp(rows.column("log_fee_1h"))
    for one in np.unique(rows.series):
        mine = np.flatnonzero(rows.series == one)
        place = (rows.at[mine] - rows.at[mine[0]]) // 3600
        grid = np.full(int(place[-1]) + 1, np.nan)
        grid[place] = hourly[mine]
        total = np.concatenate([np.zeros(1), np.nancumsum(grid)])
        count = np.concatenate([np.zeros(1), np.cumsum(np.isfinite(grid))])
        first = np.maximum(place + 1 - hours, 0)
        n = count[place + 1] - count[first]
        out[mine] = np.where(n > 0, (total[place + 1] - total[first]) / np.maximum(n, 1), np.nan)
    # A feature of the same window also knows bars from before the first row; after a hole the last day stands in.
    if hours in (24, 168):
        known = np.exp(rows.column(f"log_fee_{hours}h"))
        out = np.where(np.isfinite(known), known, out)
    return np.where(np.isfinite(out), out, np.exp(rows.column("log_fee_24h")))


def ewma(rows: Rows, half_life_hours: float) -> np.ndarray:
    """Exponentially weighted mean of hourly fee yields per day; it starts at the first day's mean."""
    out = np.full(len(rows.at), np.nan)
    hourly, day = np.exp(rows.column("log_fee_1h")), np.exp(rows.column("log_fee_24h"))
    level, last, series = np.nan, 0, -1
    for i, at in enumerate(rows.at):
        if rows.series[i] != series:
            level, last, series = np.nan, int(at), int(rows.series[i])
        if np.isfinite(hourly[i]):
            start = day[i] if np.isfinite(day[i]) else hourly[i]
            keep = 0.5 ** ((at - last) / 3600 / half_life_hours)
            level = start if np.isnan(level) else keep * level + (1.0 - keep) * hourly[i]
            last = int(at)
        out[i] = level
    return out


class Baselines:
    """Point forecasts for every row; `quantiles` gives them the spread of their own past errors."""

    def __init__(self, rows: Rows, variance_level: float) -> None:
        self.rows = rows
        self.levels = {"persistence": {hours: past_mean(rows, hours) for hours in HOURS}}
        self.ewmas = {life: ewma(rows, life) for life in HALF_LIVES_HOURS}
        every = np.arange(len(rows.at))
        constants = {"variance_level": np.full((1, 1), variance_level, np.float32)}
        self.geometry = {
            hours: np.stack(
                [
                    np.asarray(shape(NumpyOps(), constants, inputs_of(rows, every, hours, j))[1], np.float64)[:, 0]
                    for j in range(len(rows.ranges))
                ],
                axis=1,
            )
            for hours in HOURS
        }

    def forecast(self, name: str, hours: int, past: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, float | None]:
        """Quantiles [rows, ranges, 3], and the half-life that the past chose for the EWMA."""
        life = None
        if name == "ewma":
            life = min(HALF_LIVES_HOURS, key=lambda h: self._loss(self.ewmas[h], hours, past))
            level = self.ewmas[life]
        else:
            level = self.levels[name][hours]
        out = np.empty((len(rows), len(self.rows.ranges), len(QUANTILES)))
        for j in range(len(self.rows.ranges)):
            ratios = self._ratios(level, hours, past, j)
            out[:, j] = self._base(level, hours, rows, j)[:, None] * ratios
        return out, life

    def _base(self, level: np.ndarray, hours: int, rows: np.ndarray, j: int) -> np.ndarray:
        return level[rows] * hours / 24 * self.geometry[hours][rows, j]

    def _ratios(self, level: np.ndarray, hours: int, past: np.ndarray, j: int) -> np.ndarray:
        base, real = self._base(level, hours, past, j), self.rows.labels[hours][past, j]
        good = np.isfinite(base) & np.isfinite(real) & (base > 0)
        if good.sum() < 10:
            return np.asarray([0.5, 1.0, 1.5])
        # In units of income, as the score counts.
        return weighted_summary(real[good] / base[good], base[good])[1:]

    def _loss(self, level: np.ndarray, hours: int, past: np.ndarray) -> float:
        base, real = self._base(level, hours, past, 0), self.rows.labels[hours][past, 0]
        good = np.isfinite(base) & np.isfinite(real)
        if good.sum() < 10:
            return np.inf
        quantiles = base[good, None] * self._ratios(level, hours, past, 0)
        return float(pinball_rows(real[good], quantiles).mean())


def pinball_rows(target: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Mean pinball loss over the quantiles, per row."""
    error = target[:, None] - quantiles
    q = np.asarray(QUANTILES)
    return np.maximum(q * error, (q - 1.0) * error).mean(axis=1)


def losses_by_range(rows: Rows, answer: dict[str, np.ndarray], hours: int, names: Sequence[str]) -> np.ndarray:
    """Pinball [times, ranges, forecasts] of one window's answer, in units of each range's usual income."""
    target = rows.labels[hours][answer[f"rows{hours}"]]
    usual = np.maximum(answer[f"usual{hours}"], 1e-12)
    said = [answer[f"{name}{hours}"] for name in names]
    return np.stack(
        [np.stack([pinball_rows(target[:, j], f[:, j]) / usual[j] for f in said], axis=1) for j in range(len(usual))],
        axis=1,
    )
