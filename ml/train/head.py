"""Distils the on-chain head from the posterior over volatility: `python ml/train/head.py --rows head.csv`.

Teacher: the calibrated posterior as it stood at each time, around the volatility model as it was fitted by then.
Student: head_net.py on what the chain can measure. Walk-forward by the protocol's calendar, each window on the rows
before it, then the fit that ships. Leaves the networks for ml/models/head/judge.ts, which makes integers of them and
scores them, and for head_package.py.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from pathlib import Path
from typing import Any

from cli import HERE, exit_with, one_thread, say

one_thread()

import numpy as np

import head_net
from errors import DatasetError
from protocol import Protocol, load_protocol
from walk import DAY, Arrays, Window, calendar_windows, stamp_of, walk

CODE = [HERE / f"{name}.py" for name in ("head", "head_net")]
# Less than a tick of movement in a day is a halted exchange, not a market.
HALTED_BELOW = 16
FAST_STEPS = 40
OUTCOMES = ["realised", "move"]


def read_rows(path: Path) -> dict[str, np.ndarray]:
    """Columns of the file that ml/data/headRows.ts wrote."""
    if not path.is_file():
        raise DatasetError(f"head: no file {path}; run ml/data/headRows.ts first")
    with path.open() as file:
        rows = list(csv.reader(file))
    header, body = rows[0], rows[1:]
    if header != ["series", "at", *(f"x{i}" for i in range(head_net.INPUTS)), *head_net.COLUMNS, *OUTCOMES]:
        raise DatasetError(f"head: {path} has other columns than ml/data/headRows.ts writes")
    if not body:
        raise DatasetError(f"head: {path} holds no rows")
    numbers = np.asarray([row[2:] for row in body], np.float64)
    ends = head_net.INPUTS + len(head_net.COLUMNS)
    table = {
        "series": np.asarray([row[0] for row in body]),
        "at": np.asarray([int(row[1]) for row in body]),
        "x": numbers[:, : head_net.INPUTS].astype(np.float32),
        "target": numbers[:, head_net.INPUTS : ends].astype(np.float32),
    }
    kept = table["x"][:, -1] >= HALTED_BELOW
    return {name: column[kept] for name, column in table.items()}


def fit_until(
    table: dict[str, np.ndarray], known: int, seeds: list[int], half_life_days: float, steps: int
) -> list[head_net.Weights]:
    """Networks per seed on the rows of before `known`: what the posterior said is known when it is said."""
    rows = np.flatnonzero(table["at"] < known)
    if not len(rows):
        raise DatasetError("head: no rows before a window of the protocol")
    weight = 0.5 ** ((known - table["at"][rows]) / DAY / half_life_days)
    return head_net.fit(table["x"][rows], table["target"][rows], weight, seeds, steps)


def packed(fits: list[head_net.Weights]) -> Arrays:
    """Layers of all seeds as arrays with names, for a checkpoint; inputs in the chain's unit."""
    layers = [head_net.on_chain(one) for one in fits]
    return {
        f"{kind}{i}": np.stack([member[i][k] for member in layers])
        for i in range(len(layers[0]))
        for k, kind in enumerate("wb")
    }


def net_of(name: str, seed: int, place: int, window: Window, found: Arrays) -> dict[str, Any]:
    """One network as ml/models/head/judge.ts reads it."""
    layers = [
        {"weights": found[f"w{i}"][place].T.tolist(), "biases": found[f"b{i}"][place].tolist()}
        for i in range(len(found) // 2)
    ]
    return {
        "name": name,
        "seed": seed,
        "from": window.start,
        "until": window.stop,
        "known": window.known,
        "layers": layers,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, default=HERE / "data" / "head.csv", help="what ml/data/headRows.ts wrote")
    parser.add_argument("--work", type=Path, help="checkpoints and networks (default: head/ beside the rows)")
    parser.add_argument("--protocol", type=Path, default=HERE / "protocol.toml")
    parser.add_argument("--fast", action="store_true", help="two windows, few steps: for tests, never for release")
    args = parser.parse_args()
    protocol: Protocol = load_protocol(args.protocol)
    table = read_rows(args.rows)
    work = args.work or args.rows.parent / "head"
    seeds, half_life = list(protocol["walk_forward"]["seeds"]), protocol["volatility"]["half_life_days"]
    windows, steps = calendar_windows(protocol), head_net.STEPS
    if args.fast:
        windows, steps = windows[-2:], FAST_STEPS
    rows_hash = hashlib.sha256(args.rows.read_bytes()).hexdigest()
    stamp = stamp_of(protocol, rows_hash + str(steps), CODE)

    def fit(window: Window, _: int) -> Arrays:
        return packed(fit_until(table, window.known, seeds, half_life, steps))

    found = walk("head", windows, [0], fit, work, stamp, say)[0]
    nets = [
        net_of(f"window {window.number}", seed, place, window, answer)
        for window, answer in zip(windows, found, strict=True)
        for place, seed in enumerate(seeds)
    ]
    cut = {name: int(at.timestamp()) for name, at in protocol["split"]["calendar"].items() if name != "embargo_seconds"}
    final = fit_until(table, cut["train_until"], seeds, half_life, steps)
    held = (table["at"] >= cut["validation_from"]) & (table["at"] < cut["validation_until"])
    if not held.any():
        raise DatasetError("head: no rows in the validation span of the protocol")
    errors = {
        seed: float(
            head_net.loss(one, table["x"][held] / head_net.INPUT_ONE, table["target"][held], np.ones(held.sum()))
        )
        for seed, one in zip(seeds, final, strict=True)
    }
    shipped = min(errors, key=lambda seed: errors[seed])
    for seed, error in errors.items():
        say(f"head: seed {seed}: validation {error:.5f}{', shipped' if seed == shipped else ''}")
    place = seeds.index(shipped)
    test = Window(len(windows), cut["test_from"], windows[-1].stop, cut["train_until"])
    nets.append(net_of("shipped", shipped, place, test, packed(final)))
    work.mkdir(parents=True, exist_ok=True)
    (work / "model.onnx").write_bytes(head_net.graph_of(final[place]))
    described = json.loads(args.rows.with_suffix(".json").read_text())
    until = {
        "train": table["at"] < cut["train_until"],
        "validation": held,
        "test": table["at"] >= cut["test_from"],
    }
    about = {
        "seeds": seeds,
        "shippedSeed": shipped,
        "fast": args.fast,
        "windowSeconds": described["windowSeconds"],
        "sources": described["sources"],
        "series": sorted(set(table["series"].tolist())),
        "rows": {name: int(rows.sum()) for name, rows in until.items()},
        "from": int(table["at"].min()),
        "to": cut["train_until"],
        "root": [float(np.percentile(table["x"][until["train"], -1], q)) for q in (1, 99)],
        "rowsHash": "0x" + rows_hash,
        "codeHash": "0x" + hashlib.sha256(b"".join(path.read_bytes() for path in CODE)).hexdigest(),
    }
    (work / "nets.json").write_text(json.dumps(about | {"nets": nets}) + "\n")
    say(f"head: wrote {work / 'nets.json'}: {len(nets)} networks")


if __name__ == "__main__":
    exit_with(main)
