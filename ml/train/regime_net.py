"""The regime model: a small Transformer over sixty days of many sources, each day with a mask of what was not there."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from onnx import TensorProto, helper

from ops import IR_VERSION, OPSET, Node, OnnxOps

DAYS = 60
# Five days make one token: twelve tokens in all.
PATCH = 5
TOKENS = DAYS // PATCH
WIDTH = 16
HEADS = 2
HIDDEN = 32
LAYERS = 2
CLASSES = 3
# Means of log variance over so many of the last days go past the Transformer to the forecast, as in a HAR.
SKIP_DAYS = (1, 7, 30)

Weights = dict[str, Any]


def initial_weights(columns: int, rng: np.random.Generator) -> Weights:
    """Small random weights; what ends in an output starts at zero, so that a fresh model says what a mean says."""

    def dense(rows: int, cols: int) -> np.ndarray:
        return (rng.standard_normal((rows, cols)) / np.sqrt(rows)).astype(np.float32)

    weights: Weights = {
        "embed": dense(PATCH * 2 * columns, WIDTH),
        "place": (0.02 * rng.standard_normal((TOKENS, WIDTH))).astype(np.float32),
        "out": np.zeros((2 * WIDTH, CLASSES + 1), np.float32),
        "skip": np.zeros((len(SKIP_DAYS), CLASSES + 1), np.float32),
        "bias": np.zeros(CLASSES + 1, np.float32),
        "scale": np.ones(WIDTH, np.float32),
        "shift": np.zeros(WIDTH, np.float32),
    }
    for layer in range(LAYERS):
        for name in ("query", "key", "value", "mix"):
            weights[f"{name}{layer}"] = dense(WIDTH, WIDTH)
        weights[f"up{layer}"] = dense(WIDTH, HIDDEN)
        weights[f"up_bias{layer}"] = np.zeros(HIDDEN, np.float32)
        weights[f"down{layer}"] = 0.5 * dense(HIDDEN, WIDTH)
        for name in ("a", "b"):
            weights[f"scale_{name}{layer}"] = np.ones(WIDTH, np.float32)
            weights[f"shift_{name}{layer}"] = np.zeros(WIDTH, np.float32)
    return weights


def forward(weights: Weights, fixed: Weights, sequence: Any, mask: Any, variance: int) -> Any:
    """Three logits and the next day's standardised log variance: [N, 4]. `variance` = its column."""
    present = 1.0 - mask
    z = (sequence - fixed["mean"]) / fixed["std"] * present
    skip = jnp.stack([z[:, DAYS - days :, variance].mean(axis=1) for days in SKIP_DAYS], axis=1)
    tokens = jnp.concatenate([z, mask], axis=2).reshape(z.shape[0], TOKENS, -1)
    x = tokens @ weights["embed"] + weights["place"]
    for layer in range(LAYERS):
        y = _normal(x, weights[f"scale_a{layer}"], weights[f"shift_a{layer}"])
        query, key, value = (_heads(y @ weights[f"{name}{layer}"]) for name in ("query", "key", "value"))
        scores = jax.nn.softmax(query @ key.transpose(0, 1, 3, 2) / np.sqrt(WIDTH // HEADS), axis=-1)
        mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(x.shape)
        x = x + mixed @ weights[f"mix{layer}"]
        y = _normal(x, weights[f"scale_b{layer}"], weights[f"shift_b{layer}"])
        x = x + jnp.maximum(y @ weights[f"up{layer}"] + weights[f"up_bias{layer}"], 0.0) @ weights[f"down{layer}"]
    x = _normal(x, weights["scale"], weights["shift"])
    pooled = jnp.concatenate([x[:, -1], x.mean(axis=1)], axis=1)
    return pooled @ weights["out"] + skip @ weights["skip"] + weights["bias"]


def _normal(x: Any, scale: Any, shift: Any) -> Any:
    mean = x.mean(axis=-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + 1e-5) * scale + shift


def _heads(x: Any) -> Any:
    return x.reshape(x.shape[0], TOKENS, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)


def answers(weights: Weights, fixed: Weights, sequence: Any, mask: Any, variance: int) -> Any:
    """Probabilities of the calm, the middle and the wild third, and ln of the next day's variance: [N, 4]."""
    out = forward(weights, fixed, sequence, mask, variance)
    told = out[:, CLASSES:] * fixed["target_std"] + fixed["target_mean"]
    return jnp.concatenate([jax.nn.softmax(out[:, :CLASSES], axis=1), told], axis=1)


@functools.partial(jax.jit, static_argnames=("variance",))
def all_answers(weights: Weights, fixed: Weights, sequence: Any, mask: Any, *, variance: int) -> Any:
    """The answers of several seeds' weights, side by side: [seeds, N, 4]."""
    return jax.vmap(lambda one: answers(one, fixed, sequence, mask, variance))(weights)


@functools.partial(jax.jit, static_argnames=("variance", "groups", "steps"))
def train(
    start: Weights,
    fixed: Weights,
    rows: dict[str, jax.Array],
    picks: jax.Array,
    keys: jax.Array,
    rate: jax.Array,
    *,
    variance: int,
    groups: tuple[tuple[int, ...], ...],
    steps: int,
) -> Weights:
    """Adam over the picked rows ([seeds, steps, batch]), all seeds side by side; whole sources drop out at random."""

    def loss(weights: Weights, index: jax.Array, key: jax.Array) -> jax.Array:
        sequence, mask = rows["sequence"][index], rows["mask"][index]
        drops = jax.random.bernoulli(key, 0.15, (len(index), len(groups)))
        lost = jnp.zeros((len(index), mask.shape[2]))
        for number, columns in enumerate(groups):
            lost = lost.at[:, jnp.asarray(columns)].max(drops[:, number : number + 1].astype(jnp.float32))
        out = forward(weights, fixed, sequence, jnp.maximum(mask, lost[:, None, :]), variance)
        logs = jax.nn.log_softmax(out[:, :CLASSES], axis=1)
        entropy = -jnp.take_along_axis(logs, rows["regime"][index][:, None], axis=1).mean()
        miss = out[:, CLASSES] - rows["target"][index]
        return entropy + 0.5 * (miss**2).mean()

    def one(weights: Weights, picked: jax.Array, key: jax.Array) -> Weights:
        zeros = jax.tree.map(jnp.zeros_like, weights)

        def step(state: Any, job: Any) -> Any:
            w, m, v, t = state
            index, number = job
            slope = jax.grad(loss)(w, index, jax.random.fold_in(key, number))
            t = t + 1
            m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, slope)
            v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, slope)
            # The rate falls to nothing along a cosine; weights shrink a little at each step.
            now = rate * 0.5 * (1 + jnp.cos(jnp.pi * t / steps))
            w = jax.tree.map(
                lambda p, a, b: p * (1 - 0.02 * now) - now * (a / (1 - 0.9**t)) / (jnp.sqrt(b / (1 - 0.999**t)) + 1e-8),
                w,
                m,
                v,
            )
            return (w, m, v, t), None

        jobs = (picked, jnp.arange(steps))
        (weights, *_), _ = jax.lax.scan(step, (weights, zeros, zeros, jnp.float32(0)), jobs)
        return weights

    return jax.vmap(one)(start, picks, keys)


def to_onnx(weights: Weights, fixed: Weights, columns: int, variance: int) -> Any:
    """The same as `answers` as an ONNX model: inputs sequence and mask [N, 60, columns], output regime [N, 4]."""
    ops = OnnxOps()
    node = ops.node
    whole = lambda name, values: ops_whole(ops, name, values)  # noqa: E731
    c = {name: ops.constant(value, f"w_{name}") for name, value in weights.items()}
    f = {name: ops.constant(value, f"f_{name}") for name, value in fixed.items()}
    sequence, mask = ops.input("sequence"), ops.input("mask")
    z = (sequence - f["mean"]) / f["std"] * (1.0 - mask)

    def cut(x: Node, axis: int, start: int, stop: int) -> Node:
        names = [whole(f"i_{value}", [value]) for value in (start, stop, axis)]
        return node("Slice", x, *names)

    series = cut(z, 2, variance, variance + 1)
    skips = [node("ReduceMean", cut(series, 1, DAYS - days, DAYS), axes=[1], keepdims=0) for days in SKIP_DAYS]
    skip = node("Concat", *skips, axis=1)
    joined = node("Concat", z, mask, axis=2)
    x = node("MatMul", node("Reshape", joined, whole("s_tokens", [0, TOKENS, PATCH * 2 * columns])), c["embed"])
    x = x + c["place"]

    def normal(x: Node, scale: Node, shift: Node) -> Node:
        centred = x - node("ReduceMean", x, axes=[2], keepdims=1)
        spread = node("Sqrt", node("ReduceMean", centred * centred, axes=[2], keepdims=1) + 1e-5)
        return centred / spread * scale + shift

    def heads(x: Node) -> Node:
        split = node("Reshape", x, whole("s_heads", [0, TOKENS, HEADS, WIDTH // HEADS]))
        return node("Transpose", split, perm=[0, 2, 1, 3])

    for layer in range(LAYERS):
        y = normal(x, c[f"scale_a{layer}"], c[f"shift_a{layer}"])
        query, key, value = (heads(node("MatMul", y, c[f"{name}{layer}"])) for name in ("query", "key", "value"))
        scores = node("MatMul", query, node("Transpose", key, perm=[0, 1, 3, 2])) / float(np.sqrt(WIDTH // HEADS))
        mixed = node("Transpose", node("MatMul", node("Softmax", scores, axis=-1), value), perm=[0, 2, 1, 3])
        x = x + node("MatMul", node("Reshape", mixed, whole("s_width", [0, TOKENS, WIDTH])), c[f"mix{layer}"])
        y = normal(x, c[f"scale_b{layer}"], c[f"shift_b{layer}"])
        x = x + node(
            "MatMul", node("Relu", node("MatMul", y, c[f"up{layer}"]) + c[f"up_bias{layer}"]), c[f"down{layer}"]
        )
    x = normal(x, c["scale"], c["shift"])
    last = node("Reshape", cut(x, 1, TOKENS - 1, TOKENS), whole("s_last", [0, WIDTH]))
    pooled = node("Concat", last, node("ReduceMean", x, axes=[1], keepdims=0), axis=1)
    out = node("MatMul", pooled, c["out"]) + node("MatMul", skip, c["skip"]) + c["bias"]
    regimes = node("Softmax", cut(out, 1, 0, CLASSES), axis=1)
    told = cut(out, 1, CLASSES, CLASSES + 1) * f["target_std"] + f["target_mean"]
    node_out = node("Concat", regimes, told, axis=1)
    ops.nodes.append(helper.make_node("Identity", [node_out.name], ["regime"]))
    shape = ["N", DAYS, columns]
    graph = helper.make_graph(
        ops.nodes,
        "rangekeeper",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("sequence", "mask")],
        [helper.make_tensor_value_info("regime", TensorProto.FLOAT, ["N", CLASSES + 1])],
        list(ops.initializers.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "rangekeeper-train"
    return model


def ops_whole(ops: OnnxOps, name: str, values: list[int]) -> Node:
    """A constant of whole numbers."""
    return Node(ops, ops._store(name, np.asarray(values, dtype=np.int64)))
