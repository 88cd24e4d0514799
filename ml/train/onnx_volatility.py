"""The volatility model as an ONNX graph, recorded from the very code that trained it."""

from __future__ import annotations

import har_net
from ops import OnnxOps


def build(fixed: har_net.Weights, weights: har_net.Weights, metadata: dict[str, str]) -> bytes:
    """Inputs features and mask [N, F] and horizon [N, 1] = ln(horizon / 1 day); the output is har_net.COLUMNS."""
    ops = OnnxOps()
    inputs = {"features": len(har_net.FEATURES), "mask": len(har_net.FEATURES), "horizon": 1}
    nodes = {name: ops.input(name) for name in inputs}
    out = har_net.forward(ops, fixed, weights, nodes["features"], nodes["mask"], nodes["horizon"])
    return ops.model(inputs, out, len(har_net.COLUMNS), metadata).SerializeToString(deterministic=True)
