"""Writes the model packages from the fitted networks: `python ml/train/export.py --out ml/models`."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from cli import HERE, exit_with, one_thread, say

one_thread()

from card import write_card
from dataset import Table, load_meta, load_table
from errors import ExportError
from networks import OUTPUTS, TASKS
from package import Package, TestedOn, TrainedOn, write_package
from protocol import Protocol, load_protocol
from recorded import build_graph, check_graph, domain, samples
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
    graph = build_graph(run, {})
    test = table.take(parts["test"])
    gap = check_graph(graph, run, test.take(slice(None, None, max(1, len(test.at) // CHECKED_ROWS))))
    train = table.take(parts["train"])
    package = describe(run, graph, meta, metrics, protocol, train, test)
    write_package(
        out / package.name,
        dataclasses.replace(package, card=lambda manifest: write_card(manifest, metrics, decision, protocol)),
    )
    say(f"{task}: wrote {out / package.name}, {len(graph)} bytes, graph within {gap:.1e} of the network")


def describe(
    run: Run, graph: bytes, meta: dict[str, Any], metrics: dict[str, Any], protocol: Protocol, train: Table, test: Table
) -> Package:
    """Everything the package says but its card."""
    task = run.spec.task
    held_out = protocol[task]["split"] == "calendar"
    return Package(
        name=f"{task}-mlp",
        version=VERSION,
        task=task,
        framework="jax",
        graph=graph,
        features=run.spec.feature_names,
        columns=OUTPUTS[task],
        unit=UNITS[task],
        horizons_seconds=protocol[task]["horizons_seconds"],
        domain=domain(run, train),
        samples=samples(graph, run, train),
        trained_on=TrainedOn(
            since=run.info["from"],
            until=run.info["to"],
            rows=run.info["rows"],
            data_hash=meta.get("hash", ""),
            code_hash=run.info["codeHash"],
            # Candles are for volatility and loss; fees come from pools alone.
            sources=[s for s in meta["sources"] if task != "yield" or not s["file"].startswith("binance")],
            split=protocol[task]["split"],
            seeds=run.seeds,
            embargo_seconds=protocol["split"][protocol[task]["split"]]["embargo_seconds"],
            series=run.info["series"],
        ),
        # Pools are cut each by its own span: there is no one span that all of the test lies in.
        tested_on=TestedOn(int(test.at.min()), int((test.at + test.horizon).max())) if held_out else None,
        metrics=metrics,
        reproduce="npm run train -- --data DIR",
        feature_schema=protocol["feature_schema"],
        notes={"seed": run.shipped},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "data", help="folder that `dataset build` wrote")
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
