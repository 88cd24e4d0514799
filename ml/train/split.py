"""Cuts a table by time into train, validation and test; no row's label reaches into the next span."""

from __future__ import annotations

import numpy as np

from dataset import Table
from protocol import Protocol

SPANS = ("train", "validation", "test")
DAY = 86400
FOREVER = float("inf")
NOWHERE = (FOREVER, -FOREVER)
# Per span, the earliest time of a row and the latest end of its label, unix seconds.
Bounds = dict[str, tuple[float, float]]


def split(table: Table, protocol: Protocol) -> dict[str, np.ndarray]:
    """Row numbers per span; rows that purge or embargo drop are in none."""
    parts: dict[str, list[np.ndarray]] = {span: [] for span in SPANS}
    by_share = protocol[table.task]["split"] == "share"
    # Both orientations of a market are the same days: cut them at the same times.
    markets = [name.removeprefix("inverse-") for name in table.series_names]
    market_of_row = np.asarray([markets.index(name) for name in markets])[table.series]
    for market in np.unique(market_of_row):
        rows = np.flatnonzero(market_of_row == market)
        at, end = table.at[rows], table.at[rows] + table.horizon[rows]
        cuts = share_bounds(int(at.min()), int(at.max()), protocol) if by_share else calendar_bounds(protocol)
        for span, (low, high) in cuts.items():
            parts[span].append(rows[(at >= low) & (end <= high)])
    return {span: np.sort(np.concatenate(found)) for span, found in parts.items()}


def calendar_bounds(protocol: Protocol) -> Bounds:
    """One calendar for every series."""
    calendar = protocol["split"]["calendar"]
    gap = calendar["embargo_seconds"]
    train = calendar["train_until"].timestamp()
    start = max(calendar["validation_from"].timestamp(), train + gap)
    stop = calendar["validation_until"].timestamp()
    test = max(calendar["test_from"].timestamp(), stop + gap)
    return {"train": (-FOREVER, train), "validation": (start, stop), "test": (test, FOREVER)}


def share_bounds(first: int, last: int, protocol: Protocol) -> Bounds:
    """Fixed shares of one series from `first` to `last`; a series too short to cut is test only."""
    share = protocol["split"]["share"]
    if (last - first) / DAY < share["test_only_below_days"]:
        return {"train": NOWHERE, "validation": NOWHERE, "test": (-FOREVER, FOREVER)}
    gap = share["embargo_seconds"]
    train = first + share["train"] * (last - first)
    stop = last - share["test"] * (last - first)
    return {"train": (-FOREVER, train), "validation": (train + gap, stop), "test": (stop + gap, FOREVER)}
