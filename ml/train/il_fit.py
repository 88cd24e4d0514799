"""Fits the loss model on what was known at a time: one pass per horizon, closed or nearly so, seconds on one core."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import jax
import numpy as np

import geometry
from errors import FitError
from il_labels import HOUR, Market, future_move, future_variance, path_outcome, value
from il_model import (
    CALENDAR,
    FIELDS,
    HARMONICS,
    HEADS,
    PLAIN,
    SLICES,
    SLOW,
    Weights,
    design,
    knots,
    range_basis,
    size_levels,
    slow_design,
    standardised,
)
from ops import JaxOps

OPS = JaxOps()
WARM_UP_HOURS = 168
ROWS, RANGE_ROWS = 24_000, 8_192
RIDGE = 30.0
TAIL_LEVELS = (0.1, 0.2)
# How hard slopes are held near those of the variance regression: a loose and a tight fit, averaged.
HOLDS = (0.3, 3.0)
STEPS, LEARNING_RATE = 120, 0.03
FEWEST_ROWS = 500
DAY = 86400


@dataclasses.dataclass(frozen=True)
class Settings:
    """Half-lives of a row's weight: for the slopes, and for the tables of sizes."""

    slope_days: int
    size_days: int


Gradient = Callable[[np.ndarray], np.ndarray]


def fit_horizon(markets: Sequence[Market], hours: int, known: int, settings: Settings, seed: int) -> Weights:
    """Everything that belongs to one horizon, from labels that had happened by `known`; see `assemble`."""
    rng = np.random.default_rng([seed, hours, known])
    markets = [market.until(known) for market in markets]
    table, mask, move, variance, age = _rows(markets, hours, known)
    if len(move) < FEWEST_ROWS:
        raise FitError(f"fit: {len(move)} rows of {hours} h are known by {known}, need at least {FEWEST_ROWS}")
    kept = rng.choice(len(move), min(ROWS, len(move)), replace=False)
    table, mask, move, variance, age = (x[kept] for x in (table, mask, move, variance, age))
    scaling = normalisation(table, mask)
    z = _standardised(scaling, table, mask)
    weight = 0.5 ** (age / settings.slope_days)
    side = np.where(move < 0, -1.0, 1.0)
    plain, slow = np.asarray(_plain_design(z), np.float64), np.asarray(_slow(z), np.float64)
    sided = _sided(plain, side)
    log_variance = np.log(np.maximum(variance, 1e-8 * hours / 24))
    ridge = _ridge(_sided(plain, np.zeros_like(side)), log_variance, weight)
    log_mean = _sided(plain, np.zeros_like(side)) @ ridge
    by_variance = ridge.copy()
    by_variance[-1] += np.log(np.average(variance / np.exp(log_mean), weights=weight))
    scale = np.mean([fit_tails(sided, np.abs(move), weight, 0.5 * ridge, hold) for hold in HOLDS], axis=0)
    slow_scale = fit_tails(slow, np.abs(move), weight, 0.5 * _ridge(slow, log_variance, weight), 0.0)
    table_weight = 0.5 ** (age / settings.size_days)
    fitted: Weights = scaling | {
        "scale": scale,
        "slow": slow_scale,
        "variance": by_variance,
        "sizes": sizes(np.abs(move) * np.exp(-sided @ scale), table_weight),
        "slow_sizes": sizes(np.abs(move) * np.exp(-slow @ slow_scale), table_weight),
    }
    return fitted | _fit_ranges(markets, hours, known, fitted, settings, rng)


def assemble(horizons_seconds: list[int], fits: Sequence[Weights], shares: Sequence[float]) -> Weights:
    """One model of several horizons; `shares` = how much of each horizon's move is the fast law's.

    Horizons were scaled alike only if their `centre` and `spread` agree: they are taken from the last and the slopes
    of the others rewritten for them.
    """
    centre, spread = fits[-1]["centre"], fits[-1]["spread"]
    rescaled = [_rescaled(fit, centre, spread) for fit in fits]
    merged: Weights = {"centre": centre, "spread": spread, **knots(horizons_seconds)}
    for name in ("scale", "slow", "variance"):
        merged[name] = np.stack([fit[name] for fit in rescaled], axis=1)
    kept = np.asarray(shares)[:, None]
    merged["sizes"] = kept * np.stack([fit["sizes"] for fit in rescaled])
    merged["slow_sizes"] = (1.0 - kept) * np.stack([fit["slow_sizes"] for fit in rescaled])
    for j in range(HEADS):
        merged[f"head{j}"] = np.stack([fit[f"head{j}"] for fit in rescaled], axis=1)
    return {name: np.asarray(value, np.float32) for name, value in merged.items()}


def normalisation(table: np.ndarray, mask: np.ndarray) -> Weights:
    """Centre and scale of each field. What has a direction keeps its own middle, so that both are alike."""
    seen = np.where(mask == 0, table, np.nan)
    fixed = {"return_6h": 0.0, "return_24h": 0.0, "downside_24h": 0.5} | dict.fromkeys(CALENDAR, 0.0)
    centre = np.asarray([fixed.get(name, float(np.nanmean(seen[:, i]))) for i, name in enumerate(FIELDS)])
    around = np.sqrt(np.nanmean((seen - centre) ** 2, axis=0))
    # Sines and cosines are left as they are: harmonics are made from them.
    around[[FIELDS.index(name) for name in CALENDAR]] = 1.0
    return {"centre": centre[None, :], "spread": np.maximum(around, 1e-6)[None, :]}


def sizes(relative: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Quantiles of |move| / scale at the model's levels, then its mean in each slice of probability."""
    order = np.argsort(relative)
    sorted_sizes, mass = relative[order], weight[order] / weight.sum()
    middle = np.cumsum(mass) - 0.5 * mass
    levels = np.interp(size_levels(), middle, sorted_sizes)
    edges = np.cumsum(mass)
    means = []
    for low, high in itertools.pairwise(SLICES):
        inside = np.clip(np.minimum(edges, high) - np.maximum(edges - mass, low), 0.0, None)
        means.append(float(inside @ sorted_sizes) / float(inside.sum()))
    return np.concatenate([levels, means])


def fit_tails(z: np.ndarray, size: np.ndarray, weight: np.ndarray, start: np.ndarray, hold: float) -> np.ndarray:
    """Slopes of ln(scale) by the pinball loss of |move| at two tail levels; the levels' own offsets are dropped."""
    n, share = z.shape[1], weight / weight.sum() / np.average(size, weights=weight)
    relative = size * np.exp(-z @ start)
    order = np.argsort(relative)
    mass = np.cumsum(weight[order]) / weight.sum()
    offsets = [
        np.log(max(relative[order][min(np.searchsorted(mass, 1 - t), len(order) - 1)], 1e-9)) for t in TAIL_LEVELS
    ]
    pull = np.full(n, hold)
    pull[-1] = 0.0

    def gradient(p: np.ndarray) -> np.ndarray:
        log_scale = z @ p[:n]
        by_row, by_level = np.zeros(len(size)), np.zeros(len(TAIL_LEVELS))
        for j, tail in enumerate(TAIL_LEVELS):
            forecast = np.exp(np.clip(log_scale + p[n + j], -20.0, 5.0))
            slope = share * forecast * ((size < forecast) - (1.0 - tail))
            by_row += slope
            by_level[j] = slope.sum()
        return np.concatenate([z.T @ by_row + pull * (p[:n] - start), by_level])

    return descend(gradient, np.concatenate([start, offsets]))[:n]


def descend(gradient: Gradient, start: np.ndarray) -> np.ndarray:
    """Adam with a falling rate; the mean of the last third of the way."""
    p, m, v, kept = start.copy(), np.zeros_like(start), np.zeros_like(start), np.zeros_like(start)
    first_kept = int(STEPS * 0.7)
    for step in range(1, STEPS + 1):
        g = gradient(p)
        m, v = 0.9 * m + 0.1 * g, 0.98 * v + 0.02 * g * g
        rate = LEARNING_RATE * 0.5 * (1.0 + np.cos(np.pi * step / STEPS))
        p = p - rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.98**step)) + 1e-10)
        if step > first_kept:
            kept += p
    if not np.isfinite(kept).all():
        raise FitError("fit: the weights of a horizon are not finite")
    return kept / (STEPS - first_kept)


def mirrored(market: Market) -> Market:
    """The same market with asset and other token exchanged: variances stay, what has a direction turns around."""
    features = market.features.copy()
    for name in ("return_6h", "return_24h"):
        features[:, FIELDS.index(name)] *= -1.0
    features[:, FIELDS.index("downside_24h")] = 1.0 - features[:, FIELDS.index("downside_24h")]
    return dataclasses.replace(market, features=features, returns=-market.returns, price=-market.price)


def draw_ranges(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Half widths from ±0.5 % to ±60 %, log-uniform; a third off centre, a sixth on one side, one in twelve away."""
    half = np.exp(rng.uniform(np.log(0.005), np.log(0.6), count))
    place, shift = rng.uniform(0, 1, count), rng.uniform(-1, 1, count)
    centre = np.select(
        [place < 1 / 12, place < 5 / 12, place < 7 / 12],
        [np.sign(shift) * (1 + np.abs(shift)), 0.9 * shift, np.sign(shift)],
        0.0,
    )
    return (centre - 1) * half, (centre + 1) * half


def _fit_ranges(
    markets: Sequence[Market], hours: int, known: int, fitted: Weights, settings: Settings, rng: np.random.Generator
) -> Weights:
    """Factors of LVR and the shift of occupancy, on drawn ranges over both directions of every market."""
    parts = []
    share = RANGE_ROWS // (2 * len(markets))
    for market in [one for plain in markets for one in (plain, mirrored(plain))]:
        rows = usable_rows(market, hours, known)
        rows = rng.choice(rows, share)
        lower, upper = draw_ranges(share, rng)
        lvr, inside = path_outcome(market, rows, lower, upper, hours)
        mask = ~np.isfinite(market.features[rows])
        features = np.where(mask, 0.0, market.features[rows])
        parts.append((features, mask, lower, upper, lvr, inside, (known - market.at[rows]) / DAY))
    features, mask, lower, upper, lvr, inside, age = (np.concatenate(x) for x in zip(*parts, strict=True))
    z = _standardised(fitted, features, mask.astype(np.float64))
    plain = np.asarray(_plain_design(z), np.float64)
    variance = np.exp(np.clip(_sided(plain, np.zeros(len(plain))) @ fitted["variance"], -20.0, 2.0))
    basis, occupied = (
        np.asarray(x, np.float64) for x in _basis(lower[:, None], upper[:, None], variance[:, None] ** 0.5)
    )
    occupied = occupied[:, 0]
    worth = value(lower, upper, np.zeros_like(lower))
    rate = 0.25 * variance * occupied / worth
    # A range that starts out of reach is judged as if a twentieth of the horizon were spent inside.
    usual = 0.25 * variance * np.maximum(occupied, 0.05) / worth
    weight = 0.5 ** (age / settings.slope_days)
    weight /= weight.sum()
    target, base = lvr / usual, rate / usual
    start = np.zeros(basis.shape[1])

    def scaled(p: np.ndarray) -> np.ndarray:
        return base * np.exp(np.clip(basis @ p, -12.0, 4.0))

    def mean_gradient(p: np.ndarray) -> np.ndarray:
        said = scaled(p)
        return basis.T @ (weight * said * (said - target) / (said + 0.05) ** 2) + 1e-3 * p

    def pinball_gradient(q: float) -> Gradient:
        return lambda p: basis.T @ (weight * (f := scaled(p)) * ((target < f) - q)) + 1e-3 * p

    odds = np.clip(occupied, 1e-4, 1.0 - 1e-4)
    logit = np.log(odds / (1.0 - odds))

    def share_gradient(p: np.ndarray) -> np.ndarray:
        return basis.T @ (weight * (1.0 / (1.0 + np.exp(-(logit + basis @ p))) - inside)) + 1e-4 * p

    gradients = [mean_gradient, pinball_gradient(0.1), pinball_gradient(0.5), pinball_gradient(0.9), share_gradient]
    return {f"head{j}": descend(gradient, start) for j, gradient in enumerate(gradients)}


def _rows(markets: Sequence[Market], hours: int, known: int) -> tuple[np.ndarray, ...]:
    """Features (0 where missing), mask, move, variance and age in days of every usable origin."""
    parts = []
    for market in markets:
        rows = usable_rows(market, hours, known)
        features = market.features[rows]
        mask = ~np.isfinite(features)
        move, variance = future_move(market, hours)[rows], future_variance(market, hours)[rows]
        parts.append((np.where(mask, 0.0, features), mask, move, variance, (known - market.at[rows]) / DAY))
    features, mask, move, variance, age = (np.concatenate(x) for x in zip(*parts, strict=True))
    return features, mask.astype(np.float64), move, variance, age


def usable_rows(market: Market, hours: int, known: int) -> np.ndarray:
    """Origins after the warm-up, with features, whose label had happened by `known`; halted days are left out."""
    move, variance = future_move(market, hours), future_variance(market, hours)
    alive = np.isfinite(market.features[:, SLOW]) & (market.features[:, FIELDS.index("log_rv_24h")] > -14.0)
    good = np.isfinite(move) & (variance > 0) & alive & (market.at + hours * HOUR <= known)
    good[:WARM_UP_HOURS] = False
    return np.flatnonzero(good)


def _sided(plain: np.ndarray, side: np.ndarray) -> np.ndarray:
    out = plain.copy()
    out[:, PLAIN + 2 : PLAIN + 4] *= side[:, None]
    return out


def _ridge(z: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    penalty = RIDGE * weight.mean() * np.eye(z.shape[1])
    penalty[-1, -1] = 0.0
    penalty += 1e-9 * np.eye(z.shape[1])
    weighted = z * weight[:, None]
    return np.linalg.solve(weighted.T @ z + penalty, weighted.T @ y)


def _rescaled(fit: Weights, centre: np.ndarray, spread: np.ndarray) -> Weights:
    """The same log scales for inputs that are centred and scaled otherwise."""
    stretch, shift = (spread / fit["spread"])[0], ((centre - fit["centre"]) / fit["spread"])[0]
    out = dict(fit)
    for name in ("scale", "variance"):
        slopes = fit[name].copy()
        # Harmonics read what is never rescaled; sizes of returns and what has a direction have no centre to shift.
        fields = PLAIN - HARMONICS
        slopes[:fields] *= stretch[:fields]
        slopes[-1] += float(fit[name][:fields] @ shift[:fields])
        slopes[PLAIN : PLAIN + 2] *= stretch[fields : fields + 2]
        slopes[PLAIN + 2 : PLAIN + 4] *= stretch[fields + 1 : fields + 3]
        out[name] = slopes
    out["slow"] = np.asarray([fit["slow"][0] * stretch[SLOW], fit["slow"][1] + fit["slow"][0] * shift[SLOW]])
    return out


@jax.jit
def _plain_design(z: jax.Array) -> jax.Array:
    return design(OPS, z, 1.0)


@jax.jit
def _slow(z: jax.Array) -> jax.Array:
    return slow_design(OPS, z)


@jax.jit
def _basis(lower: jax.Array, upper: jax.Array, sigma: jax.Array) -> tuple[jax.Array, jax.Array]:
    inside = geometry.occupancy(OPS, lower, upper, sigma)
    return range_basis(OPS, lower, upper, sigma, inside), inside


def _standardised(scaling: Weights, table: np.ndarray, mask: np.ndarray) -> np.ndarray:
    fixed = {name: scaling[name] for name in ("centre", "spread")}
    return np.asarray(_standardise(fixed, table, mask))


@jax.jit
def _standardise(fixed: Weights, table: jax.Array, mask: jax.Array) -> jax.Array:
    return standardised(OPS, fixed, table, mask)


def mean_fit(fits: Sequence[Weights]) -> Weights:
    """The mean of several seeds' weights for one horizon, rewritten for one scaling of the inputs."""
    centre, spread = fits[-1]["centre"], fits[-1]["spread"]
    alike = [_rescaled(fit, centre, spread) for fit in fits]
    mean = {name: np.mean([fit[name] for fit in alike], axis=0) for name in alike[0]}
    return mean | {"centre": centre, "spread": spread}
