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
    "log_fee_24h",
]
HOUR = 3600


def market_rows(rng, name, start, hours):
    """Feature rows of one series with slowly moving variance, plus the log-variance path itself."""
    level = -7.0 + np.cumsum(rng.normal(0, 0.05, hours)) * 0.3
    rows = []
    for i in range(hours):
        values = [level[i] + rng.normal(0, s) for s in (0.6, 0.3, 0.4, 0.2, 0.15, 0.1)]
        values.append(abs(rng.normal(0.5, 0.2)))
        move = rng.normal(0, np.exp(0.5 * level[i]) / np.sqrt(24))
        values.append(move / np.sqrt(np.exp(values[5]) / 24))
        values.append(np.sin(2 * np.pi * i / 24))
        # A market of candles has no fees.
        values.append(None)
        if i < 168:
            values[5] = None
        rows.append((name, start + i * HOUR, values, float(level[i])))
    return rows


def write_dataset(folder, seed=5):
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    long = market_rows(rng, "cex-eth-usd", 1640995200, 365 * 24 * 5 // 2)
    text = lambda values: ["" if v is None else f"{v:.6f}" for v in values]  # noqa: E731
    with (folder / "volatility.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["series", "at", *FEATURES, "rv_24h"])
        for name, at, values, level in long[100:]:
            out.writerow([name, at, *text(values), f"{np.exp(level + rng.normal(0, 0.5)):.8f}"])
    meta = {
        "schema": "main@1",
        "featureNames": FEATURES,
        "fields": {"volatility": FEATURES},
        "sources": [{"file": "synthetic", "sha256": "0" * 64, "licence": "none needed"}],
        "seed": seed,
        "hash": "0" * 64,
    }
    (folder / "dataset.json").write_text(json.dumps(meta))
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset"))
