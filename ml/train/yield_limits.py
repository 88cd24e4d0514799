"""How much of the fee model's loss is left when what it has to forecast is told: which half of the task sets the limit.

What a range earns is what the whole axis earns times the range's share of it. Each is told in turn, and the first in
part: the error of its logarithm smaller by a share. None of this is a forecast; nothing is chosen by it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fee_baselines import losses_by_range
from fees import Rows, Weights, fit_ratios, inputs_of, levels_of, predict, shape
from metrics import rounded
from ops import NumpyOps

# Horizons that are asked about, and by which part of its error the level is brought nearer to what came.
LIMIT_HOURS = (1, 4)
NEARER = (0.05, 0.1, 0.2, 0.4, 1.0)
SHARE_TOLD = "share told"
TOLD = [*(f"fees nearer {part:g}" for part in NEARER), SHARE_TOLD]
# Half widths (natural log) up to here are called narrow: the price may leave them within the hours at hand.
NARROW = 0.03
KINDS = ("wide", "narrow", "one side")


def oracles(
    rows: Rows, weights: Weights, unseen: np.ndarray, k: int, hours: int, past: np.ndarray, ahead: np.ndarray
) -> dict[str, np.ndarray]:
    """Quantiles [ahead, ranges, 3] by what was told; `unseen` as of `fees.fit_levels`, `k` the horizon's place."""
    ops = NumpyOps()
    c = {name: ops.constant(value, name) for name, value in weights.items()}
    whole = rows.labels[hours][:, 0]
    # An hour without fees has no logarithm, and tells nothing about shares.
    paid = whole > 0
    learns = {h: past[paid[past]] if h == hours else past[:0] for h in rows.labels}
    came = np.log(np.where(paid, whole, 1.0) * 24 / hours)
    inputs = [inputs_of(rows, ahead, hours, j) for j in range(len(rows.ranges))]
    said = unseen[:, k].copy()
    said[ahead] = np.asarray(levels_of(ops, c, inputs[0]), np.float64)[:, k]
    shapes = [[np.asarray(part, np.float64) for part in shape(ops, c, one)[1:]] for one in inputs]
    out = {}
    for part in NEARER:
        level = np.where(paid, said + part * (came - said), said)
        levels = np.repeat(level[:, None], unseen.shape[1], axis=1)
        ratios = fit_ratios(rows, learns, weights, levels)
        base = np.exp(level[ahead]) * hours / 24
        out[f"fees nearer {part:g}"] = np.stack(
            [base[:, None] * share * (cells @ ratios)[:, 1:] for share, cells in shapes], axis=1
        )
    share = rows.labels[hours][ahead] / np.where(paid, whole, 1.0)[ahead, None]
    out[SHARE_TOLD] = share[:, :, None] * predict(weights, inputs[0])[:, None, 1:]
    return out


def kinds_of(ranges: np.ndarray) -> dict[str, np.ndarray]:
    """Numbers of the ranges [k, 2] by kind; spot is at 0."""
    inside = (ranges[:, 0] < 0) & (ranges[:, 1] > 0)
    narrow = inside & (ranges[:, 1] - ranges[:, 0] <= 2 * NARROW)
    return dict(zip(KINDS, (np.flatnonzero(m) for m in (inside & ~narrow, narrow, ~inside)), strict=True))


def limits(
    rows: Rows, answers: list[dict[str, np.ndarray]], hours: int, model: str, best: str, target: float
) -> dict[str, Any]:
    """Loss by kind of range over that of the best baseline, of the model and with parts told; from walked windows."""
    names = [model, best, *TOLD]
    losses = np.concatenate([losses_by_range(rows, one, hours, names) for one in answers])
    by_range = losses.mean(axis=0)
    kinds = {kind: which for kind, which in kinds_of(rows.ranges).items() if len(which)}
    sums = {kind: by_range[which].sum(axis=0) for kind, which in kinds.items()} | {"all": by_range.sum(axis=0)}
    sided = sums.get("one side", np.zeros(len(names)))
    rest = sums["all"] - sided
    return {
        "best": best,
        "share of the loss": {kind: rounded(float(one[1] / sums["all"][1])) for kind, one in sums.items()},
        "ratio": {
            name: {kind: rounded(float(one[i] / one[1])) for kind, one in sums.items()}
            for i, name in enumerate(names)
            if name != best
        },
        # What the other ranges must come to for the target, one-sided ones being as they are.
        "rest now": rounded(float(rest[0] / rest[1])),
        "rest needed": rounded(float((target * sums["all"][1] - sided[0]) / rest[1])),
    }
