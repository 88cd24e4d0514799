"""Builds a model package: ONNX graph, samples with expected outputs, manifest and card."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import onnxruntime

from dataset import Table
from errors import ExportError
from fit import predict
from networks import OUTPUTS, ensemble
from ops import OnnxOps
from run import Run

TOLERANCE = 1e-5
LARGEST_FILE = 300_000
SAMPLE_TOLERANCE = {"relative": 1e-3, "absolute": 1e-6}


def build_graph(run: Run, metadata: dict[str, str]) -> bytes:
    """The shipped ensemble as ONNX bytes, recorded from the very code that trained it."""
    ops = OnnxOps()
    inputs = {name: ops.input(name) for name in run.spec.inputs}
    out = ensemble(ops, run.spec, run.fixed, run.members[run.shipped], inputs)
    model = ops.model(run.spec.inputs, out, len(OUTPUTS[run.spec.task]), metadata)
    data = model.SerializeToString(deterministic=True)
    if len(data) > LARGEST_FILE:
        raise ExportError(f"export: {run.spec.task} is {len(data)} bytes, must be at most {LARGEST_FILE}")
    return data


def run_graph(data: bytes, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """What onnxruntime says for these inputs, float32 [N, outputs]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(["quantiles"], inputs)[0]


def check_graph(data: bytes, run: Run, table: Table) -> float:
    """Greatest |Δ| / (|value| + 0.01) between graph and trained network; raises ExportError when above 1e-5."""
    said = run_graph(data, table.inputs())
    meant = predict(run.spec, run.fixed, run.members[run.shipped], table)
    gap = float(np.max(np.abs(said - meant) / (np.abs(meant) + 0.01)))
    if not np.isfinite(said).all() or gap > TOLERANCE:
        raise ExportError(f"export: {run.spec.task} graph differs from the network by {gap:.2e}, must be ≤ {TOLERANCE}")
    return gap


def samples(data: bytes, run: Run, table: Table) -> dict[str, Any]:
    """Inputs with the outputs the graph gives: ordinary rows, rows with missing values, and extremes."""
    rows = np.linspace(0, len(table.at) - 1, 4).astype(int)
    features, mask = table.features[rows].copy(), table.mask[rows].copy()
    names: list[str] = [f"row {int(table.at[r])} of {table.series_names[table.series[r]]}" for r in rows]
    blank = np.zeros((1, features.shape[1]), np.float32)
    partly = mask[:1].copy()
    partly[0, ::3] = 1.0
    extra = [
        ("nothing known", blank, blank + 1.0),
        ("every third value missing", features[:1] * (1.0 - partly), partly),
        ("every value huge", blank + 1e6, blank),
        ("every value hugely negative", blank - 1e6, blank),
        ("every value zero", blank, blank),
    ]
    for name, values, missing in extra:
        names.append(name)
        features, mask = np.concatenate([features, values]), np.concatenate([mask, missing])
    inputs = {"features": features, "mask": mask}
    if table.range is not None:
        day, week = 0.0, np.log(7.0)
        ranges = [[-0.05, 0.05, day], [-0.01, 0.02, week], [0.03, 0.2, day], [-0.5, -0.1, week]]
        ranges += [[-0.1, 0.1, day], [-0.2, 0.1, day], [-0.005, 0.005, -3.0], [-10.0, 10.0, week], [-0.3, 0.4, day]]
        inputs["range"] = np.asarray(ranges, np.float32)
    outputs = run_graph(data, inputs)
    if not np.isfinite(outputs).all():
        raise ExportError(f"export: {run.spec.task} is not finite on its samples")
    cases = []
    for i, name in enumerate(names):
        case: dict[str, Any] = {"name": name}
        for key, values in inputs.items():
            case[key] = [None if key == "features" and mask[i, j] else float(v) for j, v in enumerate(values[i])]
        case["quantiles"] = [float(v) for v in outputs[i]]
        cases.append(case)
    return {"tolerance": SAMPLE_TOLERANCE, "samples": cases}


def domain(run: Run, train: Table) -> dict[str, dict[str, float]]:
    """The 1st and 99th percentile of each feature over the rows it was fitted on.

    Not of the yield model's fee windows: it reads them against each other, and a level only as a factor of its answer.
    """
    found: dict[str, dict[str, float]] = {}
    for column, name in enumerate(run.spec.feature_names):
        known = train.features[train.mask[:, column] == 0, column]
        if known.size and column not in run.spec.fee:
            low, high = np.percentile(known.astype(np.float64), [1, 99])
            found[name] = {"p1": round(float(low), 6), "p99": round(float(high), 6)}
    return found


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
