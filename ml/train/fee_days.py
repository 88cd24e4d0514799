"""The same ridge for pools of which only days are known: income of the whole range per unit of value locked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fee_baselines import pinball_rows
from fee_rows import Days
from fees import Z_LIMIT, choose_penalty, ridge, weighted_summary
from metrics import diebold_mariano, ratio_interval, rounded
from walk import DAY, Window, share_windows

HALF_LIVES_DAYS = (1, 2, 4, 8, 16, 32, 64)
NAMES = ("model", "persistence", "ewma")
FEWEST = 120


def regressors(days: Days) -> tuple[np.ndarray, np.ndarray]:
    """The prior's two ends (day and week of fees, in logs) [N, 2], and the regressors [N, k]; missing = 0."""
    f = days.features
    day = f["log_fee_24h"]
    week = np.where(np.isfinite(f["log_fee_168h"]), f["log_fee_168h"], day)
    month = np.where(np.isfinite(f["log_fee_720h"]), f["log_fee_720h"], week)
    sine, cosine = f["weekday_sin"], f["weekday_cos"]
    parts = [day - week, month - week, f["log_parkinson_24h"] - f["log_parkinson_168h"], sine, cosine]
    parts += [2 * sine * cosine, cosine**2 - sine**2]
    x = np.stack(parts, axis=1)
    return np.stack([0.5 * (day + week), week], axis=1), np.where(np.isfinite(x), x, 0.0)


def walk_days(days: Days, rule: dict[str, Any], fast: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Scores per pool and over all; every window fits on the days of all pools that were over by then."""
    priors, x = regressors(days)
    ewmas = {life: _ewma(days, life) for life in HALF_LIVES_DAYS}
    pools: dict[str, Any] = {}
    collected: dict[int, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {24: [], 168: []}
    for i, name in enumerate(days.series_names[:1] if fast else days.series_names):
        mine = days.series == i
        at = days.at[mine]
        windows = share_windows(int(at.min()), int(at.max()), rule)
        pools[name] = {}
        for k, hours in enumerate((24, 168)):
            parts = [_window(days, priors[:, k], x, ewmas, mine, w, hours) for w in windows]
            kept = [part for part in parts if part is not None]
            if not kept:
                continue
            losses, inside, times = (np.concatenate([part[j] for part in kept]) for j in range(3))
            pools[name][f"{hours}h"] = _summary(losses, inside, hours // 24) | {"windows": len(kept)}
            collected[hours].append((times, losses, inside))
        say(f"yield {name}: {len(windows)} windows of days")
    pooled = {}
    for hours, found in collected.items():
        if not found:
            continue
        # Pools share their days: a day counts once, as the mean over its pools.
        times = np.concatenate([part[0] for part in found])
        losses, inside = (np.concatenate([part[j] for part in found]) for j in (1, 2))
        each, place = np.unique(times, return_inverse=True)
        count = np.bincount(place)[:, None]
        mean = np.stack([np.bincount(place, losses[:, j]) for j in range(losses.shape[1])], axis=1) / count
        pooled[f"{hours}h"] = _summary(mean, inside, hours // 24) | {"rows": len(each), "pool days": len(times)}
    return {"pools": pools, "pooled": pooled}


def _window(
    days: Days,
    prior: np.ndarray,
    x: np.ndarray,
    ewmas: dict[int, np.ndarray],
    mine: np.ndarray,
    window: Window,
    hours: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    real = days.labels[hours]
    good = np.isfinite(real) & np.isfinite(prior) & (real > 0)
    known = np.flatnonzero(good & window.learns(days.at, hours * 3600))
    ahead = np.flatnonzero(good & mine & window.forecasts(days.at))
    own = known[mine[known]]
    if len(own) < FEWEST or not len(ahead):
        return None
    centre, scale = x[known].mean(axis=0), np.maximum(x[known].std(axis=0), 1e-6)
    z = np.clip((x - centre) / scale, -Z_LIMIT, Z_LIMIT)
    error = np.log(real[known] * 24 / hours) - prior[known]
    slope, constant = ridge(z[known], error, choose_penalty(z[known], error, days.at[known], hours))
    levels = {
        "model": np.exp(prior + z @ slope + constant),
        "persistence": np.exp(days.features["log_fee_24h" if hours == 24 else "log_fee_168h"]),
        "ewma": ewmas[min(HALF_LIVES_DAYS, key=lambda life: _loss(ewmas[life] * hours / 24, real, own))],
    }
    losses = []
    inside = np.zeros(len(ahead))
    for name in NAMES:
        base = levels[name] * hours / 24
        base = np.where(np.isfinite(base), base, np.exp(prior) * hours / 24)
        said = base[ahead, None] * weighted_summary(real[own] / base[own], base[own])[1:]
        losses.append(pinball_rows(real[ahead], said) / real[own].mean())
        if name == "model":
            inside = ((real[ahead] >= said[:, 0]) & (real[ahead] <= said[:, 2])).astype(np.float64)
    return np.stack(losses, axis=1), inside, days.at[ahead]


def _loss(base: np.ndarray, real: np.ndarray, past: np.ndarray) -> float:
    good = past[np.isfinite(base[past])]
    if len(good) < FEWEST // 2:
        return np.inf
    said = base[good, None] * weighted_summary(real[good] / base[good], base[good])[1:]
    return float(pinball_rows(real[good], said).mean())


def _ewma(days: Days, half_life: float) -> np.ndarray:
    out = np.full(len(days.at), np.nan)
    fee = np.exp(days.features["log_fee_24h"])
    for one in np.unique(days.series):
        level, last = np.nan, 0
        for i in np.flatnonzero(days.series == one):
            keep = 0.5 ** ((days.at[i] - last) / DAY / half_life)
            level = fee[i] if np.isnan(level) else keep * level + (1.0 - keep) * fee[i]
            last, out[i] = int(days.at[i]), level
    return out


def _summary(losses: np.ndarray, inside: np.ndarray, lags: int) -> dict[str, Any]:
    means = losses.mean(axis=0)
    best = 1 + int(np.argmin(means[1:]))
    return {
        "rows": len(losses),
        "independent": max(1, len(losses) // lags),
        "pinball": {name: rounded(float(means[k])) for k, name in enumerate(NAMES)},
        "best": NAMES[best],
        "ratio": rounded(float(means[0] / means[best])),
        "interval": [rounded(x) for x in ratio_interval(losses[:, 0], losses[:, best], max(7, 2 * lags))],
        "t": rounded(diebold_mariano(losses[:, 0], losses[:, best], lags), 3),
        "coverage80": rounded(float(inside.mean())),
    }
