"""The fee model's final fit and its package; every figure of the card comes from results/yield.json."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fees
from cli import HERE
from errors import ExportError
from fee_candles import Candles, load_candles
from fee_rows import load_fee_meta, load_hours, trainable
from fees import FEATURES, HOURS, MODEL, Rows, Weights
from package import (
    WALK_FORWARD,
    Package,
    TestedOn,
    TrainedOn,
    code_hash,
    domain_of,
    run_graph,
    sample_cases,
    write_package,
)
from protocol import Protocol
from walk import load_results
from yield_table import cut_pools, yield_table

VERSION = "2.1.0"
SOURCES = ["fees", "fee_candles", "fee_package", "fee_rows", "geometry", "ops"]
TOLERANCE = 1e-3


def ship(data: Path, out: Path, protocol: Protocol, say: Callable[[str], None]) -> None:
    """Fits on every label there is and writes the package folder into `out`."""
    meta = load_fee_meta(data)
    rows = load_hours(data, meta)
    results = load_results("yield")
    weights, learns = final_fit(rows, protocol, load_candles(data))
    graph = fees.graph(weights)
    gap = graph_gap(graph, weights, rows)
    if not gap <= TOLERANCE:
        raise ExportError(f"export: the graph of {MODEL} differs from the fit by {gap:.2e}, must be ≤ {TOLERANCE}")
    used = np.unique(np.concatenate(list(learns.values())))
    spread = used[np.linspace(0, len(used) - 1, 4).astype(int)]
    names = [f"row {int(rows.at[i])} of {rows.series_names[rows.series[i]]}" for i in spread]
    horizons = [hours * 3600 for hours in HOURS]
    tested = [pool for pool in results["pools"].values() if pool["kind"] == "windows"]
    manifest = write_package(
        out / MODEL,
        Package(
            name=MODEL,
            version=VERSION,
            task="yield",
            framework="numpy",
            graph=graph,
            features=FEATURES,
            columns=fees.OUTPUTS,
            unit="fraction of starting value over the horizon",
            horizons_seconds=horizons,
            # A fee window is read against the others, and its level only as a factor: no domain of its own.
            domain=domain_of(rows.features[used], rows.mask[used], FEATURES, without=fees.FEE),
            samples=sample_cases(graph, rows.features[spread], rows.mask[spread], names, horizons),
            trained_on=TrainedOn(
                since=int(rows.at[used].min()),
                until=int(max((rows.at[learns[hours]] + hours * 3600).max() for hours in HOURS)),
                rows={f"{hours}h": len(learns[hours]) for hours in HOURS},
                data_hash=meta["hash"],
                sources=[source for source in meta["sources"] if "daily" not in source["file"]],
                split="walk-forward by shares of each pool's span; final fit on all labels of pools of a week or more",
                seeds=protocol["walk_forward"]["seeds"],
                code_hash=code_hash([HERE / f"{name}.py" for name in SOURCES]),
                embargo_seconds=int(protocol["walk_forward"]["yield"]["embargo_seconds"]),
                series=[name for i, name in enumerate(rows.series_names) if (rows.series[used] == i).any()],
            ),
            metrics=headline(results),
            reproduce="npm run train -- --walk-forward --task yield && npm run train -- --ship --task yield",
            tested_on=TestedOn(
                min(pool["from"] for pool in tested), max(pool["until"] for pool in tested), by=WALK_FORWARD
            ),
            feature_schema=meta["schema"],
            card=sections(results),
        ),
    )
    say(f"{MODEL}: {manifest['sizeBytes']} bytes, graph within {gap:.1e} of the fit, fitted on {len(used)} hours")


def final_fit(rows: Rows, protocol: Protocol, candles: Candles) -> tuple[Weights, dict[int, np.ndarray]]:
    """Weights from all labels of the pools that may be learnt from, and the rows they came from by hours.

    Candles teach up to the end of the last label, as in the walk-forward, so that nothing is newer than it says it is.
    """
    trains = trainable(rows, protocol)
    learns = {hours: np.flatnonzero(trains & np.isfinite(rows.labels[hours][:, 0])) for hours in HOURS}
    known = int(max((rows.at[learns[hours]] + hours * 3600).max() for hours in HOURS))
    return fees.fit(rows, learns, candles.slopes(known)), learns


def graph_gap(graph: bytes, weights: Weights, rows: Rows) -> float:
    """Greatest relative difference between the graph and the fit, one range and horizon after the other."""
    worst = 0.0
    for i, hours in enumerate(HOURS):
        inputs = fees.inputs_of(rows, np.arange(i, len(rows.at), 7), hours, i % len(rows.ranges))
        meant = fees.predict(weights, inputs)
        worst = max(worst, float(np.max(np.abs(run_graph(graph, inputs) - meant) / (np.abs(meant) + 1e-6))))
    return worst


def headline(results: dict[str, Any]) -> dict[str, Any]:
    """What the manifest keeps of the walk-forward."""
    keep = ("ratio", "t", "rows")
    pooled = {f"walk-forward {h}": {k: row[k] for k in keep} for h, row in results["pooled"].items()}
    days = {f"daily pools {h}": {k: row[k] for k in keep} for h, row in results["days"]["pooled"].items()}
    return pooled | days


def sections(results: dict[str, Any]) -> dict[str, str]:
    """The card's own parts."""
    by_range = [
        "| horizon | " + " | ".join(results["ranges"]) + " |",
        "|---|" + "---|" * len(results["ranges"]),
    ]
    for hours in HOURS:
        for name, pool in results["pools"].items():
            if pool["kind"] == "windows" and f"{hours}h" in pool:
                cells = " | ".join(f"{pool[f'{hours}h']['by range'][r]:.2f}" for r in results["ranges"])
                by_range.append(f"| {hours} h, {name} | {cells} |")
    worst = [
        f"{h} ({row['ratio']:.3f} ×)" for h, row in results["pooled"].items() if row["ratio"] > _target(results, h)
    ]
    missed = f"Missed its target at {', '.join(worst)}." if worst else "Met its targets at every horizon that has one."
    losing = [
        f"{name} at {h} ({pool[h]['ratio']:.3f} ×)"
        for name, pool in results["pools"].items()
        for h in ("1h", "4h", "24h", "168h")
        if h in pool and pool[h]["ratio"] > 1
    ]
    covers = [
        pool[h]["coverage80"][results["model"]] for pool in cut_pools(results) for h in ("1h", "4h", "24h") if h in pool
    ]
    return {
        "Intended use": (
            "For a range given by log-price offsets and a horizon of 1 hour to 7 days: mean and quantiles of the fees"
            " it collects, as a fraction of its starting value, before our own liquidity dilutes the pool. One input of"
            " `decide`; the strategy contract's bounds hold whatever it says. Not advice, not a price forecast."
        ),
        "How it works": (
            "A ridge of ln fee yield on fee windows of 1, 6, 24 and 168 hours, hour of day (four harmonics), weekday,"
            " slopes of variance, sizes of recent moves and changes of liquidity, at four horizons and interpolated"
            " between them. It is shrunk towards what three years of hourly exchange volume of ETH and BTC teach about"
            " how activity goes on: half of those slopes at an hour, all of them beyond. The range enters by closed"
            " form: concentration × expected occupancy. Mean and quantiles are those that the ratio of outcome to"
            " closed form had where the level came from a fit that had not seen the outcome, by horizon, by width in"
            " deviations and how far off centre the range is. A pool's level passes through:"
            " ten times the fees are forecast ten times as high. No step of the fit is random, so every seed gives the"
            " same weights."
        ),
        "Metrics": "\n".join(["```text", *yield_table(results), "```"])
        + "\n\nRatio to the better baseline by range, all horizons:\n\n"
        + "\n".join(by_range),
        "Limits": "\n".join(
            [
                f"- {missed}",
                f"- Worse than the better baseline for: {', '.join(losing) or 'no pool'}.",
                f"- Its 80 % interval covered {min(covers):.0%} to {max(covers):.0%} of outcomes, by pool and horizon.",
                "- The protocol gave each pool six windows, a tenth of its span each. Ten are printed below them as"
                " exploratory. The spans are four weeks to five months long: seven days ahead there are a dozen"
                " independent windows at most, in six or in ten; read that row as a report, not as a finding.",
                "- Tried for the hour ahead and not kept, on the first two fifths of each pool and on exchange volume"
                " cut into spans as long as a pool's: hours of the fee further back, boosted trees (on the pools, or"
                " taught by the exchange), quantiles fitted on the score itself, weights by age or by pool, a spread"
                " that varies with the features, blends with the EWMA, volume and variance of the exchange as inputs,"
                " squares and products of fee windows and variance, ratios apart for ranges above and below the price,"
                " or corrected by a pool's own last one or two weeks,"
                " and what traded in the last 5, 15 and 30 minutes, where it is known: for the Polygon pool and, of the"
                " exchange, for the Ethereum pool. The last four gained well below one per cent there and were not"
                " scored on the windows. There, on both Polygon pools, no autocorrelation of the remaining error"
                " exceeds 0.05.",
                "- Half of the loss at an hour is in ranges to one side of the price. They are nearly a toss of a coin,"
                " for the baselines too: the sign of the next move decides, and no feature at hand told it. The table"
                " of what would be left if part of the outcome were told says how much of the miss is theirs.",
                "- The pools with daily files are judged by the same ridge, not fitted on: they hold no fee growth.",
                "- It cannot see just-in-time liquidity or a coming change of in-range liquidity. Own dilution is"
                " applied by the caller.",
                "- Regressors, shares and penalties were chosen on the first two fifths of each pool, which no window"
                " scores, but for the half of the borrowed slopes at an hour, taken after all of them had been scored."
                f" The windows were scored {len(results['looks'])} times in all, as listed under the metrics: what was"
                " changed after the first is exploratory.",
                "- A model of the past: a new kind of market is not in it.",
            ]
        ),
    }


def _target(results: dict[str, Any], horizon: str) -> float:
    return float(results["targets"].get(horizon, np.inf))
