"""Walk-forward of the loss model: quantiles of IL and LVR per range, beside the past told in three ways."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dataset import load_meta
from il_baselines import Rules, all_lvr, grid_points, il_baselines, lvr_baselines
from il_fit import Settings, assemble, fit_horizon, mean_fit
from il_labels import Market, future_move, impermanent_loss, path_outcome, read_markets, rows_hash
from il_model import FIELDS, forward
from il_package import ship as ship
from metrics import diebold_mariano, pinball, rounded
from ops import JaxOps
from protocol import HERE, Protocol
from walk import Arrays, Window, calendar_windows, stamp_of, walk, walk_rule

DAY = 86400
SOURCES = ["il_baselines.py", "il_fit.py", "il_labels.py", "il_model.py", "geometry.py", "price_path.py"]
# Series the model learns from; the protocol's assets are those it is scored on.
SERIES = ["ethusdt", "btcusdt", "ethbtc"]
# Windows before the protocol's first, for settings and for the first shares of the two laws.
REHEARSALS = 4
CHOICES = [Settings(slope_days=slope, size_days=size) for slope, size in itertools.product((365, 730), (180, 365))]
SHARES = np.asarray([0.0, 0.25, 0.5, 0.75, 1.0])
SHARE_RATE, SHARE_HALF_LIFE_DAYS = 10.0, 365
BOOTSTRAPS = 1000
FAST_WINDOWS = 2
LVR_COLUMNS, IL_COLUMNS = [5, 6, 7], [1, 2, 3]

Say = Callable[[str], None]
_forward = jax.jit(lambda weights, inputs: forward(JaxOps(), weights, inputs))


def protocol_ranges(rule: dict[str, Any]) -> tuple[list[str], np.ndarray]:
    """Names and log offsets [R, 2]. The protocol names no side for one-sided ranges: both are scored."""
    names, offsets = [], []
    for percent in rule["symmetric_percent"]:
        width = float(np.log1p(percent / 100))
        names.append(f"±{percent} %")
        offsets.append((-width, width))
    for percent in rule["one_sided_percent"]:
        width = float(np.log1p(percent / 100))
        names += [f"{percent} % below", f"{percent} % above"]
        offsets += [(-width, 0.0), (0.0, width)]
    return names, np.asarray(offsets)


def rehearsals(windows: Sequence[Window]) -> list[Window]:
    """As many windows of the same length before the first one."""
    first, length = windows[0], windows[0].stop - windows[0].start
    gap = first.start - first.known
    starts = [first.start - length * (REHEARSALS - i) for i in range(REHEARSALS)]
    return [Window(i - REHEARSALS, start, start + length, start - gap) for i, start in enumerate(starts)]


def run(data: Path, work: Path, protocol: Protocol, fast: bool, say: Say) -> dict[str, Any]:
    """Fits every window, mixes the two laws by what was known, scores all; the results as plain JSON values."""
    rule = walk_rule(protocol, "il", "symmetric_percent", "one_sided_percent", "horizons_seconds", "quantiles")
    load_meta(data, protocol["feature_schema"])
    markets = read_markets(data / "volatility.csv", SERIES, FIELDS)
    windows = calendar_windows(protocol)
    seeds = protocol["walk_forward"]["seeds"]
    before = rehearsals(windows)
    if fast:
        windows, seeds, before = windows[:FAST_WINDOWS], seeds[:1], before[-1:]
    hours = [seconds // 3600 for seconds in rule["horizons_seconds"]]
    names, ranges = protocol_ranges(rule)
    data_hash = rows_hash(markets)
    stamp = stamp_of(protocol, data_hash, [HERE / name for name in SOURCES])
    assets = [market for market in markets if market.name in protocol["walk_forward"]["assets"]]
    truth = {h: [_truth(market, ranges, h) for market in assets] for h in hours}

    def fit_with(settings: Settings) -> Callable[[Window, int], Arrays]:
        def fit(window: Window, seed: int) -> Arrays:
            found = {h: fit_horizon(markets, h, window.known, settings, seed) for h in hours}
            return {f"{h}/{name}": value for h in hours for name, value in found[h].items()}

        return fit

    choices = CHOICES[:1] if fast else CHOICES
    tried = []
    for i, settings in enumerate(choices):
        fits = walk(f"il-rehearsal-{i}", before, seeds[:1], fit_with(settings), work, stamp, say)[seeds[0]]
        scores = [
            _mean_loss(
                [
                    _days(assets, truth[h], ranges, h, window, [_part(fit, h)], 1.0)
                    for window, fit in zip(before, fits, strict=True)
                ]
            )
            for h in hours
        ]
        tried.append({**vars(settings), "pinball": [rounded(score, 5) for score in scores]})
        say(f"il: rehearsal with {settings}: {scores}")
    totals = [sum(one["pinball"]) for one in tried]
    chosen = choices[int(np.argmin(totals))]
    fits = walk("il", [*before, *windows], seeds, fit_with(chosen), work, stamp, say)
    results: dict[str, Any] = {
        "windows": len(windows),
        "seeds": list(seeds),
        "from": windows[0].start,
        "until": windows[-1].stop,
        "data": data_hash,
        "series": SERIES,
        "ranges": names,
        "rehearsal": {"from": before[0].start, "tried": tried, "chosen": vars(chosen)},
        "shares": {},
        "il": {},
        "lvr": {},
        "means": {},
    }
    rules = Rules(
        rule["quantiles"],
        protocol["baselines"]["il_rolling_days"],
        protocol["baselines"]["ewma_lambda"],
        protocol["walk_forward"]["volatility"]["refit_days"],
    )
    for h in hours:
        by_window = [[_part(fits[seed][i], h) for seed in seeds] for i in range(len(before) + len(windows))]
        shares = _shares(assets, truth[h], ranges, h, [*before, *windows], by_window)
        results["shares"][f"{h} h"] = [rounded(share, 3) for share in shares[len(before) :]]
        scored = list(zip(windows, by_window[len(before) :], shares[len(before) :], strict=True))
        shipped = [_days(assets, truth[h], ranges, h, window, fit, share) for window, fit, share in scored]
        singles = [
            [_days(assets, truth[h], ranges, h, window, [fit[s]], share) for window, fit, share in scored]
            for s in range(len(seeds))
        ]
        say(f"il: {h} h forecasts are made, now the past that they must beat")
        _score(results, names, ranges, assets, truth[h], h, rules, shipped, singles)
        say(f"il: {h} h IL ÷ best {results['il'][f'{h} h']['ratio']}, LVR {results['lvr'][f'{h} h']['ratio']}")
    return results


def _truth(market: Market, ranges: np.ndarray, hours: int) -> dict[str, np.ndarray]:
    move = future_move(market, hours)
    losses = np.stack([impermanent_loss(np.asarray(a), np.asarray(b), move) for a, b in ranges], axis=1)
    return {"il": losses, "lvr": all_lvr(market, ranges, hours)}


def _part(fit: Arrays, hours: int) -> Arrays:
    prefix = f"{hours}/"
    return {name.removeprefix(prefix): value for name, value in fit.items() if name.startswith(prefix)}


def _days(
    assets: Sequence[Market],
    truth: Sequence[dict[str, np.ndarray]],
    ranges: np.ndarray,
    hours: int,
    window: Window,
    fits: Sequence[Arrays],
    share: float,
) -> dict[str, np.ndarray]:
    """Forecasts of the mean of `fits` at 00:00 of each day of a window, [rows, ranges, 9], rows = assets × days."""
    weights = assemble([hours * 3600], [mean_fit(fits)], [share])
    times = np.arange(window.start, window.stop, DAY)
    parts: dict[str, list[np.ndarray]] = {
        key: [] for key in ("said", "il", "lvr", "il_scale", "lvr_scale", "time", "asset")
    }
    for number, (market, real) in enumerate(zip(assets, truth, strict=True)):
        rows = grid_points(market, times[times < market.at[-1]])
        rows = rows[np.isfinite(real["il"][rows, 0])]
        known = grid_points(market, np.asarray([window.known]))[0] - hours + 1
        features = market.features[rows]
        mask = ~np.isfinite(features)
        n, r = len(rows), len(ranges)
        log_days = np.full((n * r, 1), np.log(hours / 24))
        inputs = {
            "features": np.repeat(np.where(mask, 0.0, features), r, axis=0).astype(np.float32),
            "mask": np.repeat(mask, r, axis=0).astype(np.float32),
            "range": np.concatenate([np.tile(ranges, (n, 1)), log_days], axis=1).astype(np.float32),
        }
        parts["said"].append(np.asarray(_forward(weights, inputs), np.float64).reshape(n, r, -1))
        for key in ("il", "lvr"):
            parts[key].append(real[key][rows])
            usual = np.nanmean(np.abs(real[key][:known]), axis=0)
            parts[f"{key}_scale"].append(np.tile(usual, (n, 1)))
        parts["time"].append(market.at[rows])
        parts["asset"].append(np.full(n, number))
    return {key: np.concatenate(value) for key, value in parts.items()}


def _mean_loss(days: Sequence[dict[str, np.ndarray]]) -> float:
    return float(np.mean(np.concatenate([_tail_loss(one, one["said"][:, :, 1]) for one in days])))


def _tail_loss(days: dict[str, np.ndarray], forecast: np.ndarray) -> np.ndarray:
    """Scaled pinball loss of the 10 % quantile of IL, [rows, ranges]."""
    return pinball(days["il"], forecast, 0.1) / days["il_scale"]


def _shares(
    assets: Sequence[Market],
    truth: Sequence[dict[str, np.ndarray]],
    ranges: np.ndarray,
    hours: int,
    windows: Sequence[Window],
    fits: Sequence[Sequence[Arrays]],
) -> list[float]:
    """Per window how much of the move is the fast law's: exponential weights on losses known when it began."""
    found, times, losses = [], np.zeros(0), np.zeros((0, len(SHARES)))
    for window, fit in zip(windows, fits, strict=True):
        happened = times + hours * 3600 <= window.known
        age = (window.known - times[happened]) / DAY
        total = (0.5 ** (age / SHARE_HALF_LIFE_DAYS)) @ losses[happened]
        power = np.exp(-SHARE_RATE / np.sqrt(hours / 24) * (total - total.min()))
        found.append(float(power @ SHARES / power.sum()))
        days = [_days(assets, truth, ranges, hours, window, fit, share) for share in SHARES]
        times = np.concatenate([times, days[0]["time"]])
        here = np.stack([_tail_loss(one, one["said"][:, :, 1]).mean(axis=1) for one in days], axis=1)
        losses = np.concatenate([losses, here])
    return found


def _score(
    results: dict[str, Any],
    names: list[str],
    ranges: np.ndarray,
    assets: Sequence[Market],
    truth: Sequence[dict[str, np.ndarray]],
    hours: int,
    rules: Rules,
    shipped: Sequence[dict[str, np.ndarray]],
    singles: Sequence[Sequence[dict[str, np.ndarray]]],
) -> None:
    days = {key: np.concatenate([one[key] for one in shipped]) for key in shipped[0]}
    by_seed = [np.concatenate([one["said"] for one in seed]) for seed in singles]
    mean_of_seeds = np.mean(by_seed, axis=0)
    key = f"{hours} h"
    for task, columns in (("il", IL_COLUMNS), ("lvr", LVR_COLUMNS)):
        rivals: dict[str, np.ndarray] = {}
        for number, market in enumerate(assets):
            mine = days["asset"] == number
            points = grid_points(market, days["time"][mine])
            made = (
                il_baselines(market, ranges, points, hours, rules)
                if task == "il"
                else lvr_baselines(market, ranges, points, hours, rules, truth[number]["lvr"])
            )
            for name, forecast in made.items():
                rivals.setdefault(name, np.empty((len(mine), *forecast.shape[1:])))[mine] = forecast
        forecasts = {"model": days["said"][:, :, columns], "mean of seeds": mean_of_seeds[:, :, columns]} | rivals
        results[task][key] = _compare(days, task, forecasts, rules.quantiles, names, assets, hours) | {
            "by seed": _by_seed(days, task, [said[:, :, columns] for said in by_seed], rivals, rules.quantiles)
        }
    inside = np.empty(days["il"].shape)
    for number, market in enumerate(assets):
        mine = np.flatnonzero(days["asset"] == number)
        points = grid_points(market, days["time"][mine])
        for r, (lower, upper) in enumerate(ranges):
            inside[mine, r] = path_outcome(
                market, points, np.full(len(points), lower), np.full(len(points), upper), hours
            )[1]
    bps = 1e4
    results["means"][key] = {
        name: {
            "il predicted bps": rounded(bps * days["said"][:, r, 0].mean()),
            "il realised bps": rounded(bps * days["il"][:, r].mean()),
            "lvr predicted bps": rounded(bps * days["said"][:, r, 4].mean()),
            "lvr realised bps": rounded(bps * days["lvr"][:, r].mean()),
            "in range predicted": rounded(days["said"][:, r, 8].mean()),
            "in range realised": rounded(inside[:, r].mean()),
        }
        for r, name in enumerate(names)
    }


def _tail(task: str) -> int:
    """Place of the loss tail among the quantiles: IL's lowest, LVR's highest."""
    return 0 if task == "il" else -1


def _losses(days: dict[str, np.ndarray], task: str, forecast: np.ndarray, quantiles: list[float]) -> np.ndarray:
    """Scaled pinball of every quantile, [rows, ranges, quantiles]."""
    return np.stack(
        [pinball(days[task], forecast[:, :, j], q) / days[f"{task}_scale"] for j, q in enumerate(quantiles)], axis=2
    )


def _compare(
    days: dict[str, np.ndarray],
    task: str,
    forecasts: dict[str, np.ndarray],
    quantiles: list[float],
    names: list[str],
    assets: Sequence[Market],
    hours: int,
) -> dict[str, Any]:
    tail = _tail(task)
    losses = {name: _losses(days, task, forecast, quantiles) for name, forecast in forecasts.items()}
    below = {name: days[task][:, :, None] < forecast for name, forecast in forecasts.items()}
    rivals = [name for name in forecasts if name not in ("model", "mean of seeds")]
    best = min(rivals, key=lambda name: float(losses[name][:, :, tail].mean()))
    mine, other = losses["model"][:, :, tail], losses[best][:, :, tail]
    day_of = np.unique(days["time"], return_inverse=True)[1]
    count = np.bincount(day_of)
    a, b = (np.bincount(day_of, x.mean(axis=1)) / count for x in (mine, other))
    low, high = bootstrap_ratio(a, b, block=max(10, 2 * hours // 24))
    return {
        "rows": int(mine.size),
        "days": len(count),
        "best": best,
        "tail quantile": quantiles[tail],
        "ratio": rounded(float(mine.mean() / other.mean())),
        "ratio of the mean of seeds": rounded(float(losses["mean of seeds"][:, :, tail].mean() / other.mean())),
        "interval": [rounded(low), rounded(high)],
        "diebold mariano t": rounded(diebold_mariano(a, b, lags=max(5, hours // 24)), 3),
        "pinball": {name: [rounded(float(x), 4) for x in loss.mean(axis=(0, 1))] for name, loss in losses.items()},
        "below": {name: [rounded(float(x), 4) for x in share.mean(axis=(0, 1))] for name, share in below.items()},
        "by asset": {
            market.name: rounded(float(mine[days["asset"] == i].mean() / other[days["asset"] == i].mean()))
            for i, market in enumerate(assets)
        },
        "by range": {
            name: {
                "ratio": rounded(float(mine[:, r].mean() / min(losses[x][:, r, tail].mean() for x in rivals))),
                "best": min(rivals, key=lambda x: float(losses[x][:, r, tail].mean())),
                "below": rounded(float(below["model"][:, r, tail].mean())),
            }
            for r, name in enumerate(names)
        },
        "by year": {
            str(year): rounded(float(mine[years == year].mean() / other[years == year].mean()))
            for years in [1970 + (days["time"] / (365.2425 * DAY)).astype(int)]
            for year in np.unique(years)
        },
    }


def _by_seed(
    days: dict[str, np.ndarray],
    task: str,
    said: Sequence[np.ndarray],
    rivals: dict[str, np.ndarray],
    quantiles: list[float],
) -> list[float]:
    tail = _tail(task)
    best = min(float(_losses(days, task, one, quantiles)[:, :, tail].mean()) for one in rivals.values())
    return [rounded(float(_losses(days, task, one, quantiles)[:, :, tail].mean()) / best) for one in said]


def bootstrap_ratio(a: np.ndarray, b: np.ndarray, block: int) -> tuple[float, float]:
    """95 % interval of mean(a) / mean(b) over days in their order, by circular blocks."""
    rng = np.random.default_rng(1)
    starts = rng.integers(0, len(a), (BOOTSTRAPS, -(-len(a) // block)))
    rows = ((starts[:, :, None] + np.arange(block)) % len(a)).reshape(BOOTSTRAPS, -1)[:, : len(a)]
    low, high = np.quantile(a[rows].mean(axis=1) / b[rows].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def table(results: dict[str, Any]) -> list[str]:
    """What the command prints, at most 80 columns."""
    lines = [
        f"il: {results['windows']} windows, seeds {', '.join(map(str, results['seeds']))}, "
        f"{len(results['ranges'])} ranges, ETH and BTC"
    ]
    titles = {"il": "IL, 10 % quantile (the loss tail)", "lvr": "LVR, 90 % quantile (the loss tail)"}
    for task, title in titles.items():
        lines += ["", title, f"{'':<20}{'horizon':>8}{'pinball':>10}{'÷ best':>9}{'exceeded':>10}"]
        for horizon, found in results[task].items():
            tail = _tail(task)
            best = found["pinball"][found["best"]][tail]
            for name, losses in found["pinball"].items():
                passed = found["below"][name][tail]
                beyond = passed if task == "il" else 1.0 - passed
                lines.append(f"{name:<20}{horizon:>8}{losses[tail]:>10.4f}{losses[tail] / best:>9.4f}{beyond:>10.4f}")
            low, high = found["interval"]
            test = f"Diebold–Mariano t {found['diebold mariano t']:.2f}"
            lines.append(f"  95 % interval of the ratio {low:.3f} to {high:.3f}, {test}")
            lines.append(f"  by seed {', '.join(f'{x:.4f}' for x in found['by seed'])}; {found['days']} days")
    lines += ["", "Model ÷ the best of the three for each range, and how often it was exceeded"]
    lines.append(f"{'range':<12}" + "".join(f"{f'{task} {h}':>17}" for task in titles for h in results[task]))
    for name in results["ranges"]:
        cells = []
        for task in titles:
            for found in results[task].values():
                one = found["by range"][name]
                beyond = one["below"] if task == "il" else 1.0 - one["below"]
                cells.append(f"{one['ratio']:>10.3f}{beyond:>7.3f}")
        lines.append(f"{name:<12}" + "".join(cells))
    return lines
