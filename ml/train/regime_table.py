"""The table of the regime model that the walk-forward prints and its card carries."""

from __future__ import annotations

from typing import Any


def table(results: dict[str, Any]) -> list[str]:
    """What the walk-forward prints and the card carries, at most 80 columns wide."""
    scores = results["classes"]
    loss, hits = scores["logLoss"], scores["hits"]
    lines = [
        f"next week's third of variance, {scores['days']} days   {'log loss':>9} {'hits':>6}",
        f"  {'regime model':<40} {loss['model']:9.4f} {hits['model']:6.3f}",
        f"  {'how weeks followed weeks before':<40} {loss['persistence']:9.4f} {hits['persistence']:6.3f}",
        f"  {'even guess':<40} {loss['even']:9.4f} {1 / 3:6.3f}",
        f"  against the second: t {scores['t']:.2f}, p {_p(scores['p'])}",
        "",
        f"{'QLIKE at a day':<14} {'days':>5} {results['base']:>20} {'stack':>7} {'+ regime':>8} {'ratio':>6} {'p':>6}",
    ]
    for name, one in results["stack"].items():
        q = one["qlike"]
        lines.append(
            f"{name:<14} {one['days']:5d} {q['volatility']:20.4f} {q['stack']:7.4f} {q['stackWithRegime']:8.4f} "
            f"{one['ratio']:6.4f} {_p(one['p'])}"
        )
    return [*lines, "", *decision_table(results["decision"])]


def decision_table(decision: dict[str, Any]) -> list[str]:
    """Fees less LVR less cost of a decision without and with the regimes."""
    lines = [f"{'bp a day, net':<25}{'windows':>8}{'days':>5}{'plain':>8}{'+ regime':>9}{'gain':>7}  95 % interval"]
    for name, one in (decision["pools"] | {"all": decision["pooled"]}).items():
        low, high = one["interval"]
        lines.append(
            f"{name:<25}{one.get('windows', ''):>8}{one['independent']:>5}{one['plain']:>8.2f}{one['regime']:>9.2f}"
            f"{one['gain']:>7.2f}  {low:.2f} to {high:.2f}"
        )
    return lines


def _p(p: float) -> str:
    return f"{p:6.3f}" if p >= 0.001 else " <.001"
