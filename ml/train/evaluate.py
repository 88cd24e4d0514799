"""Scores the fitted networks beside their baselines: `python ml/train/evaluate.py --data ml/train/data`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cli import HERE, exit_with, one_thread, say

one_thread()

import numpy as np

from baselines import Path as PricePath
from baselines import ewma_variance, har, move_quantiles, rebuild_path, window_variance, with_log_spread
from dataset import Table, load_meta, load_table
from decision import decision_view
from errors import DatasetError
from fit import predict, target_scale
from metrics import QUANTILES, diebold_mariano, pinball, qlike, rounded
from networks import TASKS
from protocol import Protocol, load_protocol
from run import Run, load_run
from split import split

MAX_IL_ROWS = 12_000
Metrics = dict[str, Any]
Moves = dict[str, tuple[PricePath, dict[str, tuple[np.ndarray, np.ndarray]]]]


def paths_of(volatility: Table) -> dict[str, PricePath]:
    """Hourly price paths of the series that the volatility table covers hour by hour."""
    names = volatility.feature_names
    rv, move = names.index("log_rv_168h"), names.index("return_1h")
    paths = {}
    for i, name in enumerate(volatility.series_names):
        rows = np.flatnonzero(volatility.series == i)
        if len(rows) > 24 * 365 and np.median(np.diff(volatility.at[rows])) == 3600:
            known = np.where(volatility.mask[rows] == 0, volatility.features[rows].astype(np.float64), np.nan)
            at, features = volatility.at[rows], known
            paths[name] = rebuild_path(at, features[:, rv], features[:, move])
    return paths


def evaluate_volatility(run: Run, table: Table, protocol: Protocol) -> Metrics:
    """QLIKE and pinball of one-day variance beside random walk, EWMA, HAR and log-HAR, per series and span."""
    settings = protocol["baselines"]
    parts = split(table, protocol)
    said = {seed: predict(run.spec, run.fixed, run.members[seed], table) for seed in run.seeds}
    out: Metrics = {}
    for name, path in paths_of(table).items():
        refit, days = settings["har_refit_days"], settings["har_windows_days"]
        forecasts = {
            "random walk": with_log_spread(path, window_variance(path, 24), refit),
            "ewma": with_log_spread(path, ewma_variance(path, settings["ewma_lambda"]), refit),
            "har": har(path, days, refit, logs=False),
            "log-har": har(path, days, refit, logs=True),
        }
        for span in ("validation", "test"):
            rows = parts[span][table.series[parts[span]] == table.series_names.index(name)]
            at = path.index(table.at[rows])
            good = np.all([np.isfinite(f.quantiles[at]).all(axis=1) for f in forecasts.values()], axis=0)
            rows, at = rows[good], at[good]
            target = table.targets[rows, 0]
            model = said[run.shipped][rows].astype(np.float64)
            scores = {"model": (model[:, 0], model[:, 1:])}
            scores |= {key: (f.mean[at], f.quantiles[at]) for key, f in forecasts.items()}
            losses = {key: qlike(target, mean) for key, (mean, _) in scores.items()}
            table_of = {
                key: {
                    "qlike": rounded(float(losses[key].mean())),
                    "pinball": rounded(_log_pinball(target, quantiles)),
                    "coverage80": rounded(float(np.mean((target >= quantiles[:, 0]) & (target <= quantiles[:, 2])))),
                }
                for key, (_, quantiles) in scores.items()
            }
            best = min((k for k in losses if k != "model"), key=lambda k: losses[k].mean())
            seeds = [float(qlike(target, said[s][rows, 0].astype(np.float64)).mean()) for s in run.seeds]
            out[f"{name} {span}"] = {
                "rows": len(rows),
                "scores": table_of,
                "best baseline": best,
                "ratio to best": rounded(float(losses["model"].mean() / losses[best].mean())),
                "dm t": rounded(diebold_mariano(losses["model"], losses[best], 48), 3),
                "qlike by seed": [rounded(x) for x in seeds],
            }
    return out


def _log_pinball(target: np.ndarray, quantiles: np.ndarray) -> float:
    y, f = np.log(target), np.log(quantiles)
    return float(np.mean([pinball(y, f[:, i], q).mean() for i, q in enumerate(QUANTILES)]))


def evaluate_il(run: Run, table: Table, volatility: Table, protocol: Protocol) -> Metrics:
    """The 10 % loss tail beside historical quantiles of the same range, per horizon, on series with a long past."""
    parts = split(table, protocol)
    paths = paths_of(volatility)
    pasts = {int(h): _past_moves(paths, int(h) // 3600, protocol) for h in np.unique(table.horizon)}
    said = {seed: predict(run.spec, run.fixed, run.members[seed], table) for seed in run.seeds}
    scale = target_scale(run.spec, run.fixed, table)
    out: Metrics = {}
    for span in ("validation", "test"):
        chosen = parts[span][:: max(1, len(parts[span]) // MAX_IL_ROWS)]
        for horizon in np.unique(table.horizon[chosen]):
            rows = chosen[table.horizon[chosen] == horizon]
            quantiles = _historical_il(table, rows, pasts[int(horizon)])
            good = np.all([np.isfinite(q) for q in quantiles.values()], axis=0)
            rows = rows[good]
            if not len(rows):
                continue
            target, size = table.targets[rows, 0], scale[rows, 0]
            forecasts = {"model": said[run.shipped][rows, 1].astype(np.float64)}
            forecasts |= {key: q[good] for key, q in quantiles.items()}
            losses = {key: pinball(target / size, f / size, 0.1) for key, f in forecasts.items()}
            raw = {key: pinball(target, f, 0.1) for key, f in forecasts.items()}
            best = min((k for k in losses if k != "model"), key=lambda k: losses[k].mean())
            best_raw = min((k for k in raw if k != "model"), key=lambda k: raw[k].mean())
            seeds = [pinball(target / size, said[s][rows, 1] / size, 0.1).mean() for s in run.seeds]
            model = said[run.shipped][rows].astype(np.float64)
            lvr, lvr_size = table.targets[rows, 1], scale[rows, 1]
            out[f"{int(horizon) // 3600} h {span}"] = {
                "rows": len(rows),
                "scores": {
                    key: {
                        "pinball10 scaled": rounded(float(losses[key].mean())),
                        "pinball10 bps": rounded(1e4 * float(raw[key].mean())),
                        "exceedance": rounded(float(np.mean(target < f))),
                    }
                    for key, f in forecasts.items()
                },
                "best baseline": best,
                "ratio to best": rounded(float(losses["model"].mean() / losses[best].mean())),
                "ratio to best in bps": rounded(float(raw["model"].mean() / raw[best_raw].mean())),
                "ratio by seed": [rounded(float(s / losses[best].mean())) for s in seeds],
                "lvr": {
                    "mean predicted bps": rounded(1e4 * float(model[:, 4].mean())),
                    "mean realised bps": rounded(1e4 * float(lvr.mean())),
                    "pinball scaled": rounded(_scaled_pinball(lvr / lvr_size, model[:, 5:8] / lvr_size[:, None])),
                    "coverage80": rounded(float(np.mean((lvr >= model[:, 5]) & (lvr <= model[:, 7])))),
                },
                "il": {
                    "mean predicted bps": rounded(1e4 * float(model[:, 0].mean())),
                    "mean realised bps": rounded(1e4 * float(target.mean())),
                },
                "in range": {
                    "mean predicted": rounded(float(model[:, 8].mean())),
                    "mean realised": rounded(float(table.targets[rows, 2].mean())),
                    "rmse": rounded(float(np.sqrt(np.mean((model[:, 8] - table.targets[rows, 2]) ** 2)))),
                },
            }
    return out


def _scaled_pinball(target: np.ndarray, quantiles: np.ndarray) -> float:
    return float(np.mean([pinball(target, quantiles[:, i], q).mean() for i, q in enumerate(QUANTILES)]))


def _past_moves(paths: dict[str, PricePath], hours: int, protocol: Protocol) -> Moves:
    """Per series its path and, per baseline, quantiles of past moves [T, 199], renewed monthly, and their unit [T]."""
    month, year = 24 * 30, 24 * protocol["baselines"]["il_rolling_days"]
    out: Moves = {}
    for name, path in paths.items():
        one = np.ones(len(path.returns))
        deviation = np.sqrt(ewma_variance(path, protocol["baselines"]["ewma_lambda"]) * hours / 24)
        out[name] = (
            path,
            {
                "expanding history": (move_quantiles(path, hours, None, None, month), one),
                "rolling year": (move_quantiles(path, hours, year, None, month), one),
                "ewma-scaled": (move_quantiles(path, hours, None, deviation, month), deviation),
            },
        )
    return out


def _historical_il(table: Table, rows: np.ndarray, pasts: Moves) -> dict[str, np.ndarray]:
    """Per baseline, the 10 % quantile of each row's IL over past moves of the same length; NaN without a past."""
    out = {name: np.full(len(rows), np.nan) for name in ("expanding history", "rolling year", "ewma-scaled")}
    for series, name in enumerate(table.series_names):
        past = pasts.get(name.removeprefix("inverse-"))
        mine = np.flatnonzero(table.series[rows] == series)
        if past is None or not len(mine):
            continue
        path, baselines = past
        sign = -1.0 if name.startswith("inverse-") else 1.0
        at = path.index(table.at[rows[mine]])
        inside = (at >= 0) & (at < len(path.returns))
        mine, at = mine[inside], at[inside]
        ranges = table.range[rows[mine]].astype(np.float64)
        for key, (moves, unit) in baselines.items():
            out[key][mine] = np.quantile(_il(sign * moves[at] * unit[at][:, None], ranges), 0.1, axis=1)
    return out


def _il(moves: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """IL as a fraction of starting value for moves [N, K] of ranges [N, 2+], in double precision."""
    lower, upper = ranges[:, :1], ranges[:, 1:2]
    start, end = np.clip(0.0, lower, upper) / 2, np.clip(moves, lower, upper) / 2
    other = np.exp(-start) - np.exp(-upper / 2)
    asset = np.exp(start) - np.exp(lower / 2)
    worth = np.exp(moves) * (np.exp(-end) - np.exp(-upper / 2)) + np.exp(end) - np.exp(lower / 2)
    return np.minimum((worth - np.exp(moves) * other - asset) / (other + asset), 0.0)


def evaluate_yield(run: Run, table: Table, protocol: Protocol) -> Metrics:
    """Pinball of fee yield beside persistence and EWMA of fee growth through the same range geometry, per horizon."""
    parts = split(table, protocol)
    said = {seed: predict(run.spec, run.fixed, run.members[seed], table) for seed in run.seeds}
    scale = target_scale(run.spec, run.fixed, table)[:, 0].astype(np.float64)
    points = _fee_baselines(table, scale)
    target = table.targets[:, 0]
    out: Metrics = {}
    for span in ("validation", "test"):
        for horizon in np.unique(table.horizon[parts[span]]):
            rows = parts[span][table.horizon[parts[span]] == horizon]
            fitted = parts["train"][table.horizon[parts["train"]] == horizon]
            forecasts = {"model": said[run.shipped][rows, 1:].astype(np.float64)}
            for key, point in points.items():
                # A baseline's spread is what its errors were in training.
                ratio = np.quantile((target[fitted] + 1e-7) / (point[fitted] + 1e-7), QUANTILES)
                forecasts[key] = point[rows][:, None] * ratio[None, :]
            losses = {key: _scaled_rows(target[rows], f, scale[rows]) for key, f in forecasts.items()}
            best = min((k for k in losses if k != "model"), key=lambda k: losses[k].mean())
            seeds = [_scaled_rows(target[rows], said[s][rows, 1:], scale[rows]).mean() for s in run.seeds]
            out[f"{int(horizon) // 3600} h {span}"] = {
                "rows": len(rows),
                "series": sorted({table.series_names[i] for i in np.unique(table.series[rows])}),
                "scores": {
                    key: {
                        "pinball scaled": rounded(float(losses[key].mean())),
                        "coverage80": rounded(float(np.mean((target[rows] >= f[:, 0]) & (target[rows] <= f[:, 2])))),
                        "median bias": rounded(float(np.mean(target[rows] < f[:, 1]))),
                    }
                    for key, f in forecasts.items()
                },
                "best baseline": best,
                "ratio to best": rounded(float(losses["model"].mean() / losses[best].mean())),
                "ratio by seed": [rounded(float(s / losses[best].mean())) for s in seeds],
                "mean predicted bps": rounded(1e4 * float(said[run.shipped][rows, 0].mean())),
                "mean realised bps": rounded(1e4 * float(target[rows].mean())),
            }
    return out


def _scaled_rows(target: np.ndarray, quantiles: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.mean([pinball(target / scale, quantiles[:, i] / scale, q) for i, q in enumerate(QUANTILES)], axis=0)


def _fee_baselines(table: Table, scale: np.ndarray) -> dict[str, np.ndarray]:
    """Point forecasts that share the range geometry of `scale` and differ in the full-range fee level."""
    names = table.feature_names
    windows = [names.index(n) for n in ("log_fee_1h", "log_fee_6h", "log_fee_24h", "log_fee_168h")]
    known = np.where(table.mask[:, windows] == 0, table.features[:, windows].astype(np.float64), np.nan)
    pooled = np.maximum(np.nanmean(known, axis=1), -12.0)
    day = np.where(np.isnan(known[:, 2]), known[:, 1], known[:, 2])
    ewma = np.full(len(day), np.nan)
    markets = [name.removeprefix("inverse-") for name in table.series_names]
    market = np.asarray([markets.index(name) for name in markets])[table.series]
    for one in np.unique(market):
        rows = np.flatnonzero(market == one)
        level, last = np.nan, 0
        for row in rows:
            fee = np.exp(known[row, 0])
            if table.at[row] != last and not np.isnan(fee):
                weight = 0.5 ** ((table.at[row] - last) / 86400) if last else 0.0
                level = fee if np.isnan(level) else weight * level + (1.0 - weight) * fee
                last = int(table.at[row])
            ewma[row] = level
    base = scale / np.exp(pooled)
    return {"persistence 24 h": base * np.exp(day), "ewma of fee growth": base * ewma}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "data", help="folder that `dataset build` wrote")
    parser.add_argument("--runs", type=Path, default=HERE / "data" / "runs", help="folder that train.py wrote")
    parser.add_argument("--protocol", type=Path, default=HERE / "protocol.toml")
    parser.add_argument("--task", choices=TASKS, action="append", help="only this task (repeatable)")
    args = parser.parse_args()
    protocol = load_protocol(args.protocol)
    meta = load_meta(args.data, protocol["feature_schema"])
    volatility = load_table(args.data, "volatility", meta, protocol)
    for task in args.task or TASKS:
        run = load_run(args.runs, task)
        table = volatility if task == "volatility" else load_table(args.data, task, meta, protocol)
        if run.spec.feature_names != table.feature_names:
            raise DatasetError(
                f"dataset: {task} was fitted on other features than {args.data} holds; run train.py again"
            )
        say(f"{task}: scoring {len(run.seeds)} seeds")
        if task == "volatility":
            metrics = evaluate_volatility(run, table, protocol)
        elif task == "il":
            metrics = evaluate_il(run, table, volatility, protocol)
        else:
            metrics = evaluate_yield(run, table, protocol)
        for name, row in metrics.items():
            say(f"{task} {name}: {row['ratio to best']} x {row['best baseline']} on {row['rows']} rows")
        (args.runs / f"{task}.metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    if (args.data / "decisions.csv").is_file() and args.task is None:
        view = decision_view(args.data, args.runs, meta, protocol)
        (args.runs / "decision.metrics.json").write_text(json.dumps(view, indent=2) + "\n")
        for name, row in view["spans"].items():
            nets = ", ".join(f"{rule} {scores['after cost']}" for rule, scores in row["rules"].items())
            say(f"decision {name}, bps a day after cost: {nets}")


if __name__ == "__main__":
    exit_with(main)
