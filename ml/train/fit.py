"""Fits one network with Adam on shuffled batches of the train span; keeps the epoch that is best on validation."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import geometry
from dataset import Table
from errors import FitError
from losses import task_loss
from networks import Spec, Weights, forward, initial_weights
from ops import JaxOps
from protocol import Protocol

OPS = JaxOps()
B1, B2, EPS = 0.9, 0.999, 1e-8
WEIGHT_AVERAGE = 0.995
EVALUATION_ROWS = 100_000
SHORTEST_STAND_IN = 18
LEAST_LEVEL = -12.0


def make_spec(task: str, names: list[str], protocol: Protocol) -> Spec:
    """Finds the protocol's windows among the task's fields."""
    roles = protocol["features"]
    fee = [names.index(name) for name in roles["fee"]] if task == "yield" else []
    return Spec(task, names, [names.index(name) for name in roles["variance"]], fee, list(protocol[task]["hidden"]))


def normalisation(spec: Spec, table: Table) -> Weights:
    """Centre and scale of each feature and the usual log variance and fee level, on the rows given."""
    values = np.where(table.mask == 0, table.features, np.nan).astype(np.float64)
    fixed: Weights = {}
    groups = [("variance", spec.variance)] + ([("fee", spec.fee)] if spec.fee else [])
    for name, columns in groups:
        group = values[:, columns]
        fixed[f"{name}_level"] = np.full((1, 1), np.nanmean(group) if np.isfinite(group).any() else -7.0, np.float32)
        if spec.task == "yield":
            counts = np.maximum(np.isfinite(group).sum(axis=1), 1)
            values[:, columns] = group - (np.nansum(group, axis=1) / counts)[:, None]
            fixed[f"is_{name}"] = np.isin(np.arange(values.shape[1]), columns)[None, :].astype(np.float32)
    known = [column[np.isfinite(column)] for column in values.T]
    centre = [float(k.mean()) if k.size else 0.0 for k in known]
    spread = [float(k.std()) if k.size and k.std() > 1e-6 else 1.0 for k in known]
    fixed["centre"] = np.asarray([centre], np.float32)
    fixed["scale"] = np.asarray([spread], np.float32)
    return fixed


def target_scale(spec: Spec, fixed: Weights, table: Table) -> np.ndarray:
    """Usual size of each target for each row by closed form, so that narrow and wide ranges count alike in the loss."""
    if table.range is None:
        return np.ones((len(table.at), 1), np.float32)
    return np.asarray(jax.jit(lambda x: _scale(spec, fixed, x))(table.inputs()))


def _scale(spec: Spec, fixed: Weights, inputs: dict[str, Any]) -> jax.Array:
    present = 1.0 - inputs["mask"]

    def level(columns: list[int], name: str) -> jax.Array:
        known = inputs["features"][:, jnp.asarray(columns)]
        here = present[:, jnp.asarray(columns)]
        fallback = 1e-6 * fixed[f"{name}_level"]
        mean = (jnp.sum(known * here, axis=1, keepdims=True) + fallback) / (here.sum(axis=1, keepdims=True) + 1e-6)
        return jnp.maximum(mean, LEAST_LEVEL)

    lower, upper, log_days = (inputs["range"][:, i : i + 1] for i in range(3))
    sigma = jnp.exp(0.5 * (level(spec.variance, "variance") + log_days))
    value = geometry.start_value(OPS, lower, upper)
    # A range that starts out of reach is judged as if a tenth of the horizon were spent inside.
    inside = jnp.maximum(geometry.occupancy(OPS, lower, upper, sigma), 0.1)
    if spec.task == "yield":
        return jnp.exp(level(spec.fee, "fee") + log_days) * 2.0 * inside / value + 1e-6
    swing = jnp.minimum(2.0 * sigma, 3.0)
    loss = -0.5 * sum(geometry.impermanent_loss(OPS, sign * swing, lower, upper) for sign in (-1.0, 1.0)) / value
    rate = 0.25 * sigma * sigma / value
    return jnp.concatenate([loss + 0.1 * jnp.minimum(0.5 * sigma, rate), rate * inside], axis=1) + 1e-7


def predict(spec: Spec, fixed: Weights, members: list[Weights], table: Table) -> np.ndarray:
    """The ensemble's predictions for every row, in slices."""
    run = jax.jit(lambda w, x: forward(OPS, spec, fixed, w, x))
    inputs = table.inputs()
    out = []
    for start in range(0, len(table.at), EVALUATION_ROWS):
        part = {name: jnp.asarray(value[start : start + EVALUATION_ROWS]) for name, value in inputs.items()}
        out.append(sum(np.asarray(run(member, part)) for member in members) / len(members))
    return np.concatenate(out)


def young_history(names: list[str], protocol: Protocol) -> np.ndarray:
    """Per pretended history (the first is "all"), the column each feature takes its value from, or −1 for missing."""
    needs: dict[str, int] = protocol["features"].get("needs_hours", {})

    def window(name: str) -> int:
        return max([int(h) for h in re.findall(r"_(\d+)h", name)] or [needs.get(name, 0)])

    table = [list(range(len(names)))]
    for history in protocol["features"]["history_hours"]:
        row = []
        for i, name in enumerate(names):
            stem = name.removesuffix(f"_{window(name)}h")
            shorter = [n for n in names if n == f"{stem}_{window(n)}h" and window(n) <= history]
            if window(name) <= history:
                row.append(i)
            elif history >= SHORTEST_STAND_IN and shorter:
                row.append(names.index(max(shorter, key=window)))
            else:
                row.append(-1)
        table.append(row)
    return np.asarray(table, np.int32)


def fit(
    spec: Spec,
    fixed: Weights,
    train: Table,
    validation: Table,
    protocol: Protocol,
    seed: int,
    say: Callable[[str], None],
    epochs: int | None = None,
) -> tuple[Weights, float]:
    """Weights of the best epoch and their validation loss; the same seed and data give the same weights."""
    settings = protocol[spec.task]
    epochs = settings["epochs"] if epochs is None else epochs
    rng = np.random.default_rng(seed)
    weights = {name: jnp.asarray(value) for name, value in initial_weights(spec, rng).items()}
    batch = min(settings["batch"], len(train.at))
    steps = len(train.at) // batch
    data = _device(spec, fixed, train, settings["half_life_days"])
    held = _device(spec, fixed, validation, 0)
    sources = jnp.asarray(young_history(spec.feature_names, protocol))
    rates = np.asarray(protocol["features"]["history_rates"])
    odds = jnp.asarray([1.0 - rates.sum(), *rates], jnp.float32)
    decay = {name: 0.0 if value.shape[0] == 1 else settings["weight_decay"] for name, value in weights.items()}
    total = epochs * steps

    def loss(w: Weights, rows: dict[str, Any], known: jax.Array | None) -> jax.Array:
        inputs = {name: rows[name] for name in spec.inputs}
        if known is not None:
            source = sources[known]
            stand_in = jnp.take_along_axis(inputs["features"], jnp.maximum(source, 0), axis=1)
            gone = jnp.where(source < 0, 1.0, jnp.take_along_axis(inputs["mask"], jnp.maximum(source, 0), axis=1))
            inputs = inputs | {"mask": gone, "features": stand_in * (1.0 - gone)}
        losses = task_loss(spec.task, forward(OPS, spec, fixed, w, inputs), rows["targets"], rows["scale"])
        return jnp.sum(losses * rows["weight"]) / jnp.sum(rows["weight"])

    def step(state: Any, x: Any) -> Any:
        (w, m, v, count), average = state
        rows = {name: value[x["rows"]] for name, value in data.items()}
        known = jax.random.choice(x["key"], len(odds), (batch,), p=odds)
        value, grads = jax.value_and_grad(loss)(w, rows, known)
        norm = jnp.sqrt(sum(jnp.sum(g * g) for g in grads.values()))
        grads = {k: g * jnp.minimum(1.0, 5.0 / (norm + 1e-12)) for k, g in grads.items()}
        count = count + 1
        rate = settings["learning_rate"] * 0.5 * (1.0 + jnp.cos(jnp.pi * count / (total + 1)))
        m = {k: B1 * m[k] + (1 - B1) * g for k, g in grads.items()}
        v = {k: B2 * v[k] + (1 - B2) * g * g for k, g in grads.items()}
        scaled = {k: (m[k] / (1 - B1**count)) / (jnp.sqrt(v[k] / (1 - B2**count)) + EPS) for k in w}
        w = {k: w[k] - rate * (scaled[k] + decay[k] * w[k]) for k in w}
        # The mean of recent weights is judged and shipped: single steps jump about with each batch's crashes.
        keep = jnp.minimum(WEIGHT_AVERAGE, count / (count + 10.0))
        average = {k: keep * average[k] + (1.0 - keep) * w[k] for k in w}
        return ((w, m, v, count), average), value

    epoch = jax.jit(lambda carry, xs: jax.lax.scan(step, carry, xs))
    judge = jax.jit(lambda w: loss(w, held, None))
    zeros = {k: jnp.zeros_like(value) for k, value in weights.items()}
    carry = (weights, zeros, zeros, jnp.asarray(0.0))
    average = weights
    best, best_loss, waited = weights, float(judge(weights)), 0
    say(f"{spec.task} seed {seed}: closed form alone, validation loss {best_loss:.5f}")
    for number in range(1, epochs + 1):
        started = time.perf_counter()
        rows = rng.permutation(len(train.at))[: steps * batch].reshape(steps, batch)
        keys = jax.random.split(jax.random.key(int(rng.integers(2**31))), steps)
        (carry, average), values = epoch((carry, average), {"rows": jnp.asarray(rows), "key": keys})
        now = float(judge(average))
        if not np.isfinite(now):
            raise FitError(f"fit: {spec.task} seed {seed} epoch {number}: validation loss is {now}, must be finite")
        waited = 0 if now < best_loss else waited + 1
        if now < best_loss:
            best, best_loss = average, now
        seconds = time.perf_counter() - started
        say(
            f"{spec.task} seed {seed}: epoch {number}/{epochs} train {float(values.mean()):.5f} "
            f"validation {now:.5f} best {best_loss:.5f} ({seconds:.1f} s)"
        )
        if waited >= settings["patience"]:
            break
    return {name: np.asarray(value) for name, value in best.items()}, best_loss


def _device(spec: Spec, fixed: Weights, table: Table, half_life_days: int) -> dict[str, jax.Array]:
    age = (table.at.max() - table.at) / 86400.0
    weight = 0.5 ** (age / half_life_days) if half_life_days else np.ones(len(age))
    arrays = table.inputs() | {"targets": table.targets, "scale": target_scale(spec, fixed, table), "weight": weight}
    return {name: jnp.asarray(value, jnp.float32) for name, value in arrays.items()}
