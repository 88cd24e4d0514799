"""Cuts a table by time into train, validation and test; no row's label reaches into the next span."""

from __future__ import annotations

import numpy as np

from dataset import Table
from protocol import Protocol

SPANS = ("train", "validation", "test")
DAY = 86400


def split(table: Table, protocol: Protocol) -> dict[str, np.ndarray]:
    """Row numbers per span; rows that purge or embargo drop are in none."""
    parts: dict[str, list[np.ndarray]] = {span: [] for span in SPANS}
    for series in range(len(table.series_names)):
        rows = np.flatnonzero(table.series == series)
        at, end = table.at[rows], table.at[rows] + table.horizon[rows]
        for span, (low, high) in bounds(int(at.min()), int(at.max()), protocol).items():
            parts[span].append(rows[(at >= low) & (end <= high)])
    return {span: np.sort(np.concatenate(found)) for span, found in parts.items()}


def bounds(first: int, last: int, protocol: Protocol) -> dict[str, tuple[float, float]]:
    """Per span, the earliest time of a row and the latest end of its label, for a series from `first` to `last`."""
    calendar, share = protocol["split"]["calendar"], protocol["split"]["share"]
    forever = float("inf")
    days = (last - first) / DAY
    if days >= calendar["min_span_days"]:
        gap = calendar["embargo_seconds"]
        train = calendar["train_until"].timestamp()
        start = max(calendar["validation_from"].timestamp(), train + gap)
        stop = calendar["validation_until"].timestamp()
        test = max(calendar["test_from"].timestamp(), stop + gap)
        return {"train": (-forever, train), "validation": (start, stop), "test": (test, forever)}
    if days < share["test_only_below_days"]:
        return {"train": (forever, -forever), "validation": (forever, -forever), "test": (-forever, forever)}
    gap = share["embargo_seconds"]
    train = first + share["train"] * (last - first)
    stop = last - share["test"] * (last - first)
    return {"train": (-forever, train), "validation": (train + gap, stop), "test": (stop + gap, forever)}
