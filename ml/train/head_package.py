"""Writes the package of the on-chain head: `python ml/train/head_package.py --work ml/train/data/head`.

The network is the one that head.py kept; every figure of the card is read from results/head.json, which
ml/models/head/judge.ts wrote.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli import HERE, exit_with, one_thread, say

one_thread()

from errors import ExportError
from walk import RESULTS, load_results

VERSION = "2.0.0"
COMMAND = "npm run train -- --head"
# Names in the results, and how the table calls them.
SAYERS = {
    "posterior": "posterior",
    "float": "head, floats",
    "int8": "head, int8",
    "realised": "realised alone",
}
POOLED = ("ethusdt", "btcusdt")
# Half of each training batch is rescaled to markets so many times calmer and wilder.
SCALES = (0.05, 2.0)
OUTPUTS = ("median", "mean", "spread")


def _mean(scores: list[dict[str, Any]], figure: str, sayer: str) -> float:
    return sum(score[figure][sayer] for score in scores) / len(scores)


def table(results: dict[str, Any]) -> list[str]:
    """What the head says beside the posterior and the contract's estimator, at most 80 columns wide."""
    seeds = results["bySeed"]
    lines = [
        f"head: {len(results['windows'])} windows, mean over seeds {', '.join(map(str, results['seeds']))}",
        "",
        f"{'':24} {'QLIKE':>7} {'inside':>7}   against the posterior's spread",
        f"{'':24} {'':>7} {'':>7}   {'corr':>6} {'1 %':>7} {'50 %':>7} {'99 %':>7}",
    ]
    for name in seeds[0]["series"]:
        for sayer, called in SAYERS.items():
            scores = [one["series"][name] for one in seeds]
            left = f"{name if sayer == 'posterior' else '':8} {called:15}"
            said = f"{_mean(scores, 'qlike', sayer):7.4f} {_mean(scores, 'inside', sayer):7.3f}"
            ratio = "".join(f" {_mean(scores, key, sayer):7.3f}" for key in ("narrowest", "middle", "widest"))
            against = "" if sayer == "posterior" else f"   {_mean(scores, 'correlation', sayer):6.3f}{ratio}"
            lines.append(f"{left} {said}{against}")
    rounding = [score["rounding"] for one in seeds for score in one["series"].values()]
    lines += [
        "",
        "QLIKE of the mean variance at 00:00 UTC; inside: days whose variance stayed",
        "within the spread, meant to be .90; then, of all rows, the spread over the",
        "posterior's: correlation of logs, and quantiles of the ratio",
        *_lost(results),
        f"int8 against floats, of the spread: median {100 * _middle([r['median'] for r in rounding]):.3f} %, "
        f"99 % {100 * max(r['p99'] for r in rounding):.2f} %, worst {100 * max(r['worst'] for r in rounding):.2f} %",
        f"all inputs a quarter larger: the spread rises on {100 * _least(seeds, 'monotone'):.2f} % of rows at least",
    ]
    return lines


def _lost(results: dict[str, Any]) -> list[str]:
    """QLIKE that is lost on the way to the chain, pooled over the protocol's assets."""
    pooled = {
        sayer: [sum(one["series"][name]["qlike"][sayer] for name in POOLED) / len(POOLED) for one in results["bySeed"]]
        for sayer in SAYERS
    }
    mean = {sayer: sum(values) / len(values) for sayer, values in pooled.items()}
    return [
        f"QLIKE of ETH and BTC: posterior {mean['posterior']:.4f}, head in floats {mean['float']:.4f} "
        f"(+{mean['float'] - mean['posterior']:.4f}),",
        f"  in int8 {mean['int8']:.4f} ({mean['int8'] - mean['float']:+.4f}; single seeds {min(pooled['int8']):.4f} to "
        f"{max(pooled['int8']):.4f}), realised alone {mean['realised']:.4f}",
    ]


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _least(seeds: list[dict[str, Any]], figure: str) -> float:
    return min(score[figure] for one in seeds for score in one["series"].values())


def manifest_of(about: dict[str, Any], graph: bytes, results: dict[str, Any]) -> dict[str, Any]:
    """manifest.json of the package."""
    shipped = results["shipped"]["series"]
    return {
        "schemaVersion": 1,
        "id": "spread-head",
        "version": VERSION,
        "task": "head",
        "format": "onnx",
        "file": "model.onnx",
        "sha256": "0x" + hashlib.sha256(graph).hexdigest(),
        "sizeBytes": len(graph),
        "license": "MIT",
        "inputs": {
            "name": "x",
            "shape": ["N", 8],
            "unit": "1/16 tick",
            "windowSeconds": about["windowSeconds"],
            "columns": [*(f"change{i}" for i in range(7)), "root"],
        },
        "outputs": {"name": "deviations", "columns": list(OUTPUTS), "unit": "1 = 100 %"},
        "horizonSeconds": 86_400,
        "domain": {"root": dict(zip(("p1", "p99"), about["root"], strict=True)), "scales": list(SCALES)},
        "distilledFrom": "ml/risk/uncertainty around volatility-har-net, both as they stood at each time",
        "trainedOn": {
            "sources": about["sources"],
            "series": about["series"],
            "rows": about["rows"],
            "from": _day(about["from"]),
            "to": _day(about["to"]),
            "seed": about["shippedSeed"],
            "seeds": about["seeds"],
            "rowsHash": about["rowsHash"],
            "codeHash": about["codeHash"],
        },
        "metrics": {
            "test": {
                name: {key: score[key]["int8"] for key in ("qlike", "inside", "correlation", "narrowest", "widest")}
                for name, score in shipped.items()
            }
        },
    }


def card(manifest: dict[str, Any], results: dict[str, Any]) -> str:
    """README.md of the package."""
    trained, first = manifest["trainedOn"], results["windows"][0]
    lines = [
        "<!-- Written by ml/train/head_package.py; do not edit. -->",
        "",
        "# spread-head: the posterior over volatility, as the chain itself can tell it",
        "",
        "## Intended use",
        "",
        "The on-chain head of a model whose strategy watches the pool over a day (`volatilityWindowSeconds = 86400`): a"
        " network of 8-32-32-3 neurons that the contract evaluates in integers with every move. Its last answer is a"
        " spread, and the worst of it, the signer's declared spread and the pool's own realised volatility counts:"
        " nobody"
        " who signs can play it down. Not a price forecast.",
        "",
        "## How it works",
        "",
        "Distilled: it was shown what the posterior of `ml/risk/uncertainty`, around `volatility-har-net`, said of"
        " the day"
        " ahead, and learned to say the same from what a pool remembers. Inputs: the sizes of the seven changes between"
        " the mean ticks of eight cells of three hours, newest first, and their root sum of squares, in sixteenths of a"
        " tick. Dense layers with ReLU. Answers, 1 = 100 %: the day's deviation by the posterior's median variance,"
        " by its"
        " mean, and last the spread that is declared, 1.28 deviations by its 90 % quantile.",
        "",
        "## Data",
        "",
        f"{', '.join(trained['series'])}: {trained['rows']['train']} rows, one every three hours, from"
        f" {trained['from']}"
        f" to {trained['to']}; validation {trained['rows']['validation']}, test {trained['rows']['test']} rows. A row's"
        " weight halves with 730 days of age. Half of each batch is rescaled to markets between 1/20 as wild and"
        " twice as"
        f" wild. Rows `{trained['rowsHash']}`, code `{trained['codeHash']}`. None of the data is part of this"
        f" repository.",
        "",
        *(f"- {s['file']}, `{s['sha256']}`, licence class {s['licence']}" for s in trained["sources"]),
        "",
        "## Metrics",
        "",
        f"Walk-forward from {_day(first['from'])} on: teacher and student know nothing of later days, each window"
        f" of 90 days"
        " is answered by networks that were fitted on the rows before it and made into integers by the code that makes"
        " the shipped one. `realised alone` is the contract's own estimator.",
        "",
        "```text",
        *table(results),
        "```",
        "",
        f"The shipped network (seed {trained['seed']}, best on validation, fitted until {trained['to']}), in"
        f" integers, on the"
        f" days since {_day(results['shipped']['from'])}:",
        "",
        "| series | QLIKE | of the posterior | inside | correlation |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {score['qlike']['int8']:.4f} | {score['qlike']['posterior']:.4f} |"
            f" {score['inside']['int8']:.3f}"
            f" | {score['correlation']['int8']:.3f} |"
            for name, score in results["shipped"]["series"].items()
        ),
        "",
        "## Limits",
        "",
        "- It sees one day of one pool; the posterior sees a month, the weekday, and how wrong its forecasts were"
        " of late.",
        "- Three markets that move together, and hourly bars in place of a pool's every tick.",
        "- For another window than a day it was not trained: its inputs mean something else then.",
        "- Inputs above 65,535 (4,096 ticks between cells) are clamped; the realised volatility is far above any"
        " ceiling"
        " by then.",
        "",
        "## Reproduce",
        "",
        "```sh",
        f"{COMMAND} --data DIR",
        "```",
    ]
    return "\n".join(lines) + "\n"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=HERE / "data" / "head", help="where head.py left its networks")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument(
        "--out", type=Path, default=HERE.parent / "models" / "spread-head", help="folder of the package"
    )
    args = parser.parse_args()
    about = json.loads((args.work / "nets.json").read_text())
    results = load_results("head", args.results)
    if results["dataHash"] != about["rowsHash"]:
        raise ExportError("head: the results are of other rows than the networks; run ml/models/head/judge.ts again")
    if about["fast"] and args.out == HERE.parent / "models" / "spread-head":
        raise ExportError("head: made with --fast, must not replace the real one; give --out DIR")
    graph = (args.work / "model.onnx").read_bytes()
    manifest = manifest_of(about, graph, results)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "model.onnx").write_bytes(graph)
    (args.out / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    (args.out / "README.md").write_text(card(manifest, results))
    say(f"head: wrote {args.out}, {len(graph)} bytes, seed {about['shippedSeed']}")


if __name__ == "__main__":
    exit_with(main)
