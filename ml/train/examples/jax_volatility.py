"""A volatility package from a small JAX network: `python jax_volatility.py --data DATASET --out FOLDER`.

The forward pass is written once against `Ops`: JAX runs it to train, and the same lines are recorded as the ONNX graph.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

TRAIN = Path(os.environ.get("RANGEKEEPER_TRAIN", Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(TRAIN))

from cli import exit_with, one_thread, say

one_thread()

import jax
import jax.numpy as jnp
import numpy as np

from kit import COLUMNS, Z90, Rows, Trainer, answers_of, arguments, cut, hold_to, publish, read_rows
from ops import JaxOps, OnnxOps

NAME = "jax-volatility"
FEATURES = ["log_rv_6h", "log_rv_24h", "log_rv_72h", "log_rv_168h", "log_gk_24h", "vol_of_vol", "return_1h"]
LEVEL = ["log_rv_24h", "log_rv_72h", "log_rv_168h"]
HIDDEN = 12
STEPS = 300
RATE = 0.01
SEED = 1

Weights = dict[str, Any]


def forward(ops: Any, w: Weights, fixed: dict[str, np.ndarray], features: Any, mask: Any) -> Any:
    """Mean, q10, q50 and q90 [N, 4]: a lognormal around the level of the last days, moved and spread by the network."""
    at = [FEATURES.index(name) for name in LEVEL]
    x = ops.clip(features, -25.0, 25.0)
    known = 1.0 - ops.columns(mask, at)
    level = ops.row_sum(ops.columns(x, at) * known) / ops.maximum(ops.row_sum(known), ops.constant([[1.0]], "one"))
    scaled = (x - ops.constant(fixed["mean"], "mean")) / ops.constant(fixed["deviation"], "deviation")
    scaled = ops.clip(scaled, -5.0, 5.0) * (1.0 - mask)
    hidden = ops.tanh(ops.matmul(ops.concat([scaled, mask]), ops.constant(w["w0"], "w0")) + ops.constant(w["b0"], "b0"))
    out = ops.matmul(hidden, ops.constant(w["w1"], "w1")) + ops.constant(w["b1"], "b1")
    middle = level + ops.clip(ops.columns(out, [0]), -2.0, 2.0)
    # A spread from .1 to 2 around the median's logarithm: quantiles are in order by construction.
    spread = 0.1 + 1.9 * ops.sigmoid(ops.columns(out, [1]))
    quantiles = [middle - Z90 * spread, middle, middle + Z90 * spread]
    # An absurd input gives a finite answer.
    return ops.exp(ops.clip(ops.concat([middle + 0.5 * spread * spread, *quantiles]), -25.0, 5.0))


def fit(train: Rows, fixed: dict[str, np.ndarray]) -> Weights:
    """Adam on the Gaussian likelihood of the log variance, all rows in every step."""
    rng = np.random.default_rng(SEED)
    inputs = 2 * len(FEATURES)
    weights: Weights = {
        "w0": jnp.asarray(rng.normal(0, inputs**-0.5, (inputs, HIDDEN)), jnp.float32),
        "b0": jnp.zeros((1, HIDDEN), jnp.float32),
        "w1": jnp.zeros((HIDDEN, 2), jnp.float32),
        "b1": jnp.asarray([[0.0, -1.0]], jnp.float32),
    }
    ops = JaxOps()
    features, mask = jnp.asarray(train.features), jnp.asarray(train.mask)
    target = jnp.log(jnp.maximum(jnp.asarray(train.variance, jnp.float32), 1e-9))

    def loss(w: Weights) -> jax.Array:
        logs = jnp.log(forward(ops, w, fixed, features, mask))
        spread = (logs[:, 3] - logs[:, 1]) / (2 * Z90)
        return jnp.mean(0.5 * ((target - logs[:, 2]) / spread) ** 2 + jnp.log(spread)) + 1e-3 * jnp.mean(w["w0"] ** 2)

    @jax.jit
    def step(w: Weights, first: Weights, second: Weights, t: jax.Array) -> tuple[Weights, Weights, Weights, jax.Array]:
        value, slope = jax.value_and_grad(loss)(w)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slope)
        move = lambda m, v: RATE * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)  # noqa: E731
        return jax.tree.map(lambda p, m, v: p - move(m, v), w, first, second), first, second, value

    first = jax.tree.map(jnp.zeros_like, weights)
    second = first
    for i in range(1, STEPS + 1):
        weights, first, second, value = step(weights, first, second, jnp.asarray(float(i)))
        if i % 100 == 0:
            say(f"{NAME}: step {i} of {STEPS}, loss {float(value):.4f}")
    return {name: np.asarray(value) for name, value in weights.items()}


def main() -> None:
    args = arguments(__doc__)
    train, test = cut(read_rows(args.data, FEATURES))
    say(f"{NAME}: {len(train.at)} rows to fit on, {len(test.at)} to test on")
    fixed = {
        "mean": train.features.mean(axis=0, keepdims=True),
        "deviation": train.features.std(axis=0, keepdims=True) + 1e-6,
    }
    weights = fit(train, fixed)
    ops = OnnxOps()
    answer = forward(ops, weights, fixed, ops.input("features"), ops.input("mask"))
    width = {"features": len(FEATURES), "mask": len(FEATURES)}
    graph = ops.model(width, answer, len(COLUMNS), {}).SerializeToString(deterministic=True)
    meant = np.asarray(forward(JaxOps(), weights, fixed, jnp.asarray(test.features), jnp.asarray(test.mask)))
    hold_to(NAME, answers_of(graph, test), meant)
    title = "a small network around the mean of recent variances"
    publish(args.out, Trainer(NAME, "jax", title, Path(__file__), FEATURES, SEED), graph, train, test)


if __name__ == "__main__":
    exit_with(main)
