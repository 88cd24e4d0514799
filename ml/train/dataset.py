"""Loads the files that the TypeScript exporter wrote. Features are computed only there; here they are only read."""

from __future__ import annotations

import csv
import dataclasses
import json
from array import array
from pathlib import Path
from typing import Any

import numpy as np

from errors import DatasetError
from protocol import Protocol

FILES = {"volatility": "volatility.csv", "il": "ranges.csv", "yield": "yield.csv"}
TARGETS = {"volatility": ["rv_24h"], "il": ["il", "lvr", "in_range"], "yield": ["fee_yield"]}
RANGE_COLUMNS = ["lower_offset", "upper_offset", "horizon_seconds"]
EXPORT_HINT = "run `npm run train -- --data DIR`, or `rangekeeper dataset build --data DIR --out ml/train/data`"


@dataclasses.dataclass(frozen=True)
class Table:
    """One task's rows in file order. Features and mask are float32 [N, F]; a missing feature is 0 with mask 1."""

    task: str
    feature_names: list[str]
    series_names: list[str]
    series: np.ndarray
    at: np.ndarray
    horizon: np.ndarray
    features: np.ndarray
    mask: np.ndarray
    range: np.ndarray | None
    targets: np.ndarray

    def take(self, rows: np.ndarray) -> Table:
        """The same table with only these rows."""
        fields = {k: getattr(self, k)[rows] for k in ("series", "at", "horizon", "features", "mask", "targets")}
        ranged = None if self.range is None else self.range[rows]
        return dataclasses.replace(self, range=ranged, **fields)

    def inputs(self) -> dict[str, np.ndarray]:
        """The model's inputs as the ONNX contract names them."""
        ranged = {} if self.range is None else {"range": self.range}
        return {"features": self.features, "mask": self.mask} | ranged


def load_meta(folder: Path, feature_schema: str) -> dict[str, Any]:
    """dataset.json, checked to be of the schema that the protocol was written for."""
    path = folder / "dataset.json"
    if not path.is_file():
        raise DatasetError(f"dataset: no dataset.json in {folder}; {EXPORT_HINT}")
    try:
        meta = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise DatasetError(f"dataset: {path} is not JSON: {error}") from error
    for field in ("schema", "featureNames", "fields", "sources"):
        if field not in meta:
            raise DatasetError(f"dataset: field {field} is missing from {path}")
    if not _holds(str(meta["schema"]), feature_schema):
        raise DatasetError(f"dataset: schema is {meta['schema']!r}, the protocol asks for {feature_schema!r} or later")
    return meta


def _holds(found: str, wanted: str) -> bool:
    """Whether a feature set is the wanted one or a later version of it, which keeps what the earlier ones had."""
    (name, _, version), (asked, _, least) = found.partition("@"), wanted.partition("@")
    return name == asked and version.isdigit() and int(version) >= int(least)


def fields_of(task: str, meta: dict[str, Any], protocol: Protocol) -> list[str]:
    """The features that a task reads, in the order of the ONNX inputs; DatasetError for one that is not there."""
    ignored = protocol.get(task, {}).get("ignore", [])
    names = [name for name in meta["fields"].get(task, []) if name not in ignored]
    roles = protocol["features"]
    needed = [*roles["variance"], roles["halted_feature"], *(roles["fee"] if task == "yield" else [])]
    for name in needed:
        if name not in names:
            raise DatasetError(f"dataset: feature {name} is missing from fields.{task}, the protocol needs it")
    return names


def load_table(folder: Path, task: str, meta: dict[str, Any], protocol: Protocol, unlabelled: bool = False) -> Table:
    """One task's table; raises DatasetError naming file, line, column, value and rule.

    Rows of volatility.csv whose label is not known (an empty field) are left out, or kept as NaN if `unlabelled`.
    """
    path = folder / FILES[task]
    if not path.is_file():
        raise DatasetError(f"dataset: no {path.name} in {folder}; {EXPORT_HINT}")
    names = fields_of(task, meta, protocol)
    ranged = RANGE_COLUMNS if task != "volatility" else []
    wanted = ["at", *names, *ranged, *TARGETS[task]]
    series_index: dict[str, int] = {}
    series: list[int] = []
    numbers = array("d")
    with path.open(newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        for column in ["series", *wanted]:
            if column not in header:
                raise DatasetError(f"dataset: column {column} is missing from {path.name}")
        places = [header.index(column) for column in wanted]
        series_at = header.index("series")
        for row in reader:
            try:
                numbers.extend([float(row[i]) if row[i] else np.nan for i in places])
            except (ValueError, IndexError) as error:
                raise DatasetError(
                    f"dataset: {path.name} line {reader.line_num}: {error}; every field is a number or empty"
                ) from error
            series.append(series_index.setdefault(row[series_at], len(series_index)))
    if not series:
        raise DatasetError(f"dataset: {path.name} has no rows")
    values = np.frombuffer(numbers, dtype=np.float64).reshape(len(series), len(wanted))
    _refuse_gaps(path.name, values, wanted, ["at", *ranged, *(TARGETS[task] if task != "volatility" else [])])
    if task == "volatility" and not unlabelled:
        known = np.isfinite(values[:, -1])
        values, series = values[known], np.asarray(series)[known].tolist()
    width = len(names)
    features = values[:, 1 : 1 + width]
    mask = ~np.isfinite(features)
    offsets = None
    horizon = np.full(len(series), 86400.0)
    if ranged:
        lower, upper, horizon = values[:, 1 + width : 4 + width].T
        if not (lower < upper).all() or not (horizon > 0).all():
            line = int(np.flatnonzero(~((lower < upper) & (horizon > 0)))[0]) + 2
            raise DatasetError(
                f"dataset: {path.name} line {line}: need lower_offset < upper_offset and horizon_seconds > 0"
            )
        offsets = np.stack([lower, upper, np.log(horizon / 86400.0)], axis=1).astype(np.float32)
    targets = values[:, -len(TARGETS[task]) :]
    _check_signs(path.name, task, targets)
    return Table(
        task=task,
        feature_names=names,
        series_names=list(series_index),
        series=np.asarray(series, dtype=np.int32),
        at=values[:, 0].astype(np.int64),
        horizon=horizon.astype(np.int64),
        features=np.where(mask, 0.0, features).astype(np.float32),
        mask=mask.astype(np.float32),
        range=offsets,
        targets=targets,
    )


def _refuse_gaps(name: str, values: np.ndarray, columns: list[str], required: list[str]) -> None:
    for column in required:
        bad = np.flatnonzero(~np.isfinite(values[:, columns.index(column)]))
        if bad.size:
            value = values[bad[0], columns.index(column)]
            raise DatasetError(f"dataset: {name} line {int(bad[0]) + 2}: {column} is {value}, must be finite")


def _check_signs(name: str, task: str, targets: np.ndarray) -> None:
    rules = {
        "volatility": [("rv_24h", ~(targets[:, 0] < 0), "must be ≥ 0")],
        "yield": [("fee_yield", targets[:, 0] >= 0, "must be ≥ 0")],
        "il": [
            ("il", targets[:, 0] <= 1e-9, "must be ≤ 0"),
            ("lvr", targets[:, min(1, targets.shape[1] - 1)] >= -1e-9, "must be ≥ 0"),
            ("in_range", np.abs(targets[:, -1] - 0.5) <= 0.5 + 1e-9, "must be in 0..1"),
        ],
    }
    for index, (column, good, rule) in enumerate(rules[task]):
        bad = np.flatnonzero(~good)
        if bad.size:
            raise DatasetError(f"dataset: {name} line {int(bad[0]) + 2}: {column} is {targets[bad[0], index]}, {rule}")
