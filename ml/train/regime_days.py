"""Days of many sources as sequences, and a regime model fitted on what one window may know."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import regime_net
from errors import DatasetError
from walk import DAY, Window

HINT = "run `npx tsx ml/data/regimeRows.ts --data DIR --out ml/train/data`"
WEEK = 7 * DAY
# Steps of Adam to choose from, 1 = hardly any; fixed beforehand: rows of a step, and the rate that it begins with.
STEPS = (1, 15, 45)
BATCH, RATE = 96, 3e-3
PIECE = 256


@dataclasses.dataclass(frozen=True)
class Days:
    """One row per asset and midnight. `sequence` [N, 60, C] ends there; a missing cell is 0, mask 1."""

    assets: list[str]
    columns: list[str]
    groups: dict[str, list[str]]
    asset: np.ndarray
    at: np.ndarray
    sequence: np.ndarray
    mask: np.ndarray
    next_day: np.ndarray
    next_week: np.ndarray
    last_week: np.ndarray


def read_days(folder: Path, assets: list[str]) -> tuple[Days, dict[str, Any]]:
    """The exported days as sequences; DatasetError names what is missing."""
    described, path = folder / "regime-days.json", folder / "regime-days.csv"
    if not described.is_file() or not path.is_file():
        raise DatasetError(f"regime: no regime-days.csv and regime-days.json in {folder}; {HINT}")
    meta = json.loads(described.read_text())
    columns = list(meta["columns"])
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    parts = []
    for number, name in enumerate(assets):
        mine = [line for line in lines if line["series"] == name]
        if len(mine) < regime_net.DAYS:
            raise DatasetError(f"regime: regime-days.csv has {len(mine)} days of {name}, a sequence needs 60; {HINT}")
        parts.append(_asset(number, mine, columns))
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return Days(assets=assets, columns=columns, groups=meta["groups"], **joined), meta


def _asset(number: int, lines: list[dict[str, str]], columns: list[str]) -> dict[str, np.ndarray]:
    told = {int(line["at"]): line for line in lines}
    at = np.arange(min(told), max(told) + DAY, DAY)
    number_of = lambda text: float(text) if text else math.nan  # noqa: E731
    empty: dict[str, str] = {}
    table = np.asarray([[number_of(told.get(int(t), empty).get(name, "")) for name in columns] for t in at])
    labels = np.asarray([[number_of(told.get(int(t), empty).get(k, "")) for k in ("rv_24h", "rv_168h")] for t in at])
    ends = np.arange(regime_net.DAYS - 1, len(at))
    places = ends[:, None] + np.arange(1 - regime_net.DAYS, 1)[None, :]
    sequence = table[places]
    before = ends - 7
    return {
        "asset": np.full(len(ends), number),
        "at": at[ends],
        "sequence": np.nan_to_num(sequence).astype(np.float32),
        "mask": np.isnan(sequence).astype(np.float32),
        "next_day": labels[ends, 0],
        "next_week": labels[ends, 1],
        "last_week": labels[before, 1],
    }


def terciles(days: Days, learned: np.ndarray) -> np.ndarray:
    """Per asset the two variances that part the past weeks into calm, middle and wild: [assets, 2]."""
    rows = [learned & (days.asset == number) for number in range(len(days.assets))]
    return np.stack([np.quantile(days.next_week[row], [1 / 3, 2 / 3]) for row in rows])


def classes(days: Days, variance: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """0 = calm, 1 = middle, 2 = wild; -1 = not known."""
    own = edges[days.asset]
    found = (variance > own[:, 0]).astype(np.int32) + (variance > own[:, 1])
    return np.where(np.isfinite(variance), found, -1)


def learned_by(days: Days, window: Window) -> np.ndarray:
    """Rows whose week was over when the window began, less days on which the market stood still."""
    week = np.isfinite(days.next_week) & np.isfinite(days.next_day) & (days.next_day > 0)
    return window.learns(days.at, WEEK) & week


def fit_window(days: Days, window: Window, seeds: list[int]) -> dict[str, np.ndarray]:
    """All seeds' answers for one window's midnights, `said` [seeds, rows, 4], and the classes of its past."""
    learned = learned_by(days, window)
    rows = np.flatnonzero(learned)
    edges = terciles(days, learned)
    regime = classes(days, days.next_week, edges)
    steps = choose_steps(days, rows, regime, window, seeds[:2])
    fixed = normalisation(days, rows)
    weights = learn(days, rows, regime, fixed, seeds, window.number, steps)
    ask = asked(days, window)
    return {
        "said": answer(days, weights, fixed, ask),
        "rows": np.asarray(len(rows)),
        "steps": np.asarray(steps),
        "regime": regime[ask],
        "was": classes(days, days.last_week, edges)[ask],
        "turns": _turns(days, rows, edges, regime),
    }


def choose_steps(days: Days, rows: np.ndarray, regime: np.ndarray, window: Window, seeds: list[int]) -> int:
    """How long to train, from the window's own past: its last fifth, a week apart, judges what the rest taught."""
    cut = int(np.quantile(days.at[rows], 0.8))
    early, late = rows[days.at[rows] + WEEK <= cut], rows[days.at[rows] > cut]
    fixed = normalisation(days, early)
    scores = []
    for steps in STEPS:
        said = answer(days, learn(days, early, regime, fixed, seeds, window.number, steps), fixed, late).mean(axis=0)
        entropy = -np.log(np.maximum(said[np.arange(len(late)), regime[late]], 1e-6)).mean()
        miss = (np.log(days.next_day[late]) - said[:, 3]) / fixed["target_std"]
        scores.append(entropy + 0.5 * np.mean(miss**2))
    return STEPS[int(np.argmin(scores))]


def learn(
    days: Days,
    rows: np.ndarray,
    regime: np.ndarray,
    fixed: dict[str, np.ndarray],
    seeds: list[int],
    number: int,
    steps: int,
) -> regime_net.Weights:
    """Weights of all seeds, side by side, taught by these rows."""
    known = np.where(np.isfinite(days.next_day) & (days.next_day > 0), days.next_day, 1.0)
    table = {
        "sequence": jnp.asarray(days.sequence),
        "mask": jnp.asarray(days.mask),
        "regime": jnp.asarray(np.maximum(regime, 0)),
        "target": jnp.asarray((np.log(known) - fixed["target_mean"]) / fixed["target_std"], dtype=jnp.float32),
    }
    known_past = closed_form(days, rows, np.asarray(table["target"]), regime, fixed)
    starts = [regime_net.initial_weights(len(days.columns), np.random.default_rng(seed)) | known_past for seed in seeds]
    start = jax.tree.map(lambda *parts: jnp.stack([jnp.asarray(p) for p in parts]), *starts)
    picks = np.stack([np.random.default_rng([seed, number]).choice(rows, (steps, BATCH)) for seed in seeds])
    keys = jnp.stack([jax.random.PRNGKey(seed) for seed in seeds])
    places = {name: place for place, name in enumerate(days.columns)}
    groups = tuple(tuple(places[name] for name in names) for key, names in days.groups.items() if key != "price")
    return regime_net.train(
        start,
        fixed,
        table,
        jnp.asarray(picks),
        keys,
        jnp.float32(RATE),
        variance=places["log_rv"],
        groups=groups,
        steps=steps,
    )


def closed_form(
    days: Days, rows: np.ndarray, target: np.ndarray, regime: np.ndarray, fixed: dict[str, np.ndarray]
) -> regime_net.Weights:
    """Where training starts: a HAR of the log variance, and the thirds' odds from the same three means."""
    place = days.columns.index("log_rv")
    series = (days.sequence[rows, :, place] - fixed["mean"][place]) / fixed["std"][place]
    series = series * (1.0 - days.mask[rows, :, place])
    means = [series[:, regime_net.DAYS - back :].mean(axis=1) for back in regime_net.SKIP_DAYS]
    inputs = np.stack([*means, np.ones(len(rows))], axis=1)
    # A straight line through shares, three times as steep, is near the logits of thirds.
    shares = 3.0 * (np.eye(3)[regime[rows]] - 1 / 3)
    outputs = np.concatenate([shares, target[rows, None]], axis=1)
    weights = np.linalg.solve(inputs.T @ inputs + np.eye(4), inputs.T @ outputs).astype(np.float32)
    return {"skip": weights[:3], "bias": weights[3]}


def answer(days: Days, weights: regime_net.Weights, fixed: dict[str, np.ndarray], ask: np.ndarray) -> np.ndarray:
    """What each seed says of these rows: [seeds, rows, 4]; in pieces of one size, so that one program is compiled."""
    variance = days.columns.index("log_rv")
    parts = []
    for start in range(0, len(ask), PIECE):
        piece = ask[start : start + PIECE]
        full = np.resize(piece, PIECE)
        said = regime_net.all_answers(weights, fixed, days.sequence[full], days.mask[full], variance=variance)
        parts.append(np.asarray(said)[:, : len(piece)])
    return np.concatenate(parts, axis=1)


def normalisation(days: Days, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Means and deviations of what was there in the past; a source that had not begun has 0 and 1."""
    last, there = days.sequence[rows, -1].astype(np.float64), 1.0 - days.mask[rows, -1]
    count = there.sum(axis=0)
    mean = (last * there).sum(axis=0) / np.maximum(count, 1)
    spread = np.sqrt((there * (last - mean) ** 2).sum(axis=0) / np.maximum(count, 1))
    known = count > 30
    target = np.log(days.next_day[rows])
    return {
        "mean": np.where(known, mean, 0.0).astype(np.float32),
        "std": np.where(known & (spread > 1e-9), spread, 1.0).astype(np.float32),
        "target_mean": np.asarray(target.mean(), np.float32),
        "target_std": np.asarray(target.std(), np.float32),
    }


def _turns(days: Days, rows: np.ndarray, edges: np.ndarray, regime: np.ndarray) -> np.ndarray:
    """How often in the past each class of week followed each: [was, is], smoothed by one."""
    was = classes(days, days.last_week, edges)
    counts = np.ones((3, 3))
    good = rows[was[rows] >= 0]
    np.add.at(counts, (was[good], regime[good]), 1.0)
    return counts / counts.sum(axis=1, keepdims=True)


def asked(days: Days, window: Window) -> np.ndarray:
    """Rows that the window answers for."""
    return np.flatnonzero(window.forecasts(days.at))
