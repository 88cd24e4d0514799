"""The losses to beat: the past of the same range, told in three ways. Origins are hourly, nothing later is used."""

from __future__ import annotations

import dataclasses

import numpy as np

from il_labels import HOUR, Market, delta, future_move, impermanent_loss, value

EXPANDING, ROLLING, SCALED = "expanding-history", "rolling-365-days", "ewma-scaled"
LEVELS = np.linspace(0.0005, 0.9995, 1000)
# Scales at which a past path is played again, and how far apart these paths begin.
STRETCHES = np.exp(np.linspace(np.log(0.1), np.log(10.0), 21))
PATH_STRIDE_HOURS = 8


@dataclasses.dataclass(frozen=True)
class Rules:
    """Of the protocol."""

    quantiles: list[float]
    rolling_days: int
    decay: float
    refit_days: int


def ewma_deviation(market: Market, decay: float) -> np.ndarray:
    """Deviation of a day's move: squared hourly returns forgotten at `decay` a day."""
    keep = decay ** (1 / 24)
    squares = np.where(np.isfinite(market.returns), market.returns, 0.0) ** 2
    out, level = np.empty(len(squares)), float(squares[:168].mean())
    for i, square in enumerate(squares):
        level = keep * level + (1.0 - keep) * square
        out[i] = level
    return np.sqrt(np.maximum(24.0 * out, 1e-9))


def il_baselines(
    market: Market, ranges: np.ndarray, days: np.ndarray, hours: int, rules: Rules
) -> dict[str, np.ndarray]:
    """Quantiles of IL [days, ranges, quantiles] for forecasts at grid points `days`."""
    move = future_move(market, hours)
    losses = np.stack([impermanent_loss(np.asarray(a), np.asarray(b), move) for a, b in ranges], axis=1)
    deviation = ewma_deviation(market, rules.decay)
    relative = move / deviation
    out = {name: np.empty((len(days), len(ranges), len(rules.quantiles))) for name in (EXPANDING, ROLLING, SCALED)}
    sizes, expanding, rolling = LEVELS, losses[0], losses[0]
    for k, day in enumerate(days):
        # Origins whose horizon had ended by this grid point.
        known = day - hours + 1
        if k % rules.refit_days == 0:
            expanding = _quantiles(losses[:known], rules.quantiles)
            past = relative[:known]
            sizes = np.quantile(past[np.isfinite(past)], LEVELS)
        rolling = _quantiles(losses[max(0, known - 24 * rules.rolling_days) : known], rules.quantiles)
        out[EXPANDING][k], out[ROLLING][k] = expanding, rolling
        moves = sizes * deviation[day]
        for r, (lower, upper) in enumerate(ranges):
            loss = impermanent_loss(np.asarray(lower), np.asarray(upper), moves)
            out[SCALED][k, r] = np.quantile(loss, rules.quantiles)
    return out


def lvr_baselines(
    market: Market, ranges: np.ndarray, days: np.ndarray, hours: int, rules: Rules, lvr: np.ndarray
) -> dict[str, np.ndarray]:
    """The same of LVR; `lvr` [T, ranges] is what every origin lost. Scaled = past paths at today's scale."""
    deviation = ewma_deviation(market, rules.decay)
    first = np.arange(0, len(market.price) - hours, PATH_STRIDE_HOURS)
    played = np.stack([stretched_lvr(market, first, lower, upper, hours) for lower, upper in ranges], axis=1)
    usable = np.isfinite(lvr[first, 0])
    out = {name: np.empty((len(days), len(ranges), len(rules.quantiles))) for name in (EXPANDING, ROLLING, SCALED)}
    expanding, rolling = lvr[0], lvr[0]
    step = np.log(STRETCHES[1] / STRETCHES[0])
    for k, day in enumerate(days):
        known = day - hours + 1
        if k % rules.refit_days == 0:
            expanding = _quantiles(lvr[:known], rules.quantiles)
        rolling = _quantiles(lvr[max(0, known - 24 * rules.rolling_days) : known], rules.quantiles)
        out[EXPANDING][k], out[ROLLING][k] = expanding, rolling
        rows = np.flatnonzero(usable & (first < known))
        place = np.log(deviation[day] / deviation[first[rows]] / STRETCHES[0]) / step
        place = np.clip(place, 0.0, len(STRETCHES) - 1.001)
        left = place.astype(np.int64)
        part = (place - left)[:, None]
        again = (1.0 - part) * played[rows, :, left] + part * played[rows, :, left + 1]
        out[SCALED][k] = np.quantile(again, rules.quantiles, axis=0).T
    return out


def stretched_lvr(market: Market, rows: np.ndarray, lower: float, upper: float, hours: int) -> np.ndarray:
    """LVR of the path after each row with every return multiplied by each of STRETCHES, [rows, stretches]."""
    start = market.price[rows][:, None]
    a, b = np.asarray(lower), np.asarray(upper)
    last = np.zeros((len(rows), len(STRETCHES)))
    before = value(a, b, last)
    first, loss = before, np.zeros_like(last)
    for hour in range(1, hours + 1):
        x = (market.price[rows + hour][:, None] - start) * STRETCHES
        now = value(a, b, x)
        loss += delta(a, b, last) * (np.exp(x) - np.exp(last)) - (now - before)
        last, before = x, now
    return np.maximum(loss, 0.0) / first


def all_lvr(market: Market, ranges: np.ndarray, hours: int) -> np.ndarray:
    """What every origin lost to LVR in each range, [T, ranges]; NaN where the way is not known."""
    out = np.full((len(market.price), len(ranges)), np.nan)
    rows = np.flatnonzero(np.isfinite(future_move(market, hours)))
    price = market.price
    for r, (lower, upper) in enumerate(ranges):
        a, b = np.asarray(lower), np.asarray(upper)
        last, loss = np.zeros(len(rows)), np.zeros(len(rows))
        before = value(a, b, last)
        first, growth = before, np.ones(len(rows))
        for hour in range(1, hours + 1):
            x = price[rows + hour] - price[rows]
            now, grown = value(a, b, x), np.exp(x)
            loss += delta(a, b, last) * (grown - growth) - (now - before)
            last, before, growth = x, now, grown
        out[rows, r] = np.maximum(loss, 0.0) / first
    return out


def _quantiles(past: np.ndarray, quantiles: list[float]) -> np.ndarray:
    past = past[np.isfinite(past[:, 0])]
    return np.quantile(past, quantiles, axis=0).T


def grid_points(market: Market, times: np.ndarray) -> np.ndarray:
    """Places of these unix times on the market's grid."""
    return (times - market.start) // HOUR
