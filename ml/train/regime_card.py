"""Writes the regime model's card from results/regime.json: `python ml/train/regime_card.py`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli import HERE, exit_with, say
from regime_table import table
from walk import RESULTS, load_results


def card(results: dict[str, Any]) -> str:
    """The card as Markdown; every figure is the results'."""
    pooled, setting = results["stack"]["pooled"], results["settings"]
    worth = results["decision"]["pooled"]
    change = 100 * (pooled["ratio"] - 1)
    gained = "gains" if worth["interval"][0] > 0 else "does not gain"
    verdict = (
        f"Kept: stacked on the volatility model it changes QLIKE at a day by {change:+.2f} % (p {pooled['p']})."
        if results["kept"]
        else f"Not shipped: stacked on the volatility model it changes QLIKE at a day by {change:+.2f} % "
        f"(Diebold–Mariano t {pooled['t']}, p {pooled['p']}) and the decision {gained} from it; the protocol keeps it "
        "only for a gain in either with p < .05."
    )
    windows = results["windows"]
    seeds = ", ".join(str(seed) for seed in results["seeds"])
    spread = ", ".join(f"{x:.4f}" for x in pooled["bySeed"])
    steps = ", ".join(str(window["steps"]) for window in windows)
    lines = [
        "# regime-transformer",
        "",
        "Written by `ml/train/regime_card.py` from `ml/train/results/regime.json`.",
        "",
        verdict,
        "",
        f"A Transformer ({setting['layers']} layers, width {setting['width']}, 60 days in tokens of five) over prices "
        "and every outside source at hand, each cell with a mask; whole sources drop out at random in training. It "
        "gives the probabilities that the next week's variance lies in the lower, middle or upper third of the "
        "past's, and the log variance of the next day.",
        "",
        "```text",
        *table(results),
        "```",
        "",
        "The stack is a regression of log realised variance on the volatility model's forecast, fitted on the "
        f"forecasts of past windows; the first {results['teachingWindows']} windows only teach it. `+ regime` adds the "
        "difference of the outer probabilities and the next day's log variance. The ratio and p compare the two "
        f"stacks. By seed the pooled ratio is {spread}.",
        "",
        "The decision: every hour a range around spot or none is chosen for the day ahead, by closed forms of expected "
        "fees and LVR. The weight of LVR and the narrowest range allowed are chosen on each window's past, once for "
        "all hours (plain) and once for each likeliest regime (+ regime); fees, LVR and 3 bp for opening a range are "
        "paid. Days: those that do not overlap. The interval is of a bootstrap of blocks of "
        f"{results['decision']['blockHours']} hours; the two ways differ in {worth['differs']:.0%} of the hours. "
        f"{_gain(worth)} The regimes are those of ETH and BTC, which is all that was forecast; they cover every hour "
        "of these pools, of which the longest is five months. It is not `decide` itself, which reads trained "
        "models at more ranges and weighs what the vault already holds.",
        "",
        "## Where each source existed",
        "",
        "Days on which at least one column of a source was known; outside of them it is masked.",
        "",
        "| asset | source | from | to | days |",
        "| --- | --- | --- | --- | ---: |",
        *[
            f"| {asset} | {group.replace('_', ' ')} | {_day(one['from'])} | {_day(one['to'])} | {one['days']:,} |"
            for asset, groups in results["spans"].items()
            for group, one in groups.items()
        ],
        "",
        "Taker flow and implied volatility cover so few days that nothing can be said of them; they never overlap.",
        "",
        "## How it was tested",
        "",
        f"{len(windows)} windows from {_day(windows[0]['from'])} to {_day(windows[-1]['until'] - 1)}, each fitted on "
        f"everything known before it ({windows[0]['rows']:,} to {windows[-1]['rows']:,} days of both assets), labels "
        f"purged. Seeds {seeds}, averaged. Rows of a step, rate and width are the same in all windows; training "
        f"starts from a HAR in closed form, and the number of steps from there was chosen in each "
        f"window by its own past: {steps}.",
        "",
        "Exploratory to this extent: two windows of a first design (no choice of steps, no HAR to start from) were "
        "looked at before this one was fixed, and led to it.",
        "",
        f"Data hash `{results['dataHash']}`. Sources:",
        "",
        "| file | sha256 |",
        "| --- | --- |",
        *[f"| {source['file']} | `{source['sha256'][:18]}…` |" for source in results["sources"]],
        "",
        "Command: `npm run train -- --walk-forward --task regime`.",
        "",
    ]
    return "\n".join(lines)


def _gain(worth: dict[str, Any]) -> str:
    low, high = worth["interval"]
    known = "a gain" if low > 0 else "a loss" if high < 0 else "no gain that can be told from none"
    return f"Over all pools {worth['gain']:+.2f} bp a day ({low:.2f} to {high:.2f}): {known}."


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--out", type=Path, default=HERE.parent / "models" / "regime" / "README.md")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(card(load_results("regime", args.results)))
    say(f"wrote {args.out}")


if __name__ == "__main__":
    exit_with(main)
