"""The head's trainer end to end on synthetic rows, and that the graph it writes is the network it fitted."""

import csv
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnxruntime

from head import INPUT_ONE, forward, graph_of, initial, realised_spread

HERE = Path(__file__).resolve().parent.parent


def script(*args):
    return subprocess.run(
        [sys.executable, HERE / "head.py", *map(str, args)], capture_output=True, text=True, check=False
    )


def write_rows(path, seed=3):
    rng = np.random.default_rng(seed)
    start = int(datetime(2022, 1, 1, tzinfo=UTC).timestamp())
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["series", "at", *(f"x{i}" for i in range(8)), "move"])
        for i in range(600):
            sigma = np.exp(rng.normal(5.5, 0.5))
            changes = np.abs(rng.normal(0, sigma, 7)).astype(int)
            root = int(np.sqrt((changes**2).sum()))
            move = abs(rng.normal(0, 3 * sigma / INPUT_ONE))
            out.writerow(["synthetic", start + i * 86_400, *changes, root, f"{move:.6f}"])
    path.with_suffix(".json").write_text(json.dumps({"windowSeconds": 86_400, "sources": []}))


def test_a_package_comes_out_of_rows(tmp_path):
    rows, out = tmp_path / "head.csv", tmp_path / "head"
    write_rows(rows)
    ran = script("--rows", rows, "--out", out, "--fast")
    assert ran.returncode == 0, ran.stderr
    manifest = json.loads((out / "manifest.json").read_text())
    graph = (out / "model.onnx").read_bytes()
    assert manifest["sha256"] == "0x" + hashlib.sha256(graph).hexdigest()
    assert manifest["outputs"]["columns"][-1] == "spread"
    assert set(manifest["metrics"]["test"]) == {"head", "realised", "worseOfBoth", "constant"}


def test_the_graph_is_the_network():
    weights = initial(np.random.default_rng(0))
    x = np.random.default_rng(1).integers(0, 4_000, (20, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession(graph_of(weights), providers=["CPUExecutionProvider"])
    assert np.allclose(session.run(None, {"x": x})[0], np.asarray(forward(weights, x / INPUT_ONE)), atol=1e-5)


def test_the_contracts_estimator_finds_the_deviation_of_a_random_walk():
    # Means of eighths of a day of a walk of 4 % a day: adjacent ones differ with two thirds of the variance.
    rng = np.random.default_rng(2)
    changes = rng.normal(0, 0.04 * np.sqrt(2 / 3 / 8), (20_000, 7)) * INPUT_ONE
    x = np.abs(np.concatenate([changes, changes[:, :1]], axis=1)).astype(np.float32)
    assert abs(np.sqrt((realised_spread(x) ** 2).mean()) / (1.28 * 0.04) - 1) < 0.01


def test_missing_rows_are_one_line(tmp_path):
    ran = script("--rows", tmp_path / "none.csv")
    assert ran.returncode == 2
    assert ran.stderr.startswith("DatasetError: head: no file")
