"""Scores of forecasts, as plain numpy on test rows."""

from __future__ import annotations

import numpy as np


def pinball(target: np.ndarray, forecast: np.ndarray, quantile: float) -> np.ndarray:
    """max(q(y − f), (q − 1)(y − f)) per row."""
    error = target - forecast
    return np.maximum(quantile * error, (quantile - 1.0) * error)


def qlike(target: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """rv/h − ln(rv/h) − 1 per row."""
    ratio = target / forecast
    return ratio - np.log(ratio) - 1.0


def diebold_mariano(loss: np.ndarray, other: np.ndarray, lags: int) -> float:
    """t statistic of mean(other − loss) with Newey–West errors over `lags`; positive = the first is better."""
    d = other - loss
    d = d - 0.0
    centred = d - d.mean()
    n = len(d)
    variance = centred @ centred / n
    for lag in range(1, min(lags, n - 1) + 1):
        weight = 1.0 - lag / (lags + 1)
        variance += 2.0 * weight * (centred[lag:] @ centred[:-lag]) / n
    return float(d.mean() / np.sqrt(max(variance, 1e-30) / n))


def ratio_interval(loss: np.ndarray, other: np.ndarray, block: int, resamples: int = 1000) -> tuple[float, float]:
    """95 % interval of mean(loss) / mean(other) over times in their order, by circular blocks."""
    n = len(loss)
    rng = np.random.default_rng(1)
    starts = rng.integers(0, n, (resamples, -(-n // block)))
    sums = [np.concatenate([np.zeros(1), np.cumsum(np.concatenate([x, x[:block]]))]) for x in (loss, other)]
    ends = starts + min(block, n)
    a, b = (((total[ends] - total[starts]).sum(axis=1)) for total in sums)
    low, high = np.quantile(a / b, [0.025, 0.975])
    return float(low), float(high)


def rounded(value: float, digits: int = 4) -> float:
    """For the report: significant digits only."""
    return float(f"{value:.{digits}g}")
