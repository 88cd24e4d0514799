"""Walk-forward of the regime model by the protocol: are its regimes right, and do they better the volatility model?"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import regime_net
from errors import DatasetError
from fee_rows import load_fee_meta, load_hours
from metrics import diebold_mariano, qlike, rounded
from protocol import Protocol
from regime_days import BATCH, RATE, STEPS, Days, asked, fit_window, read_days
from regime_decision import Regimes, by_midnight, decision_scores
from regime_table import table
from walk import DAY, Window, calendar_windows, stamp_of, walk, walk_rule

HERE = Path(__file__).resolve().parent
CODE = [HERE / f"{name}.py" for name in ("regime_days", "regime_net", "walk")]
# Windows whose forecasts only teach the stack; it is scored on those after them.
TEACHING = 4
KEPT_BELOW = 0.05
__all__ = ["run", "table"]
Say = Callable[[str], None]
# Days by asset and midnight: ln of the variance that another model expects.
Base = dict[tuple[str, int], float]


def run(folder: Path, work: Path, protocol: Protocol, fast: bool, say: Say) -> dict[str, Any]:
    """Fits, scores, and the question that decides: does the volatility model get better with it?"""
    rule = walk_rule(protocol, "regime", "days_of_history", "judged_by")
    whole = protocol["walk_forward"]
    if rule["days_of_history"] != regime_net.DAYS:
        raise DatasetError(f"protocol: walk_forward.regime.days_of_history must be {regime_net.DAYS}, as the net is")
    days, meta = read_days(folder, list(whole["assets"]))
    windows, seeds = calendar_windows(protocol), list(whole["seeds"])
    if fast:
        windows, seeds = windows[: TEACHING + 2], seeds[:1]
    say(f"regime: {len(days.at)} days of {', '.join(days.assets)}, {len(days.columns)} columns")
    stamp = stamp_of(protocol, meta["hash"], CODE)
    # The seeds of a window are trained side by side: one file holds all of them.
    found = walk("regime", windows, [0], lambda w, _: fit_window(days, w, seeds), work / "regime", stamp, say)[0]
    base, base_name = volatility_base(folder, work, protocol, windows, seeds, say)
    ask = np.concatenate([asked(days, window) for window in windows])
    of_window = np.concatenate([np.full(len(asked(days, w)), w.number) for w in windows])
    said = np.concatenate([one["said"] for one in found], axis=1)
    results: dict[str, Any] = {
        "task": "regime",
        "model": "regime-transformer",
        "protocol": "fast" if fast else "walk_forward",
        "dataHash": meta["hash"],
        "sources": meta["sources"],
        "spans": meta["spans"],
        "stamp": stamp,
        "seeds": seeds,
        "windows": [
            {"from": w.start, "until": w.stop, "rows": int(one["rows"]), "steps": int(one["steps"])}
            for w, one in zip(windows, found, strict=True)
        ],
        "settings": {
            "steps": STEPS,
            "batch": BATCH,
            "rate": RATE,
            "width": regime_net.WIDTH,
            "layers": regime_net.LAYERS,
        },
        "classes": _class_scores(days, ask, said, found),
        "base": base_name,
        "teachingWindows": TEACHING,
        "stack": stack_scores(days, ask, of_window, said, base),
    }
    regimes = by_midnight(days.at[ask], said.mean(axis=0)[:, :3])
    results["decision"] = judge_decision(folder, regimes, protocol)
    pooled, worth = results["stack"]["pooled"], results["decision"]["pooled"]
    results["kept"] = bool((pooled["ratio"] < 1 and pooled["p"] < KEPT_BELOW) or worth["interval"][0] > 0)
    return results


def judge_decision(folder: Path, regimes: Regimes, protocol: Protocol) -> dict[str, Any]:
    """What a decision on pools with hours of fees gains from the regimes, by the protocol's windows of a pool."""
    meta = load_fee_meta(folder)
    rule = protocol["decision_walk_forward"]
    return decision_scores(load_hours(folder, meta), regimes, rule) | {"dataHash": meta["hash"]}


def volatility_base(
    folder: Path, work: Path, protocol: Protocol, windows: list[Window], seeds: list[int], say: Say
) -> tuple[Base, str]:
    """What the volatility model expected at a day, from its own walk-forward (fits that are there are taken)."""
    import har_net
    import walk_volatility

    market, meta = walk_volatility.read_market(folder, protocol)
    half_life = protocol["volatility"]["half_life_days"]
    stamp = stamp_of(protocol, meta.get("hash", ""), walk_volatility.CODE)
    fit = lambda w, s: walk_volatility.fit_window(market, w, s, half_life)  # noqa: E731
    found = walk("volatility", windows, seeds, fit, work / "volatility", stamp, say)
    ask = np.concatenate([walk_volatility.asked(market, window) for window in windows])
    day = har_net.HORIZONS.index(DAY)
    said = np.mean([np.concatenate([one["said"][:, day, 0] for one in found[seed]]) for seed in seeds], axis=0)
    names = [market.assets[number] for number in market.asset[ask]]
    keys = zip(names, market.at[ask].tolist(), strict=True)
    return dict(zip(keys, np.log(said).tolist(), strict=True)), "volatility-har-net"


def _class_scores(days: Days, ask: np.ndarray, said: np.ndarray, found: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    """Log loss and hits of the probabilities against an even guess and against how weeks used to follow weeks."""
    regime = np.concatenate([one["regime"] for one in found])
    was = np.concatenate([one["was"] for one in found])
    turns = np.concatenate([one["turns"][np.maximum(one["was"], 0)] for one in found])
    good = (regime >= 0) & (was >= 0)
    truth = regime[good]
    mean = said.mean(axis=0)[good, :3]
    pick = lambda p: np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-6))  # noqa: E731
    loss, plain = -pick(mean), -pick(turns[good])
    at = days.at[ask][good]
    by_day = lambda x: np.asarray([x[at == t].mean() for t in np.unique(at)])  # noqa: E731
    t = diebold_mariano(by_day(loss), by_day(plain), 7)
    return {
        "days": len(np.unique(at)),
        "logLoss": {"model": rounded(loss.mean()), "persistence": rounded(plain.mean()), "even": rounded(math.log(3))},
        "bySeed": [rounded(-pick(one[good, :3]).mean()) for one in said],
        "hits": {
            "model": rounded(float(np.mean(mean.argmax(axis=1) == truth))),
            "persistence": rounded(float(np.mean(was[good] == truth))),
        },
        "share": [rounded(float(np.mean(truth == k))) for k in range(3)],
        "t": rounded(t, 3),
        "p": rounded(_p_of(t), 2),
    }


def stack_scores(days: Days, ask: np.ndarray, of_window: np.ndarray, said: np.ndarray, base: Base) -> dict[str, Any]:
    """QLIKE at a day of the volatility model restated by its own past, without and with what the regime model says."""
    at, asset = days.at[ask], days.asset[ask]
    target = days.next_day[ask]
    other = np.asarray(
        [base.get((days.assets[a], t), math.nan) for a, t in zip(asset.tolist(), at.tolist(), strict=True)]
    )
    good = np.isfinite(other) & np.isfinite(target) & (target > 0)
    counts = {t: int(good[at == t].sum()) for t in np.unique(at).tolist()}
    good &= np.asarray([counts[t] == len(days.assets) for t in at.tolist()])
    if not good.any():
        raise DatasetError("regime: the volatility model forecasts none of these days; walk it forward first")
    scored = good & (of_window >= of_window.min() + TEACHING)
    ones = np.stack([np.ones(len(at)), asset == 1, other], axis=1)

    def stacked(regime: np.ndarray | None) -> np.ndarray:
        inputs = ones if regime is None else np.concatenate([ones, _extras(regime, other)], axis=1)
        return stack(at, target, inputs, of_window, good)[scored]

    truth = target[scored]
    losses = {
        "volatility": qlike(truth, np.exp(other[scored])),
        "stack": qlike(truth, stacked(None)),
        "stackWithRegime": qlike(truth, stacked(said.mean(axis=0))),
    }
    by_seed = [qlike(truth, stacked(one)) for one in said]
    out: dict[str, Any] = {}
    who, when = asset[scored], at[scored]
    for name in [*days.assets, "pooled"]:
        take = lambda x, name=name: _by_asset(x, who, when, days.assets, name)  # noqa: E731
        plain, with_regime = take(losses["stack"]), take(losses["stackWithRegime"])
        t = diebold_mariano(with_regime, plain, 1)
        out[name] = {
            "days": len(plain),
            "qlike": {key: rounded(float(take(loss).mean()), 5) for key, loss in losses.items()},
            "ratio": rounded(float(with_regime.mean() / plain.mean())),
            "bySeed": [rounded(float(take(one).mean() / plain.mean())) for one in by_seed],
            "t": rounded(t, 3),
            "p": rounded(_p_of(t), 2),
        }
    return out


def stack(
    at: np.ndarray, target: np.ndarray, inputs: np.ndarray, of_window: np.ndarray, good: np.ndarray
) -> np.ndarray:
    """Each window's variances by a regression of logs on what had happened when it began; NaN while it only teaches."""
    forecast = np.full(len(at), np.nan)
    for window in np.unique(of_window[good & (of_window >= of_window.min() + TEACHING)]):
        mine = good & (of_window == window)
        past = good & (at + DAY <= at[mine].min())
        weights, *_ = np.linalg.lstsq(inputs[past], np.log(target[past]), rcond=None)
        middle = np.exp(inputs @ weights)
        forecast[mine] = middle[mine] * np.mean(target[past] / middle[past])
    return forecast


def _extras(regime: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.stack([regime[:, 2] - regime[:, 0], regime[:, 3] - other], axis=1)


def _by_asset(x: np.ndarray, who: np.ndarray, when: np.ndarray, assets: list[str], name: str) -> np.ndarray:
    """One asset's days in order, or the mean of all assets' by day."""
    rows = [np.flatnonzero(who == number) for number in range(len(assets))]
    ordered = [x[row[np.argsort(when[row])]] for row in rows]
    return np.mean(ordered, axis=0) if name == "pooled" else ordered[assets.index(name)]


def _p_of(t: float) -> float:
    return math.erfc(abs(t) / math.sqrt(2.0))
