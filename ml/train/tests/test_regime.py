"""The regime walk-forward: what a window may learn, and a stack that gains from knowledge and not from noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import regime
import regime_card
import regime_days
from errors import DatasetError
from walk import DAY, Window

ASSETS = ["ethusdt", "btcusdt"]
START = 1_500_000_000 // DAY * DAY


def _days(count: int, seed: int = 1) -> regime_days.Days:
    rng = np.random.default_rng(seed)
    at = np.tile(START + DAY * np.arange(count), 2)
    asset = np.repeat([0, 1], count)
    variance = np.exp(rng.standard_normal(2 * count) - 7)
    sequence = rng.standard_normal((2 * count, 60, 2)).astype(np.float32)
    week = np.exp(rng.standard_normal(2 * count) - 5)
    mask = np.zeros_like(sequence)
    groups = {"price": ["log_rv"], "gas": ["log_gas"]}
    return regime_days.Days(ASSETS, ["log_rv", "log_gas"], groups, asset, at, sequence, mask, variance, week, week)


def test_a_window_learns_only_weeks_that_were_over() -> None:
    days = _days(100)
    window = Window(0, START + 50 * DAY, START + 60 * DAY, START + 50 * DAY)
    learned = regime_days.learned_by(days, window)
    assert (days.at[learned] + 7 * DAY).max() == window.start
    assert (days.at[regime_days.asked(days, window)] >= window.start).all()


def test_normalisation_and_thirds_are_of_the_past_alone() -> None:
    days = _days(100)
    past = np.flatnonzero(days.at < START + 50 * DAY)
    later = days.at >= START + 50 * DAY
    wild = regime_days.Days(
        **{
            **vars(days),
            "sequence": np.where(later[:, None, None], 99, days.sequence),
            "next_week": days.next_week + later,
        }
    )
    for one, other in zip(
        regime_days.normalisation(days, past).values(), regime_days.normalisation(wild, past).values(), strict=True
    ):
        assert np.array_equal(one, other)
    edges = [regime_days.terciles(d, d.at < START + 50 * DAY) for d in (days, wild)]
    assert np.array_equal(*edges)
    shares = np.bincount(regime_days.classes(days, days.next_week, edges[0])[past], minlength=3) / len(past)
    assert np.allclose(shares, 1 / 3, atol=0.03)


def _stack(knows: bool) -> dict[str, Any]:
    days = _days(900)
    ask = np.arange(len(days.at))
    rng = np.random.default_rng(4)
    truth = np.log(days.next_day)
    base = {
        (ASSETS[a], int(t)): float(x)
        for a, t, x in zip(days.asset, days.at, truth + rng.standard_normal(len(ask)), strict=True)
    }
    told = truth + 0.7 * rng.standard_normal(len(ask)) if knows else rng.standard_normal(len(ask)) - 7
    even = np.full((len(ask), 3), 1 / 3)
    said = np.concatenate([even, told[:, None]], axis=1)[None]
    windows = (days.at - START) // (90 * DAY)
    return regime.stack_scores(days, ask, windows, said, base)


def test_the_stack_gains_from_what_knows_more() -> None:
    pooled = _stack(knows=True)["pooled"]
    assert pooled["ratio"] < 0.8 and pooled["p"] < 0.001 and pooled["t"] > 3
    assert pooled["days"] == 900 - 90 * regime.TEACHING


def test_the_stack_gains_nothing_from_noise() -> None:
    pooled = _stack(knows=False)["pooled"]
    assert 0.98 < pooled["ratio"] < 1.03
    assert not (pooled["ratio"] < 1 and pooled["p"] < 0.05)


def test_the_stack_of_a_window_knows_nothing_of_it_or_later() -> None:
    rng = np.random.default_rng(2)
    at = START + DAY * np.arange(700)
    windows = np.arange(700) // 90
    target = np.exp(rng.standard_normal(700))
    inputs = np.stack([np.ones(700), np.log(target) + rng.standard_normal(700)], axis=1)
    good = np.ones(700, bool)
    said = regime.stack(at, target, inputs, windows, good)
    changed = regime.stack(at, np.where(windows >= 6, 100 * target, target), inputs, windows, good)
    assert np.isnan(said[windows < regime.TEACHING]).all() and np.isfinite(said[windows >= regime.TEACHING]).all()
    assert np.array_equal(said[windows <= 6], changed[windows <= 6], equal_nan=True)
    assert not np.allclose(said[windows == 7], changed[windows == 7])


def test_says_what_is_missing(tmp_path: Any) -> None:
    with pytest.raises(DatasetError, match=r"no regime-days\.csv"):
        regime_days.read_days(tmp_path, ASSETS)


@pytest.mark.parametrize(("kept", "said"), [(True, "Kept:"), (False, "Not shipped:")])
def test_the_card_says_what_the_results_say(kept: bool, said: str) -> None:
    worth = {"independent": 9, "plain": 1.0, "regime": 1.5, "gain": 0.5, "interval": [-1.0, 2.0], "differs": 0.25}
    one = {"days": 10, "qlike": {"volatility": 0.3, "stack": 0.2, "stackWithRegime": 0.19}, "ratio": 0.95}
    results = {
        "stack": {"pooled": one | {"t": 2.5, "p": 0.01, "bySeed": [0.95, 0.96]}},
        "classes": {
            "days": 10,
            "logLoss": {"model": 0.9, "persistence": 0.95, "even": 1.0986},
            "hits": {"model": 0.5, "persistence": 0.4},
            "t": 1.0,
            "p": 0.3,
        },
        "settings": {"layers": 2, "width": 16},
        "windows": [{"from": START, "until": START + DAY, "rows": 5, "steps": 15}],
        "spans": {"ethusdt": {"gas": {"from": START, "to": START + DAY, "days": 2}}},
        "sources": [{"file": "gas.csv.gz", "sha256": "0x" + "a" * 64}],
        "seeds": [1, 2],
        "base": "volatility-har-net",
        "teachingWindows": 4,
        "dataHash": "0x1",
        "decision": {"pools": {"a pool": worth | {"windows": 6}}, "pooled": worth, "blockHours": 48},
        "kept": kept,
    }
    text = regime_card.card(results)
    assert said in text and "-5.00 %" in text and "| ethusdt | gas | 2017-07-14 | 2017-07-15 | 2 |" in text
    assert "+0.50 bp a day (-1.00 to 2.00): no gain that can be told from none" in text and "25% of the hours" in text
    assert max(len(line) for line in regime.table(results)) <= 80
