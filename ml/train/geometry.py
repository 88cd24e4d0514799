"""Closed forms of a concentrated position around spot price 1, in log-price offsets, for either backend of `ops`."""

from __future__ import annotations

from typing import Any

from ops import Ops

# Gauss-Legendre nodes on [0, 1]: the occupancy of a range is averaged over time within the horizon.
TIME_NODES = ((0.06943184, 0.17392742), (0.33000948, 0.32607258), (0.66999052, 0.32607258), (0.93056816, 0.17392742))
SQRT_HALF = 0.70710678
CALM_STRETCH, WILD_STRETCH, WILD_SHARE = 0.85, 2.5, 0.1
# Three-point stand-in for a fat-tailed move in deviations: (|z|, probability).
MOVE_NODES = ((0.4, 0.6), (1.25, 0.33), (3.0, 0.07))


def expm1(ops: Ops, y: Any) -> Any:
    """e^y − 1 without cancellation near 0 (ONNX has no such operator); |y| ≤ 8."""
    t = ops.tanh(0.5 * ops.clip(y, -8.0, 8.0))
    return 2.0 * t / (1.0 - t)


def start_value(ops: Ops, lower: Any, upper: Any) -> Any:
    """Value at spot of one unit of liquidity on [lower, upper], spot = 1; a full range has value 2."""
    at = ops.minimum(ops.maximum(0.0 * lower, lower), upper)
    other = -ops.exp(-0.5 * at) * expm1(ops, 0.5 * (at - upper))
    asset = ops.exp(0.5 * lower) * expm1(ops, 0.5 * (at - lower))
    return ops.maximum(other + asset, 1e-6 + 0.0 * lower)


def impermanent_loss(ops: Ops, move: Any, lower: Any, upper: Any) -> Any:
    """Loss against holding, per unit of liquidity, after the log price has moved by `move`; ≤ 0, falls away from 0."""
    start = ops.minimum(ops.maximum(0.0 * lower, lower), upper)
    end = ops.minimum(ops.maximum(move, lower), upper)
    # The product of two factors of opposite sign; the rounding of either could only make it a positive dust.
    gain = expm1(ops, 0.5 * (end - start)) * ops.exp(0.5 * start) * -expm1(ops, move - 0.5 * (end + start))
    return ops.minimum(gain, 0.0 * gain)


def occupancy(ops: Ops, lower: Any, upper: Any, sigma: Any) -> Any:
    """Expected share of the horizon inside the range for a driftless path whose end has deviation about `sigma`.

    A mixture of two Gaussian paths: with one alone, a range five deviations away would be worth exactly nothing.
    """
    calm = _gaussian_occupancy(ops, lower, upper, CALM_STRETCH * sigma)
    wild = _gaussian_occupancy(ops, lower, upper, WILD_STRETCH * sigma)
    return (1.0 - WILD_SHARE) * calm + WILD_SHARE * wild


def _gaussian_occupancy(ops: Ops, lower: Any, upper: Any, sigma: Any) -> Any:
    scales = ops.constant([[SQRT_HALF / node**0.5 for node, _ in TIME_NODES]], "time_scales")
    weights = ops.constant([[0.5 * weight for _, weight in TIME_NODES]], "time_weights")
    scale = scales / sigma
    share = ops.row_sum(weights * (ops.erf(upper * scale) - ops.erf(lower * scale)))
    return ops.maximum(share, 0.0 * share)
