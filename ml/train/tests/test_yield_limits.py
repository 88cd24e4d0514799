"""What would be left of the fee model's loss: oracles that are told parts of the outcome, of that row and no other."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from test_fees import write_rows

import fees
import yield_limits
from fee_rows import load_fee_meta, load_hours
from yield_limits import KINDS, NEARER, SHARE_TOLD, TOLD, kinds_of, limits, oracles
from yield_table import limit_table, nearer_for

FULL, NARROW, WIDE, ABOVE = range(4)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The test market, the shares of ranges that the price may leave noisy."""
    folder = write_rows(tmp_path_factory.mktemp("limits"), hours=24 * 20)
    rows = load_hours(folder, load_fee_meta(folder))
    rng = np.random.default_rng(3)
    noise = {h: np.exp(0.5 * rng.normal(size=v.shape)) for h, v in rows.labels.items()}
    for of in noise.values():
        of[:, [FULL, WIDE]] = 1.0
    return dataclasses.replace(rows, labels={h: v * noise[h] for h, v in rows.labels.items()})


@pytest.fixture(scope="module")
def fitted(rows):
    cut = np.quantile(rows.at, 0.7)
    known = {h: np.flatnonzero(np.isfinite(v[:, 0]) & (rows.at + 3600 * h <= cut)) for h, v in rows.labels.items()}
    weights, unseen = fees.fit_levels(rows, known)
    weights["ratios"] = fees.fit_ratios(rows, known, weights, unseen).astype(np.float32)
    ahead = np.flatnonzero((rows.at > cut) & np.isfinite(rows.labels[1]).all(axis=1))
    return weights, unseen, known[1], ahead


def told(rows, fitted):
    weights, unseen, past, ahead = fitted
    return oracles(rows, weights, unseen, 0, 1, past, ahead)


def answers(rows, fitted):
    """As a walk leaves them, the model's own forecasts among them and twice those as the baseline."""
    weights, _, _, ahead = fitted
    said = [fees.predict(weights, fees.inputs_of(rows, ahead, 1, j))[:, 1:] for j in range(len(rows.ranges))]
    model = np.stack(said, axis=1)
    usual = rows.labels[1][ahead].mean(axis=0)
    named = {"model": model, "twice": 2 * model, **told(rows, fitted)}
    return [{"rows1": ahead, "usual1": usual, **{f"{name}1": value for name, value in named.items()}}]


def test_the_nearer_all_fees_are_told_the_less_is_left_and_of_the_whole_axis_nothing(rows, fitted):
    left = limits(rows, answers(rows, fitted), 1, "model", "twice", 0.95)["ratio"]
    wide = [left["model"]["wide"], *[left[f"fees nearer {part:g}"]["wide"] for part in NEARER]]
    assert all(a > b for a, b in pairwise(wide)), wide
    _, _, _, ahead = fitted
    exact = told(rows, fitted)["fees nearer 1"][:, FULL]
    assert exact == pytest.approx(np.repeat(rows.labels[1][ahead, :1], 3, axis=1), rel=1e-3)
    # A share that nobody told keeps its spread.
    assert left["fees nearer 1"]["one side"] > 0.2 * left["model"]["one side"]


def test_an_oracle_that_is_told_nothing_is_the_model(rows, fitted, monkeypatch):
    monkeypatch.setattr(yield_limits, "NEARER", (0.0,))
    (answer,) = answers(rows, fitted)
    assert answer["fees nearer 01"] == pytest.approx(answer["model1"], rel=1e-4)


def test_the_share_told_leaves_what_the_whole_axis_leaves(rows, fitted):
    weights, _, _, ahead = fitted
    said = told(rows, fitted)[SHARE_TOLD]
    model = fees.predict(weights, fees.inputs_of(rows, ahead, 1, FULL))[:, 1:]
    labels = rows.labels[1][ahead]
    for j in (FULL, NARROW, ABOVE):
        assert said[:, j] == pytest.approx(model * (labels[:, j] / labels[:, FULL])[:, None])


def test_an_oracle_is_told_of_its_own_row_alone(rows, fitted):
    weights, unseen, past, ahead = fitted
    labels = {h: v.copy() for h, v in rows.labels.items()}
    labels[1][ahead[5]] *= 3.0
    before = told(rows, fitted)
    after = oracles(dataclasses.replace(rows, labels=labels), weights, unseen, 0, 1, past, ahead)
    others = np.arange(len(ahead)) != 5
    for name in TOLD:
        assert np.array_equal(before[name][others], after[name][others]), name
    assert not np.array_equal(before["fees nearer 1"][5], after["fees nearer 1"][5])


def test_an_hour_without_fees_is_no_error(rows, fitted):
    weights, unseen, past, ahead = fitted
    labels = {h: v.copy() for h, v in rows.labels.items()}
    labels[1][[past[3], ahead[3]]] = 0.0
    found = oracles(dataclasses.replace(rows, labels=labels), weights, unseen, 0, 1, past, ahead)
    assert all(np.isfinite(values).all() for values in found.values())
    assert (found[SHARE_TOLD][3] == 0).all()


def test_ranges_are_told_apart_by_where_spot_lies_and_how_far_the_edges_are():
    ranges = np.asarray([[-12.0, 12.0], [-0.02, 0.02], [-0.2, 0.2], [0.0, 0.05], [-0.05, 0.0], [-0.03, 0.03]])
    found = kinds_of(ranges)
    assert [list(found[kind]) for kind in KINDS] == [[0, 2], [1, 5], [3, 4]]


def test_the_target_is_met_where_the_other_ranges_come_to_what_is_needed(rows, fitted):
    one = limits(rows, answers(rows, fitted), 1, "model", "twice", 0.5)
    part = one["share of the loss"]
    sided = part["one side"] * one["ratio"]["model"]["one side"]
    assert sided + (1 - part["one side"]) * one["rest needed"] == pytest.approx(0.5, abs=2e-3)
    assert sided + (1 - part["one side"]) * one["rest now"] == pytest.approx(one["ratio"]["model"]["all"], abs=2e-3)
    assert sum(part[kind] for kind in KINDS) == pytest.approx(1.0, abs=1e-3)


def test_the_table_names_every_row_within_eighty_columns(rows, fitted):
    one = limits(rows, answers(rows, fitted), 1, "model", "twice", 0.95)
    lines = limit_table({"1h": one}, "model", {"1h": 0.95})
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[-5:] == ["wide", "narrow", "one", "side", "all"]
    assert f"{one['ratio']['model']['all']:.3f}" == lines[3].split()[-1] and "nothing told" in lines[3]
    assert f"{one['ratio'][SHARE_TOLD]['all']:.3f}" == lines[-1].split()[-1] and "share of them told" in lines[-1]
    assert len(lines) == 4 + len(TOLD)


def test_a_missed_target_is_told_with_what_it_would_take():
    ratio = {"model": {"all": 0.97}} | {name: {"all": 0.2, "one side": 0.5} for name in TOLD}
    ratio |= {f"fees nearer {part:g}": {"all": 0.97 - part} for part in NEARER}
    assert nearer_for(ratio, "model", 0.95) == pytest.approx(0.02)
    assert nearer_for(ratio, "model", 0.8) == pytest.approx(0.17)
    assert nearer_for(ratio, "model", 0.98) == 0.0
    one = {"best": "ewma", "share of the loss": {"all": 1.0}, "ratio": ratio, "rest needed": 0.913, "rest now": 0.946}
    last = limit_table({"1h": one}, "model", {"1h": 0.95})[-2:]
    assert last[0].startswith("  0.95 is reached where that error is less by 2.0%") and "0.913 (now 0.946)" in last[1]
    assert "0.913" not in "\n".join(limit_table({"1h": one}, "model", {"1h": 0.98}))
