"""The loss model: how far the price may move, by horizon and state, and the closed forms of a range on top of it.

The distribution of the move is a log-linear scale times a table of sizes. The scale reads variances of many windows,
the calendar, and what has fallen lately; it is fitted by the pinball loss of the tails, so it shrinks towards the usual
level as far as the horizon cannot be foreseen. Up and down are one law seen from two sides: turning the pair around
turns the forecast around. A second, slow law that knows only the level of the month is mixed in. Quantiles of IL are
exact for that distribution up to a grid; LVR is the variance forecast times the closed-form rate and a fitted factor.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import geometry
from ops import Ops

Weights = dict[str, np.ndarray]

# What the model reads, in the order of its inputs.
VARIANCE = [
    "log_gk_1h",
    "log_gk_6h",
    "log_gk_24h",
    "log_rv_24h",
    "log_rv_72h",
    "log_rv_168h",
    "log_rv_720h",
    "log_parkinson_24h",
]
CALENDAR = ["hour_sin", "hour_cos", "weekday_sin", "weekday_cos"]
SHAPE = ["jump_24h", "vol_of_vol"]
RETURNS = ["return_6h", "return_24h"]
FIELDS = [*VARIANCE, *CALENDAR, *SHAPE, *RETURNS, "downside_24h"]
SLOW = FIELDS.index("log_rv_720h")
# The second and third harmonic of the week are made from the first.
HARMONICS = 4
PLAIN = len(VARIANCE) + len(CALENDAR) + len(SHAPE) + HARMONICS
Z_LIMIT = 5.0
# Columns: plain fields, harmonics, sizes of the returns, the day's return and downside as a side sees them, one.
WIDTH = PLAIN + len(RETURNS) + 2 + 1

OUTPUTS = ["il_mean", "il_q10", "il_q50", "il_q90", "lvr_mean", "lvr_q10", "lvr_q50", "lvr_q90", "in_range"]
# Tail masses of the loss: the 10 % quantile of IL is exceeded by a tenth of the losses.
TAILS = (0.1, 0.5, 0.9)
# How a tail is cut into its down and up part; odd, so that equal parts are among them.
CUTS = {0.1: 9, 0.5: 5, 0.9: 3}
# The mean is taken over sizes in these slices of probability.
SLICES = (0.0, 0.25, 0.5, 0.7, 0.85, 0.94, 0.985, 1.0)
RANGE_BASIS = 8
HEADS = 5
LARGEST_MOVE = 3.0
NEVER = 9.0


def cuts(tail: float) -> np.ndarray:
    """Shares of a tail that may fall on the down side: neither side holds more than half of all."""
    least = max(0.0, 1.0 - 0.5 / tail)
    return np.linspace(least, 1.0 - least, CUTS[tail])


def size_levels() -> np.ndarray:
    """Levels of |move| that the tables hold: for each tail and cut, then none (slices are means, see `sizes`)."""
    return np.concatenate([1.0 - np.minimum(2.0 * tail * cuts(tail), 1.0) for tail in TAILS])


def forward(ops: Ops, weights: dict[str, Any], inputs: dict[str, Any]) -> Any:
    """Predictions [N, 9] from features [N, F] (missing → 0), mask [N, F] (1 = missing) and range [N, 3]."""
    c = {name: ops.constant(value, name) for name, value in weights.items()}
    z = standardised(ops, c, inputs["features"], inputs["mask"])
    low_edge = ops.columns(inputs["range"], [0])
    lower = ops.clip(low_edge, -12.0, 12.0 - 1e-3)
    upper = ops.maximum(ops.clip(ops.columns(inputs["range"], [1]), -12.0, 12.0), lower + 1e-4)
    hats = horizon_hats(ops, c, ops.columns(inputs["range"], [2]))

    def at_horizon(columns: Any) -> Any:
        return ops.row_sum(columns * hats)

    slow = ops.exp(ops.clip(at_horizon(ops.matmul(slow_design(ops, z), c["slow"])), -14.0, 1.0))
    fast_sizes, slow_sizes = ops.matmul(hats, c["sizes"]), ops.matmul(hats, c["slow_sizes"])
    value = geometry.start_value(ops, lower, upper)
    losses = []
    for side in (-1.0, 1.0):
        scale = ops.exp(ops.clip(at_horizon(ops.matmul(design(ops, z, side), c["scale"])), -14.0, 1.0))
        move = ops.minimum(scale * fast_sizes + slow * slow_sizes, LARGEST_MOVE + 0.0 * scale)
        losses.append(-geometry.impermanent_loss(ops, side * move, lower, upper) / value)
    il = loss_outputs(ops, losses[0], losses[1])

    variance = ops.exp(ops.clip(at_horizon(ops.matmul(design(ops, z, 0.0), c["variance"])), -20.0, 2.0))
    sigma = ops.exp(0.5 * ops.log(variance))
    inside = geometry.occupancy(ops, lower, upper, sigma)
    basis = range_basis(ops, lower, upper, sigma, inside)
    heads = [at_horizon(ops.matmul(basis, c[f"head{j}"])) for j in range(HEADS)]
    rate = 0.25 * variance * inside / value
    mean, low, middle, high = (rate * ops.exp(ops.clip(head, -12.0, 4.0)) for head in heads[:4])
    odds = ops.clip(inside, 1e-4, 1.0 - 1e-4)
    in_range = ops.sigmoid(ops.log(odds / (1.0 - odds)) + heads[4])
    return ops.concat([*il, mean, ops.minimum(low, middle), middle, ops.maximum(high, middle), in_range])


def standardised(ops: Ops, c: dict[str, Any], features: Any, mask: Any) -> Any:
    """Centred and scaled; a missing variance stands at the mean of those that are there, anything else at its usual."""
    z = ops.clip((features - c["centre"]) / c["spread"], -Z_LIMIT, Z_LIMIT) * (1.0 - mask)
    columns = list(range(len(VARIANCE)))
    known = 1.0 - ops.columns(mask, columns)
    stand_in = ops.row_sum(ops.columns(z, columns)) / (ops.row_sum(known) + 1e-6)
    filled = ops.columns(z, columns) + (1.0 - known) * stand_in
    sine, cosine = (ops.columns(z, [FIELDS.index(name)]) for name in ("weekday_sin", "weekday_cos"))
    twice = [2.0 * sine * cosine, cosine * cosine - sine * sine]
    thrice = [twice[0] * cosine + twice[1] * sine, twice[1] * cosine - twice[0] * sine]
    plain = list(range(len(VARIANCE), PLAIN - HARMONICS))
    rest = list(range(PLAIN - HARMONICS, len(FIELDS)))
    return ops.concat([filled, ops.columns(z, plain), *twice, *thrice, ops.columns(z, rest)])


def design(ops: Ops, z: Any, side: float) -> Any:
    """What a side's log scale is linear in [N, WIDTH]; side −1 = falling, +1 = rising, 0 = neither."""
    returns = ops.columns(z, list(range(PLAIN, PLAIN + len(RETURNS))))
    signed = side * ops.columns(z, [PLAIN + 1, PLAIN + 2])
    one = 1.0 + 0.0 * ops.columns(z, [0])
    return ops.concat([ops.columns(z, list(range(PLAIN))), ops.maximum(returns, -returns), signed, one])


def slow_design(ops: Ops, z: Any) -> Any:
    """The month's level and one."""
    level = ops.columns(z, [SLOW])
    return ops.concat([level, 1.0 + 0.0 * level])


def horizon_hats(ops: Ops, c: dict[str, Any], log_days: Any) -> Any:
    """Weights [N, A] of the fitted horizons: piecewise linear in the logarithm of time, the ends held."""
    x = ops.minimum(ops.maximum(log_days, c["first_knot"]), c["last_knot"])
    rising, falling = (x - c["knots_before"]) / c["gaps_before"], (c["knots_after"] - x) / c["gaps_after"]
    hat = ops.minimum(rising, falling)
    return ops.maximum(hat, 0.0 * hat)


def knots(horizons_seconds: list[int]) -> Weights:
    """The constants of `horizon_hats`."""
    at = np.log(np.asarray(horizons_seconds, np.float64) / 86400.0)
    wide = np.concatenate([[at[0] - 1.0], at, [at[-1] + 1.0]])
    return {
        "first_knot": at[:1][None, :],
        "last_knot": at[-1:][None, :],
        "knots_before": wide[:-2][None, :],
        "knots_after": wide[2:][None, :],
        "gaps_before": (wide[1:-1] - wide[:-2])[None, :],
        "gaps_after": (wide[2:] - wide[1:-1])[None, :],
    }


def loss_outputs(ops: Ops, down: Any, up: Any) -> list[Any]:
    """IL's mean and quantiles from the losses at the tables' sizes on either side.

    P(loss > l) is the mass beyond −a plus the mass beyond b where both moves lose l: over all cuts of the tail into the
    two masses, l is the largest loss that both sides reach. At the end cuts one side alone holds the tail.
    """
    found, at = [], 0
    for tail in TAILS:
        n = CUTS[tail]
        here = list(range(at, at + n))
        # The up side holds what the down side does not, so its columns run backwards.
        found.append(_largest(ops, tail, ops.columns(down, here), ops.columns(up, here[::-1])))
        at += n
    odds = ops.constant([np.diff(SLICES)], "slice_odds")
    mean_columns = list(range(at, at + len(SLICES) - 1))
    mean = 0.5 * ops.row_sum((ops.columns(down, mean_columns) + ops.columns(up, mean_columns)) * odds)
    return [-mean, *(-loss for loss in found)]


def _largest(ops: Ops, tail: float, down: Any, up: Any) -> Any:
    """The largest loss that both sides reach: where the falling row `down` crosses the rising row `up`."""
    n = CUTS[tail]
    before, after = list(range(n - 1)), list(range(1, n))
    lead = ops.columns(down, before) - ops.columns(up, before)
    fall = lead - (ops.columns(down, after) - ops.columns(up, after))
    part = ops.clip(lead / ops.maximum(fall, 1e-12 + 0.0 * fall), 0.0, 1.0)
    on_down = ops.columns(down, before) + part * (ops.columns(down, after) - ops.columns(down, before))
    on_up = ops.columns(up, before) + part * (ops.columns(up, after) - ops.columns(up, before))
    both = ops.minimum(on_down, on_up)
    parts = [ops.columns(both, [j]) for j in range(n - 1)]
    if tail <= 0.5:
        # One side holds the whole tail; what the table says of no tail at all counts for nothing.
        parts = [*parts[1:-1], ops.columns(down, [n - 1]), ops.columns(up, [0])]
    best = parts[0]
    for one in parts[1:]:
        best = ops.maximum(best, one)
    return best


def range_basis(ops: Ops, lower: Any, upper: Any, sigma: Any, inside: Any) -> Any:
    """The range in units of the expected move: what the factor of LVR and the shift of occupancy are linear in."""
    a, b = ops.tanh(0.5 * lower / sigma), ops.tanh(0.5 * upper / sigma)
    near_a, near_b = ops.tanh(2.0 * lower / sigma), ops.tanh(2.0 * upper / sigma)
    one = 1.0 + 0.0 * inside
    return ops.concat(
        [
            one,
            inside,
            inside * inside,
            a * b,
            near_a * near_b,
            a + b,
            near_a + near_b,
            0.2 * ops.log(ops.maximum(inside, 1e-4 * one)),
        ]
    )
