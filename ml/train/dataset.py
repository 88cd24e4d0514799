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

FILE = "volatility.csv"
EXPORT_HINT = "run `npm run train -- --data DIR`, or `rangekeeper dataset build --data DIR --out ml/train/data`"


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows in file order. Features and mask are float32 [N, F]; a missing feature is 0 with mask 1."""

    feature_names: list[str]
    series_names: list[str]
    series: np.ndarray
    at: np.ndarray
    features: np.ndarray
    mask: np.ndarray


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


def load_table(folder: Path, meta: dict[str, Any], protocol: Protocol) -> Table:
    """volatility.csv; raises DatasetError naming file, line, column, value and rule."""
    path = folder / FILE
    if not path.is_file():
        raise DatasetError(f"dataset: no {FILE} in {folder}; {EXPORT_HINT}")
    names = list(meta["fields"].get("volatility", []))
    needed = protocol["features"]["halted_feature"]
    if needed not in names:
        raise DatasetError(f"dataset: feature {needed} is missing from fields.volatility, the protocol needs it")
    wanted = ["at", *names]
    series_index: dict[str, int] = {}
    series: list[int] = []
    numbers = array("d")
    with path.open(newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        for column in ["series", *wanted]:
            if column not in header:
                raise DatasetError(f"dataset: column {column} is missing from {FILE}")
        places = [header.index(column) for column in wanted]
        series_at = header.index("series")
        for row in reader:
            try:
                numbers.extend([float(row[i]) if row[i] else np.nan for i in places])
            except (ValueError, IndexError) as error:
                raise DatasetError(
                    f"dataset: {FILE} line {reader.line_num}: {error}; every field is a number or empty"
                ) from error
            series.append(series_index.setdefault(row[series_at], len(series_index)))
    if not series:
        raise DatasetError(f"dataset: {FILE} has no rows")
    values = np.frombuffer(numbers, dtype=np.float64).reshape(len(series), len(wanted))
    at, features = values[:, 0], values[:, 1:]
    bad = np.flatnonzero(~np.isfinite(at))
    if bad.size:
        raise DatasetError(f"dataset: {FILE} line {int(bad[0]) + 2}: at is empty, must be unix seconds")
    mask = ~np.isfinite(features)
    return Table(
        feature_names=names,
        series_names=list(series_index),
        series=np.asarray(series, dtype=np.int32),
        at=at.astype(np.int64),
        features=np.where(mask, 0.0, features).astype(np.float32),
        mask=mask.astype(np.float32),
    )
