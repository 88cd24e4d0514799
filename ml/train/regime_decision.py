"""Does a decision gain from knowing the likely regime? Judged where pools have hours of fees, net of LVR and cost.

Every hour a range around spot, or none, is chosen for the day ahead: the one of the highest expected fees less LVR
less the swap that opens it. Two settings, how much LVR weighs and the narrowest range allowed, are chosen by what they
earned on the past alone: once for all hours, and once for each regime that the model held likeliest. The difference is
the worth of the regime. Fees and LVR are what happened, from the pool's own hours.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import fees
from errors import DatasetError
from fees import Rows
from il_labels import make_market, path_outcome
from metrics import rounded
from ops import NumpyOps
from walk import DAY, Window, share_windows

HOURS = 24
# Both sides of spot in per cent, by the labels' names; no range at all earns nothing.
WIDTHS = ["both1", "both2", "both5", "both10", "both20", "both50", "full"]
LVR_WEIGHTS = (0.5, 1.0, 1.5, 2.0, 4.0)
# 6 bp of the half that opening a range swaps.
COST = 0.0003
# Fewer hours of a regime in the past say nothing of it: it then takes the setting of all hours.
FEWEST = 168
RESAMPLES = 2000
BLOCK_HOURS = 48
SETTINGS = list(itertools.product(LVR_WEIGHTS, range(len(WIDTHS))))
# Probabilities of calm, middle and wild by midnight.
Regimes = dict[int, np.ndarray]


def decision_scores(rows: Rows, regimes: Regimes, rule: dict[str, Any]) -> dict[str, Any]:
    """Net of both ways by pool, in basis points a day, and their difference with a 95 % interval."""
    earned = outcomes(rows)
    net = nets(rows, earned)
    regime = np.asarray([_likeliest(regimes, int(at)) for at in rows.at])
    good = np.isfinite(net).all(axis=1) & (regime >= 0)
    if not good.any():
        raise DatasetError("regime: nothing was said of any day on which a pool's fees are known")
    pools: dict[str, Any] = {}
    parts = []
    for i, name in enumerate(rows.series_names):
        mine = np.flatnonzero(rows.series == i)
        if np.ptp(rows.at[mine]) < 7 * DAY:
            continue
        share = float(np.mean(regime[mine] >= 0))
        windows = share_windows(int(rows.at[mine].min()), int(rows.at[mine].max()), rule)
        pairs = [_window(rows, net, regime, good, i, window) for window in windows]
        kept = [pair for pair in pairs if pair is not None]
        if not kept:
            continue
        parts.append(np.concatenate(kept))
        span = {"from": windows[0].start, "until": windows[-1].stop, "windows": len(kept), "covered": rounded(share)}
        pools[name] = _summary(parts[-1:]) | span
    return {"pools": pools, "pooled": _summary(parts), "settings": len(SETTINGS), "blockHours": BLOCK_HOURS}


def by_midnight(at: np.ndarray, said: np.ndarray) -> Regimes:
    """Probabilities [3] of calm, middle and wild by midnight: the mean of what was said of all assets."""
    return {int(time): said[at == time].mean(axis=0) for time in np.unique(at)}


def outcomes(rows: Rows) -> np.ndarray:
    """What each width earned over the day after each row: fees less LVR less the cost of opening [N, widths]."""
    out = np.full((len(rows.at), len(WIDTHS)), np.nan)
    for i in range(len(rows.series_names)):
        mine = np.flatnonzero(rows.series == i)
        scale = np.stack([rows.column("log_rv_168h")[mine], rows.column("return_1h")[mine]], axis=1)
        market = make_market("pool", np.concatenate([rows.at[mine, None].astype(np.float64), scale], axis=1))
        place = (rows.at[mine] - market.start) // 3600
        known = np.concatenate([np.zeros(1), np.cumsum(np.isfinite(market.returns))])
        whole = np.flatnonzero(place + HOURS < len(market.price))
        whole = whole[known[place[whole] + HOURS + 1] - known[place[whole] + 1] == HOURS]
        for j, name in enumerate(WIDTHS):
            column = rows.range_names.index(name)
            lower, upper = (np.full(len(whole), edge) for edge in rows.ranges[column])
            lvr, _ = path_outcome(market, place[whole], lower, upper, HOURS)
            out[mine[whole], j] = rows.labels[HOURS][mine[whole], column] - lvr - COST
    return out


def expected(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Fees and LVR that each width is expected to have over a day, by closed form from what was known [N, widths]."""
    every = np.arange(len(rows.at))
    constants = {
        "fee_level": np.full((1, 1), np.nanmean(rows.column("log_fee_24h"))),
        "variance_level": np.full((1, 1), np.nanmean(rows.column("log_gk_24h"))),
    }
    ops = NumpyOps()
    level, spread, _ = fees.design(ops, constants, {"features": rows.features, "mask": rows.mask})
    day = np.exp(np.asarray(level + spread @ fees.PRIOR[fees.HOURS.index(HOURS)][:, None], np.float64))[:, 0]
    fee, lvr = [], []
    for name in WIDTHS:
        inputs = fees.inputs_of(rows, every, HOURS, rows.range_names.index(name))
        share = np.asarray(fees.shape(ops, constants, inputs)[1], np.float64)[:, 0]
        sigma = np.asarray(fees.deviation(ops, constants, inputs, np.zeros((len(every), 1))), np.float64)[:, 0]
        fee.append(day * share)
        # A full range loses an eighth of the variance; a narrower one as many times more as it earns.
        lvr.append(sigma**2 / 8 * share)
    return np.stack(fee, axis=1), np.stack(lvr, axis=1)


def nets(rows: Rows, earned: np.ndarray) -> np.ndarray:
    """What each setting would have earned over the day after each row [N, settings]."""
    fee, lvr = expected(rows)
    out = np.empty((len(rows.at), len(SETTINGS)))
    for k, (weight, narrowest) in enumerate(SETTINGS):
        hope = (fee - weight * lvr - COST)[:, narrowest:]
        best = narrowest + np.argmax(hope, axis=1)
        out[:, k] = np.where(hope.max(axis=1) > 0, earned[np.arange(len(best)), best], 0.0)
    return np.where(np.isfinite(earned).all(axis=1)[:, None], out, np.nan)


def _likeliest(regimes: Regimes, at: int) -> int:
    """The likeliest of calm, middle and wild as said at the last midnight; -1 where nothing was said."""
    said = regimes.get(at // DAY * DAY)
    return -1 if said is None else int(np.argmax(said))


def _window(
    rows: Rows, net: np.ndarray, regime: np.ndarray, good: np.ndarray, series: int, window: Window
) -> np.ndarray | None:
    """Nets of the plain way and of the one by regime for one window's hours [n, 2]."""
    past = good & window.learns(rows.at, HOURS * 3600)
    ahead = np.flatnonzero(good & (rows.series == series) & window.forecasts(rows.at))
    if past.sum() < FEWEST or not len(ahead):
        return None
    plain = int(np.argmax(net[past].mean(axis=0)))
    chosen = []
    for kind in range(3):
        like = past & (regime == kind)
        chosen.append(int(np.argmax(net[like].mean(axis=0))) if like.sum() >= FEWEST else plain)
    settings = np.asarray(chosen)[regime[ahead]]
    return np.stack([net[ahead, plain], net[ahead, settings]], axis=1)


def _summary(parts: list[np.ndarray]) -> dict[str, Any]:
    """Means in basis points a day; blocks of the bootstrap do not cross from one pool to another."""
    whole = np.concatenate(parts)
    rng = np.random.default_rng(1)
    means = []
    for _ in range(RESAMPLES):
        drawn = []
        for part in parts:
            gain = part[:, 1] - part[:, 0]
            starts = rng.integers(0, len(gain), -(-len(gain) // BLOCK_HOURS))
            places = (starts[:, None] + np.arange(BLOCK_HOURS)[None, :]).ravel()[: len(gain)] % len(gain)
            drawn.append(gain[places].sum())
        means.append(sum(drawn) / len(whole))
    low, high = np.quantile(means, [0.025, 0.975]) * 1e4
    return {
        "hours": len(whole),
        "independent": len(whole) // HOURS,
        "plain": rounded(float(whole[:, 0].mean() * 1e4)),
        "regime": rounded(float(whole[:, 1].mean() * 1e4)),
        "gain": rounded(float((whole[:, 1] - whole[:, 0]).mean() * 1e4)),
        "interval": [rounded(float(low)), rounded(float(high))],
        "differs": rounded(float(np.mean(whole[:, 0] != whole[:, 1]))),
    }
