"""Hourly markets out of the exported dataset, and what happened to a range on them: IL, LVR and time in range."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from errors import DatasetError
from price_path import rebuild_path

HOUR = 3600
# Share of a horizon's hours that must be known.
ENOUGH = 0.95


@dataclasses.dataclass(frozen=True)
class Market:
    """One series on its hourly grid. `features` [T, F] are NaN where missing; `price` is the log price, 0 at start."""

    name: str
    start: int
    features: np.ndarray
    returns: np.ndarray
    price: np.ndarray

    @property
    def at(self) -> np.ndarray:
        """Unix time of each grid point: the end of the last bar that its features see."""
        return self.start + HOUR * np.arange(len(self.price))

    def until(self, time: int) -> Market:
        """The same market as it was known at `time`."""
        return dataclasses.replace(
            self, **{key: getattr(self, key)[self.at <= time] for key in ("features", "returns", "price")}
        )


def read_markets(path: Path, names: Sequence[str], fields: Sequence[str]) -> list[Market]:
    """The series `names` of volatility.csv with these feature columns; DatasetError names what is missing."""
    scale = ["log_rv_168h", "return_1h"]
    with path.open(newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        for column in ["series", "at", *fields, *scale]:
            if column not in header:
                raise DatasetError(f"dataset: column {column} is missing from {path.name}; export the dataset anew")
        places = [header.index(column) for column in ["at", *fields, *scale]]
        rows: dict[str, list[list[float]]] = {name: [] for name in names}
        which = header.index("series")
        for row in reader:
            if row[which] in rows:
                rows[row[which]].append([float(row[i]) if row[i] else np.nan for i in places])
    for name in names:
        if not rows[name]:
            raise DatasetError(f"dataset: {path.name} has no rows of the series {name}")
    return [make_market(name, np.asarray(rows[name])) for name in names]


def rows_hash(markets: Sequence[Market]) -> str:
    """sha256 of every value that is read of these series, whatever else the dataset holds."""
    digest = hashlib.sha256()
    for market in markets:
        digest.update(f"{market.name} {market.start}\n".encode())
        for values in (market.features, market.returns):
            digest.update(np.ascontiguousarray(np.where(np.isfinite(values), values, np.inf), np.float64).tobytes())
    return "0x" + digest.hexdigest()


def make_market(name: str, table: np.ndarray) -> Market:
    """From rows of [at, features…, log_rv_168h, return_1h]."""
    at = table[:, 0].astype(np.int64)
    path = rebuild_path(at, table[:, -2], table[:, -1])
    features = np.full((len(path.returns), table.shape[1] - 3), np.nan)
    features[path.index(at)] = table[:, 1:-2]
    price = np.cumsum(np.where(np.isfinite(path.returns), path.returns, 0.0))
    return Market(name, path.start, features, path.returns, price)


def future_move(market: Market, hours: int) -> np.ndarray:
    """Log price `hours` later minus now; NaN where too little of the way is known."""
    move = np.full(len(market.price), np.nan)
    move[:-hours] = market.price[hours:] - market.price[:-hours]
    return np.where(_known(market, hours), move, np.nan)


def future_variance(market: Market, hours: int) -> np.ndarray:
    """Sum of squared hourly returns over the next `hours`, with the unknown ones taken as usual; NaN as above."""
    total = np.concatenate([np.zeros(1), np.cumsum(np.where(np.isfinite(market.returns), market.returns, 0.0) ** 2)])
    out = np.full(len(market.price), np.nan)
    out[:-hours] = total[1 + hours :] - total[1:-hours]
    return np.where(_known(market, hours), out, np.nan)


def _known(market: Market, hours: int) -> np.ndarray:
    count = np.concatenate([np.zeros(1), np.cumsum(np.isfinite(market.returns))])
    known = np.zeros(len(market.price), bool)
    known[:-hours] = count[1 + hours :] - count[1:-hours] >= ENOUGH * hours
    return known


def value(lower: np.ndarray, upper: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Value at log price x of one unit of liquidity, spot 0."""
    inside = np.clip(x, lower, upper)
    return np.exp(x) * (np.exp(-inside / 2) - np.exp(-upper / 2)) + np.exp(inside / 2) - np.exp(lower / 2)


def delta(lower: np.ndarray, upper: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Amount of the other token: dV/dP."""
    return np.exp(-np.clip(x, lower, upper) / 2) - np.exp(-upper / 2)


def impermanent_loss(lower: np.ndarray, upper: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Loss against holding after the log price has moved, a fraction of the starting value; ≤ 0."""
    start = value(lower, upper, np.zeros_like(move))
    held = start + delta(lower, upper, np.zeros_like(move)) * np.expm1(move)
    return np.minimum((value(lower, upper, move) - held) / start, 0.0)


def path_outcome(
    market: Market, rows: np.ndarray, lower: np.ndarray, upper: np.ndarray, hours: int
) -> tuple[np.ndarray, np.ndarray]:
    """LVR along the hourly closes after each row and the share of the way inside the range (one range per row)."""
    start = market.price[rows]
    last = np.zeros(len(rows))
    loss, inside = np.zeros(len(rows)), np.zeros(len(rows))
    before = value(lower, upper, last)
    first = before
    for step in range(1, hours + 1):
        x = market.price[rows + step] - start
        now = value(lower, upper, x)
        loss += delta(lower, upper, last) * (np.exp(x) - np.exp(last)) - (now - before)
        low, high = np.minimum(last, x), np.maximum(last, x)
        span = np.maximum(high - low, 1e-12)
        share = np.clip(np.minimum(high, upper) - np.maximum(low, lower), 0.0, None) / span
        inside += np.where(high - low < 1e-12, (x >= lower) & (x < upper), share)
        last, before = x, now
    return np.maximum(loss, 0.0) / first, inside / hours
