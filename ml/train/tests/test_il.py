"""The loss model: closed forms, nothing from the future, a known law found again, and the graph that ships."""

import dataclasses
import json

import jax
import numpy as np
import onnxruntime
import pytest

import il_package
from il_baselines import EXPANDING, ROLLING, SCALED, Rules, all_lvr, il_baselines, lvr_baselines, stretched_lvr
from il_fit import Settings, assemble, fit_horizon, mean_fit, mirrored
from il_labels import Market, future_move, impermanent_loss, path_outcome, rows_hash, value
from il_model import CUTS, FIELDS, OUTPUTS, TAILS, VARIANCE, cuts, forward, horizon_hats, knots, size_levels
from il_package import card_sections, shares_of
from ops import JaxOps, OnnxOps
from package import run_graph
from walk import Window
from walk_il import bootstrap_ratio, protocol_ranges, rehearsals, table

HOUR, DAY = 3600, 86400
SETTINGS = Settings(slope_days=365, size_days=365)
SIGMA_HOUR = 0.006


def market(hours=9000, seed=1, name="walk", start=1_500_000_000 // HOUR * HOUR):
    """A Gaussian walk of constant variance whose features say so, with noise."""
    rng = np.random.default_rng(seed)
    returns = rng.normal(0, SIGMA_HOUR, hours)
    features = np.zeros((hours, len(FIELDS)))
    level = np.log(24 * SIGMA_HOUR**2)
    for i in range(len(VARIANCE)):
        features[:, i] = level + rng.normal(0, 0.2, hours)
    angle = 2 * np.pi * np.arange(hours)
    for i, name_of in enumerate(FIELDS):
        period = 24 if name_of.startswith("hour") else 168
        if name_of.endswith("_sin"):
            features[:, i] = np.sin(angle / period)
        elif name_of.endswith("_cos"):
            features[:, i] = np.cos(angle / period)
        elif i >= len(VARIANCE):
            features[:, i] = rng.normal(0.5 if "downside" in name_of else 0.0, 0.3, hours)
    return Market(name, start, features, returns, np.cumsum(returns))


@pytest.fixture(scope="module")
def walk_market():
    return market()


@pytest.fixture(scope="module")
def fitted(walk_market):
    known = int(walk_market.at[-1])
    return {h: fit_horizon([walk_market], h, known, SETTINGS, 1) for h in (4, 24)}


network = jax.jit(lambda weights, inputs: forward(JaxOps(), weights, inputs))


def ask(weights, features, ranges, hours, mask=None):
    asked = len(ranges)
    # Always as many rows, so that the network is compiled once.
    rows, ranges = 6, np.concatenate([ranges, np.tile([[-0.1, 0.1]], (6 - asked, 1))])
    inputs = {
        "features": np.tile(features, (rows, 1)).astype(np.float32),
        "mask": np.tile(np.zeros(len(FIELDS)) if mask is None else mask, (rows, 1)).astype(np.float32),
        "range": np.concatenate([ranges, np.full((rows, 1), np.log(hours / 24))], axis=1).astype(np.float32),
    }
    return np.asarray(network(weights, inputs))[:asked], {name: given[:asked] for name, given in inputs.items()}


def usual():
    features = np.zeros(len(FIELDS))
    features[: len(VARIANCE)] = np.log(24 * SIGMA_HOUR**2)
    features[FIELDS.index("downside_24h")] = 0.5
    return features


def test_il_is_the_textbook_loss_against_holding():
    lower, upper, move = np.asarray(-0.1), np.asarray(0.2), np.linspace(-0.5, 0.5, 41)
    amount = value(lower, upper, np.asarray(1e-7)) - value(lower, upper, np.asarray(0.0))
    held = value(lower, upper, np.zeros(1)) + amount / 1e-7 * np.expm1(move)
    expected = (value(lower, upper, move) - held) / value(lower, upper, np.zeros(1))
    np.testing.assert_allclose(impermanent_loss(lower, upper, move), expected, atol=2e-6)
    assert impermanent_loss(lower, upper, np.zeros(1))[0] == 0.0


def test_lvr_of_a_wide_range_is_an_eighth_of_its_variance(walk_market):
    rows = np.arange(200, 8000, 24)
    wide = np.full(len(rows), 9.0)
    lvr, inside = path_outcome(walk_market, rows, -wide, wide, 24)
    assert lvr.mean() == pytest.approx(24 * SIGMA_HOUR**2 / 8, rel=0.05)
    assert (inside == 1.0).all()


def test_every_way_to_play_a_path_says_the_same_lvr(walk_market):
    rows = np.asarray([300, 1000, 5000])
    lower, upper = -0.02, 0.03
    one = path_outcome(walk_market, rows, np.full(3, lower), np.full(3, upper), 24)[0]
    np.testing.assert_allclose(all_lvr(walk_market, np.asarray([[lower, upper]]), 24)[rows, 0], one, rtol=1e-9)
    np.testing.assert_allclose(stretched_lvr(walk_market, rows, lower, upper, 24)[:, 10], one, rtol=1e-9)


def test_cuts_share_a_tail_between_two_sides_of_a_half_each():
    for tail in TAILS:
        shares = cuts(tail)
        assert len(shares) == CUTS[tail] and 0.5 in shares
        assert (tail * shares <= 0.5 + 1e-12).all() and (tail * (1 - shares) <= 0.5 + 1e-12).all()
    assert (np.diff(size_levels()[: CUTS[0.1]]) < 0).all()


def test_hats_are_one_at_their_own_horizon_and_share_what_lies_between():
    c = knots([3600, 86400, 604800])
    hats = np.asarray(horizon_hats(JaxOps(), c, np.log(np.asarray([[1 / 24], [1.0], [7**0.5], [7.0], [99.0], [1e-3]]))))
    expected = [[1, 0, 0], [0, 1, 0], [0, 0.5, 0.5], [0, 0, 1], [0, 0, 1], [1, 0, 0]]
    np.testing.assert_allclose(hats, expected, atol=1e-5)


def test_a_fit_does_not_change_when_the_future_is_cut_off(walk_market):
    known = int(walk_market.at[6000])
    whole = fit_horizon([walk_market], 24, known, SETTINGS, 3)
    cut = fit_horizon([walk_market.until(known)], 24, known, SETTINGS, 3)
    # Another future altogether, from the first hour after `known`.
    other = market(seed=99)
    spliced = dataclasses.replace(
        walk_market,
        features=np.concatenate([walk_market.features[:6001], other.features[6001:]]),
        returns=np.concatenate([walk_market.returns[:6001], other.returns[6001:]]),
        price=np.concatenate([walk_market.price[:6001], other.price[6001:]]),
    )
    changed = fit_horizon([spliced], 24, known, SETTINGS, 3)
    for name, found in whole.items():
        np.testing.assert_array_equal(found, cut[name])
        np.testing.assert_array_equal(found, changed[name])
    later = fit_horizon([walk_market], 24, known + DAY, SETTINGS, 3)
    assert not np.array_equal(whole["scale"], later["scale"])


def test_the_past_that_is_to_be_beaten_ends_where_the_forecast_begins(walk_market):
    rules = Rules([0.1, 0.5, 0.9], 365, 0.94, 5)
    ranges, days = np.asarray([[-0.05, 0.05], [-0.05, 0.0]]), np.asarray([5000, 5024])
    cut = Market(
        "cut", walk_market.start, *(x[:5025] for x in (walk_market.features, walk_market.returns, walk_market.price))
    )
    lvr, lvr_cut = all_lvr(walk_market, ranges, 24), all_lvr(cut, ranges, 24)
    made, of_cut = (il_baselines(m, ranges, days, 24, rules) for m in (walk_market, cut))
    made_lvr = lvr_baselines(walk_market, ranges, days, 24, rules, lvr)
    of_cut_lvr = lvr_baselines(cut, ranges, days, 24, rules, lvr_cut)
    for name in (EXPANDING, ROLLING, SCALED):
        np.testing.assert_array_equal(made[name], of_cut[name])
        np.testing.assert_array_equal(made_lvr[name], of_cut_lvr[name])
        assert (made[name][:, :, 0] < made[name][:, :, 2]).all()


def test_a_gaussian_walk_is_exceeded_as_often_as_stated(fitted):
    fresh = market(hours=20_000, seed=7)
    weights = assemble([4 * HOUR, 24 * HOUR], [fitted[4], fitted[24]], [0.5, 0.75])
    ranges = np.asarray([[-0.02, 0.02], [-0.1, 0.1], [-0.05, 0.0], [0.0, 0.1]])
    said = ask(weights, usual(), ranges, 24)[0]
    move = future_move(fresh, 24)[:-24]
    for (lower, upper), answer in zip(ranges, said, strict=True):
        losses = impermanent_loss(np.asarray(lower), np.asarray(upper), move)
        assert np.mean(losses < answer[1]) == pytest.approx(0.1, abs=0.025)
        assert losses.mean() == pytest.approx(answer[0], rel=0.12)
        rows = np.arange(0, 19_900, 7)
        lvr = path_outcome(fresh, rows, np.full(len(rows), lower), np.full(len(rows), upper), 24)[0]
        assert np.mean(lvr > answer[7]) == pytest.approx(0.1, abs=0.05)
        assert lvr.mean() == pytest.approx(answer[4], rel=0.15)
    # Both-sided ranges hold the median too; a one-sided one is untouched half of the time.
    assert np.mean(impermanent_loss(np.asarray(-0.1), np.asarray(0.1), move) < said[1, 2]) == pytest.approx(
        0.5, abs=0.06
    )
    assert said[2, 2] == pytest.approx(0.0, abs=1e-6)


def test_turning_the_pair_around_turns_the_forecast_around(walk_market, fitted):
    weights = assemble([4 * HOUR, 24 * HOUR], [fitted[4], fitted[24]], [0.5, 0.6])
    flipped = mirrored(walk_market)
    row = 4000
    # A range below in one direction is the same range above in the other; IL in units of the other token differs by
    # the move alone, so compare which side is worse for a narrow band that hardly weighs it.
    below, _ = ask(weights, walk_market.features[row], np.asarray([[-1e-3, 0.0]]), 24)
    above, _ = ask(weights, flipped.features[row], np.asarray([[0.0, 1e-3]]), 24)
    assert flipped.price[-1] == -walk_market.price[-1]
    assert below[0, 1] == pytest.approx(above[0, 1], rel=0.12)


def test_quantiles_are_ordered_and_wider_ranges_lose_less(fitted):
    weights = assemble([4 * HOUR, 24 * HOUR], [fitted[4], fitted[24]], [0.5, 0.8])
    widths = np.asarray([0.005, 0.01, 0.03, 0.1, 0.3, 1.0])
    for hours in (4, 9, 24):
        said, _ = ask(weights, usual(), np.stack([-widths, widths], axis=1), hours)
        assert (said[:, 1] <= said[:, 2]).all() and (said[:, 2] <= said[:, 3]).all() and (said[:, 3] <= 0).all()
        assert (said[:, 5] <= said[:, 6]).all() and (said[:, 6] <= said[:, 7]).all() and (said[:, 5] >= 0).all()
        for column in (0, 1):
            assert (np.diff(said[:, column]) >= 0).all(), OUTPUTS[column]
        assert (np.diff(said[:, 8]) >= 0).all()


def test_longer_horizons_lose_more(fitted):
    weights = assemble([4 * HOUR, 24 * HOUR], [fitted[4], fitted[24]], [0.5, 0.8])
    said = np.stack([ask(weights, usual(), np.asarray([[-0.1, 0.1]]), h)[0][0] for h in (4, 8, 16, 24)])
    assert (np.diff(said[:, 1]) < 0).all() and (np.diff(said[:, 4]) > 0).all()


def test_seeds_average_to_a_model_between_them(walk_market):
    known = int(walk_market.at[6000])
    fits = [fit_horizon([walk_market], 24, known, SETTINGS, seed) for seed in (1, 2)]
    ranges = np.asarray([[-0.05, 0.05]])
    one, two, both = (
        ask(assemble([4 * HOUR, DAY], [fit, fit], [1.0, 1.0]), usual(), ranges, 24)[0][0, 1]
        for fit in (*fits, mean_fit(fits))
    )
    assert min(one, two) * 1.001 <= both <= max(one, two) * 0.999 or abs(one - two) < 1e-4


def test_the_graph_says_what_the_network_says_also_with_values_missing(fitted):
    weights = assemble([4 * HOUR, 24 * HOUR], [fitted[4], fitted[24]], [0.5, 0.8])
    ops = OnnxOps()
    widths = {"features": len(FIELDS), "mask": len(FIELDS), "range": 3}
    out = forward(ops, weights, {name: ops.input(name) for name in widths})
    graph = ops.model(widths, out, len(OUTPUTS), {}).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    ranges = np.asarray([[-0.05, 0.05], [-0.02, 0.3], [0.1, 0.2], [-12.0, 12.0]])
    missing = np.zeros(len(FIELDS))
    missing[::3] = 1.0
    for mask in (None, missing, np.ones(len(FIELDS))):
        said, inputs = ask(weights, usual() * (1.0 if mask is None else 1.0 - mask), ranges, 9, mask)
        found = session.run(["quantiles"], inputs)[0]
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, said, rtol=1e-4, atol=1e-7)


def test_the_hash_of_rows_knows_every_value_and_nothing_else(walk_market):
    again, other = market(), market()
    other.features[100, 3] = np.nan
    assert rows_hash([walk_market]) == rows_hash([again]) != rows_hash([other])
    assert rows_hash([walk_market, again]) != rows_hash([walk_market])


def test_protocol_ranges_stand_on_both_sides():
    names, offsets = protocol_ranges({"symmetric_percent": [10], "one_sided_percent": [5]})
    assert names == ["±10 %", "5 % below", "5 % above"]
    np.testing.assert_allclose(offsets, np.log1p([[0.1, 0.1], [0.05, 0.0], [0.0, 0.05]]) * [[-1, 1], [-1, 0], [0, 1]])


def test_rehearsals_end_where_the_first_window_begins():
    found = rehearsals([Window(0, 1000 * DAY, 1090 * DAY, 999 * DAY), Window(1, 1090 * DAY, 1100 * DAY, 1089 * DAY)])
    assert [one.stop for one in found[:-1]] == [one.start for one in found[1:]]
    assert found[-1].stop == 1000 * DAY and found[0].known == found[0].start - DAY


def test_the_interval_of_a_ratio_holds_the_ratio_and_widens_with_noise():
    rng = np.random.default_rng(2)
    base = rng.gamma(2.0, 1.0, 800)
    low, high = bootstrap_ratio(0.9 * base + rng.normal(0, 0.1, 800), base, 10)
    wide_low, wide_high = bootstrap_ratio(0.9 * base + rng.normal(0, 1.0, 800), base, 10)
    assert low < 0.9 < high and wide_high - wide_low > 2 * (high - low)


def results_of_a_walk():
    """What walk_il leaves behind, with two ranges and made-up figures."""
    compared = {
        "best": "rolling-365-days",
        "ratio": 0.9,
        "interval": [0.85, 0.95],
        "diebold mariano t": 3.0,
        "by seed": [0.9, 0.91],
        "by asset": {"ethusdt": 0.9},
        "by year": {"2019": 0.9},
        "days": 10,
        "pinball": {"model": [0.09, 0.2, 0.18], "rolling-365-days": [0.1, 0.2, 0.2]},
        "below": {"model": [0.101, 0.5, 0.93], "rolling-365-days": [0.12, 0.5, 0.9]},
        "by range": {"±5 %": {"ratio": 0.8, "best": "ewma-scaled", "below": 0.25}},
    }
    means = {"±5 %": {"il predicted bps": -12.5, "il realised bps": -11.0, "in range realised": 0.7}}
    return {
        "windows": 2,
        "seeds": [1],
        "from": 1_600_000_000,
        "until": 1_700_000_000,
        "data": "0xabc",
        "series": ["walk"],
        "ranges": ["±5 %"],
        "rehearsal": {"tried": [{}], "chosen": {"slope_days": 365, "size_days": 180}},
        "shares": {"24 h": [0.5, 0.8], "168 h": [0.5, 0.6]},
        "il": {"24 h": compared},
        "lvr": {"24 h": compared},
        "means": {"24 h": means},
    }


def test_card_and_table_print_what_was_measured():
    card = card_sections(results_of_a_walk())
    assert "| model | 24 h | 0.0900 | 0.9000 | 0.1010 |" in card["Metrics"]
    # Of LVR the tail is above: 7 % of outcomes lie beyond the 90 % quantile, 75 % beyond the range's.
    assert "| model | 24 h | 0.1800 | 0.9000 | 0.0700 |" in card["Metrics"]
    assert "| ±5 % | 0.800, 0.250 | 0.800, 0.750 |" in card["Metrics"]
    lines = table(results_of_a_walk())
    assert max(map(len, lines)) <= 80
    assert any(line.split() == ["model", "24", "h", "0.0900", "0.9000", "0.1010"] for line in lines)


def test_unscored_horizons_take_the_share_of_their_neighbours():
    shares = shares_of(results_of_a_walk())
    assert shares[:3] == [0.8, 0.8, 0.8] and shares[4] == 0.6 and 0.6 < shares[3] < 0.8


def test_the_package_holds_a_graph_that_answers_its_own_samples(walk_market, monkeypatch, tmp_path):
    monkeypatch.setattr(il_package, "HORIZONS_SECONDS", [4 * HOUR, 6 * HOUR, 24 * HOUR])
    monkeypatch.setattr(il_package, "load_results", lambda task: results_of_a_walk())
    monkeypatch.setattr(il_package, "read_markets", lambda *_: [walk_market])
    source = {"file": "binance_spot_x.csv.gz", "sha256": "0x" + "1" * 64, "licence": "mixed"}
    monkeypatch.setattr(il_package, "load_meta", lambda *_: {"hash": "0xabc", "sources": [source]})
    il_package.ship(tmp_path, tmp_path, {"feature_schema": "main@2"}, lambda _: None)
    folder = tmp_path / il_package.NAME
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["horizonSeconds"] == [4 * HOUR, 6 * HOUR, 24 * HOUR]
    assert manifest["trainedOn"]["to"] == int(walk_market.at[-1])
    samples = json.loads((folder / "sample.json").read_text())["samples"]
    asked = {
        "features": [[0.0 if x is None else x for x in case["features"]] for case in samples],
        "mask": [case["mask"] for case in samples],
        "range": [case["range"] for case in samples],
    }
    said = run_graph((folder / "model.onnx").read_bytes(), {k: np.asarray(v, np.float32) for k, v in asked.items()})
    np.testing.assert_allclose(said, [case["quantiles"] for case in samples], rtol=1e-5, atol=1e-8)
    assert "0.9000" in (folder / "README.md").read_text()
