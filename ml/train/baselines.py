"""The forecasts to beat, computed from what was known at each time and nothing later."""

from __future__ import annotations

import dataclasses

import numpy as np

HOURS = 24
# Standard normal quantiles of 10, 50 and 90 %.
Z = np.asarray([-1.2815515655, 0.0, 1.2815515655])


@dataclasses.dataclass(frozen=True)
class Path:
    """One series' hourly log returns on a regular grid from `start`; NaN where the dataset has no row."""

    start: int
    returns: np.ndarray

    def index(self, at: np.ndarray) -> np.ndarray:
        """Position of unix times on the grid."""
        return ((at - self.start) // 3600).astype(np.int64)


def rebuild_path(at: np.ndarray, log_rv_168h: np.ndarray, return_1h: np.ndarray) -> Path:
    """Undoes the features' scaling: the hourly return is `return_1h` times the week's deviation of an hour."""
    start = int(at.min())
    returns = np.full(int((at.max() - start) // 3600) + 1, np.nan)
    returns[(at - start) // 3600] = return_1h * np.sqrt(np.exp(log_rv_168h) / HOURS)
    return Path(start, returns)


def window_variance(path: Path, hours: int) -> np.ndarray:
    """Daily variance over the `hours` up to each grid point; NaN until a tenth of them at most is missing."""
    squares = np.where(np.isfinite(path.returns), path.returns**2, 0.0)
    known = np.isfinite(path.returns).astype(np.float64)
    total, count = (np.concatenate([np.zeros(1), np.cumsum(x)]) for x in (squares, known))
    ends = np.arange(len(squares)) + 1
    starts = np.maximum(ends - hours, 0)
    n = count[ends] - count[starts]
    mean = (total[ends] - total[starts]) / np.maximum(n, 1)
    return np.where(n >= 0.9 * hours, np.maximum(HOURS * mean, 1e-9), np.nan)


def ewma_variance(path: Path, decay: float) -> np.ndarray:
    """Exponentially weighted mean of daily variances, one phase per hour of the day."""
    daily = window_variance(path, HOURS)
    out = daily.copy()
    for i in range(HOURS, len(out)):
        before = out[i - HOURS]
        if np.isnan(out[i]):
            out[i] = before
        elif not np.isnan(before):
            out[i] = decay * before + (1.0 - decay) * daily[i]
    return out


@dataclasses.dataclass(frozen=True)
class Forecast:
    """Mean and quantiles of next-day variance at each grid point, NaN before there is enough history."""

    mean: np.ndarray
    quantiles: np.ndarray


def with_log_spread(path: Path, point: np.ndarray, refit_days: int) -> Forecast:
    """Quantiles around a point forecast from the Gaussian spread of its own past log errors."""
    future = _future(path)
    error = np.log(future) - np.log(point)
    bias, spread = _expanding_moments(error, refit_days)
    middle = np.log(point) + bias
    return Forecast(point, np.exp(middle[:, None] + spread[:, None] * Z[None, :]))


def har(path: Path, windows_days: list[int], refit_days: int, logs: bool) -> Forecast:
    """HAR on levels or logs, ordinary least squares, refitted every `refit_days` on every label known by then."""
    parts = [window_variance(path, HOURS * days) for days in windows_days]
    target = _future(path)
    x = np.stack([np.ones(len(target)), *(np.log(p) if logs else p for p in parts)], axis=1)
    y = np.log(target) if logs else target
    usable = np.isfinite(x).all(axis=1)
    fit = usable & np.isfinite(y)
    xs, ys = np.where(fit[:, None], x, 0.0), np.where(fit, y, 0.0)
    mean = np.full(len(y), np.nan)
    gram, cross = np.zeros((x.shape[1], x.shape[1])), np.zeros(x.shape[1])
    squares, rows, done = 0.0, 0, 0
    spread = np.full(len(y), np.nan)
    for start in range(0, len(y), HOURS * refit_days):
        known = max(0, start - HOURS)
        block = slice(done, known)
        gram += xs[block].T @ xs[block]
        cross += xs[block].T @ ys[block]
        squares += float(ys[block] @ ys[block])
        rows += int(fit[block].sum())
        done = known
        if rows < 24 * 90:
            continue
        beta = np.linalg.solve(gram + 1e-12 * np.eye(len(cross)), cross)
        error = max((squares - 2 * beta @ cross + beta @ gram @ beta) / rows, 1e-12)
        ahead = slice(start, start + HOURS * refit_days)
        mean[ahead] = np.where(usable[ahead], x[ahead] @ beta, np.nan)
        spread[ahead] = np.sqrt(error)
    if logs:
        return Forecast(np.exp(mean + 0.5 * spread**2), np.exp(mean[:, None] + spread[:, None] * Z[None, :]))
    # A level regression can go negative: floored at a tenth of the day's own variance.
    return with_log_spread(path, np.maximum(mean, 0.1 * parts[0]), refit_days)


def _future(path: Path) -> np.ndarray:
    future = np.full(len(path.returns), np.nan)
    future[:-HOURS] = window_variance(path, HOURS)[HOURS:]
    return future


def _expanding_moments(error: np.ndarray, refit_days: int) -> tuple[np.ndarray, np.ndarray]:
    bias, spread = np.full(len(error), np.nan), np.full(len(error), np.nan)
    for start in range(0, len(error), HOURS * refit_days):
        past = error[: max(0, start - HOURS)]
        past = past[np.isfinite(past)]
        if past.size >= 24 * 90:
            ahead = slice(start, start + HOURS * refit_days)
            bias[ahead], spread[ahead] = past.mean(), past.std()
    return bias, spread


def move_quantiles(
    path: Path, hours: int, rolling_hours: int | None, scale: np.ndarray | None, every: int
) -> np.ndarray:
    """199 quantiles of past `hours` moves per grid point [T, 199], renewed each `every` hours; in units of `scale`."""
    levels = np.linspace(0.005, 0.995, 199)
    total = np.concatenate([np.zeros(1), np.cumsum(np.where(np.isfinite(path.returns), path.returns, 0.0))])
    moves = np.full(len(path.returns), np.nan)
    moves[hours:] = total[hours + 1 :] - total[1:-hours]
    if scale is not None:
        moves[hours:] = moves[hours:] / scale[:-hours]
    out = np.full((len(moves), len(levels)), np.nan)
    for start in range(0, len(moves), every):
        first = 0 if rolling_hours is None else max(0, start - rolling_hours)
        past = moves[first:start]
        past = past[np.isfinite(past)]
        if past.size >= 24 * 90:
            out[start : start + every] = np.quantile(past, levels)
    return out
