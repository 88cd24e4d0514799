"""Walk-forward of the volatility model beside the classics, by the protocol: what results/volatility.json holds."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import har_net
from classics import CLASSICS, FLOOR, WEEKDAY, days_of, realised_after
from dataset import Table, load_meta, load_table
from errors import DatasetError
from metrics import diebold_mariano, pinball, qlike, rounded
from price_path import rebuild_path
from protocol import Protocol
from walk import DAY, Window, calendar_windows, stamp_of, walk, walk_rule

HERE = Path(__file__).resolve().parent
CODE = [HERE / f"{name}.py" for name in ("har_net", "walk_volatility", "classics", "ops", "walk")]
# Rows of training begin every third hour: their windows overlap, so that more add hardly anything.
STRIDE_SECONDS = 3 * 3600
RESAMPLES = 2000
Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Market:
    """Hourly rows of the protocol's assets, one after the other: features, and what was realised at each horizon."""

    assets: list[str]
    asset: np.ndarray
    at: np.ndarray
    features: np.ndarray
    mask: np.ndarray
    realised: np.ndarray
    halted: np.ndarray
    # Per asset where its hourly path starts, and its returns.
    paths: list[tuple[int, np.ndarray]]


def read_market(folder: Path, protocol: Protocol) -> tuple[Market, dict[str, Any]]:
    """The assets' rows of the exported dataset, and dataset.json."""
    meta = load_meta(folder, protocol["feature_schema"])
    table = load_table(folder, meta, protocol)
    assets = walk_rule({"walk_forward": {"x": protocol["walk_forward"]}}, "x", "assets")["assets"]
    return market_of(table, assets, protocol), meta


def market_of(table: Table, assets: list[str], protocol: Protocol) -> Market:
    """The rows that the model is fitted and scored on."""
    missing = [name for name in har_net.FEATURES if name not in table.feature_names]
    if missing:
        raise DatasetError(f"dataset: volatility.csv lacks the features {', '.join(missing)}; export it anew")
    absent = [name for name in assets if name not in table.series_names]
    if absent:
        raise DatasetError(f"dataset: volatility.csv has no series {', '.join(absent)}")
    columns = [table.feature_names.index(name) for name in har_net.FEATURES]
    week, move = (table.feature_names.index(name) for name in ("log_rv_168h", "return_1h"))
    rule = protocol["features"]
    halted = table.feature_names.index(rule["halted_feature"])
    parts: list[dict[str, np.ndarray]] = []
    paths = []
    for number, name in enumerate(assets):
        rows = np.flatnonzero(table.series == table.series_names.index(name))
        known = np.where(table.mask[rows] == 0, table.features[rows].astype(np.float64), np.nan)
        path = rebuild_path(table.at[rows], known[:, week], known[:, move])
        paths.append((path.start, path.returns))
        place = path.index(table.at[rows])
        hours = [h // 3600 for h in har_net.HORIZONS]
        parts.append(
            {
                "asset": np.full(len(rows), number),
                "at": table.at[rows],
                "features": table.features[np.ix_(rows, columns)],
                "mask": table.mask[np.ix_(rows, columns)],
                "realised": np.stack([realised_after(path.returns, h)[place] for h in hours], axis=1),
                "halted": ~(known[:, halted] >= rule["halted_below"]),
            }
        )
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return Market(assets=assets, paths=paths, **joined)


def hash_of(market: Market) -> str:
    """sha256 of the rows that are read, whatever else the dataset holds."""
    digest = hashlib.sha256(",".join(market.assets).encode())
    for values in (market.at, market.features, market.mask, market.realised):
        digest.update(np.ascontiguousarray(values).tobytes())
    return "0x" + digest.hexdigest()


def rows_known(market: Market, known: int, half_life_days: float) -> tuple[har_net.Rows, np.ndarray]:
    """Training rows whose labels had ended by `known`; a longer horizon's may be missing where a shorter's is not."""
    at = market.at
    ends = at[:, None] + np.asarray(har_net.HORIZONS)[None, :]
    realised = np.where(ends <= known, market.realised, np.nan)
    use = (at % STRIDE_SECONDS == 0) & np.isfinite(realised).any(axis=1) & ~market.halted
    chosen = np.flatnonzero(use)
    age = (known - at[chosen]) / DAY
    weight = 0.5 ** (age / half_life_days) if half_life_days else np.ones(len(chosen))
    return har_net.Rows(market.features[chosen], market.mask[chosen], realised[chosen], weight), chosen


def fit_window(market: Market, window: Window, seed: int, half_life_days: float) -> dict[str, np.ndarray]:
    """One seed's answers for one window's midnights: [days, horizons, columns]."""
    rows, _ = rows_known(market, window.known, half_life_days)
    fixed = har_net.normalisation(rows)
    weights = har_net.member(rows, fixed, seed)
    ask = asked(market, window)
    said = [har_net.predict(fixed, weights, market.features[ask], market.mask[ask], h) for h in har_net.HORIZONS]
    return {"said": np.stack(said, axis=1), "rows": np.asarray(len(rows.weight))}


def asked(market: Market, window: Window) -> np.ndarray:
    """Rows at midnights inside the window."""
    return np.flatnonzero(window.forecasts(market.at) & (market.at % DAY == 0))


def run(folder: Path, work: Path, protocol: Protocol, fast: bool, say: Say) -> dict[str, Any]:
    """The whole walk-forward of the protocol: fits, baselines, scores."""
    rule = walk_rule(protocol, "volatility", "horizons_seconds", "quantiles", "baselines", "refit_days")
    if tuple(rule["horizons_seconds"]) != har_net.HORIZONS or tuple(rule["quantiles"]) != har_net.QUANTILES:
        raise DatasetError("protocol: walk_forward.volatility has horizons or quantiles that har_net.py does not")
    market, meta = read_market(folder, protocol)
    say(f"volatility: {len(market.at)} hourly rows of {', '.join(market.assets)}")
    windows = calendar_windows(protocol)
    seeds = protocol["walk_forward"]["seeds"]
    if fast:
        windows, seeds = windows[:2], seeds[:1]
    half_life = protocol["volatility"]["half_life_days"]
    data_hash = hash_of(market)
    stamp = stamp_of(protocol, data_hash, CODE)
    found = walk(
        "volatility", windows, seeds, lambda w, s: fit_window(market, w, s, half_life), work / "volatility", stamp, say
    )
    ask = np.concatenate([asked(market, window) for window in windows])
    said = np.stack([np.concatenate([one["said"] for one in found[seed]]) for seed in seeds])
    of_window = np.concatenate([np.full(len(asked(market, w)), w.number) for w in windows])
    classics = _classics(market, ask, rule, say)
    results: dict[str, Any] = {
        "task": "volatility",
        "model": "volatility-har-net",
        "protocol": "walk_forward" if not fast else "fast",
        "dataHash": data_hash,
        "sources": [s for s in meta["sources"] if any(a in s["file"] for a in market.assets)],
        "stamp": stamp,
        "seeds": list(seeds),
        "windows": [
            {"from": w.start, "until": w.stop, "rows": int(a["rows"])}
            for w, a in zip(windows, found[seeds[0]], strict=True)
        ],
        "halfLifeDays": half_life,
        "embargoSeconds": protocol["walk_forward"]["embargo_seconds"],
        "refitDays": rule["refit_days"],
        "horizons": {},
    }
    for k, horizon in enumerate(har_net.HORIZONS):
        results["horizons"][str(horizon)] = _scores(
            market, ask, said[:, :, k], classics[horizon], k, of_window, rule["baselines"]
        )
    return results


def _classics(market: Market, ask: np.ndarray, rule: dict[str, Any], say: Say) -> dict[int, dict[str, np.ndarray]]:
    """Per horizon and baseline its forecast at each asked row."""
    hours = [h // 3600 for h in har_net.HORIZONS]
    out = {h: {name: np.full(len(ask), np.nan) for name in CLASSICS} for h in har_net.HORIZONS}
    for number, (start, returns) in enumerate(market.paths):
        days = days_of(start, returns, hours)
        mine = np.flatnonzero(market.asset[ask] == number)
        place = np.searchsorted(days.at, market.at[ask[mine]])
        for horizon in har_net.HORIZONS:
            for name, classic in CLASSICS.items():
                out[horizon][name][mine] = classic(days, horizon // 3600, rule["refit_days"])[place]
        say(
            f"volatility: {len(CLASSICS)} classics of {market.assets[number]}, refitted every {rule['refit_days']} days"
        )
    return out


def _scores(
    market: Market,
    ask: np.ndarray,
    said: np.ndarray,
    classics: dict[str, np.ndarray],
    k: int,
    of_window: np.ndarray,
    named: list[str],
) -> dict[str, Any]:
    """One horizon's table for each asset and for all of them pooled by day."""
    target = np.maximum(market.realised[ask, k], FLOOR)
    good = np.isfinite(market.realised[ask, k])
    for forecast in classics.values():
        good &= np.isfinite(forecast)
    # Only days that every asset has, so that pooling by day compares like with like.
    at = market.at[ask]
    full = [int(day) for day in np.unique(at) if good[at == day].sum() == len(market.assets)]
    good &= np.isin(at, full)
    mean = said.mean(axis=0)
    losses = {name: qlike(target, f) for name, f in classics.items()} | {"model": qlike(target, mean[:, 0])}
    by_seed = [qlike(target, one[:, 0]) for one in said]
    lags = max(1, har_net.HORIZONS[k] // DAY)
    out: dict[str, Any] = {"days": len(full), "from": full[0], "until": full[-1], "lags": lags}
    groups = {name: np.flatnonzero(good & (market.asset[ask] == i)) for i, name in enumerate(market.assets)}
    columns = {name: {key: loss[rows] for key, loss in losses.items()} for name, rows in groups.items()}
    seeds = {name: [loss[rows] for loss in by_seed] for name, rows in groups.items()}
    columns["pooled"] = {key: np.mean([columns[a][key] for a in market.assets], axis=0) for key in losses}
    seeds["pooled"] = [np.mean([seeds[a][i] for a in market.assets], axis=0) for i in range(len(by_seed))]
    first = groups[market.assets[0]]
    window, year = of_window[first], np.asarray([_year(t) for t in at[first]])
    for name, table in columns.items():
        out[name] = _compare(table, seeds[name], named, lags, window, year)
        if name != "pooled":
            out[name]["quantiles"] = _quantiles(target[groups[name]], mean[groups[name]])
    return out


def _compare(
    losses: dict[str, np.ndarray],
    seeds: list[np.ndarray],
    named: list[str],
    lags: int,
    window: np.ndarray,
    year: np.ndarray,
) -> dict[str, Any]:
    """Mean QLIKE of all, and the model against the best baseline that does not and that does know the weekday."""
    model = losses["model"]
    out: dict[str, Any] = {"qlike": {name: rounded(float(loss.mean()), 5) for name, loss in losses.items()}}
    rivals = {
        "plain": [n for n in losses if n != "model" and n not in WEEKDAY],
        "weekday": [n for n in losses if n in WEEKDAY and n in named],
        "strongest": [n for n in losses if n != "model"],
    }
    for key, names in rivals.items():
        best = min(names, key=lambda name: losses[name].mean())
        t = diebold_mariano(model, losses[best], lags)
        out[key] = {
            "baseline": best,
            "ratio": rounded(float(model.mean() / losses[best].mean())),
            "interval": [rounded(x) for x in _interval(model, losses[best], 4 * lags)],
            "t": rounded(t, 3),
            "p": rounded(math.erfc(abs(t) / math.sqrt(2.0)), 2),
            "bySeed": [rounded(float(s.mean() / losses[best].mean())) for s in seeds],
        }
    best = losses[out["plain"]["baseline"]]
    out["byWindow"] = [rounded(float(model[window == w].mean() / best[window == w].mean())) for w in np.unique(window)]
    out["byYear"] = {
        str(y): rounded(float(model[year == y].mean() / best[year == y].mean())) for y in np.unique(year).tolist()
    }
    return out


def _interval(model: np.ndarray, other: np.ndarray, block: int) -> tuple[float, float]:
    """95 % of the ratio of means under the stationary bootstrap of days."""
    rng = np.random.default_rng(1)
    n = len(model)
    fresh = rng.random((RESAMPLES, n)) < 1.0 / block
    fresh[:, 0] = True
    starts = rng.integers(0, n, (RESAMPLES, n))
    place = np.arange(n)[None, :]
    since = place - np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    first = np.take_along_axis(starts, place - since, axis=1)
    picks = (first + since) % n
    low, high = np.quantile(model[picks].mean(axis=1) / other[picks].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _quantiles(target: np.ndarray, mean: np.ndarray) -> dict[str, Any]:
    """Per quantile the share of days below it, and the pinball loss of logs."""
    y = np.log(target)
    out: dict[str, Any] = {"below": {}, "pinball": {}}
    for q in har_net.QUANTILES:
        column = har_net.COLUMNS.index(f"q{round(100 * q):02d}")
        out["below"][str(q)] = rounded(float(np.mean(target < mean[:, column])), 3)
        out["pinball"][str(q)] = rounded(float(pinball(y, np.log(mean[:, column]), q).mean()))
    return out


def _year(at: int) -> int:
    return int(np.datetime64(int(at), "s").astype("datetime64[Y]").astype(int)) + 1970


SPANS = {"3600": "1 h", "14400": "4 h", "86400": "1 d", "604800": "7 d"}


def table(results: dict[str, Any]) -> list[str]:
    """The table that the walk-forward prints and the card carries, at most 80 columns wide."""
    lines = [
        f"{'':4} {'':8} {'days':>5} {'model':>6}  {'best without weekday':<28} {'with weekday':<12}",
        f"{'':4} {'':8} {'':>5} {'QLIKE':>6}  {'name':<16} {'ratio':>5} {'p':>5}  {'ratio':>5} {'p':>6}",
    ]
    for horizon, scores in results["horizons"].items():
        for name in [n for n in scores if isinstance(scores[n], dict)]:
            one = scores[name]
            plain, weekday = one["plain"], one["weekday"]
            lines.append(
                f"{SPANS[horizon]:4} {name:8} {scores['days']:5d} {one['qlike']['model']:6.4f}  "
                f"{plain['baseline']:<16} "
                f"{plain['ratio']:5.3f} {_p(plain['p'])}  {weekday['ratio']:5.3f} {_p(weekday['p'])}"
            )
    return lines


def _p(p: float) -> str:
    return f"{p:5.3f}" if p >= 0.001 else "<.001"
