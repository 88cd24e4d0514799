"""Fits the on-chain head: `python ml/train/head.py --rows ml/train/data/head.csv --out ml/models/spread-head`.

A dense network with ReLU from what the chain can measure itself to quantiles of the size of the next day's move. It is
small on purpose: a contract evaluates it in integers on every move. Scale is augmented, so that one network serves
stable pairs and wild ones alike.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli import HERE, exit_with, one_thread, say

one_thread()

import jax
import jax.numpy as jnp
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from errors import DatasetError
from ops import IR_VERSION, OPSET
from protocol import Protocol, load_protocol

INPUTS = 8
HIDDEN = [32, 32]
# Of the size of a move: its median, a rare one, and last the one that counts: an upper decile has a move of either sign
# in one case out of five.
COLUMNS = {"median": 0.5, "rare": 0.95, "spread": 0.8}
LEVELS = np.asarray(list(COLUMNS.values()), np.float32)
# An input of 1 is a sixteenth of a tick of a ten-thousandth: so many make a move of 1.
INPUT_ONE = 16.0 * 10_000
# Markets this many times calmer and wilder than those in the rows.
CALMEST, WILDEST = 0.05, 2.0
# Less than a tick of movement in a day is a halted exchange, not a market.
HALTED_BELOW = 16
EPOCHS, BATCH, RATE, DECAY = 24, 2048, 2e-3, 1e-4

Weights = list[tuple[Any, Any]]


def read_rows(path: Path) -> dict[str, np.ndarray]:
    """Columns of the file that ml/data/headRows.ts wrote."""
    if not path.is_file():
        raise DatasetError(f"head: no file {path}; run ml/data/headRows.ts first")
    with path.open() as file:
        rows = list(csv.reader(file))
    header, body = rows[0], rows[1:]
    if header != ["series", "at", *(f"x{i}" for i in range(INPUTS)), "move"]:
        raise DatasetError(f"head: {path} has other columns than ml/data/headRows.ts writes")
    table = {
        "series": np.asarray([row[0] for row in body]),
        "at": np.asarray([int(row[1]) for row in body]),
        "x": np.asarray([[float(v) for v in row[2 : 2 + INPUTS]] for row in body], np.float32),
        "move": np.asarray([float(row[-1]) for row in body], np.float32),
    }
    kept = table["x"][:, -1] >= HALTED_BELOW
    return {name: column[kept] for name, column in table.items()}


def spans(at: np.ndarray, protocol: Protocol) -> dict[str, np.ndarray]:
    """Row numbers of train, validation and test: the protocol's calendar, labels purged, an embargo in between."""
    cut = protocol["split"]["calendar"]
    day, embargo = 86_400, cut["embargo_seconds"]
    seconds = {name: int(cut[name].timestamp()) for name in cut if name != "embargo_seconds"}
    inside = {
        "train": at + day <= seconds["train_until"],
        "validation": (at >= seconds["validation_from"] + embargo) & (at + day <= seconds["validation_until"]),
        "test": at >= seconds["test_from"] + embargo,
    }
    for name, rows in inside.items():
        if not rows.any():
            raise DatasetError(f"head: no rows in the {name} span of the protocol")
    return {name: np.flatnonzero(rows) for name, rows in inside.items()}


def realised_spread(x: np.ndarray) -> np.ndarray:
    """What the contract's own estimator says of the same inputs: 1.28 deviations a day, corrected for the averaging."""
    squares = (x[:, :-1].astype(np.float64) ** 2).sum(axis=1)
    # Seven changes of cells of an eighth of a day: 3 Σd² / Σ(h₁ + h₂).
    return 1.28 * np.sqrt(3 * squares / (7 * 2 / 8)) / INPUT_ONE


def pinball(predicted: Any, move: Any, levels: Any) -> Any:
    """Quantile loss per row and level."""
    error = move - predicted
    return jnp.maximum(levels * error, (levels - 1) * error)


def forward(weights: Weights, x: Any) -> Any:
    """ReLU after each layer but the last."""
    for w, b in weights[:-1]:
        x = jnp.maximum(x @ w + b, 0.0)
    w, b = weights[-1]
    return x @ w + b


def initial(rng: np.random.Generator) -> Weights:
    dims = [INPUTS, *HIDDEN, len(LEVELS)]
    return [
        (
            jnp.asarray(rng.normal(0, (2 / i) ** 0.5, (i, o)), jnp.float32) * (0.3 if o == dims[-1] else 1.0),
            jnp.zeros(o, jnp.float32),
        )
        for i, o in itertools.pairwise(dims)
    ]


def fit(
    train: tuple[np.ndarray, np.ndarray], held: tuple[np.ndarray, np.ndarray], seed: int, epochs: int
) -> tuple[Weights, float]:
    """Weights of the epoch that is best on validation, with Adam; the same seed and rows give the same weights."""
    rng = np.random.default_rng(seed)
    weights = initial(rng)
    count = len(train[1])
    batch = min(BATCH, count)
    steps = max(1, count // batch)

    def loss(w: Weights, x: Any, move: Any) -> Any:
        # Relative to the day's own movement, so that calm and wild rows count alike.
        usual = x[:, -1:] + 0.0005
        return jnp.mean(pinball(forward(w, x), move[:, None], LEVELS) / usual)

    @jax.jit
    def step(w: Weights, m: Weights, v: Weights, t: Any, x: Any, move: Any) -> tuple[Weights, Weights, Weights]:
        gradient = jax.grad(loss)(w, x, move)
        rate = RATE * 0.5 * (1 + jnp.cos(jnp.pi * t / (epochs * steps)))
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, gradient)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, gradient)
        w = jax.tree.map(
            lambda p, a, b: (
                p - rate * (a / (1 - 0.9 ** (t + 1)) / (jnp.sqrt(b / (1 - 0.999 ** (t + 1))) + 1e-8) + DECAY * p)
            ),
            w,
            m,
            v,
        )
        return w, m, v

    judge = jax.jit(loss)
    m = v = jax.tree.map(jnp.zeros_like, weights)
    best, best_loss, t = weights, float("inf"), 0
    for _ in range(epochs):
        order = rng.permutation(count)
        for start in range(steps):
            rows = order[start * batch : (start + 1) * batch]
            scale = np.exp(rng.uniform(np.log(CALMEST), np.log(WILDEST), len(rows))).astype(np.float32)
            # Half of the rows as they were.
            scale[::2] = 1.0
            x = train[0][rows] / INPUT_ONE * scale[:, None]
            weights, m, v = step(weights, m, v, t, x, train[1][rows] * scale)
            t += 1
        now = float(judge(weights, held[0] / INPUT_ONE, held[1]))
        if now < best_loss:
            best, best_loss = weights, now
    return best, best_loss


def measure(predicted: np.ndarray, move: np.ndarray) -> dict[str, float]:
    """Pinball loss in basis points of the price, and the share of moves that stayed inside (nominal .8)."""
    loss = float(jnp.mean(pinball(predicted, move, 0.8)))
    return {"pinballBps": round(1e4 * loss, 2), "inside": round(float((move <= predicted).mean()), 4)}


def evaluate(weights: Weights, x: np.ndarray, move: np.ndarray, level: float) -> dict[str, dict[str, float]]:
    """The head beside the contract's estimator and beside a constant, on rows that neither has seen."""
    spread = np.maximum(np.asarray(forward(weights, jnp.asarray(x / INPUT_ONE)))[:, -1], 0)
    return {
        "head": measure(spread, move),
        "realised": measure(realised_spread(x), move),
        "worseOfBoth": measure(np.maximum(spread, realised_spread(x)), move),
        "constant": measure(np.full(len(move), level), move),
    }


def graph_of(weights: Weights) -> bytes:
    """ONNX of MatMul, Add and Relu; takes the whole numbers that the chain hands over."""
    nodes, constants, last = [], [], "x"
    for i, (w, b) in enumerate(weights):
        matrix = np.asarray(w, np.float32) / (INPUT_ONE if i == 0 else 1.0)
        constants += [
            numpy_helper.from_array(matrix.astype(np.float32), f"w{i}"),
            numpy_helper.from_array(np.asarray(b, np.float32), f"b{i}"),
        ]
        ends = i == len(weights) - 1
        nodes += [
            helper.make_node("MatMul", [last, f"w{i}"], [f"m{i}"]),
            helper.make_node("Add", [f"m{i}", f"b{i}"], ["moves" if ends else f"a{i}"]),
        ]
        if not ends:
            nodes.append(helper.make_node("Relu", [f"a{i}"], [f"h{i}"]))
        last = f"h{i}"
    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "rangekeeper-head",
        [tensor("x", TensorProto.FLOAT, ["N", INPUTS])],
        [tensor("moves", TensorProto.FLOAT, ["N", len(LEVELS)])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "rangekeeper-train"
    return model.SerializeToString()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, default=HERE / "data" / "head.csv", help="what ml/data/headRows.ts wrote")
    parser.add_argument(
        "--out", type=Path, default=HERE.parent / "models" / "spread-head", help="folder of the package"
    )
    parser.add_argument("--protocol", type=Path, default=HERE / "protocol.toml")
    parser.add_argument("--fast", action="store_true", help="one seed, one epoch: for tests, never for release")
    args = parser.parse_args()
    protocol = load_protocol(args.protocol)
    table = read_rows(args.rows)
    parts = spans(table["at"], protocol)
    say(", ".join(f"{name} {len(rows)} rows" for name, rows in parts.items()))

    def take(span: str) -> tuple[np.ndarray, np.ndarray]:
        return table["x"][parts[span]], table["move"][parts[span]]

    seeds = protocol["seeds"][:1] if args.fast else protocol["seeds"]
    fits = {seed: fit(take("train"), take("validation"), seed, 1 if args.fast else EPOCHS) for seed in seeds}
    shipped = min(fits, key=lambda seed: fits[seed][1])
    weights = fits[shipped][0]
    for seed, (_, loss) in fits.items():
        say(f"seed {seed}: validation {loss:.5f}")
    scores = evaluate(weights, *take("test"), level=float(np.quantile(table["move"][parts["train"]], 0.8)))
    for name, score in scores.items():
        say(f"test, {name}: pinball {score['pinballBps']} bp, inside {score['inside']:.3f} (nominal .8)")

    graph = graph_of(weights)
    described = json.loads(args.rows.with_suffix(".json").read_text())
    manifest = {
        "schemaVersion": 1,
        "id": "spread-head",
        "version": "1.0.0",
        "task": "head",
        "format": "onnx",
        "file": "model.onnx",
        "sha256": "0x" + hashlib.sha256(graph).hexdigest(),
        "sizeBytes": len(graph),
        "license": "MIT",
        "inputs": {
            "name": "x",
            "shape": ["N", INPUTS],
            "unit": "1/16 tick",
            "windowSeconds": described["windowSeconds"],
            "columns": [*(f"change{i}" for i in range(INPUTS - 1)), "root"],
        },
        "outputs": {"name": "moves", "columns": list(COLUMNS), "levels": list(COLUMNS.values()), "unit": "1 = 100 %"},
        "horizonSeconds": 86_400,
        "domain": {
            "root": {p: float(np.percentile(take("train")[0][:, -1], q)) for p, q in (("p1", 1), ("p99", 99))},
            "scales": [CALMEST, WILDEST],
        },
        "trainedOn": {
            "sources": described["sources"],
            "series": sorted(set(table["series"].tolist())),
            "rows": {name: len(rows) for name, rows in parts.items()},
            "from": datetime.fromtimestamp(int(table["at"].min()), UTC).strftime("%Y-%m-%d"),
            "to": datetime.fromtimestamp(int(table["at"].max()), UTC).strftime("%Y-%m-%d"),
            "seed": shipped,
            "seeds": list(fits),
            "rowsHash": "0x" + hashlib.sha256(args.rows.read_bytes()).hexdigest(),
            "codeHash": "0x" + hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
        },
        "metrics": {"test": scores},
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "model.onnx").write_bytes(graph)
    (args.out / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    say(f"wrote {args.out}: {len(graph)} bytes, seed {shipped}")


if __name__ == "__main__":
    exit_with(main)
