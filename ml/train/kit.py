"""What a strategist's own trainer needs of this folder: rows of the exported dataset, a split by time, and scores."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from errors import DatasetError
from package import TestedOn, TrainedOn

DAY_SECONDS = 86400
Z90 = 1.2815515655
COLUMNS = ["mean", "q10", "q50", "q90"]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Features and mask float32 [n, F] (a missing feature is 0 with mask 1), unix times and next-day variances."""

    names: list[str]
    schema: str
    series: list[str]
    at: np.ndarray
    features: np.ndarray
    mask: np.ndarray
    variance: np.ndarray
    meta: dict[str, Any]

    def take(self, rows: np.ndarray) -> Rows:
        parts = {key: getattr(self, key)[rows] for key in ("at", "features", "mask", "variance")}
        return dataclasses.replace(self, series=[self.series[i] for i in np.flatnonzero(rows)], **parts)


def read_rows(folder: Path, names: list[str]) -> Rows:
    """volatility.csv of an exported dataset; DatasetError names what is missing."""
    try:
        meta = json.loads((folder / "dataset.json").read_text())
        file = (folder / "volatility.csv").open(newline="")
    except OSError as error:
        raise DatasetError(f"dataset: {error.filename} cannot be read; run ml/data/export.ts first") from error
    with file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise DatasetError(f"dataset: volatility.csv in {folder} holds no rows")
    lost = [name for name in (*names, "at", "rv_24h") if name not in rows[0]]
    if lost:
        raise DatasetError(f"dataset: volatility.csv in {folder} has no column {lost[0]}")
    cells = np.asarray([[float(row[name] or "nan") for name in names] for row in rows], np.float64)
    return Rows(
        names=names,
        schema=meta["schema"],
        series=[row["series"] for row in rows],
        at=np.asarray([int(row["at"]) for row in rows]),
        features=np.nan_to_num(cells).astype(np.float32),
        mask=np.isnan(cells).astype(np.float32),
        variance=np.asarray([float(row["rv_24h"]) for row in rows]),
        meta=meta,
    )


def cut(rows: Rows, share: float = 0.7) -> tuple[Rows, Rows]:
    """The first part of the span to fit on and the rest to test on; a label never reaches across the cut."""
    start, end = int(rows.at.min()), int(rows.at.max())
    at = start + int(share * (end - start))
    return rows.take(rows.at + DAY_SECONDS <= at), rows.take(rows.at >= at)


def spans(train: Rows, test: Rows, code_hash: str, seeds: list[int]) -> tuple[TrainedOn, TestedOn]:
    """What both parts say in the manifest."""
    trained = TrainedOn(
        since=int(train.at.min()),
        until=int(train.at.max()) + DAY_SECONDS,
        rows={"train": len(train.at), "test": len(test.at)},
        data_hash=train.meta["hash"],
        sources=train.meta["sources"],
        split="first part of the span, labels purged",
        seeds=seeds,
        code_hash=code_hash,
        series=sorted(set(train.series)),
    )
    return trained, TestedOn(since=int(test.at.min()), until=int(test.at.max()) + DAY_SECONDS)


def qlike(variance: np.ndarray, forecast: np.ndarray) -> float:
    """Mean QLIKE loss, 0 for a perfect forecast."""
    ratio = np.maximum(variance, 1e-9) / np.maximum(forecast, 1e-9)
    return float(np.mean(ratio - np.log(ratio) - 1))


def score(test: Rows, answers: np.ndarray) -> dict[str, Any]:
    """QLIKE of the mean beside the random walk's, and how often the outcome lay between q10 and q90."""
    walk = np.exp(test.features[:, test.names.index("log_rv_24h")])
    inside = (test.variance >= answers[:, 1]) & (test.variance <= answers[:, 3])
    return {
        "oos": {"qlike": qlike(test.variance, answers[:, 0]), "coverage80": float(inside.mean())},
        "baseline": {"random-walk qlike": qlike(test.variance, walk)},
    }
