"""Reads what ml/data/yieldRows.ts wrote: hours of pools with the income of fixed ranges, and days of pools."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from errors import DatasetError
from fees import FEATURES, HOURS, Rows
from protocol import Protocol
from walk import DAY

HINT = "run `npx tsx ml/data/yieldRows.ts --data DIR --out ml/train/data`"
DAY_FEATURES = ["log_fee_24h", "log_fee_168h", "log_fee_720h", "log_parkinson_24h", "log_parkinson_168h"]
DAY_CALENDAR = ["weekday_sin", "weekday_cos"]


@dataclasses.dataclass(frozen=True)
class Days:
    """Days of all pools; features by name and labels by hours, NaN where not known."""

    series_names: list[str]
    series: np.ndarray
    at: np.ndarray
    features: dict[str, np.ndarray]
    labels: dict[int, np.ndarray]


def load_fee_meta(folder: Path) -> dict[str, Any]:
    """yield-rows.json."""
    path = folder / "yield-rows.json"
    if not path.is_file():
        raise DatasetError(f"dataset: no {path.name} in {folder}; {HINT}")
    meta = json.loads(path.read_text())
    for field in ("schema", "horizonsHours", "ranges", "sources", "hash"):
        if field not in meta:
            raise DatasetError(f"dataset: field {field} is missing from {path.name}")
    if tuple(meta["horizonsHours"]) != HOURS:
        raise DatasetError(f"dataset: horizonsHours is {meta['horizonsHours']}, must be {list(HOURS)}")
    return meta


def load_hours(folder: Path, meta: dict[str, Any]) -> Rows:
    """yield-hours.csv; DatasetError names a column that is missing or a line that is not numbers."""
    names = list(meta["ranges"])
    labels = [f"fee_{hours}h_{name}" for hours in HOURS for name in names]
    series_names, series, table = read_table(folder / "yield-hours.csv", ["at", *FEATURES, *labels])
    width = len(FEATURES)
    features = table[:, 1 : 1 + width]
    income = table[:, 1 + width :].reshape(len(table), len(HOURS), len(names))
    if (income < 0).any():
        line = int(np.flatnonzero((income < 0).any(axis=(1, 2)))[0]) + 2
        raise DatasetError(f"dataset: yield-hours.csv line {line}: an income is negative, must be ≥ 0")
    return Rows(
        series_names=series_names,
        series=series,
        at=table[:, 0].astype(np.int64),
        features=np.where(np.isfinite(features), features, 0.0).astype(np.float32),
        mask=(~np.isfinite(features)).astype(np.float32),
        ranges=np.asarray([[meta["ranges"][n]["lower"], meta["ranges"][n]["upper"]] for n in names]),
        range_names=names,
        labels={hours: income[:, k] for k, hours in enumerate(HOURS)},
    )


def trainable(rows: Rows, protocol: Protocol) -> np.ndarray:
    """Rows of pools that are long enough to be cut; the others are for test only."""
    least = protocol["split"]["share"]["test_only_below_days"] * DAY
    long = [np.ptp(rows.at[rows.series == i]) >= least for i in range(len(rows.series_names))]
    return np.asarray(long)[rows.series]


def load_days(folder: Path) -> Days:
    """yield-days.csv."""
    wanted = [*DAY_FEATURES, *DAY_CALENDAR]
    names, series, table = read_table(folder / "yield-days.csv", ["at", *wanted, "fee_24h_full", "fee_168h_full"])
    return Days(
        series_names=names,
        series=series,
        at=table[:, 0].astype(np.int64),
        features={name: table[:, 1 + i] for i, name in enumerate(wanted)},
        labels={24: table[:, -2], 168: table[:, -1]},
    )


def read_table(path: Path, wanted: list[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names of the series, each row's number among them, and the wanted columns [N, k], NaN where empty."""
    if not path.is_file():
        raise DatasetError(f"dataset: no {path.name} in {path.parent}; {HINT}")
    with path.open(newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        for column in ["series", *wanted]:
            if column not in header:
                raise DatasetError(f"dataset: column {column} is missing from {path.name}")
        places, name_at = [header.index(column) for column in wanted], header.index("series")
        known: dict[str, int] = {}
        series, numbers = [], []
        for row in reader:
            try:
                numbers.append([float(row[i]) if row[i] else np.nan for i in places])
            except (ValueError, IndexError) as error:
                raise DatasetError(
                    f"dataset: {path.name} line {reader.line_num}: {error}; every field is a number or empty"
                ) from error
            series.append(known.setdefault(row[name_at], len(known)))
    if not numbers:
        raise DatasetError(f"dataset: {path.name} has no rows")
    table = np.asarray(numbers)
    bad = np.flatnonzero(~np.isfinite(table[:, 0]))
    if bad.size:
        raise DatasetError(f"dataset: {path.name} line {int(bad[0]) + 2}: at is empty, must be unix seconds")
    return list(known), np.asarray(series), table
