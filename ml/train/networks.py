"""The three networks. Each corrects a closed form, so order, sign and limits hold by construction, not by training."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

import geometry
from ops import Ops

TASKS = ("volatility", "il", "yield")
OUTPUTS: dict[str, list[str]] = {
    "volatility": ["mean", "q10", "q50", "q90"],
    "il": ["il_mean", "il_q10", "il_q50", "il_q90", "lvr_mean", "lvr_q10", "lvr_q50", "lvr_q90", "in_range"],
    "yield": ["mean", "q10", "q50", "q90"],
}
# Columns of the network's last layer: what each closed form needs (see the forward functions).
HEADS = {"volatility": 4, "il": 10, "yield": 4}
RANGE_INPUTS = 6
Z_LIMIT = 5.0
OFFSET_LIMIT = 12.0


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a network reads: column numbers in the dataset's feature order, and its hidden widths."""

    task: str
    feature_names: list[str]
    variance: list[int]
    fee: list[int]
    hidden: list[int]

    @property
    def inputs(self) -> dict[str, int]:
        width = len(self.feature_names)
        ranged = {} if self.task == "volatility" else {"range": 3}
        return {"features": width, "mask": width} | ranged


Weights = dict[str, Any]


def initial_weights(spec: Spec, rng: np.random.Generator) -> Weights:
    """Small random hidden layers and a zero last layer: training starts exactly at the closed form."""
    width = 2 * len(spec.feature_names) + (0 if spec.task == "volatility" else RANGE_INPUTS)
    heads = HEADS[spec.task]
    weights: Weights = {"skip": np.zeros((width, heads), np.float32), "bias": np.zeros((1, heads), np.float32)}
    size = width
    for i, hidden in enumerate(spec.hidden):
        weights[f"w{i}"] = rng.normal(0.0, (1.0 / size) ** 0.5, (size, hidden)).astype(np.float32)
        weights[f"b{i}"] = np.zeros((1, hidden), np.float32)
        size = hidden
    weights["out"] = np.zeros((size, heads), np.float32)
    weights["variance_pull"] = np.zeros((1, len(spec.variance)), np.float32)
    if spec.fee:
        weights["fee_pull"] = np.zeros((1, len(spec.fee)), np.float32)
    return weights


def forward(ops: Ops, spec: Spec, fixed: Weights, weights: Weights, inputs: dict[str, Any]) -> Any:
    """Predictions [N, outputs] from features [N, F] (missing → 0), mask [N, F] (1 = missing) and range [N, 3]."""
    c = {name: ops.constant(value, name) for name, value in (fixed | weights).items()}
    features, mask = inputs["features"], inputs["mask"]
    present = 1.0 - mask
    relative = features
    if spec.task == "yield":
        # Fee and variance windows count against their own mean: one pool's level says nothing about another's.
        for columns, name in ((spec.variance, "variance"), (spec.fee, "fee")):
            relative = relative - _plain_mean(ops, c, features, present, columns, name) * c[f"is_{name}"]
    z = ops.clip((relative - c["centre"]) / c["scale"], -Z_LIMIT, Z_LIMIT)
    columns = [z * present, mask]
    log_variance = _pooled(ops, c, features, present, spec.variance, "variance")
    if spec.task == "volatility":
        return _volatility(ops, _heads(ops, spec, c, columns), log_variance)

    lower = ops.clip(ops.columns(inputs["range"], [0]), -OFFSET_LIMIT, OFFSET_LIMIT - 1e-3)
    upper = ops.maximum(ops.clip(ops.columns(inputs["range"], [1]), -OFFSET_LIMIT, OFFSET_LIMIT), lower + 1e-3)
    log_days = ops.clip(ops.columns(inputs["range"], [2]), -5.0, 4.0)
    sigma = ops.exp(0.5 * ops.clip(log_variance + log_days, -18.0, 1.0))
    inside = geometry.occupancy(ops, lower, upper, sigma)
    value = geometry.start_value(ops, lower, upper)
    columns += [
        ops.tanh(0.5 * lower / sigma),
        ops.tanh(0.5 * upper / sigma),
        inside,
        0.5 * log_days,
        0.5 * ops.log(value),
        ops.clip(0.3 * (log_variance - c["variance_level"]), -2.0, 2.0),
    ]
    heads = _heads(ops, spec, c, columns)
    if spec.task == "il":
        return _il(ops, heads, lower, upper, sigma, inside, value)
    log_fee = _pooled(ops, c, features, present, spec.fee, "fee")
    return _yield(ops, heads, log_fee + log_days, inside, value)


def _heads(ops: Ops, spec: Spec, c: Weights, columns: list[Any]) -> Any:
    """A small tanh network beside a linear skip."""
    x = ops.concat(columns)
    h = x
    for i in range(len(spec.hidden)):
        h = ops.tanh(ops.matmul(h, c[f"w{i}"]) + c[f"b{i}"])
    return ops.matmul(h, c["out"]) + ops.matmul(x, c["skip"]) + c["bias"]


def _pooled(ops: Ops, c: Weights, features: Any, present: Any, columns: list[int], name: str) -> Any:
    """Weighted mean of the windows of one quantity that are present, or its level in training when none is."""
    return _weighted(ops, c, features, ops.exp(c[f"{name}_pull"]) * ops.columns(present, columns), columns, name)


def _plain_mean(ops: Ops, c: Weights, features: Any, present: Any, columns: list[int], name: str) -> Any:
    return _weighted(ops, c, features, ops.columns(present, columns), columns, name)


def _weighted(ops: Ops, c: Weights, features: Any, pull: Any, columns: list[int], name: str) -> Any:
    known = ops.clip(ops.columns(features, columns), -40.0, 10.0)
    return (ops.row_sum(pull * known) + 1e-6 * c[f"{name}_level"]) / (ops.row_sum(pull) + 1e-6)


def _ordered(ops: Ops, middle: Any, down: Any, up: Any) -> tuple[Any, Any, Any]:
    """Low ≤ middle ≤ high whatever the network says."""
    return middle - ops.softplus(down), middle, middle + ops.softplus(up)


def _volatility(ops: Ops, heads: Any, log_variance: Any) -> Any:
    middle = log_variance + ops.columns(heads, [0])
    low, middle, high = _ordered(ops, middle, ops.columns(heads, [1]), ops.columns(heads, [2]))
    mean = log_variance + ops.columns(heads, [3])
    return ops.exp(ops.clip(ops.concat([mean, low, middle, high]), -25.0, 3.0))


def _il(ops: Ops, heads: Any, lower: Any, upper: Any, sigma: Any, inside: Any, value: Any) -> Any:
    """IL is read off its closed form at effective moves ±s, larger s for worse quantiles; LVR scales σ²·geometry."""
    share = ops.sigmoid(ops.columns(heads, [3]))

    calm, middle, wild = _ordered(ops, ops.columns(heads, [0]), ops.columns(heads, [1]), ops.columns(heads, [2]))
    nodes = ops.constant([[np.log(z) for z, _ in geometry.MOVE_NODES]], "move_nodes")
    # Columns: the nodes of the mean, then the moves of q10, q50 and q90.
    stretch = ops.concat([ops.columns(heads, [4]) + nodes, wild, middle, calm])
    move = ops.minimum(sigma * ops.exp(ops.clip(stretch, -8.0, 3.0)), 3.0 + 0.0 * sigma)
    down = geometry.impermanent_loss(ops, -move, lower, upper)
    up = geometry.impermanent_loss(ops, move, lower, upper)
    loss = (share * down + (1.0 - share) * up) / value
    n = len(geometry.MOVE_NODES)
    odds_of_nodes = ops.constant([[p for _, p in geometry.MOVE_NODES]], "move_odds")
    mean = ops.row_sum(ops.columns(loss, list(range(n))) * odds_of_nodes)
    il = [mean, ops.columns(loss, [n, n + 1, n + 2])]
    rate = 0.25 * sigma * sigma * inside / value
    low, mid, high = _ordered(ops, ops.columns(heads, [5]), ops.columns(heads, [6]), ops.columns(heads, [7]))
    stretch = ops.concat([ops.columns(heads, [8]), low, mid, high])
    lvr = rate * ops.exp(ops.clip(stretch, -12.0, 6.0))
    odds = ops.clip(inside, 1e-4, 1.0 - 1e-4)
    in_range = ops.sigmoid(ops.log(odds / (1.0 - odds)) + ops.columns(heads, [9]))
    return ops.concat([*il, lvr, in_range])


def _yield(ops: Ops, heads: Any, log_fee: Any, inside: Any, value: Any) -> Any:
    """Persistence of the full-range fee yield × concentration × occupancy, corrected by a factor."""
    base = ops.exp(ops.clip(log_fee, -40.0, 3.0)) * 2.0 * inside / value
    low, middle, high = _ordered(ops, ops.columns(heads, [0]), ops.columns(heads, [1]), ops.columns(heads, [2]))
    stretch = ops.concat([ops.columns(heads, [3]), low, middle, high])
    return base * ops.exp(ops.clip(stretch, -12.0, 4.0))


def ensemble(ops: Ops, spec: Spec, fixed: Weights, members: list[Weights], inputs: dict[str, Any]) -> Any:
    """Mean of the members' predictions; order and sign survive averaging."""
    total: Any = None
    for i, member in enumerate(members):
        one = forward(_Prefixed(ops, f"m{i}_"), spec, fixed, member, inputs)
        total = one if total is None else total + one
    return total * (1.0 / len(members))


class _Prefixed:
    """The same backend, with the names of constants made distinct per ensemble member."""

    def __init__(self, ops: Ops, prefix: str) -> None:
        self._ops = ops
        self._prefix = prefix

    def constant(self, value: Any, name: str) -> Any:
        return self._ops.constant(value, self._prefix + name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ops, name)
