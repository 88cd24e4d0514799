"""The head's trainer learns what its teacher said, from rows of before each window alone; its graph is its net."""

import csv
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import head
import head_net
import head_package
from errors import DatasetError
from walk import DAY

HERE = Path(__file__).resolve().parent.parent
SAYERS = ("posterior", "float", "int8", "realised")


def script(name, *args):
    return subprocess.run([sys.executable, HERE / name, *map(str, args)], capture_output=True, text=True, check=False)


def inputs(rng, count):
    sigma = np.exp(rng.normal(5.5, 0.8, count))[:, None]
    changes = np.abs(rng.normal(0, sigma, (count, 7))).astype(int)
    return np.concatenate([changes, np.sqrt((changes**2).sum(axis=1, keepdims=True)).astype(int)], axis=1)


def teacher(x):
    """Half of what the day moved and half of the usual: as a posterior that knows the level of its market."""
    return (0.5 * x[:, 7:] / head_net.INPUT_ONE + 0.02) * np.asarray([[0.9, 1.0, 1.6]])


def write_rows(path, first="2018-01-06", every=10 * DAY, count=240):
    rng = np.random.default_rng(3)
    start = int(datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp())
    x = inputs(rng, count)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["series", "at", *(f"x{i}" for i in range(8)), *head_net.COLUMNS, *head.OUTCOMES])
        for i, target in enumerate(teacher(x)):
            out.writerow(["synthetic", start + i * every, *x[i], *target, 0.001, 0.02])
    path.with_suffix(".json").write_text(json.dumps({"windowSeconds": DAY, "sources": []}))


def test_it_learns_what_the_teacher_said():
    rng = np.random.default_rng(1)
    x = inputs(rng, 3000)
    found = head_net.fit(x[:2000], teacher(x[:2000]), np.ones(2000), [1, 2], 800)
    for weights in found:
        said = np.asarray(head_net.forward(weights, x[2000:] / head_net.INPUT_ONE))
        assert np.corrcoef(said[:, 2], teacher(x[2000:])[:, 2])[0, 1] > 0.9
        assert abs(said[:, 2].mean() / teacher(x[2000:])[:, 2].mean() - 1) < 0.15
    assert not np.array_equal(found[0][0][0], found[1][0][0])
    again = head_net.fit(x[:2000], teacher(x[:2000]), np.ones(2000), [1, 2], 800)
    assert np.array_equal(again[0][0][0], found[0][0][0])


def test_a_window_knows_nothing_of_later_rows(tmp_path):
    path = tmp_path / "head.csv"
    write_rows(path)
    table = head.read_rows(path)
    known = int(table["at"][150])
    changed = table | {"target": np.where((table["at"] >= known)[:, None], 9.0, table["target"])}
    sooner = table | {"target": np.where((table["at"] < known)[:, None], 9.0, table["target"])}
    fits = [head.fit_until(one, known, [1], 730, 20)[0] for one in (table, changed, sooner)]
    assert np.array_equal(fits[0][0][0], fits[1][0][0])
    assert not np.array_equal(fits[0][0][0], fits[2][0][0])
    with pytest.raises(DatasetError, match="no rows before a window"):
        head.fit_until(table, int(table["at"].min()), [1], 730, 20)


def test_the_graph_is_the_network():
    weights = head_net.initial(np.random.default_rng(0))
    x = np.random.default_rng(1).integers(0, 4_000, (20, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession(head_net.graph_of(weights), providers=["CPUExecutionProvider"])
    meant = np.asarray(head_net.forward(weights, x / head_net.INPUT_ONE))
    assert np.allclose(session.run(None, {"x": x})[0], meant, atol=1e-5)
    layers = head_net.on_chain(weights)
    hidden = np.maximum(x @ layers[0][0] + layers[0][1], 0)
    hidden = np.maximum(hidden @ layers[1][0] + layers[1][1], 0)
    assert np.allclose(hidden @ layers[2][0] + layers[2][1], meant, atol=1e-5)


def results_of(rows_hash):
    """Figures as ml/models/head/judge.ts writes them, each sayer's a little apart."""
    figures = {key: {s: 0.3 + 0.05 * i for i, s in enumerate(SAYERS)} for key in ("qlike", "inside", "correlation")}
    figures |= {key: dict.fromkeys(SAYERS, 0.9) for key in ("narrowest", "middle", "widest")}
    score = figures | {
        "rounding": {"median": 1e-4, "p99": 5e-4, "worst": 2e-3},
        "monotone": 0.9987,
        "rows": 9,
        "days": 2,
    }
    series = dict.fromkeys(("ethusdt", "btcusdt"), score)
    return {
        "task": "head",
        "model": "spread-head",
        "dataHash": rows_hash,
        "seeds": [1, 2],
        "windows": [{"from": 1_546_300_800, "until": 1_554_076_800}],
        "bySeed": [{"seed": seed, "series": series} for seed in (1, 2)],
        "shipped": {"from": 1_672_531_200, "until": 1_719_705_600, "seed": 1, "series": series},
    }


def test_a_package_comes_out_of_rows(tmp_path):
    rows, work, out = tmp_path / "head.csv", tmp_path / "work", tmp_path / "out"
    write_rows(rows)
    ran = script("head.py", "--rows", rows, "--work", work, "--fast")
    assert ran.returncode == 0, ran.stderr
    nets = json.loads((work / "nets.json").read_text())
    assert [net["name"] for net in nets["nets"]].count("shipped") == 1
    assert {len(net["layers"][0]["weights"][0]) for net in nets["nets"]} == {8}
    for net in nets["nets"]:
        assert net["known"] <= net["from"] < net["until"]
    (tmp_path / "head.json").write_text(json.dumps(results_of(nets["rowsHash"])))
    package = ("head_package.py", "--work", work, "--results", tmp_path, "--out")
    made = script(*package, out)
    assert made.returncode == 0, made.stderr
    manifest, graph = json.loads((out / "manifest.json").read_text()), (out / "model.onnx").read_bytes()
    assert manifest["sha256"] == "0x" + hashlib.sha256(graph).hexdigest()
    assert manifest["outputs"]["columns"][-1] == "spread"
    assert manifest["metrics"]["test"]["ethusdt"]["qlike"] == pytest.approx(0.4)
    assert "head, int8" in (out / "README.md").read_text()
    (tmp_path / "head.json").write_text(json.dumps(results_of("0x00")))
    refused = script(*package, out)
    assert refused.returncode == 2
    assert "are of other rows" in refused.stderr


def test_the_table_says_what_is_lost():
    lines = head_package.table(results_of("0x00"))
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "posterior 0.3000, head in floats 0.3500 (+0.0500)" in text
    assert "in int8 0.4000 (+0.0500; single seeds 0.4000 to 0.4000)" in text
    assert "worst 0.20 %" in text
    assert "99.87 % of rows" in text


def test_missing_rows_are_one_line(tmp_path):
    ran = script("head.py", "--rows", tmp_path / "none.csv")
    assert ran.returncode == 2
    assert ran.stderr.startswith("DatasetError: head: no file")
