"""What a strategist's own trainer needs of this folder: rows of a dataset, a split by time, scores, and the package."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from cli import say
from errors import DatasetError
from package import Package, TestedOn, TrainedOn, domain_of, run_graph, sample_cases, write_package

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
    """Rows of volatility.csv whose next day is known; DatasetError names what is missing."""
    try:
        meta = json.loads((folder / "dataset.json").read_text())
        file = (folder / "volatility.csv").open(newline="")
    except OSError as error:
        raise DatasetError(f"dataset: {error.filename} cannot be read; rangekeeper dataset build writes it") from error
    with file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise DatasetError(f"dataset: volatility.csv in {folder} holds no rows")
    # At the end of a series only the shorter horizons are over.
    rows = [row for row in rows if row.get("rv_24h") != ""]
    if not rows:
        raise DatasetError(f"dataset: rv_24h of volatility.csv in {folder} is empty; build it with --horizon 1d")
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


@dataclasses.dataclass(frozen=True)
class Trainer:
    """What a package says of the script that made it."""

    name: str
    framework: str
    title: str
    script: Path
    features: list[str]
    seed: int


def arguments(about: str | None) -> argparse.Namespace:
    """--data and --out."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--data", type=Path, required=True, help="an exported dataset")
    parser.add_argument("--out", type=Path, required=True, help="the package's folder")
    return parser.parse_args()


def answers_of(graph: bytes, rows: Rows) -> np.ndarray:
    """What the graph answers to rows."""
    return run_graph(graph, {"features": rows.features, "mask": rows.mask})


def hold_to(name: str, answers: np.ndarray, meant: np.ndarray) -> None:
    """Refuses a graph that does not answer as what was trained."""
    gap = float(np.max(np.abs(answers / meant - 1)))
    say(f"{name}: the graph is within {gap:.1e} of what was trained")
    if gap > 1e-4:
        raise SystemExit(f"{name}: the graph differs from what was trained by {gap:.2e}, must be at most 1e-4")


def _spans(train: Rows, test: Rows, code_hash: str, seeds: list[int]) -> tuple[TrainedOn, TestedOn]:
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


def publish(out: Path, trainer: Trainer, graph: bytes, train: Rows, test: Rows) -> None:
    """Writes the package of a volatility graph: features, mask -> COLUMNS of a day's variance."""
    name, seeds = trainer.name, [trainer.seed]
    trained, tested = _spans(train, test, hashlib.sha256(trainer.script.read_bytes()).hexdigest(), seeds)
    few = np.linspace(0, len(train.at) - 1, 4).astype(int)
    write_package(
        out,
        Package(
            name=name,
            version="1.0.0",
            task="volatility",
            framework=trainer.framework,
            graph=graph,
            features=trainer.features,
            columns=COLUMNS,
            unit="sum of squared log returns over 24 h",
            horizons_seconds=[DAY_SECONDS],
            domain=domain_of(train.features, train.mask, trainer.features),
            samples=sample_cases(graph, train.features[few], train.mask[few], [f"row {train.at[i]}" for i in few]),
            trained_on=trained,
            tested_on=tested,
            metrics=score(test, answers_of(graph, test)),
            reproduce=f"python {trainer.script.name} --data DATASET --out FOLDER",
            feature_schema=train.schema,
            card={"Title": trainer.title},
        ),
    )
    say(f"{name}: wrote {out}, {len(graph)} bytes")
