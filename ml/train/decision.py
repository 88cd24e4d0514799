"""What choosing the best predicted range would have earned, beside fixed ranges on the same days."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from dataset import Table, fields_of, load_table
from errors import DatasetError
from fit import predict
from metrics import rounded
from networks import initial_weights
from protocol import Protocol
from run import Run, load_run
from split import calendar_bounds, share_bounds

DAY = 86400
NOTE = (
    "Decisions a day apart (the mean over four phases of the day): the candidate with the best predicted fees − LVR − cost,"
    " standing aside included, beside always the same width, recentred daily. Basis points of value per day, before"
    " dilution; a move costs {cost} bp of the half of the position that it swaps, full range and standing aside move"
    " never. Rows of the fee model's training span are marked in-sample. The closed forms choose with the same rule and"
    " untrained networks; the last rule knows the future. Few days of few pools: read signs, not digits."
)


def decision_view(data: Path, runs: Path, meta: dict[str, Any], protocol: Protocol) -> dict[str, Any]:
    """Realised fees, LVR and net of each rule, per market and span."""
    columns = _read(data / "decisions.csv")
    fees, losses = load_run(runs, "yield"), load_run(runs, "il")
    realised = {"fees": _number(columns, "fee_yield"), "lvr": _number(columns, "lvr")}
    percent = _number(columns, "percent")
    widths = len(np.unique(percent))
    at, series = _number(columns, "at").astype(np.int64), np.asarray(columns["series"])
    predicted = {
        "model": _net(fees, losses, columns, meta, protocol, trained=True),
        "closed forms": _net(fees, losses, columns, meta, protocol, trained=False),
    }
    cost = protocol["decision"]["cost_bps"] * 0.5e-4
    move = np.where(percent == 0, 0.0, cost).reshape(-1, widths)
    shape = {key: value.reshape(-1, widths) for key, value in (predicted | realised).items()}
    net = shape["fees"] - shape["lvr"]
    choices = {
        "model": _best(shape["model"] - move),
        "closed forms": _best(shape["closed forms"] - move),
        "stand aside": np.full(len(net), -1),
    }
    for fixed in protocol["decision"]["fixed_percent"]:
        name = "full range" if fixed == 0 else f"fixed ±{fixed} %"
        choices[name] = np.full(len(net), int(np.flatnonzero(percent[:widths] == fixed)[0]))
    choices["knows the future"] = _best(net - move)
    day, market = at[::widths], series[::widths]
    spans: dict[str, Any] = {}
    for name, rows in _spans(data, day, market, meta, protocol).items():
        rules = {rule: _score(choice[rows], shape, move, rows) for rule, choice in choices.items()}
        spans[name] = {"days": rounded(len(rows) / 4), "rules": rules}
    return {"note": NOTE.format(cost=protocol["decision"]["cost_bps"]), "spans": spans}


def _read(path: Path) -> dict[str, list[str]]:
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    if len(rows) < 2:
        raise DatasetError(f"dataset: {path.name} has no rows")
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(rows[0])}


def _number(columns: dict[str, list[str]], name: str) -> np.ndarray:
    if name not in columns:
        raise DatasetError(f"dataset: column {name} is missing from decisions.csv")
    return np.asarray([float(text) if text else np.nan for text in columns[name]])


def _net(
    fees: Run, losses: Run, columns: dict[str, list[str]], meta: dict[str, Any], protocol: Protocol, trained: bool
) -> np.ndarray:
    """Predicted mean fees − mean LVR of every row."""
    said = []
    for run in (fees, losses):
        names = fields_of(run.spec.task, meta, protocol)
        features = np.stack([_number(columns, name) for name in names], axis=1)
        mask = np.isnan(features)
        ranges = [_number(columns, name) for name in ("lower_offset", "upper_offset", "horizon_seconds")]
        ranges[2] = np.log(ranges[2] / DAY)
        table = Table(
            task=run.spec.task,
            feature_names=names,
            series_names=[],
            series=np.zeros(len(mask), np.int32),
            at=np.zeros(len(mask), np.int64),
            horizon=np.zeros(len(mask), np.int64),
            features=np.where(mask, 0.0, features).astype(np.float32),
            mask=mask.astype(np.float32),
            range=np.stack(ranges, axis=1).astype(np.float32),
            targets=np.zeros((len(mask), 1)),
        )
        members = run.members[run.shipped] if trained else [initial_weights(run.spec, np.random.default_rng(0))]
        said.append(predict(run.spec, run.fixed, members, table).astype(np.float64))
    return said[0][:, 0] - said[1][:, 4]


def _best(net: np.ndarray) -> np.ndarray:
    """Column of the best candidate, −1 where none is above zero."""
    return np.where(net.max(axis=1) > 0, net.argmax(axis=1), -1)


def _score(choice: np.ndarray, shape: dict[str, np.ndarray], move: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    column = np.maximum(choice, 0)
    taken = (choice >= 0).astype(np.float64)

    def mean_bps(values: np.ndarray) -> float:
        return 1e4 * float(np.mean(values[rows, column] * taken))

    fees, lvr, cost = mean_bps(shape["fees"]), mean_bps(shape["lvr"]), mean_bps(move)
    return {
        "fees": rounded(fees),
        "lvr": rounded(lvr),
        "net": rounded(fees - lvr),
        "after cost": rounded(fees - lvr - cost),
        "moves": f"{np.mean(move[rows, column] * taken > 0):.0%}",
    }


def _spans(data: Path, at: np.ndarray, market: np.ndarray, meta: dict[str, Any], protocol: Protocol) -> dict[str, Any]:
    """Decision rows per market and span, cut where the fee model's table was cut."""
    table = load_table(data, "yield", meta, protocol)
    names = np.asarray([name.removeprefix("inverse-") for name in table.series_names])[table.series]
    loss_train_end = calendar_bounds(protocol)["train"][1]
    out: dict[str, Any] = {}
    for one in sorted(set(market)):
        if not (names == one).any():
            continue
        times = table.at[names == one]
        for span, (low, high) in share_bounds(int(times.min()), int(times.max()), protocol).items():
            rows = np.flatnonzero((market == one) & (at >= low) & (at + DAY <= high))
            if len(rows) < 4:
                continue
            notes = ["in-sample"] if span == "train" else []
            if span != "train" and at[rows].min() < loss_train_end:
                notes.append("inside the loss model's training span")
            out[f"{one}, {span}" + (f" ({', '.join(notes)})" if notes else "")] = rows
    return out
