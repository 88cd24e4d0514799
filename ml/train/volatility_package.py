"""The final fit of the volatility model and its package; every figure of the card is read from the walk-forward."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import har_net
import onnx_volatility
from errors import ExportError
from package import Package, TestedOn, TrainedOn, domain_of, run_graph, sample_cases, sha256, write_package
from protocol import Protocol
from walk import RESULTS, load_results
from walk_volatility import CODE, HERE, SPANS, STRIDE_SECONDS, hash_of, read_market, rows_known, table

NAME = "volatility-har-net"
VERSION = "1.0.0"
TOLERANCE = 2e-4
CHECKED_ROWS = 4000
REPRODUCE = "npm run train -- --walk-forward --task volatility && npm run train -- --ship --task volatility"
Say = Callable[[str], None]


def ship(folder: Path, out: Path, protocol: Protocol, say: Say, results_folder: Path = RESULTS) -> None:
    """Fits all seeds on what was known at the end of the protocol's train span, and writes the package."""
    results = load_results("volatility", results_folder)
    market, _ = read_market(folder, protocol)
    if hash_of(market) != results["dataHash"]:
        raise ExportError("export: the walk-forward was of other rows than this dataset holds; run it again")
    known = int(protocol["split"]["calendar"]["train_until"].timestamp())
    rows, chosen = rows_known(market, known, protocol["volatility"]["half_life_days"])
    if not len(chosen):
        raise ExportError("export: the dataset has no rows before the end of the protocol's train span")
    fixed = har_net.normalisation(rows)
    seeds = results["seeds"]
    members = []
    for seed in seeds:
        members.append(har_net.member(rows, fixed, seed))
        say(f"volatility: seed {seed} is fitted on {len(chosen)} rows")
    weights = har_net.average(members)
    graph = onnx_volatility.build(fixed, weights, {})
    say(f"volatility: the graph is within {_gap(graph, fixed, weights, market):.1e} of the network")
    samples = np.linspace(0, len(chosen) - 1, 4).astype(int)
    names = [f"row {int(market.at[r])} of {market.assets[market.asset[r]]}" for r in chosen[samples]]
    code = sha256(b"".join(path.read_bytes() for path in [*CODE, HERE / "protocol.toml"]))
    manifest = write_package(
        out / NAME,
        Package(
            name=NAME,
            version=VERSION,
            task="volatility",
            framework="numpy",
            graph=graph,
            features=har_net.FEATURES,
            columns=har_net.COLUMNS,
            unit="sum of squared hourly log returns over the horizon",
            horizons_seconds=har_net.HORIZONS,
            domain=domain_of(rows.features, rows.mask, har_net.FEATURES),
            samples=sample_cases(graph, rows.features[samples], rows.mask[samples], names, har_net.HORIZONS),
            trained_on=TrainedOn(
                since=int(market.at[chosen].min()),
                until=known,
                rows=len(chosen),
                data_hash=hash_of(market),
                sources=results["sources"],
                split="calendar",
                seeds=seeds,
                code_hash=code,
                purge_seconds=0,
                embargo_seconds=results["embargoSeconds"],
                series=market.assets,
            ),
            metrics=_headline(results),
            reproduce=REPRODUCE,
            tested_on=TestedOn(results["windows"][0]["from"], results["windows"][-1]["until"], "walk-forward"),
            card=lambda manifest: card(manifest, results),
        ),
    )
    say(f"volatility: wrote {out / NAME}, {manifest['sizeBytes']} bytes")


def _gap(graph: bytes, fixed: har_net.Weights, weights: har_net.Weights, market: Any) -> float:
    """Greatest relative difference between graph and network over a spread of rows and horizons."""
    rows = np.linspace(0, len(market.at) - 1, min(CHECKED_ROWS, len(market.at))).astype(int)
    features, mask = market.features[rows], market.mask[rows]
    worst = 0.0
    for seconds in (*har_net.HORIZONS, 43200):
        days = np.full((len(rows), 1), np.log(seconds / 86400), np.float32)
        said = run_graph(graph, {"features": features, "mask": mask, "horizon": days})
        meant = har_net.predict(fixed, weights, features, mask, seconds)
        worst = max(worst, float(np.max(np.abs(said / meant - 1.0))))
    if not worst <= TOLERANCE:
        raise ExportError(
            f"export: the volatility graph differs from the network by {worst:.2e}, must be ≤ {TOLERANCE}"
        )
    return worst


def _headline(results: dict[str, Any]) -> dict[str, Any]:
    """Per horizon what the walk-forward found, pooled over the assets."""
    out: dict[str, Any] = {}
    for horizon, scores in results["horizons"].items():
        one = scores["pooled"]
        out[SPANS[horizon].replace(" ", "")] = {
            "qlike": one["qlike"]["model"],
            "ratioToBestWithoutWeekday": one["plain"]["ratio"],
            "ratioToBestWithWeekday": one["weekday"]["ratio"],
            "dieboldMarianoP": one["plain"]["p"],
            "days": scores["days"],
        }
    return out


def card(manifest: dict[str, Any], results: dict[str, Any]) -> str:
    """README.md: the headings of a model card, filled from the manifest and the walk-forward."""
    trained, windows = manifest["trainedOn"], results["windows"]
    seeds = ", ".join(map(str, results["seeds"]))
    lines = [
        "---",
        f"id: {manifest['id']}",
        f"version: {manifest['version']}",
        "task: volatility",
        "license: mit",
        f"features: {manifest['featureSchema']['id']}",
        "---",
        "",
        "<!-- Written by ml/train/volatility_package.py; do not edit. -->",
        "",
        f"# {manifest['id']}: quantiles of realised variance from an hour to a week ahead",
        "",
        "## Intended use",
        "",
        "One input of `decide`: mean and quantiles of the sum of squared hourly log returns over any horizon from 1 h"
        " to 7 d (in between, logs of daily rates are interpolated in the log of time). It reads one market's own"
        " candles. It says nothing about the direction of prices.",
        "",
        "## Data",
        "",
        f"{', '.join(trained['series'])}: {trained['rows']} rows, one every {STRIDE_SECONDS // 3600} h, from"
        f" {_day(trained['from'])} to {_day(trained['to'])} (the end of the last label). A row's weight halves with"
        f" {results['halfLifeDays']} days of age. Dataset `{trained['dataHash']}`, code `{trained['codeHash']}`.",
        "",
        "| file | sha256 | licence class of the source |",
        "|---|---|---|",
        *(f"| {s['file']} | `{s['sha256']}` | {s['licence']} |" for s in trained["sources"]),
        "",
        "## Features",
        "",
        ", ".join(f"`{field}`" for field in manifest["featureSchema"]["fields"]) + ".",
        "",
        f"Beside the standardised basis of these stand {har_net.UNITS} random tanh features per seed; the"
        f" {len(results['seeds'])} members' log forecasts are averaged. Per horizon and member two ridge regressions in"
        " closed form, one of the log of realised variance (unbiased by the mean exponential of its residuals), one by"
        " QLIKE itself; the forecast is their geometric mean. Quantiles are those of past log residuals in units of a"
        " fitted scale.",
        "",
        "## Metrics",
        "",
        f"Walk-forward by `ml/train/protocol.toml`: {len(windows)} windows from {_day(windows[0]['from'])} to"
        f" {_day(windows[-1]['until'])}, each fitted anew on everything known before it (labels purged, embargo"
        f" {results['embargoSeconds']} s, expanding), forecasts at 00:00 UTC, seeds {seeds}. Baselines refitted every"
        f" {results['refitDays']} days. QLIKE; p by Diebold–Mariano, Newey–West, two-sided; ratios below 1 are better.",
        "",
        "```",
        *table(results),
        "```",
        "",
        "QLIKE of each forecast:",
        "",
        *_all_scores(results),
        "",
        "95 % intervals of the ratio (stationary bootstrap of days), and the ratio of single seeds:",
        "",
        *_spread(results),
        "",
        "The ratio to the best baseline without weekday terms, pooled, window by window, and by year:",
        "",
        *_through_time(results),
        "",
        "Share of days below each quantile, in the walk-forward:",
        "",
        *_calibration(results),
        "",
        "## Limits",
        "",
        "- Fitted on ETH and BTC against a dollar; other pairs are served by the same shape and were not scored.",
        "- Realised variance is of hourly returns; moves inside an hour that come back are not in it.",
        "- At 1 h a single squared return is the target: read the table before using the model there.",
        "- Settings (ridge precision, number of random features, stride) were set once and not searched; four variants"
        " of the model were scored on the walk-forward span while it was written (with and without random features,"
        " with and without weights by age); each beat every baseline at a day and at a week.",
        f"- The shipped weights know nothing after {_day(trained['to'])}, so that backtests of later days are out of"
        " sample; the walk-forward above shows what refitting gives.",
        "",
        "## Out-of-domain behaviour",
        "",
        "`manifest.json` holds the 1st and 99th percentile of each feature in training; inputs are drawn to within half"
        " a span of them, and far outside of them the decision is to hold, and says so. A missing window counts as the"
        " mean of those that are known.",
        "",
        "## Ethical and economic risk",
        "",
        "A forecast can be wrong when it matters most. The strategy contract's bounds hold whatever the model says.",
        "",
        "## Reproduce",
        "",
        "```",
        REPRODUCE,
        "```",
        "",
    ]
    return "\n".join(lines)


def _all_scores(results: dict[str, Any]) -> list[str]:
    columns = [(h, n) for h, s in results["horizons"].items() for n in s if isinstance(s[n], dict) and n != "pooled"]
    first, asset = columns[0]
    names = list(results["horizons"][first][asset]["qlike"])
    head = " | ".join(f"{SPANS[h]} {n}" for h, n in columns)
    lines = [f"| forecast | {head} |", "|---" * (len(columns) + 1) + "|"]
    for name in names:
        cells = " | ".join(f"{results['horizons'][h][n]['qlike'][name]:.4f}" for h, n in columns)
        lines.append(f"| {name} | {cells} |")
    return lines


def _spread(results: dict[str, Any]) -> list[str]:
    lines = ["| horizon | asset | without weekday | single seeds | with weekday | strongest of all |", "|---" * 6 + "|"]
    for h, scores in results["horizons"].items():
        for name in [n for n in scores if isinstance(scores[n], dict)]:
            plain, weekday, all_ = (scores[name][k] for k in ("plain", "weekday", "strongest"))
            one = lambda x: f"{x['ratio']:.3f} ({x['interval'][0]:.3f} to {x['interval'][1]:.3f})"  # noqa: E731
            seeds = f"{min(plain['bySeed']):.3f} to {max(plain['bySeed']):.3f}"
            lines.append(
                f"| {SPANS[h]} | {name} | {one(plain)} | {seeds} | {one(weekday)} | {all_['baseline']}: {one(all_)} |"
            )
    return lines


def _through_time(results: dict[str, Any]) -> list[str]:
    lines = []
    for h in ("86400", "604800"):
        one = results["horizons"][h]["pooled"]
        lines.append(f"- {SPANS[h]}: " + ", ".join(f"{x:.2f}" for x in one["byWindow"]) + ";")
        lines.append("  " + ", ".join(f"{year} {ratio:.2f}" for year, ratio in one["byYear"].items()) + ".")
    return lines


def _calibration(results: dict[str, Any]) -> list[str]:
    levels = [str(q) for q in har_net.QUANTILES]
    lines = ["| horizon | asset | " + " | ".join(levels) + " |", "|---" * (2 + len(levels)) + "|"]
    for h, scores in results["horizons"].items():
        for name in [n for n in scores if isinstance(scores[n], dict) and "quantiles" in scores[n]]:
            below = scores[name]["quantiles"]["below"]
            lines.append(f"| {SPANS[h]} | {name} | " + " | ".join(f"{below[q]:.3f}" for q in levels) + " |")
    return lines


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
