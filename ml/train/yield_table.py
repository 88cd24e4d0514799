"""The fee tables as Markdown, from results/yield.json."""

from __future__ import annotations

from typing import Any


def yield_table(results: dict[str, Any]) -> list[str]:
    """Pooled by horizon with the targets, then each pool, then the daily pools."""
    model = results["model"]
    lines = [
        f"Pinball loss over 10, 50 and 90 % and {len(results['ranges'])} ranges, in units of each range's usual income;"
        " ratio to the better of both baselines, t by Newey–West (above 0: the model is better).",
        "",
        "| horizon | pools | times | independent | persistence | EWMA | model | ratio | t | target |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for horizon, row in results["pooled"].items():
        independent = sum(p[horizon]["independent"] for p in _cut(results) if horizon in p)
        target = results["targets"].get(horizon)
        said = "reported" if target is None else f"≤ {target:.2f}: {'met' if row['ratio'] <= target else 'missed'}"
        losses = row["pinball"]
        lines.append(
            f"| {_span(horizon)} | {row['pools']} | {row['rows']} | {independent} | {losses['persistence']:.3f} |"
            f" {losses['ewma']:.3f} | {losses[model]:.3f} | {row['ratio']:.3f} | {row['t']:.1f} | {said} |"
        )
    lines += [
        "",
        "| pool | horizon | windows | times | independent | ratio | t | covered (80 %) | best baseline |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, pool in results["pools"].items():
        windows = pool["windows"] if pool["kind"] == "windows" else "test only"
        found = [horizon for horizon in ("1h", "4h", "24h", "168h") if horizon in pool]
        if not found:
            lines.append(f"| {name} | none | {windows} | 0 | 0 | nothing was known before it | | | |")
        for horizon in found:
            row = pool[horizon]
            lines.append(
                f"| {name} | {_span(horizon)} | {windows} | {row['rows']} | {row['independent']} | {row['ratio']:.3f} |"
                f" {row['t']:.1f} | {row['coverage80'][model]:.0%} | {row['best']} |"
            )
    lines += [
        "",
        "Pools with daily volume and value locked: income of the whole range per unit of value locked, the same ridge"
        " on daily windows.",
        "",
        "| pool | horizon | windows | days | independent | ratio | t | covered (80 %) | best baseline |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, pool in results["days"]["pools"].items():
        for horizon, row in pool.items():
            lines.append(
                f"| {name} | {_span(horizon)} | {row['windows']} | {row['rows']} | {row['independent']} |"
                f" {row['ratio']:.3f} | {row['t']:.1f} | {row['coverage80']:.0%} | {row['best']} |"
            )
    for horizon, row in results["days"]["pooled"].items():
        target = results["targets"].get(horizon)
        said = "" if target is None else f" (target ≤ {target:.2f}: {'met' if row['ratio'] <= target else 'missed'})"
        lines.append(
            f"| all | {_span(horizon)} | | {row['rows']} | {row['independent']} | {row['ratio']:.3f}{said} |"
            f" {row['t']:.1f} | {row['coverage80']:.0%} | {row['best']} |"
        )
    return lines


def _cut(results: dict[str, Any]) -> list[dict[str, Any]]:
    return [pool for pool in results["pools"].values() if pool["kind"] == "windows"]


def _span(horizon: str) -> str:
    hours = int(horizon.removesuffix("h"))
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"
