"""The volatility model: a HAR regression with random tanh features, solved in closed form, at all horizons at once.

A basis of windows of variance, shape, falls, rises and calendar is standardised; beside it stand `UNITS` random tanh
features per seed. On both, per horizon, two ridge fits of the log of realised variance: least squares (the posterior
mean of a conjugate Bayesian regression, made unbiased by the mean exponential of its residuals) and the least QLIKE by
Fisher scoring. The forecast is their geometric mean; quantiles are those of the past's log residuals in units
of a fitted scale. Members differ by the seed of their random features.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from errors import FitError
from ops import NumpyOps, Ops

HORIZONS = (3600, 14400, 86400, 604800)
QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
# The order of the package's output: what every volatility package answers, then the rest.
COLUMNS = ("mean", "q10", "q50", "q90", "q05", "q25", "q75", "q95")
VARIANCES = (
    *("log_rv_1h", "log_rv_6h", "log_rv_24h", "log_rv_72h", "log_rv_168h", "log_rv_720h"),
    *("log_gk_1h", "log_gk_6h", "log_gk_24h", "log_gk_168h", "log_parkinson_24h", "log_parkinson_168h"),
)
SHAPES = ("vol_of_vol", "downside_24h", "jump_24h")
RETURNS = ("return_1h", "return_6h", "return_24h", "return_168h")
CALENDAR = ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos")
FEATURES = (*VARIANCES, *SHAPES, *RETURNS, *CALENDAR)
UNITS = 48
# Precision of the prior on each coefficient, in rows: weak against tens of thousands of them.
PENALTY = 100.0
STEPS = 10
FLOOR = 1e-8
LIMIT = 5.0
Weights = dict[str, np.ndarray]


def basis(ops: Ops, fixed: Weights, features: Any, mask: Any) -> Any:
    """The standardised columns [N, B]; a window that is missing counts as the mean of those that are not."""
    present = 1.0 - mask
    n = len(VARIANCES)
    variances = list(range(n))
    known = ops.columns(present, variances)
    logs = ops.clip(ops.columns(features, variances), -25.0, 5.0)
    level = (ops.row_sum(known * logs) + 1e-6 * ops.constant(fixed["level"], "level")) / (ops.row_sum(known) + 1e-6)
    plain = list(range(n, n + len(SHAPES)))
    returns = list(range(n + len(SHAPES), n + len(SHAPES) + len(RETURNS)))
    centre = ops.constant(fixed["shape"], "shape")
    shapes = (ops.clip(ops.columns(features, plain), -20.0, 20.0) - centre) * ops.columns(present, plain)
    moves = ops.clip(ops.columns(features, returns), -8.0, 8.0) * ops.columns(present, returns)
    angles = list(range(len(FEATURES) - 4, len(FEATURES)))
    circle = ops.clip(ops.columns(features, angles), -1.0, 1.0) * ops.columns(present, angles)
    hs, hc, ws, wc = (ops.columns(circle, [i]) for i in range(4))
    hs2, hc2 = 2.0 * hs * hc, hc * hc - hs * hs
    ws2, wc2 = 2.0 * ws * wc, wc * wc - ws * ws
    ws3, wc3 = ws2 * wc + wc2 * ws, wc2 * wc - ws2 * ws
    zero = 0.0 * moves
    falls, rises = ops.minimum(moves, zero), ops.maximum(moves, zero)
    season = [hs, hc, hs2, hc2, ws, wc, ws2, wc2, ws3, wc3]
    raw = ops.concat([level, (logs - level) * known, shapes, falls, rises, *season])
    if "centre" not in fixed:
        return raw
    return ops.clip(
        (raw - ops.constant(fixed["centre"], "centre")) / ops.constant(fixed["scale"], "scale"), -LIMIT, LIMIT
    )


@dataclasses.dataclass(frozen=True)
class Rows:
    """What a fit sees: features and mask [N, F], realised variance per horizon [N, H] (NaN: not known), weight [N]."""

    features: np.ndarray
    mask: np.ndarray
    realised: np.ndarray
    weight: np.ndarray


def normalisation(rows: Rows) -> Weights:
    """Level, centres and scales of the training rows."""
    known = np.where(rows.mask == 0, rows.features.astype(np.float64), np.nan)
    n = len(VARIANCES)
    fixed = {
        "level": np.full((1, 1), np.nanmean(known[:, :n])),
        "shape": np.nanmean(known[:, n : n + len(SHAPES)], axis=0)[None, :],
    }
    raw = np.asarray(basis(NumpyOps(), fixed, rows.features, rows.mask), np.float64)
    total = rows.weight.sum()
    centre = rows.weight @ raw / total
    scale = np.sqrt(rows.weight @ (raw - centre) ** 2 / total)
    return fixed | {"centre": centre[None, :], "scale": np.maximum(scale, 1e-3)[None, :]}


def member(rows: Rows, fixed: Weights, seed: int) -> Weights:
    """One seed's weights: coefficients [1 + B + UNITS, H] of the log forecast per day, and its spread per horizon."""
    z = np.asarray(basis(NumpyOps(), fixed, rows.features, rows.mask), np.float64)
    rng = np.random.default_rng(seed)
    inner = rng.normal(0.0, 1.0 / np.sqrt(z.shape[1]), (z.shape[1], UNITS))
    offset = rng.normal(0.0, 0.5, (1, UNITS))
    x = np.concatenate([np.ones((len(z), 1)), z, np.tanh(z @ inner + offset)], axis=1)
    linear = x[:, : 1 + z.shape[1]]
    out: dict[str, list[np.ndarray]] = {"outer": [], "spread": [], "middle": [], "steps": []}
    for k, horizon in enumerate(HORIZONS):
        known = np.isfinite(rows.realised[:, k])
        w = np.where(known, rows.weight, 0.0)
        rate = np.where(known, np.maximum(rows.realised[:, k] * 86400 / horizon, FLOOR), 1.0)
        logs = np.log(rate)
        outer = _coefficients(x, logs, rate, w)
        error = (logs - x @ outer)[known]
        middle = weighted_quantiles(error, w[known], [0.5])
        # The scale of an error is the exponential of a ridge on the logs of absolute errors.
        size = np.log(np.maximum(np.abs(error - middle), 1e-3))
        spread = _ridge(linear[known], size, w[known])
        unit = (error - middle) / np.exp(np.clip(linear[known] @ spread, -6.0, 3.0))
        out["outer"].append(outer)
        out["spread"].append(spread)
        out["middle"].append(middle)
        out["steps"].append(weighted_quantiles(unit, w[known], QUANTILES))
    found = {name: np.stack(values, axis=1) for name, values in out.items()}
    if not all(np.isfinite(value).all() for value in found.values()):
        raise FitError(f"fit: the volatility model of seed {seed} is not finite")
    return found | {"inner": inner, "offset": offset}


def _coefficients(x: np.ndarray, logs: np.ndarray, rate: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The mean of the two fits' coefficients, each unbiased."""
    least = _ridge(x, logs, w)
    smear = np.log(w @ np.exp(np.clip(logs - x @ least, -20.0, 20.0)) / w.sum())
    least[0] += smear
    prior = PENALTY * np.eye(x.shape[1])
    prior[0, 0] = 1e-6
    inverse = np.linalg.inv(x.T @ (x * w[:, None]) + prior)

    def slope(beta: np.ndarray) -> tuple[float, np.ndarray]:
        log = np.clip(x @ beta, -40.0, 20.0)
        ratio = rate * np.exp(-log)
        cost = float(w @ (ratio + log) + 0.5 * beta @ prior @ beta)
        return cost, x.T @ (w * (ratio - 1.0)) - prior @ beta

    score = least
    cost, down = slope(score)
    for _ in range(STEPS):
        # QLIKE's expected curvature in the log forecast is 1; where it is in truth more, the step is shortened.
        step, length = inverse @ down, 1.0
        found = slope(score + step)
        while found[0] > cost and length > 1e-3:
            length *= 0.5
            found = slope(score + length * step)
        if found[0] >= cost:
            break
        score = score + length * step
        cost, down = found
    return 0.5 * (least + score)


def _ridge(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    prior = PENALTY * np.eye(x.shape[1])
    prior[0, 0] = 1e-6
    weighted = x * w[:, None]
    return np.linalg.solve(weighted.T @ x + prior, weighted.T @ y)


def weighted_quantiles(values: np.ndarray, weight: np.ndarray, levels: Any) -> np.ndarray:
    """Quantiles of a weighted sample."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weight[order]) - 0.5 * weight[order]
    return np.interp(np.asarray(levels) * weight.sum(), share, values[order])


def average(members: list[Weights]) -> Weights:
    """An ensemble as one wider network: the mean of log forecasts, of log scales and of steps."""
    n = len(members)
    width = members[0]["spread"].shape[0]
    return {
        "inner": np.concatenate([m["inner"] for m in members], axis=1),
        "offset": np.concatenate([m["offset"] for m in members], axis=1),
        "outer": np.concatenate(
            [sum(m["outer"][:width] for m in members) / n, *(m["outer"][width:] / n for m in members)]
        ),
        **{key: sum(m[key] for m in members) / n for key in ("spread", "middle", "steps")},
    }


def forward(ops: Ops, fixed: Weights, weights: Weights, features: Any, mask: Any, horizon: Any) -> Any:
    """[N, COLUMNS]: mean and quantiles of realised variance over exp(horizon) days, horizon [N, 1].

    Between the horizons it was fitted at, logs of daily rates are interpolated in the log of time; beyond, they stay.
    """
    z = basis(ops, fixed, features, mask)
    hidden = ops.tanh(
        ops.matmul(z, ops.constant(weights["inner"], "inner")) + ops.constant(weights["offset"], "offset")
    )
    outer, spread = weights["outer"], weights["spread"]
    width = spread.shape[0]
    middle = (
        ops.matmul(z, ops.constant(outer[1:width], "skip"))
        + ops.matmul(hidden, ops.constant(outer[width:], "outer"))
        + ops.constant(outer[:1], "bias")
    )
    middle = ops.clip(middle, -25.0, 5.0)
    scale = ops.matmul(z, ops.constant(spread[1:], "spread")) + ops.constant(spread[:1], "spread_bias")
    scale = ops.exp(ops.clip(scale, -6.0, 3.0))
    share = _shares(ops, horizon)
    levels = [None, 1, 3, 5, 0, 2, 4, 6]
    parts = []
    for level in levels:
        log = middle
        if level is not None:
            log = (
                middle
                + ops.constant(weights["middle"], "middle")
                + scale * ops.constant(weights["steps"][level][None, :], f"step{level}")
            )
        parts.append(ops.row_sum(share * log))
    time = ops.clip(horizon, -6.0, 6.0)
    return ops.exp(ops.clip(ops.concat(parts) + time, -30.0, 5.0))


def _shares(ops: Ops, horizon: Any) -> Any:
    """How much each fitted horizon counts, [N, H]: one, or two neighbours by distance in the log of time."""
    nodes = np.log(np.asarray(HORIZONS) / 86400.0)
    # climb[i] goes from 0 to 1 between node i and node i + 1.
    climbs = [
        ops.clip((horizon - float(nodes[i])) / float(nodes[i + 1] - nodes[i]), 0.0, 1.0) for i in range(len(nodes) - 1)
    ]
    parts = [1.0 - climbs[0]]
    parts += [climbs[i] - climbs[i + 1] for i in range(len(climbs) - 1)]
    return ops.concat([*parts, climbs[-1]])


def predict(
    fixed: Weights, weights: Weights, features: np.ndarray, mask: np.ndarray, horizon_seconds: int
) -> np.ndarray:
    """The same in numpy, [N, COLUMNS], for one horizon."""
    days = np.full((len(features), 1), np.log(horizon_seconds / 86400.0))
    return np.asarray(forward(NumpyOps(), fixed, weights, features, mask, days), np.float64)
