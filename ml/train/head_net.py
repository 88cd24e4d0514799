"""The on-chain head's network: what it answers, how it is fitted, and its graph.

A dense network with ReLU from what the chain can measure itself to the posterior over volatility. It is small on
purpose: a contract evaluates it in integers on every move. Scale is augmented, so that one network serves stable pairs
and wild ones alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

from cli import one_thread

one_thread()

import jax
import jax.numpy as jnp
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ops import IR_VERSION, OPSET

INPUTS = 8
HIDDEN = [32, 32]
# Deviations of the day ahead by the posterior's median and mean variance, and last the one that counts: the spread.
COLUMNS = ("median", "mean", "spread")
# An input of 1 is a sixteenth of a tick of a ten-thousandth: so many make a move of 1.
INPUT_ONE = 16.0 * 10_000
# Markets this many times calmer and wilder than those in the rows.
CALMEST, WILDEST = 0.05, 2.0
STEPS, BATCH, RATE, DECAY = 2500, 512, 3e-3, 1e-4
# A target this many times the answer counts as if it were no farther off.
FAR = 4.0

Weights = list[tuple[Any, Any]]


def forward(weights: Weights, x: Any) -> Any:
    """ReLU after each layer but the last."""
    for w, b in weights[:-1]:
        x = jnp.maximum(x @ w + b, 0.0)
    w, b = weights[-1]
    return x @ w + b


def initial(rng: np.random.Generator) -> Weights:
    dims = [INPUTS, *HIDDEN, len(COLUMNS)]
    return [
        (
            jnp.asarray(rng.normal(0, (2 / i) ** 0.5, (i, o)), jnp.float32) * (0.3 if o == dims[-1] else 1.0),
            jnp.zeros(o, jnp.float32),
        )
        for i, o in itertools.pairwise(dims)
    ]


def loss(weights: Weights, x: Any, target: Any, weight: Any) -> Any:
    """Squared errors in units of the answer: least where the answer is the mean target of such inputs."""
    answer = forward(weights, x)
    size = jax.lax.stop_gradient(jnp.maximum(answer, target / FAR))
    return jnp.sum(weight[:, None] * ((answer - target) / size) ** 2) / (len(COLUMNS) * jnp.sum(weight))


def fit(
    x: np.ndarray, target: np.ndarray, weight: np.ndarray, seeds: Sequence[int], steps: int = STEPS
) -> list[Weights]:
    """Weights per seed by Adam, all seeds at once; the same seed and rows give the same weights."""
    members = [initial(np.random.default_rng(seed)) for seed in seeds]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    keys = jnp.stack([jax.random.PRNGKey(seed) for seed in seeds])
    rows = (jnp.asarray(x / INPUT_ONE, jnp.float32), jnp.asarray(target, jnp.float32), jnp.asarray(weight, jnp.float32))
    found = jax.vmap(partial(_descend, rows=rows, steps=steps))(stacked, keys)
    return [jax.tree.map(lambda leaf, i=i: leaf[i], found) for i in range(len(seeds))]


@partial(jax.jit, static_argnames="steps")
def _descend(weights: Weights, key: Any, rows: tuple[Any, Any, Any], steps: int) -> Weights:
    x, target, weight = rows

    def step(state: tuple[Any, Any, Any, Any], t: Any) -> tuple[tuple[Any, Any, Any, Any], None]:
        w, m, v, key = state
        key, pick, draw = jax.random.split(key, 3)
        at = jax.random.randint(pick, (BATCH,), 0, len(x))
        wild = jnp.exp(jax.random.uniform(draw, (BATCH,), minval=jnp.log(CALMEST), maxval=jnp.log(WILDEST)))
        # Half of the rows as they were.
        scale = jnp.where(jnp.arange(BATCH) % 2 == 0, 1.0, wild)[:, None]
        gradient = jax.grad(loss)(w, x[at] * scale, target[at] * scale, weight[at])
        rate = RATE * 0.5 * (1 + jnp.cos(jnp.pi * t / steps))
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, gradient)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, gradient)
        first, second = 1 - 0.9 ** (t + 1.0), 1 - 0.999 ** (t + 1.0)
        w = jax.tree.map(lambda p, a, b: p - rate * (a / first / (jnp.sqrt(b / second) + 1e-8) + DECAY * p), w, m, v)
        return (w, m, v, key), None

    zero = jax.tree.map(jnp.zeros_like, weights)
    state, _ = jax.lax.scan(step, (weights, zero, zero, key), jnp.arange(steps))
    return state[0]


def on_chain(weights: Weights) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same network for the whole numbers that the chain hands over."""
    return [
        (np.asarray(w, np.float32) / np.float32(INPUT_ONE if i == 0 else 1.0), np.asarray(b, np.float32))
        for i, (w, b) in enumerate(weights)
    ]


def graph_of(weights: Weights) -> bytes:
    """ONNX of MatMul, Add and Relu; takes the whole numbers that the chain hands over."""
    nodes, constants, last = [], [], "x"
    layers = on_chain(weights)
    for i, (w, b) in enumerate(layers):
        constants += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        ends = i == len(layers) - 1
        nodes += [
            helper.make_node("MatMul", [last, f"w{i}"], [f"m{i}"]),
            helper.make_node("Add", [f"m{i}", f"b{i}"], ["deviations" if ends else f"a{i}"]),
        ]
        if not ends:
            nodes.append(helper.make_node("Relu", [f"a{i}"], [f"h{i}"]))
        last = f"h{i}"
    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "rangekeeper-head",
        [tensor("x", TensorProto.FLOAT, ["N", INPUTS])],
        [tensor("deviations", TensorProto.FLOAT, ["N", len(COLUMNS)])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "rangekeeper-train"
    return model.SerializeToString()
