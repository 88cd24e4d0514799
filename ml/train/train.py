"""Fits the three networks on an exported dataset: `python ml/train/train.py --data ml/train/data`."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import HERE, exit_with, one_thread, say

one_thread()

import numpy as np

from dataset import Table, load_meta, load_table
from errors import DatasetError
from fit import fit, make_spec, normalisation
from networks import TASKS
from protocol import Protocol, load_protocol
from run import Run, code_hash, save_run
from split import split

FAST_ROWS = 3000
FAST_EPOCHS = 2


def train_task(task: str, folder: Path, protocol: Protocol, fast: bool) -> Run:
    """All seeds of one task; the shipped one has the least validation loss."""
    meta = load_meta(folder, protocol["feature_schema"])
    table = load_table(folder, task, meta, protocol)
    spec = make_spec(task, table.feature_names, protocol)
    parts = split(table, protocol)
    say(
        f"{task}: {len(table.at)} rows of {len(table.series_names)} series; "
        + ", ".join(f"{k} {len(v)}" for k, v in parts.items())
    )
    for span in ("train", "validation"):
        if not len(parts[span]):
            raise DatasetError(f"dataset: {task} has no rows in the {span} span of the protocol")
    limit = FAST_ROWS if fast else protocol[task]["max_rows"]
    train = table.take(_thin(parts["train"][_trading(table, protocol)[parts["train"]]], limit))
    validation = table.take(_thin(parts["validation"], limit))
    fixed = normalisation(spec, train)
    seeds = protocol["seeds"][:1] if fast else protocol["seeds"]
    members: dict[int, list[dict[str, np.ndarray]]] = {}
    losses: dict[int, float] = {}
    for seed in seeds:
        count = 1 if fast else protocol[task]["members"]
        found = [
            fit(spec, fixed, train, validation, protocol, 1000 * seed + i, say, FAST_EPOCHS if fast else None)
            for i in range(count)
        ]
        members[seed] = [weights for weights, _ in found]
        losses[seed] = float(np.mean([loss for _, loss in found]))
    info = {
        "rows": {span: len(rows) for span, rows in parts.items()} | {"fitted": len(train.at)},
        "from": int(train.at.min()),
        "to": int((train.at + train.horizon).max()),
        "series": _series_of(train),
        "dataHash": meta.get("hash", ""),
        "codeHash": code_hash(HERE),
        "fast": fast,
    }
    return Run(spec, fixed, list(seeds), members, losses, min(losses, key=lambda s: losses[s]), info)


def _trading(table: Table, protocol: Protocol) -> np.ndarray:
    """Rows whose market was not halted, by the protocol's rule; a missing feature does not count as halted."""
    column = table.feature_names.index(protocol["features"]["halted_feature"])
    return (table.mask[:, column] == 1) | (table.features[:, column] >= protocol["features"]["halted_below"])


def _thin(rows: np.ndarray, limit: int) -> np.ndarray:
    """Every n-th row, in time order, so that a limit never cuts a span short."""
    return rows[:: -(-len(rows) // limit)] if len(rows) else rows


def _series_of(table: Table) -> list[str]:
    return [name for i, name in enumerate(table.series_names) if (table.series == i).any()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "data", help="folder that `dataset build` wrote")
    parser.add_argument("--out", type=Path, default=HERE / "data" / "runs", help="where weights go")
    parser.add_argument("--protocol", type=Path, default=HERE / "protocol.toml")
    parser.add_argument("--task", choices=TASKS, action="append", help="only this task (repeatable)")
    parser.add_argument(
        "--fast", action="store_true", help="one seed, few rows and epochs: for tests, never for release"
    )
    args = parser.parse_args()
    protocol = load_protocol(args.protocol)
    for task in args.task or TASKS:
        run = train_task(task, args.data, protocol, args.fast)
        save_run(args.out, run)
        best = f"seed {run.shipped} is best on validation ({run.validation[run.shipped]:.5f})"
        say(f"{task}: wrote {args.out / task}.npz, {best}")


if __name__ == "__main__":
    exit_with(main)
