"""A series' hourly returns, recovered from what the dataset says of them."""

from __future__ import annotations

import dataclasses

import numpy as np

HOURS = 24


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
