"""A small synthetic dataset in the exporter's schema: enough to run every script end to end without the data folder."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests compile much and compute little.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_multi_thread_eigen=false")

import csv
import json

import numpy as np
import pytest

FEATURES = [
    "log_gk_6h",
    "log_gk_24h",
    "log_rv_6h",
    "log_rv_24h",
    "log_rv_72h",
    "log_rv_168h",
    "vol_of_vol",
    "return_1h",
    "hour_sin",
    "log_fee_1h",
    "log_fee_6h",
    "log_fee_24h",
    "log_fee_168h",
]
HOUR = 3600


def market_rows(rng, name, start, hours, with_fees):
    """Feature rows of one series with slowly moving variance, plus the log-variance path itself."""
    level = -7.0 + np.cumsum(rng.normal(0, 0.05, hours)) * 0.3
    rows = []
    for i in range(hours):
        values = [level[i] + rng.normal(0, s) for s in (0.6, 0.3, 0.4, 0.2, 0.15, 0.1)]
        values.append(abs(rng.normal(0.5, 0.2)))
        move = rng.normal(0, np.exp(0.5 * level[i]) / np.sqrt(24))
        values.append(move / np.sqrt(np.exp(values[5]) / 24))
        values.append(np.sin(2 * np.pi * i / 24))
        fees = [level[i] * 0.5 - 3.0 + rng.normal(0, 0.2) for _ in range(4)]
        values += fees if with_fees else [None] * 4
        if i < 168:
            values[5] = None
        rows.append((name, start + i * HOUR, values, float(level[i])))
    return rows


def range_label(rng, log_variance, lower, upper, days):
    """IL, LVR and in-range share of a range after one Gaussian move, by the textbook formulas."""
    sigma = np.exp(0.5 * log_variance) * np.sqrt(days)
    move = sigma * rng.normal()

    def value(x):
        s = np.exp(np.clip(x, lower, upper) / 2)
        return np.exp(x) * (1 / s - np.exp(-upper / 2)) + s - np.exp(lower / 2)

    start = np.exp(np.clip(0.0, lower, upper) / 2)
    hold = np.exp(move) * (1 / start - np.exp(-upper / 2)) + start - np.exp(lower / 2)
    inside = float(np.clip(rng.normal(0.7, 0.2), 0, 1)) if lower < 0 < upper else 0.1
    return min(0.0, (value(move) - hold) / value(0.0)), sigma**2 / 4 * inside / value(0.0), inside


def write_dataset(folder, seed=5):
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    long = market_rows(rng, "cex-eth-usd", 1640995200, 365 * 24 * 5 // 2, False)
    pool = market_rows(rng, "pool-usdc-weth", 1658188800, 24 * 35, True)
    text = lambda values: ["" if v is None else f"{v:.6f}" for v in values]  # noqa: E731
    with (folder / "volatility.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["series", "at", *FEATURES, "rv_24h"])
        for name, at, values, level in long[168:]:
            out.writerow([name, at, *text(values), f"{np.exp(level + rng.normal(0, 0.5)):.8f}"])
    for file_name, rows, is_yield in (("ranges.csv", long[::6], False), ("yield.csv", pool, True)):
        with (folder / file_name).open("w", newline="") as file:
            out = csv.writer(file)
            targets = ["fee_yield"] if is_yield else ["il", "lvr", "in_range"]
            out.writerow(["series", "at", *FEATURES, "lower_offset", "upper_offset", "horizon_seconds", *targets])
            for name, at, values, level in rows:
                half = np.exp(rng.uniform(np.log(0.005), np.log(0.5)))
                centre = half * rng.choice([0.0, 0.0, 0.5, 1.5])
                lower, upper = centre - half, centre + half
                horizon = int(rng.choice([6, 24, 72])) * HOUR
                il, lvr, inside = range_label(rng, level, lower, upper, horizon / 86400)
                fee = np.exp(values[11] or 0) * inside * horizon / 86400 * 2 / half if is_yield else 0
                labels = [f"{fee:.9f}"] if is_yield else [f"{il:.9f}", f"{lvr:.9f}", f"{inside:.6f}"]
                out.writerow([name, at, *text(values), f"{lower:.6f}", f"{upper:.6f}", horizon, *labels])
    meta = {
        "schema": "main@1",
        "featureNames": FEATURES,
        "fields": {"volatility": FEATURES[:9], "il": FEATURES[:9], "yield": FEATURES},
        "sources": [{"file": "synthetic", "sha256": "0" * 64, "licence": "none needed"}],
        "seed": seed,
        "hash": "0" * 64,
    }
    (folder / "dataset.json").write_text(json.dumps(meta))
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset"))
