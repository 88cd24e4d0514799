"""Writes the model packages from the fitted networks: `python ml/train/export.py --out ml/models`."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from cli import HERE, exit_with, one_thread, say

one_thread()

from card import write_card
from dataset import load_meta, load_table
from errors import ExportError
from networks import OUTPUTS, TASKS
from ops import IR_VERSION, OPSET
from package import SAMPLE_TOLERANCE, build_graph, check_graph, domain, samples, sha256
from protocol import Protocol, load_protocol
from run import Run, load_run
from split import split

VERSION = "1.0.0"
UNITS = {
    "volatility": "sum of squared log returns over 24 h",
    "il": "fraction of starting value; the last column a share of the horizon",
    "yield": "fraction of starting value over the horizon",
}
CHECKED_ROWS = 4000


def export_task(task: str, data: Path, runs: Path, out: Path, protocol: Protocol) -> None:
    """One package folder: model.onnx, manifest.json, sample.json, README.md."""
    run = load_run(runs, task)
    if run.info["fast"]:
        say(f"{task}: fitted with --fast, so this package is for tests only")
    metrics_file = runs / f"{task}.metrics.json"
    if not metrics_file.is_file():
        raise ExportError(f"export: no {metrics_file.name} in {runs}; run evaluate.py first")
    metrics = json.loads(metrics_file.read_text())
    decision_file = runs / "decision.metrics.json"
    decision = json.loads(decision_file.read_text()) if decision_file.is_file() else {}
    meta = load_meta(data, protocol["feature_schema"])
    table = load_table(data, task, meta, protocol)
    parts = split(table, protocol)
    schema_hash = feature_schema_hash(protocol["feature_schema"], run.spec.feature_names)
    properties = {
        "rangekeeper.name": f"{task}-mlp",
        "rangekeeper.version": VERSION,
        "rangekeeper.feature_schema_hash": schema_hash,
    }
    graph = build_graph(run, properties)
    gap = check_graph(graph, run, table.take(parts["test"][:: max(1, len(parts["test"]) // CHECKED_ROWS)]))
    train = table.take(parts["train"])
    manifest = make_manifest(run, graph, schema_hash, meta, metrics, protocol) | {"domain": domain(run, train)}
    folder = out / f"{task}-mlp"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(graph)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    (folder / "sample.json").write_text(json.dumps(samples(graph, run, train), indent=2) + "\n")
    (folder / "README.md").write_text(write_card(manifest, metrics, decision, protocol))
    say(f"{task}: wrote {folder}, {len(graph)} bytes, graph within {gap:.1e} of the network")


def make_manifest(
    run: Run, graph: bytes, schema_hash: str, meta: dict[str, Any], metrics: dict[str, Any], protocol: Protocol
) -> dict[str, Any]:
    """Everything in manifest.json but the domain."""
    task = run.spec.task
    # Candles are for volatility and loss; fees come from pools alone.
    sources = [s for s in meta["sources"] if task != "yield" or not s["file"].startswith("binance")]
    return {
        "schemaVersion": 1,
        "id": f"{task}-mlp",
        "version": VERSION,
        "task": task,
        "format": "onnx",
        "file": "model.onnx",
        "sha256": f"0x{sha256(graph)}",
        "sizeBytes": len(graph),
        "opset": OPSET,
        "irVersion": IR_VERSION,
        "license": "MIT",
        "framework": "jax",
        "featureSchema": {
            "id": protocol["feature_schema"],
            "hash": schema_hash,
            "fields": run.spec.feature_names,
        },
        "inputs": [{"name": n, "dtype": "float32", "shape": ["N", width]} for n, width in run.spec.inputs.items()],
        "outputs": [
            {
                "name": "quantiles",
                "dtype": "float32",
                "shape": ["N", len(OUTPUTS[task])],
                "unit": UNITS[task],
                "columns": OUTPUTS[task],
            }
        ],
        "horizonSeconds": protocol[task]["horizons_seconds"],
        "trainedOn": {
            "sources": sources,
            "dataHash": meta.get("hash", ""),
            "codeHash": run.info["codeHash"],
            "seed": run.shipped,
            "seeds": run.seeds,
            "rows": run.info["rows"],
            "from": run.info["from"],
            "to": run.info["to"],
            "series": run.info["series"],
            "split": protocol[task]["split"],
        },
        "metrics": metrics,
        "samples": SAMPLE_TOLERANCE,
    }


def feature_schema_hash(schema: str, names: list[str]) -> str:
    """sha256 of the compact JSON list [schema, ...names], as the runtime computes it."""
    text = json.dumps([schema, *names], separators=(",", ":"), ensure_ascii=False)
    return "0x" + hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "data", help="folder that ml/data/export.ts wrote")
    parser.add_argument("--runs", type=Path, default=HERE / "data" / "runs", help="folder that train.py wrote")
    parser.add_argument("--out", type=Path, default=HERE.parent / "models", help="folder of the packages")
    parser.add_argument("--protocol", type=Path, default=HERE / "protocol.toml")
    parser.add_argument("--task", choices=TASKS, action="append", help="only this task (repeatable)")
    args = parser.parse_args()
    protocol = load_protocol(args.protocol)
    for task in args.task or TASKS:
        export_task(task, args.data, args.runs, args.out, protocol)


if __name__ == "__main__":
    exit_with(main)
