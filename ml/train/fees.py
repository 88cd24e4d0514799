"""Fee income of any range: a ridge on fee windows, shrunk towards years of exchange volume, times a closed form.

The level (what the whole axis earns a day) is linear in logs at four horizons, between which it is interpolated. What
a range makes of it is geometry: concentration × expected occupancy. Spread and bias are the quantiles that the ratio of
outcome to closed form had, by horizon and by the range's width in deviations, where the level came from a fit that had
not seen the outcome. No step is random.
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import numpy as np

import geometry
from ops import NumpyOps, OnnxOps, Ops

MODEL = "yield-har"
FEE = ["log_fee_1h", "log_fee_6h", "log_fee_24h", "log_fee_168h"]
VARIANCE = ["log_gk_6h", "log_gk_24h", "log_rv_24h", "log_rv_168h"]
CALENDAR = ["hour_sin", "hour_cos", "weekday_sin", "weekday_cos"]
MOVES = ["return_1h", "return_24h"]
LIQUIDITY = ["liquidity_1h_24h", "liquidity_24h_168h"]
FEATURES = [*FEE, "log_gk_1h", *VARIANCE, *CALENDAR, *MOVES, *LIQUIDITY]
OUTPUTS = ["mean", "q10", "q50", "q90"]
QUANTILES = (0.1, 0.5, 0.9)

# The prior: weights of ln fee of 1 h, 6 h and 168 h against 24 h, by horizon.
HOURS = (1, 4, 24, 168)
PRIOR = np.asarray([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, 1.0]])
# Half widths in deviations at which the ratio's quantiles are held (natural log), and where a range's centre is off.
WIDTHS = (-2.5, -1.5, -0.5, 0.5, 1.5, 3.0)
CENTRES = (0.0, 1.0)
# By horizon: how much of the borrowed slopes a pool starts from, and what departing from them costs.
LENT = (0.5, 1.0, 1.0, 1.0)
PENALTY = (0.1, 1.0, 1.0, 3.0)
# An hour counts by this power of its income in its pool's usual one: the score counts income, noise is by the hour.
INCOME_POWER = 0.5
# Parts of the past that are held out in turn, so that the ratios are those of forecasts and not of a fit to itself.
FOLDS = 5
# Mean squared deviation of a coefficient times this is what a unit of error is worth.
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
# An hour without fees counts as this share of its prior.
LEAST_SHARE = 0.02
FEWEST_ROWS = 60
FEWEST_RATIOS = 40
OFFSET_LIMIT = 12.0
Z_LIMIT = 4.0

Weights = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Times of all pools. Labels are [N, ranges] by hours, NaN where the data do not reach."""

    series_names: list[str]
    series: np.ndarray
    at: np.ndarray
    features: np.ndarray
    mask: np.ndarray
    ranges: np.ndarray
    range_names: list[str]
    labels: dict[int, np.ndarray]

    def column(self, name: str) -> np.ndarray:
        """One feature, NaN where missing."""
        i = FEATURES.index(name)
        return np.where(self.mask[:, i] == 0, self.features[:, i], np.nan)


def columns(names: list[str]) -> list[int]:
    return [FEATURES.index(name) for name in names]


def fee_level(ops: Ops, c: dict[str, Any], features: Any, present: Any) -> Any:
    """ln of the full-range fee yield per day: the 24 h window, or the next best that is there, or the usual level."""
    level = 0.0 * ops.columns(features, [0]) + c["fee_level"]
    for name in ("log_fee_168h", "log_fee_1h", "log_fee_6h", "log_fee_24h"):
        here = ops.columns(present, columns([name]))
        level = here * ops.clip(ops.columns(features, columns([name])), -40.0, 3.0) + (1.0 - here) * level
    return level


def design(ops: Ops, c: dict[str, Any], inputs: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The level [N, 1], the three other fee windows against it [N, 3], and all regressors [N, k], none standardised."""
    features, present = inputs["features"], 1.0 - inputs["mask"]
    level = fee_level(ops, c, features, present)

    def some(names: list[str]) -> Any:
        return ops.columns(present, columns(names)) * ops.columns(features, columns(names))

    others = columns(["log_fee_1h", "log_fee_6h", "log_fee_168h"])
    spread = ops.columns(present, others) * (ops.clip(ops.columns(features, others), -40.0, 3.0) - level)
    sine, cosine = some(["hour_sin"]), some(["hour_cos"])
    pairs = (("log_gk_1h", "log_gk_24h"), ("log_gk_6h", "log_gk_24h"), ("log_gk_24h", "log_rv_168h"))
    slopes = [
        ops.columns(present, columns([a]))
        * ops.columns(present, columns([b]))
        * (ops.columns(features, columns([a])) - ops.columns(features, columns([b])))
        for a, b in pairs
    ]
    moves = some(MOVES)
    twice = (2.0 * sine * cosine, cosine * cosine - sine * sine)
    parts = [
        spread,
        some(CALENDAR),
        # Harmonics of the hour up to the fourth: the sessions of the day are no two waves.
        *twice,
        twice[0] * cosine + twice[1] * sine,
        twice[1] * cosine - twice[0] * sine,
        2.0 * twice[0] * twice[1],
        twice[1] * twice[1] - twice[0] * twice[0],
        *slopes,
        ops.maximum(moves, -moves),
        some(LIQUIDITY),
    ]
    return level, spread, ops.concat(parts)


def deviation(ops: Ops, c: dict[str, Any], inputs: dict[str, Any], log_days: Any) -> Any:
    """Expected deviation of the log price over the horizon: the mean of the log-variance windows that are there."""
    there = 1.0 - ops.columns(inputs["mask"], columns(VARIANCE))
    known = ops.clip(ops.columns(inputs["features"], columns(VARIANCE)), -40.0, 10.0)
    level = (ops.row_sum(there * known) + 1e-6 * c["variance_level"]) / (ops.row_sum(there) + 1e-6)
    return ops.exp(0.5 * ops.clip(ops.maximum(level, -12.0 + 0.0 * level) + log_days, -18.0, 1.0))


def hats(ops: Ops, x: Any, knots: tuple[float, ...] | list[float]) -> Any:
    """Weights [N, knots] that interpolate linearly between knots and stay at the first and last beyond them."""
    steps = [ops.clip((x - low) * (1.0 / (high - low)), 0.0, 1.0) for low, high in pairwise(knots)]
    inner = [a - b for a, b in pairwise(steps)]
    return ops.concat([1.0 - steps[0], *inner, steps[-1]])


def shape(ops: Ops, c: dict[str, Any], inputs: dict[str, Any]) -> tuple[Any, Any, Any]:
    """ln days and the range's yield per unit of full-range yield, both [N, 1], and weights of the ratio's cells."""
    lower = ops.clip(ops.columns(inputs["range"], [0]), -OFFSET_LIMIT, OFFSET_LIMIT - 1e-3)
    upper = ops.maximum(ops.clip(ops.columns(inputs["range"], [1]), -OFFSET_LIMIT, OFFSET_LIMIT), lower + 1e-3)
    log_days = ops.clip(ops.columns(inputs["range"], [2]), -5.0, 4.0)
    sigma = deviation(ops, c, inputs, log_days)
    inside = geometry.occupancy(ops, lower, upper, sigma)
    share = 2.0 * inside / geometry.start_value(ops, lower, upper)
    width = hats(ops, ops.log(0.5 * (upper - lower) / sigma), WIDTHS)
    off = (upper + lower) / (upper - lower)
    centre = hats(ops, ops.maximum(off, -off), CENTRES)
    horizon = hats(ops, log_days, knots())
    place = ops.concat([ops.columns(centre, [j]) * width for j in range(len(CENTRES))])
    cells = ops.concat([ops.columns(horizon, [k]) * place for k in range(len(HOURS))])
    return log_days, share, cells


def knots() -> list[float]:
    """ln(horizon / 1 day) at which levels and ratios are held."""
    return [float(np.log(hours / 24)) for hours in HOURS]


def forward(ops: Ops, weights: Weights, inputs: dict[str, Any]) -> Any:
    """Mean and quantiles [N, 4] from features [N, F], mask [N, F] (1 = missing) and range [N, 3]."""
    c = {name: ops.constant(value, name) for name, value in weights.items()}
    log_days, share, cells = shape(ops, c, inputs)
    levels = levels_of(ops, c, inputs)
    log_fee = ops.row_sum(hats(ops, log_days, knots()) * levels)
    base = share * ops.exp(ops.clip(log_fee + log_days, -40.0, 3.0))
    # Interpolation of ordered, non-negative ratios is ordered and non-negative.
    return base * ops.matmul(cells, c["ratios"])


def levels_of(ops: Ops, c: dict[str, Any], inputs: dict[str, Any]) -> Any:
    """ln of the full-range fee yield per day that is to come [N, horizons]."""
    level, spread, x = design(ops, c, inputs)
    z = ops.clip((x - c["centre"]) / c["scale"], -Z_LIMIT, Z_LIMIT)
    return level + ops.matmul(spread, c["prior"]) + ops.matmul(z, c["slopes"]) + c["bias"]


def predict(weights: Weights, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The model's answers as float64 [N, 4]."""
    return np.asarray(forward(NumpyOps(), weights, inputs), dtype=np.float64)


def inputs_of(rows: Rows, which: np.ndarray, hours: int, column: int) -> dict[str, np.ndarray]:
    """Model inputs of one range over one horizon at these rows."""
    lower, upper = rows.ranges[column]
    query = np.asarray([[lower, upper, np.log(hours / 24)]], np.float32)
    return {
        "features": rows.features[which],
        "mask": rows.mask[which],
        "range": np.repeat(query, len(which), axis=0),
    }


def fit(rows: Rows, learns: dict[int, np.ndarray], borrowed: np.ndarray | None = None) -> Weights:
    """Weights from the rows (numbers by hours) whose labels are known; `borrowed` as in `fit_levels`."""
    weights, unseen = fit_levels(rows, learns, borrowed)
    return weights | {"ratios": fit_ratios(rows, learns, weights, unseen).astype(np.float32)}


def fit_levels(
    rows: Rows, learns: dict[int, np.ndarray], borrowed: np.ndarray | None = None
) -> tuple[Weights, np.ndarray]:
    """All weights but the ratios, and the levels [N, horizons] as forecast without having seen the row's outcome.

    `borrowed` [regressors, horizons]: slopes that another history taught, from which these depart as far as they must.
    """
    ops = NumpyOps()
    every = np.unique(np.concatenate(list(learns.values())))
    usual = np.concatenate([rows.column(name)[every] for name in VARIANCE])
    weights: Weights = {
        "fee_level": np.full((1, 1), np.nanmean(rows.column("log_fee_24h")[every]), np.float32),
        "variance_level": np.full((1, 1), np.nanmean(usual), np.float32),
        "prior": PRIOR.T.astype(np.float32),
    }
    constants = {name: ops.constant(value, name) for name, value in weights.items()}
    both = {"features": rows.features, "mask": rows.mask}
    level, spread, x = (np.asarray(part, np.float64) for part in design(ops, constants, both))
    centre, scale = x[every].mean(axis=0), x[every].std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1.0)
    z = np.clip((x - centre) / scale, -Z_LIMIT, Z_LIMIT)
    slopes, bias = np.zeros((z.shape[1], len(HOURS))), np.zeros((1, len(HOURS)))
    unseen = np.zeros((len(rows.at), len(HOURS)))
    for k, hours in enumerate(HOURS):
        prior = level[:, 0] + spread @ PRIOR[k]
        mine = learns[hours]
        unseen[:, k] = prior
        if len(mine) < FEWEST_ROWS:
            continue
        realised = np.log(np.maximum(rows.labels[hours][:, 0] * 24 / hours, LEAST_SHARE * np.exp(prior)))
        lent = np.zeros(z.shape[1]) if borrowed is None else LENT[k] * borrowed[:, k] * scale
        error = (realised - prior - z @ lent)[mine]
        weight = in_usual(np.exp(prior[mine]), rows.series[mine]) ** INCOME_POWER
        slope, bias[0, k] = ridge(z[mine], error, PENALTY[k], weight)
        slopes[:, k] = lent + slope
        unseen[mine, k] += z[mine] @ lent + held_out(z[mine], error, rows.at[mine], hours, PENALTY[k], weight)
    weights |= {
        "centre": centre[None, :].astype(np.float32),
        "scale": scale[None, :].astype(np.float32),
        "slopes": slopes.astype(np.float32),
        "bias": bias.astype(np.float32),
    }
    return weights, unseen


def in_usual(income: np.ndarray, series: np.ndarray) -> np.ndarray:
    """Income in units of its own pool's mean."""
    out = np.empty(len(income))
    for one in np.unique(series):
        out[series == one] = income[series == one] / income[series == one].mean()
    return out


def held_out(
    z: np.ndarray, y: np.ndarray, at: np.ndarray, hours: int, penalty: float, weight: np.ndarray
) -> np.ndarray:
    """Each row's answer from the other parts of the past, labels purged; from all where those are too few."""
    edges = np.quantile(at, np.linspace(0.0, 1.0, FOLDS + 1))
    part = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, FOLDS - 1)
    out = np.empty(len(at))
    for i in range(FOLDS):
        apart = (at + 3600 * hours <= edges[i]) | (at >= edges[i + 1] + 3600 * hours)
        learnt = apart if apart.sum() >= FEWEST_ROWS else np.ones(len(at), bool)
        slope, constant = ridge(z[learnt], y[learnt], penalty, weight[learnt])
        out[part == i] = z[part == i] @ slope + constant
    return out


def ridge(z: np.ndarray, y: np.ndarray, penalty: float, weight: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """Slopes and constant of penalised least squares; only the slopes are shrunk."""
    w = np.full(len(z), 1.0 / len(z)) if weight is None else weight / weight.sum()
    centre, usual = w @ z, float(w @ y)
    inner = (z - centre).T @ ((z - centre) * w[:, None]) + penalty * np.eye(z.shape[1])
    slope = np.linalg.solve(inner, (z - centre).T @ ((y - usual) * w))
    return slope, float(usual - centre @ slope)


def choose_penalty(z: np.ndarray, y: np.ndarray, at: np.ndarray, hours: int) -> float:
    """The penalty that forecasts the last three tenths of these rows best from those before them, labels purged."""
    cut = np.quantile(at, 0.7)
    early, late = at + 3600 * hours <= cut, at >= cut
    if early.sum() < FEWEST_ROWS or late.sum() < FEWEST_ROWS // 2:
        return PENALTIES[-2]
    errors = []
    for penalty in PENALTIES:
        slope, constant = ridge(z[early], y[early], penalty)
        errors.append(float(np.mean(np.abs(y[late] - z[late] @ slope - constant))))
    return PENALTIES[int(np.argmin(errors))]


def fit_ratios(rows: Rows, learns: dict[int, np.ndarray], weights: Weights, levels: np.ndarray) -> np.ndarray:
    """Mean and quantiles of outcome / closed form per cell [cells, 4]; a cell that saw little takes its neighbour's.

    `levels` [N, horizons]: ln fee yield per day as forecast without having seen the row's outcome.
    """
    ops = NumpyOps()
    constants = {name: ops.constant(value, name) for name, value in weights.items()}
    table = np.full((len(HOURS), len(CENTRES), len(WIDTHS), 1 + len(QUANTILES)), np.nan)
    for k, hours in enumerate(HOURS):
        ratio, credit, cells = [], [], []
        for column in range(len(rows.ranges)):
            mine = learns[hours][np.isfinite(rows.labels[hours][learns[hours], column])]
            if not len(mine):
                continue
            _, share, place = shape(ops, constants, inputs_of(rows, mine, hours, column))
            base = np.asarray(share, np.float64)[:, 0] * np.exp(levels[mine, k]) * hours / 24
            cells.append(np.asarray(place, np.float64))
            ratio.append(rows.labels[hours][mine, column] / base)
            # Pinball counts in units of a pool's usual income from this range.
            credit.append(in_usual(base, rows.series[mine]))
        if not ratio:
            continue
        values, weight, place = np.concatenate(ratio), np.concatenate(credit), np.concatenate(cells)
        size = len(CENTRES) * len(WIDTHS)
        for cell in range(size):
            share = place[:, k * size + cell] * weight
            if (share > 0).sum() >= FEWEST_RATIOS and share.sum() >= FEWEST_RATIOS / 4:
                table[k, cell // len(WIDTHS), cell % len(WIDTHS)] = weighted_summary(values, share)
    return _filled(table).reshape(-1, 1 + len(QUANTILES))


def weighted_summary(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted mean and quantiles."""
    order = np.argsort(values, kind="stable")
    ranked, mass = values[order], np.cumsum(weight[order])
    places = [min(int(np.searchsorted(mass, q * mass[-1])), len(ranked) - 1) for q in QUANTILES]
    return np.asarray([float(values @ weight / weight.sum()), *ranked[places]])


def _filled(table: np.ndarray) -> np.ndarray:
    """Empty cells take the nearest width of the same kind, then the other kind, then the horizon before, then 1."""
    for k in range(len(HOURS)):
        for j in range(len(CENTRES)):
            known = np.flatnonzero(np.isfinite(table[k, j, :, 0]))
            for i in np.flatnonzero(~np.isfinite(table[k, j, :, 0])) if len(known) else []:
                table[k, j, i] = table[k, j, known[np.argmin(np.abs(known - i))]]
        for j in range(len(CENTRES)):
            if not np.isfinite(table[k, j, 0, 0]):
                table[k, j] = table[k, 1 - j]
        if not np.isfinite(table[k, 0, 0, 0]):
            table[k] = table[k - 1] if k else np.asarray([1.0, 0.5, 1.0, 1.5])
    return table


def graph(weights: Weights) -> bytes:
    """The model as ONNX, recorded from the code that forecasts."""
    ops = OnnxOps()
    widths = {"features": len(FEATURES), "mask": len(FEATURES), "range": 3}
    out = forward(ops, weights, {name: ops.input(name) for name in widths})
    return ops.model(widths, out, len(OUTPUTS), {}).SerializeToString(deterministic=True)
