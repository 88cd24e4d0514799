"""The fee tables from results/yield.json, as text of at most 80 columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from yield_limits import NEARER, SHARE_TOLD

HORIZONS = ("1h", "4h", "24h", "168h")


def yield_table(results: dict[str, Any]) -> list[str]:
    """Pooled by horizon with the targets, then each pool, then the pools of which only days are known."""
    model = results["model"]
    lines = [
        f"fee income, {len(results['ranges'])} ranges: pinball over 10, 50, 90 %, in units of the usual income",
        "",
        f"{'':5}{'times':>7}{'apart':>6}{'persist':>8}{'EWMA':>7}{'model':>7}{'÷ best':>8}{'t':>6}  target",
    ]
    for horizon, row in results["pooled"].items():
        apart = sum(pool[horizon]["independent"] for pool in cut_pools(results) if horizon in pool)
        loss = row["pinball"]
        lines.append(
            f"{span(horizon):5}{row['rows']:>7}{apart:>6}{loss['persistence']:>8.4f}{loss['ewma']:>7.4f}"
            f"{loss[model]:>7.4f}{row['ratio']:>8.3f}{row['t']:>6.1f}  {verdict(results, horizon, row)}"
        )
    lines += ["", *interval_lines("95 % of ÷ best", results["pooled"])]
    head = f"{'windows':>8}{'times':>7}{'apart':>7}{'÷ best':>8}{'t':>6}{'inside':>8}"
    lines += ["", f"{'pool':33}{head}"]
    for name, pool in results["pools"].items():
        windows = str(pool["windows"]) if pool["kind"] == "windows" else "test"
        found = [horizon for horizon in HORIZONS if horizon in pool]
        lines.append(name if found else f"{name}: nothing was known before it")
        for horizon in found:
            row = pool[horizon]
            lines.append(
                f"  {span(horizon):31}{windows:>8}{row['rows']:>7}{row['independent']:>7}{row['ratio']:>8.3f}"
                f"{row['t']:>6.1f}{row['coverage80'][model]:>8.0%}"
            )
    lines += ["", f"{'daily volume over value locked':33}{head}"]
    everything = results["days"]["pools"] | {"all six": results["days"]["pooled"]}
    for name, pool in everything.items():
        for horizon, row in pool.items():
            lines.append(
                f"{f'{name}, {span(horizon)}':33}{row.get('windows', ''):>8}{row['rows']:>7}{row['independent']:>7}"
                f"{row['ratio']:>8.3f}{row['t']:>6.1f}{row['coverage80']:>8.0%}"
            )
            if name == "all six":
                lines.append(f"  target: {verdict(results, horizon, row)}")
    lines += interval_lines("95 % of ÷ best", results["days"]["pooled"])
    return [
        *lines,
        *limit_table(results["limits"], model, results["targets"]),
        *finer_table(results["finer"], results["model"]),
        "",
        "fits that were scored on the windows of 10 %, the last is the one printed above:",
        *[f"  {i}. {what}" for i, what in enumerate(results["looks"], 1)],
        "",
        "÷ best: against the better of persistence and EWMA; t: Newey-West, above 0 the",
        "model is better; apart: windows that do not overlap; inside: share of outcomes",
        "in the 80 % interval; test: shorter than a week, never fitted on.",
    ]


def interval_lines(title: str, pooled: dict[str, Any]) -> list[str]:
    """The block-bootstrap interval of each horizon's pooled ratio."""
    parts = [f"{span(horizon)} {row['interval'][0]:.2f}-{row['interval'][1]:.2f}" for horizon, row in pooled.items()]
    return [f"{title}: {', '.join(parts)}"]


def finer_table(finer: dict[str, Any], model: str) -> list[str]:
    """The pooled scores in more and shorter windows than the protocol's."""
    title = f"exploratory: windows of {100 * finer['share']:.0f} %, not of 10 %"
    lines = ["", f"{title:41}{'windows':>8}{'times':>7}{'model':>8}{'÷ best':>8}{'t':>6}"]
    for kind, found, name, windows in (
        ("hourly pools", finer["pooled"], model, finer["windows"]),
        ("daily pools", finer["days"], "model", finer["dayWindows"]),
    ):
        lines += [
            f"{f'{kind}, {span(horizon)}':41}{windows:>8}{row['rows']:>7}"
            f"{row['pinball'][name]:>8.4f}{row['ratio']:>8.3f}{row['t']:>6.1f}"
            for horizon, row in found.items()
        ]
    return lines


def limit_table(found: dict[str, Any], model: str, targets: dict[str, float]) -> list[str]:
    """By horizon what the loss would be if parts of the outcome were known beforehand."""
    lines: list[str] = []
    for horizon, one in found.items():
        kinds = list(one["share of the loss"])
        head = f"{span(horizon)}: ÷ best if part of the outcome were told"
        lines += ["", f"{head:46}" + "".join(f"{kind:>9}" for kind in kinds[:-1]) + f"{'all':>7}"]

        def row(title: str, values: dict[str, float], form: str, kinds: list[str] = kinds) -> str:
            last = format(values["all"], form)
            return f"  {title:44}" + "".join(f"{format(values[kind], form):>9}" for kind in kinds[:-1]) + f"{last:>7}"

        lines.append(row(f"share of the loss of {one['best']}", one["share of the loss"], ".0%"))
        lines.append(row("the model, nothing told", one["ratio"][model], ".3f"))
        for part in NEARER:
            title = "all fees told" if part == 1 else f"error of the log of all fees less by {part:.0%}"
            lines.append(row(title, one["ratio"][f"fees nearer {part:g}"], ".3f"))
        lines.append(row("the range's share of them told", one["ratio"][SHARE_TOLD], ".3f"))
        needed = nearer_for(one["ratio"], model, targets[horizon])
        if needed:
            lines.append(
                f"  {targets[horizon]:.2f} is reached where that error is less by {needed:.1%}, or with one side as"
            )
            lines.append(f"  it is where the others come to {one['rest needed']:.3f} (now {one['rest now']:.3f})")
    return lines


def nearer_for(ratio: dict[str, dict[str, float]], model: str, target: float) -> float:
    """The part of the log's error whose loss meets the target, between the parts that were told; 0 where it is met."""
    known = [ratio[model]["all"], *[ratio[f"fees nearer {part:g}"]["all"] for part in NEARER]]
    # Losses fall as more is told; interp asks for rising ones.
    return float(np.interp(-target, [-loss for loss in known], [0.0, *NEARER]))


def verdict(results: dict[str, Any], horizon: str, row: dict[str, Any]) -> str:
    """Whether a ratio reached its target, and by how much not."""
    target = results["targets"].get(horizon)
    if target is None:
        return "reported"
    over = row["ratio"] - target
    return f"≤ {target:.2f} " + ("met" if over <= 0 else f"MISSED by {over:.3f}")


def cut_pools(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The pools that are long enough to have windows."""
    return [pool for pool in results["pools"].values() if pool["kind"] == "windows"]


def span(horizon: str) -> str:
    """168h → 7 d."""
    hours = int(horizon.removesuffix("h"))
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"
