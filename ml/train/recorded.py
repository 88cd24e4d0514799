"""The graph of a trained ensemble, recorded from the very code that trained it, and what its table says of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from dataset import Table
from errors import ExportError
from fit import predict
from networks import OUTPUTS, ensemble
from ops import OnnxOps
from package import domain_of, run_graph, sample_cases
from run import Run

TOLERANCE = 1e-5
LARGEST_FILE = 300_000
DAY_SECONDS = 86400
WEEK_SECONDS = 604800


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


def check_graph(data: bytes, run: Run, table: Table) -> float:
    """Greatest |Δ| / (|value| + 0.01) between graph and trained network; raises ExportError when above 1e-5."""
    said = run_graph(data, table.inputs())
    meant = predict(run.spec, run.fixed, run.members[run.shipped], table)
    gap = float(np.max(np.abs(said - meant) / (np.abs(meant) + 0.01)))
    if not np.isfinite(said).all() or gap > TOLERANCE:
        raise ExportError(f"export: {run.spec.task} graph differs from the network by {gap:.2e}, must be ≤ {TOLERANCE}")
    return gap


def samples(data: bytes, run: Run, table: Table) -> dict[str, Any]:
    """sample.json of the shipped ensemble: rows spread over the table, and extremes."""
    rows = np.linspace(0, len(table.at) - 1, 4).astype(int)
    names = [f"row {int(table.at[r])} of {table.series_names[table.series[r]]}" for r in rows]
    return sample_cases(data, table.features[rows], table.mask[rows], names, (DAY_SECONDS, WEEK_SECONDS))


def domain(run: Run, train: Table) -> dict[str, dict[str, float]]:
    """Not of the yield model's fee windows: it reads them against each other, and a level only as a factor."""
    return domain_of(train.features, train.mask, run.spec.feature_names, run.spec.fee)
