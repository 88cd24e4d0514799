"""Training losses, all proper scores: minimised in expectation by the true mean or the true quantile."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

QUANTILES = (0.1, 0.5, 0.9)
MEAN_FLOOR = 1e-2


def pinball(target: jax.Array, forecast: jax.Array, quantile: float) -> jax.Array:
    """max(q(y − f), (q − 1)(y − f)) per row."""
    error = target - forecast
    return jnp.maximum(quantile * error, (quantile - 1.0) * error)


def qlike(target: jax.Array, forecast: jax.Array) -> jax.Array:
    """rv/h − ln(rv/h) − 1 per row, on variances > 0."""
    ratio = target / forecast
    return ratio - jnp.log(ratio) - 1.0


def mean_score(target: jax.Array, forecast: jax.Array) -> jax.Array:
    """y/m + ln m for a target ≥ 0 in units of its usual size; unlike squares, one crash does not own the fit."""
    floored = forecast + MEAN_FLOOR
    return (target + MEAN_FLOOR) / floored + jnp.log(floored)


def soft_cross_entropy(share: jax.Array, forecast: jax.Array) -> jax.Array:
    """Bernoulli log loss for a target that is itself a share in 0..1."""
    p = jnp.clip(forecast, 1e-6, 1.0 - 1e-6)
    return -(share * jnp.log(p) + (1.0 - share) * jnp.log(1.0 - p))


def task_loss(task: str, predicted: jax.Array, targets: jax.Array, scale: jax.Array) -> jax.Array:
    """Loss of each row; `scale` [N, k] is each target's usual size, so that every range counts alike."""
    if task == "volatility":
        target = jnp.maximum(targets[:, 0], 1e-9)
        logs = jnp.log(target)
        rows = qlike(target, predicted[:, 0])
        for i, q in enumerate(QUANTILES):
            rows = rows + pinball(logs, jnp.log(predicted[:, 1 + i]), q)
        return rows
    if task == "yield":
        return _scaled(targets[:, 0] / scale[:, 0], predicted / scale[:, :1])
    loss = -predicted[:, :4] / scale[:, :1]
    # The 10 % quantile of IL is the 90 % quantile of the loss.
    loss = loss[:, jnp.asarray(np.array([0, 3, 2, 1]))]
    rows = _scaled(-targets[:, 0] / scale[:, 0], loss)
    rows = rows + _scaled(targets[:, 1] / scale[:, 1], predicted[:, 4:8] / scale[:, 1:2])
    return rows + soft_cross_entropy(targets[:, 2], predicted[:, 8])


def _scaled(target: jax.Array, predicted: jax.Array) -> jax.Array:
    rows = 0.3 * mean_score(target, predicted[:, 0])
    for i, q in enumerate(QUANTILES):
        rows = rows + pinball(target, predicted[:, 1 + i], q)
    return rows
