"""Prints every walk-forward table into docs/models.md from results/*.json: `python ml/train/tables.py [--check]`."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli import HERE, exit_with, one_thread

one_thread()

from errors import TrainError
from walk import RESULTS

PAGE = HERE.parent.parent / "docs" / "models.md"
BEGIN, END = "<!-- tables: printed by ml/train/tables.py; do not edit -->", "<!-- end of tables -->"
Results = dict[str, Any]


class PageError(TrainError):
    """docs/models.md is not what the results say, or has lost its markers."""


def volatility_verdicts(results: Results) -> list[str]:
    """QLIKE against the best without weekday terms and the one with them, as asked for at a day and at a week."""
    day, week = (results["horizons"][key] for key in ("86400", "604800"))
    out = []
    for name in [key for key, value in day.items() if isinstance(value, dict)]:
        for kind, target in (("plain", 0.88), ("weekday", 0.97)):
            out.append(_verdict(f"1 d, {name}, {_against(kind)}", day[name][kind], target, 0.01))
    for kind in ("plain", "weekday"):
        out.append(_verdict(f"7 d, pooled, {_against(kind)}", week["pooled"][kind], 0.97, 0.05))
    return [f"{results['horizons']['86400']['days']} days at 1 d: {_met(day['days'] >= 1800)} (≥ 1,800)", *out]


def _against(kind: str) -> str:
    return "against the best without weekday terms" if kind == "plain" else "against the one with weekday terms"


def _verdict(what: str, one: Results, target: float, p: float) -> str:
    good = one["ratio"] <= target and one["p"] < p
    return f"{what}: {one['ratio']:.3f}, p {one['p']:.2g} (≤ {target:.2f}, p < {p}): {_met(good)}"


def il_verdicts(results: Results) -> list[str]:
    """Pinball of the 10 % quantile and how often it was exceeded."""
    out = []
    for horizon, found in results["il"].items():
        week = horizon.startswith(("7", "168", "604800"))
        good = found["ratio"] < 1.0 if week else found["ratio"] <= 0.95
        out.append(f"{horizon}: {found['ratio']:.4f} ({'< 1.00' if week else '≤ 0.95'}): {_met(good)}")
        beyond = found["below"]["model"][0]
        out.append(f"{horizon}: exceeded {beyond:.4f} (.085 to .115): {_met(0.085 <= beyond <= 0.115)}")
    return out


def yield_verdicts(results: Results) -> list[str]:
    """Pinball against the better baseline, pooled over pools, at the horizons that have a target."""
    out = []
    for horizon, target in results["targets"].items():
        for name, rows in (("hourly pools", results["pooled"]), ("daily pools", results["days"]["pooled"])):
            if horizon in rows:
                good = rows[horizon]["ratio"] <= target
                out.append(f"{name}, {horizon}: {rows[horizon]['ratio']:.3f} (≤ {target:.2f}): {_met(good)}")
    return out


def _met(good: bool) -> str:
    return "met" if good else "**not reached**"


def no_verdicts(results: Results) -> list[str]:
    """For a table that says itself what it met."""
    return []


# Of results that do not say which model they are of.
MODELS = {"il": "il-quantiles"}
# Title, results file, module whose table(results) gives the lines, verdicts, and the command that makes the results.
Section = tuple[str, str, str, Callable[[Results], list[str]], str]
SECTIONS: list[Section] = [
    (
        "Volatility",
        "volatility",
        "walk_volatility",
        volatility_verdicts,
        "npm run train -- --walk-forward --task volatility",
    ),
    ("Impermanent loss and LVR", "il", "walk_il", il_verdicts, "npm run train -- --walk-forward --task il"),
    ("Fee income", "yield", "walk_yield", yield_verdicts, "npm run train -- --walk-forward --task yield"),
    ("Regime", "regime", "regime", no_verdicts, "npm run train -- --walk-forward --task regime"),
    ("On-chain head", "head", "head_package", no_verdicts, "npm run train -- --head"),
]


def page_text(text: str, results: Path = RESULTS) -> str:
    """The page with its tables renewed; all else as it is."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise PageError(f"{PAGE.name}: must hold {BEGIN} and {END} once each, in this order")
    head, tail = text[: text.index(BEGIN)], text[text.index(END) :]
    return head + "\n".join([BEGIN, "", *tables(results)]) + "\n" + tail


def tables(folder: Path) -> list[str]:
    """All sections in order; one without results says so."""
    lines: list[str] = []
    for title, name, module, verdicts, command in SECTIONS:
        lines += [f"### {title}", ""]
        path = folder / f"{name}.json"
        if not path.is_file():
            lines += [f"No results are kept here yet: `{command}` makes them.", ""]
            continue
        results = json.loads(path.read_text())
        if results.get("fast"):
            raise PageError(f"{path.name}: made with --fast, must be a whole walk-forward")
        seeds = results.get("seeds", [])
        seeds = seeds if isinstance(seeds, str) else ", ".join(map(str, seeds))
        found = verdicts(results)
        data = results.get("dataHash") or results["data"]
        model = results.get("model") or MODELS[name]
        lines += [f"Model `{model}`, seeds: {seeds}. Data `{data[:18]}…`, made by:", ""]
        lines += [f"`{command}`", "", "```text", *importlib.import_module(module).table(results), "```", ""]
        if found:
            lines += ["What was asked for:", "", *[f"- {line}" for line in found], ""]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when the page is not what results say"
    )
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    text = args.page.read_text()
    renewed = page_text(text, args.results)
    if args.check and renewed != text:
        raise PageError(
            f"{args.page.name}: its tables are not what {args.results.name}/ holds; run npm run train -- --tables"
        )
    if not args.check:
        args.page.write_text(renewed)


if __name__ == "__main__":
    exit_with(main)
