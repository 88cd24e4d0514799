"""Writes a package's card (README.md) from its manifest and metrics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

TITLES = {
    "volatility": "Realised variance of the next 24 hours",
    "il": "Impermanent loss, LVR and time in range of any range",
    "yield": "Fee yield of any range",
}
USES = {
    "volatility": (
        "Mean and 10, 50 and 90 % quantiles of the sum of squared hourly log returns over the next 24 hours, from hourly"
        " bars of one market. Its upper quantile is the spread that widens ranges and lowers the deployed share."
    ),
    "il": (
        "For a range given by log-price offsets and a horizon of 6 to 72 hours: mean and quantiles of impermanent loss"
        " (≤ 0, against holding the starting amounts) and of loss-versus-rebalancing (≥ 0), and the expected share of"
        " time in range; all as fractions of the position's starting value."
    ),
    "yield": (
        "For a range given by log-price offsets and a horizon of 6 to 72 hours: mean and quantiles of the fees it"
        " collects, as a fraction of its starting value, before our own liquidity dilutes the pool."
    ),
}
FORMS = {
    "volatility": (
        "A trained mean of the log-variance windows that are present, times the factor that a small tanh network with a"
        " linear skip answers. Quantiles are ordered by construction; three networks are averaged inside the graph."
    ),
    "il": (
        "Closed forms inside the graph, corrected by a small network: IL is read off its own formula at effective moves"
        " (so it is ≤ 0, ordered, and exact in its limits for any range), LVR is σ²·geometry·occupancy times a factor,"
        " time in range is the occupancy of a fat-tailed path shifted in log-odds."
    ),
    "yield": (
        "Persistence of the pool's full-range fee yield × concentration × expected occupancy, times the factor that a"
        " small network answers. The network sees fee windows only relative to each other: a pool's level passes through."
    ),
}
LIMITS = {
    "volatility": [
        "Learned from ETH/USD, BTC/USD, ETH/BTC and four weeks-long pools; other pairs only as far as they behave alike.",
        "Hourly closes: moves inside an hour count only through the bar's high and low.",
        "On ETH/BTC in the test span it scored worse than log-HAR, which is refitted every five days; this model is not.",
    ],
    "il": [
        "Fitted on 2017 to mid 2022, years of higher volatility than the test span: see predicted beside realised.",
        "Labels of the long series use hourly closes, which understates LVR of very narrow ranges.",
        "Over three days the test score is worse than EWMA-scaled history, and exceedance is far below its nominal .1: the"
        " loss tail and the means are too large for calm years. That errs towards standing aside.",
        "Horizons below 6 or above 72 hours were not trained and are refused by the loader.",
    ],
    "yield": [
        "Little data: one pool of five weeks, one of four weeks, one of five months. The weakest of the three models.",
        "Its 80 % interval covered two thirds of the test outcomes: too narrow.",
        "Choosing ranges by the closed forms alone did better than by the trained networks on some spans below.",
        "It cannot see just-in-time liquidity or a coming change of in-range liquidity.",
        "Own dilution is applied by the caller.",
    ],
}


def write_card(
    manifest: dict[str, Any], metrics: dict[str, Any], decision: dict[str, Any], protocol: dict[str, Any]
) -> str:
    """The card as Markdown with YAML front matter."""
    task: str = manifest["task"]
    trained = manifest["trainedOn"]
    lines = [
        "---",
        f"id: {manifest['id']}",
        f"version: {manifest['version']}",
        f"task: {task}",
        "license: mit",
        f"features: {manifest['featureSchema']['id']}",
        "---",
        "",
        "<!-- Written by ml/train/export.py; do not edit. -->",
        "",
        f"# {manifest['id']}: {TITLES[task]}",
        "",
        "## Intended use",
        "",
        USES[task],
        "",
        "It is one input of `decide`; the strategy contract's bounds hold whatever it says. Not advice, not a price forecast.",
        "",
        "## How it works",
        "",
        FORMS[task],
        "",
        f"{manifest['sizeBytes']} bytes, ONNX opset {manifest['opset']}, normalisation inside the graph. Inputs `features`,"
        " `mask` (1 = missing)"
        + ("" if task == "volatility" else " and `range` (lower offset, upper offset, ln(days))")
        + ".",
        "",
        "## Data",
        "",
        "| file | sha256 | licence class of the source |",
        "|---|---|---|",
        *[f"| {s['file']} | `{s['sha256'][:18]}…` | {s['licence']} |" for s in trained["sources"]],
        "",
        "Class: permissive = MIT or Apache; none = the repository names no licence; mixed = both in one file. Exchange data"
        " carry their exchange's own terms. None of the data is part of this repository.",
        "",
        *_split_lines(trained, protocol["split"][protocol[task]["split"]]),
        "",
        "## Metrics",
        "",
        *_metric_lines(task, metrics),
        *(_decision_lines(decision) if task == "yield" and decision else []),
        "",
        "## Limits",
        "",
        *[f"- {limit}" for limit in LIMITS[task]],
        "- A model of the past: a new kind of market is not in it.",
        "- The test span was scored several times while this version was made. Settings were chosen on validation, but the idea to"
        " weigh recent years more came after a first look at the test scores: take them as a little too good.",
        "",
        "## Out of domain",
        "",
        "`manifest.json` holds the 1st and 99th percentile of each feature in training. The runtime draws a feature that lies"
        " further outside than half their distance back to that edge before the graph sees it; where a variance is above that"
        " edge, or anything is two distances outside, the decision is to hold, and says so. Inside the graph, features are cut"
        " at five deviations and every exponent is bounded, so an absurd input gives a finite answer, not a good one. With"
        " features missing the answer falls back on those that are there, and with none on the usual level in training.",
        "",
        "## Reproduce",
        "",
        "```sh",
        "npm run train -- --data DIR   # DIR: the folder with the files above",
        "```",
        "",
        f"Seeds {', '.join(map(str, protocol['seeds']))}; shipped: {trained['seed']} (least validation loss)."
        f" Dataset `{trained['dataHash'][:18]}…`, trainer code `{trained['codeHash'][:16]}…`, protocol `ml/train/protocol.toml`.",
        "",
    ]
    return "\n".join(lines)


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _split_lines(trained: dict[str, Any], cut: dict[str, Any]) -> list[str]:
    rows = trained["rows"]
    spans = (
        f"train until {cut['train_until']:%Y-%m-%d}, validation {cut['validation_from']:%Y-%m-%d} to"
        f" {cut['validation_until']:%Y-%m-%d}, test from {cut['test_from']:%Y-%m-%d}, one calendar for all series"
        if "train_until" in cut
        else f"each pool by its own span: first {cut['train']:.0%} train, last {cut['test']:.0%} test, the middle validation;"
        f" recordings shorter than {cut['test_only_below_days']} days test only"
    )
    return [
        f"Split by time: {spans}; embargo {cut['embargo_seconds'] // 3600} h, labels purged. Rows: train {rows['train']},"
        f" validation {rows['validation']}, test {rows['test']}; fitted on {rows['fitted']} from {_day(trained['from'])} to"
        f" {_day(trained['to'])}. The epoch and the seed were chosen on validation.",
        "",
        "Series fitted on: " + ", ".join(trained["series"]) + ".",
    ]


def _metric_lines(task: str, metrics: dict[str, Any]) -> list[str]:
    notes = {
        "volatility": "QLIKE of the mean, pinball loss of log variance, coverage of q10–q90 (nominal .8). HAR, log-HAR and the"
        " spreads of all baselines are refitted every 5 days on everything known; the model is not refitted.",
        "il": "Pinball loss of the 10 % quantile of IL: scaled by each range's usual loss, and in basis points of value."
        " Exceedance is the share of outcomes below it (nominal .1). Baselines use all past hours, the model does not.",
        "yield": "Pinball loss over the three quantiles, scaled by each range's usual yield. Baselines share the range geometry"
        " and take their spread from training errors.",
    }
    lines = [notes[task], ""]
    first = next(iter(metrics.values()))
    columns = list(next(iter(first["scores"].values())))
    lines += ["| span | forecast | " + " | ".join(columns) + " |", "|---|---|" + "---|" * len(columns)]
    for span, row in metrics.items():
        for name, scores in row["scores"].items():
            lines.append(f"| {span} | {name} | " + " | ".join(f"{scores[c]}" for c in columns) + " |")
    lines += ["", "| span | rows | best baseline | model ÷ best | by seed |", "|---|---|---|---|---|"]
    for span, row in metrics.items():
        ratio = f"{row['ratio to best']}" + (f" (DM t {row['dm t']})" if "dm t" in row else "")
        seeds = ", ".join(map(str, row.get("ratio by seed", row.get("qlike by seed", []))))
        lines.append(f"| {span} | {row['rows']} | {row['best baseline']} | {ratio} | {seeds} |")
    if task == "il":
        lines += ["", "Predicted mean beside realised mean, basis points of value, and time in range:", ""]
        lines += [
            "| span | IL | realised | LVR | realised | LVR q10–q90 coverage | in range | realised |",
            "|---" * 8 + "|",
        ]
        for span, row in metrics.items():
            il, lvr, inside = row["il"], row["lvr"], row["in range"]
            cells = [
                il["mean predicted bps"],
                il["mean realised bps"],
                lvr["mean predicted bps"],
                lvr["mean realised bps"],
            ]
            cells += [lvr["coverage80"], inside["mean predicted"], inside["mean realised"]]
            lines.append(f"| {span} | " + " | ".join(map(str, cells)) + " |")
    if task == "yield":
        lines += ["", "| span | mean predicted bps | mean realised bps |", "|---|---|---|"]
        lines += [f"| {span} | {r['mean predicted bps']} | {r['mean realised bps']} |" for span, r in metrics.items()]
    return lines


def _decision_lines(decision: dict[str, Any]) -> list[str]:
    lines = ["", "### What choosing with the three models would have earned", "", decision["note"], ""]
    for name, view in decision["spans"].items():
        lines += [
            f"**{name}** ({view['days']} decisions)",
            "",
            "| rule | fees | LVR | fees − LVR | after cost | moves |",
        ]
        lines += ["|---|---|---|---|---|---|"]
        for rule, row in view["rules"].items():
            cells = [row["fees"], row["lvr"], row["net"], row["after cost"], row["moves"]]
            lines.append(f"| {rule} | " + " | ".join(map(str, cells)) + " |")
        lines.append("")
    return lines
