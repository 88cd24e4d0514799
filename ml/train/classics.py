"""The volatility forecasts to beat, refitted every few days on everything known by then, at daily origins.

Each gives the variance of the next `hours` hours, and each is at its best for QLIKE: a factor that is the mean of
realised over forecast in its own past (for a log regression, the mean exponential of its residuals) removes its bias.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.signal import lfilter

DAY_HOURS = 24
# Below a tenth of a basis point of an hour's move, squared: a halted or dead hour, in regressions and in scores.
FLOOR = 1e-10
# Fits start when so many labels are known.
LEAST = 90
Array = np.ndarray


@dataclasses.dataclass(frozen=True)
class Days:
    """One asset at midnights: rows of `at` (unix seconds) with what happened before each and, per horizon, after it."""

    at: Array
    # Sum of squared hourly returns of the day before, and its log return; NaN where more than a quarter is missing.
    variance: Array
    move: Array
    # Mean daily variance and summed moves of the 7 and 30 days before.
    variances: dict[int, Array]
    moves: dict[int, Array]
    # Per horizon in hours, the sum of squared hourly returns after each midnight.
    after: dict[int, Array]


def known_sum(values: Array, window: int, share: float = 0.75) -> Array:
    """Sums over the `window` values up to each, gaps counted as the mean of the rest; NaN below a `share` of known."""
    known = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    end = np.arange(len(values)) + 1
    start = np.maximum(end - window, 0)
    n = count[end] - count[start]
    return np.where(n >= share * window, (total[end] - total[start]) / np.maximum(n, 1) * window, np.nan)


def realised_after(returns: Array, hours: int) -> Array:
    """Sum of squared returns over the next `hours` at each hour; NaN where the path does not reach."""
    out = np.full(len(returns), np.nan)
    out[:-hours] = known_sum(returns**2, hours, 0.9)[hours:]
    return out


def days_of(start: int, returns: Array, horizons: list[int]) -> Days:
    """Daily rows at 00:00 UTC from hourly log returns, the first of which ended at `start` (unix seconds)."""
    at = start + 3600 * np.arange(len(returns))
    midnight = np.flatnonzero(at % (DAY_HOURS * 3600) == 0)
    squares = returns**2
    daily = known_sum(squares, DAY_HOURS)
    return Days(
        at=at[midnight],
        variance=np.maximum(daily, FLOOR)[midnight],
        move=known_sum(returns, DAY_HOURS)[midnight],
        variances={n: np.maximum(known_sum(squares, DAY_HOURS * n) / n, FLOOR)[midnight] for n in (7, 30)},
        moves={n: known_sum(returns, DAY_HOURS * n)[midnight] for n in (7, 30)},
        after={h: realised_after(returns, h)[midnight] for h in horizons},
    )


def unbiased(raw: Array, realised: Array, gap: int, refit: int) -> Array:
    """The forecast times the mean of realised over forecast, over rows whose label had ended, renewed every `refit`."""
    out = np.full(len(raw), np.nan)
    ratio = realised / raw
    for start in range(0, len(raw), refit):
        past = ratio[: max(0, start - gap + 1)]
        past = past[np.isfinite(past)]
        if len(past) >= LEAST:
            out[start : start + refit] = raw[start : start + refit] * past.mean()
    return out


def random_walk(days: Days, hours: int, refit: int) -> Array:
    """The variance of the day before, or of the week before for a week ahead, goes on."""
    level = days.variance if hours <= DAY_HOURS else days.variances[7]
    return _scaled(level, days, hours, refit)


def ewma(days: Days, hours: int, refit: int, decay: float = 0.94) -> Array:
    """RiskMetrics: an exponentially weighted mean of daily variances goes on."""
    level = np.full(len(days.variance), np.nan)
    now = math.nan
    for i, value in enumerate(days.variance):
        if math.isnan(now):
            now = value
        elif not math.isnan(value):
            now = decay * now + (1.0 - decay) * value
        level[i] = now
    return _scaled(level, days, hours, refit)


def har(days: Days, hours: int, refit: int) -> Array:
    """Corsi's HAR on variances of day, week and month, least squares, floored at a tenth of the least it was given."""
    parts = [days.variance, days.variances[7], days.variances[30]]
    x = np.stack([np.ones(len(days.at)), *parts], axis=1)
    y = days.after[hours] * DAY_HOURS / hours
    raw = np.maximum(_least_squares(x, y, _gap(hours), refit)[0], 0.1 * np.min(parts, axis=0))
    return _scaled(raw, days, hours, refit)


def log_har(days: Days, hours: int, refit: int, leverage: bool = False, weekday: bool = False) -> Array:
    """HAR on logarithms, with past falls (Corsi and Renò) and weekday dummies if asked; the smearing estimate of E."""
    parts = [np.log(p) for p in (days.variance, days.variances[7], days.variances[30])]
    columns = [np.ones(len(days.at)), *parts]
    if leverage:
        columns += [np.minimum(m / n, 0.0) for m, n in ((days.move, 1), (days.moves[7], 7), (days.moves[30], 30))]
    if weekday:
        number = days.at // (DAY_HOURS * 3600) % 7
        columns += [(number == k).astype(float) for k in range(1, 7)]
    y = np.log(np.maximum(days.after[hours], FLOOR))
    mean, smear = _least_squares(np.stack(columns, axis=1), y, _gap(hours), refit)
    return np.exp(mean) * smear


def garch(days: Days, hours: int, refit: int) -> Array:
    """GARCH(1,1) of daily returns by Gaussian maximum likelihood; beyond a day its own mean reversion."""
    variance = garch_path(days.move, refit)
    steps = hours / DAY_HOURS
    if steps <= 1:
        raw = variance[:, 0] * steps
    else:
        level, pull = variance[:, 1], variance[:, 2]
        raw = level * steps + (variance[:, 0] - level) * (1.0 - pull**steps) / (1.0 - pull)
    return unbiased(raw, days.after[hours], _gap(hours), refit)


def garch_path(moves: Array, refit: int) -> Array:
    """Per day [next day's variance, long-run level, α + β] of the GARCH fitted on the past, refitted every `refit`."""
    known = np.flatnonzero(np.isfinite(moves))
    r = moves[known] * 100.0
    out = np.full((len(r), 3), np.nan)
    theta: Array | None = None
    for start in range(2 * LEAST, len(r), refit):
        theta = fit_garch(r[:start], theta)
        omega, alpha, beta = garch_parameters(theta)
        mean = r[:start].mean()
        stop = min(start + refit, len(r))
        ahead = _recursion(r[:stop] - mean, omega, alpha, beta, float(r[:start].var()))[start:stop]
        level = omega / (1.0 - alpha - beta)
        out[start - 1 : stop - 1, 0] = ahead * 1e-4
        out[start - 1 : stop - 1, 1:] = (level * 1e-4, alpha + beta)
    # The last day's forecast needs one step more than there are returns.
    if theta is not None:
        omega, alpha, beta = garch_parameters(theta)
        centred = r - r.mean()
        last = _recursion(np.append(centred, 0.0), omega, alpha, beta, float(r.var()))[-1]
        out[-1] = (last * 1e-4, omega / (1.0 - alpha - beta) * 1e-4, alpha + beta)
    full = np.full((len(moves), 3), np.nan)
    full[known] = out
    return full


def fit_garch(r: Array, start: Array | None = None) -> Array:
    """Unconstrained parameters (see `garch_parameters`) of the greatest Gaussian likelihood of centred returns."""
    e = r - r.mean()
    level = float(e.var())

    def cost(theta: Array) -> tuple[float, Array]:
        omega, alpha, beta = garch_parameters(theta)
        h = _recursion(e, omega, alpha, beta, level)
        value = 0.5 * float(np.mean(np.log(h) + e**2 / h))
        # dh/dp follows the same recursion as h does.
        pull = 0.5 * (1.0 / h - e**2 / h**2) / len(e)
        square = np.concatenate([[0.0], e[:-1] ** 2])
        before = np.concatenate([[0.0], h[:-1]])
        one = np.concatenate([[0.0], np.ones(len(e) - 1)])
        slopes = [float(pull @ lfilter([1.0], [1.0, -beta], x)) for x in (one, square, before)]
        # alpha = s·u, beta = s·(1 − u) with s, u in 0..1.
        s, u = _squash(theta[1]), 1.0 / (1.0 + math.exp(-theta[2]))
        ds, du = s * (1.0 - s / S_MAX), u * (1.0 - u)
        d_s = (slopes[1] * u + slopes[2] * (1.0 - u)) * ds
        d_u = (slopes[1] - slopes[2]) * s * du
        return value, np.asarray([slopes[0] * omega, d_s, d_u])

    first = np.asarray([math.log(0.05 * level), _unsquash(0.95), -2.2]) if start is None else start
    return minimize(cost, first, jac=True, method="L-BFGS-B").x


S_MAX = 0.9995


def garch_parameters(theta: Array) -> tuple[float, float, float]:
    """ω > 0, α ≥ 0, β ≥ 0 with α + β < 1."""
    s, u = _squash(theta[1]), 1.0 / (1.0 + math.exp(-theta[2]))
    return math.exp(theta[0]), s * u, s * (1.0 - u)


def _squash(x: float) -> float:
    return S_MAX / (1.0 + math.exp(-x))


def _unsquash(s: float) -> float:
    return math.log(s / (S_MAX - s))


def _recursion(e: Array, omega: float, alpha: float, beta: float, first: float) -> Array:
    """h₀ = first, hₜ = ω + α e²ₜ₋₁ + β hₜ₋₁."""
    drive = np.concatenate([[first], omega + alpha * e[:-1] ** 2])
    return lfilter([1.0], [1.0, -beta], drive)


def _gap(hours: int) -> int:
    """Midnights after which a label that began at one has ended."""
    return -(-hours // DAY_HOURS)


def _scaled(level: Array, days: Days, hours: int, refit: int) -> Array:
    return unbiased(level * hours / DAY_HOURS, days.after[hours], _gap(hours), refit)


def _least_squares(x: Array, y: Array, gap: int, refit: int) -> tuple[Array, Array]:
    """Fitted value and mean exponential of residuals at each row, from the rows whose label had ended at the refit."""
    good = np.isfinite(x).all(axis=1)
    fit = good & np.isfinite(y)
    mean, smear = np.full(len(y), np.nan), np.full(len(y), np.nan)
    for start in range(0, len(y), refit):
        rows = np.flatnonzero(fit[: max(0, start - gap + 1)])
        if len(rows) < LEAST:
            continue
        scale = np.maximum(np.abs(x[rows]).max(axis=0), 1e-12)
        beta = np.linalg.lstsq(x[rows] / scale, y[rows], rcond=None)[0] / scale
        ahead = slice(start, start + refit)
        mean[ahead] = np.where(good[ahead], x[ahead] @ beta, np.nan)
        smear[ahead] = np.exp(np.clip(y[rows] - x[rows] @ beta, -50, 50)).mean()
    return mean, smear


CLASSICS: dict[str, Callable[[Days, int, int], Array]] = {
    "random-walk": random_walk,
    "ewma": ewma,
    "har": har,
    "log-har": lambda days, hours, refit: log_har(days, hours, refit),
    "log-har-leverage": lambda days, hours, refit: log_har(days, hours, refit, leverage=True),
    "garch": garch,
    "log-har-weekday": lambda days, hours, refit: log_har(days, hours, refit, weekday=True),
    "log-har-leverage-weekday": lambda days, hours, refit: log_har(days, hours, refit, leverage=True, weekday=True),
}
# Those that know the day of the week.
WEEKDAY = ("log-har-weekday", "log-har-leverage-weekday")
