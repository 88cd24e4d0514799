import numpy as np
import pytest

import har_net
from har_net import COLUMNS, FEATURES, HORIZONS, Rows, average, member, normalisation, predict
from onnx_volatility import build
from package import run_graph

N = 1500


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(2)
    level = rng.normal(-7.0, 1.0, N)
    features = np.zeros((N, len(FEATURES)), np.float32)
    for i, name in enumerate(FEATURES):
        features[:, i] = level + rng.normal(0, 0.3, N) if name in har_net.VARIANCES else rng.normal(0, 0.5, N)
    mask = np.zeros_like(features)
    rate = np.exp(0.8 * (level + 7.0) - 7.2)[:, None] * np.exp(rng.normal(0, [1.5, 1.0, 0.5, 0.3], (N, 4)))
    rows = Rows(features, mask, rate * np.asarray(HORIZONS) / 86400, np.ones(N))
    fixed = normalisation(rows)
    members = [member(rows, fixed, seed) for seed in (1, 2)]
    return rows, fixed, members, average(members)


def test_the_graph_says_what_the_network_says(fitted):
    rows, fixed, _, weights = fitted
    graph = build(fixed, weights, {})
    mask = rows.mask.copy()
    mask[::7, ::3] = 1.0
    mask[5] = 1.0
    features = np.where(mask == 1, 0.0, rows.features).astype(np.float32)
    for seconds in (1800, 3600, 7200, 86400, 259200, 604800, 1209600):
        days = np.full((N, 1), np.log(seconds / 86400), np.float32)
        said = run_graph(graph, {"features": features, "mask": mask, "horizon": days})
        np.testing.assert_allclose(said, predict(fixed, weights, features, mask, seconds), rtol=2e-4)
        assert np.isfinite(said).all()


def test_quantiles_are_in_order_everywhere(fitted):
    rows, fixed, _, weights = fitted
    wild = np.concatenate([rows.features * 50, np.full((1, len(FEATURES)), 1e6), np.full((1, len(FEATURES)), -1e6)])
    for seconds in (3600, 43200, 604800):
        said = predict(fixed, weights, wild.astype(np.float32), np.zeros_like(wild, np.float32), seconds)
        ordered = said[:, [COLUMNS.index(f"q{q}") for q in ("05", "10", "25", "50", "75", "90", "95")]]
        assert np.isfinite(said).all()
        assert (np.diff(ordered, axis=1) >= 0).all()


def test_it_learns_the_rate_and_its_mean_is_unbiased(fitted):
    rows, fixed, _, weights = fitted
    for k, seconds in enumerate(HORIZONS):
        said = predict(fixed, weights, rows.features, rows.mask, seconds)
        assert np.mean(rows.realised[:, k] / said[:, 0]) == pytest.approx(1.0, abs=0.05)
        for q in ("10", "50", "90"):
            below = np.mean(rows.realised[:, k] < said[:, COLUMNS.index(f"q{q}")])
            assert below == pytest.approx(int(q) / 100, abs=0.04)


def test_an_ensemble_is_the_geometric_mean_of_its_members(fitted):
    rows, fixed, members, weights = fitted
    each = [predict(fixed, m, rows.features, rows.mask, 86400)[:, 0] for m in members]
    whole = predict(fixed, weights, rows.features, rows.mask, 86400)[:, 0]
    np.testing.assert_allclose(whole, np.sqrt(each[0] * each[1]), rtol=1e-4)
    assert not np.allclose(each[0], each[1], rtol=1e-3)


def test_a_horizon_between_two_lies_between_their_rates(fitted):
    rows, fixed, _, weights = fitted
    rate = {s: predict(fixed, weights, rows.features, rows.mask, s)[:, 0] / s for s in (14400, 43200, 86400)}
    low, high = np.minimum(rate[14400], rate[86400]), np.maximum(rate[14400], rate[86400])
    assert ((rate[43200] >= 0.999 * low) & (rate[43200] <= 1.001 * high)).all()


def test_unknown_labels_and_missing_windows_change_nothing_else(fitted):
    rows, fixed, members, _ = fitted
    realised = rows.realised.copy()
    realised[-300:, 3] = np.nan
    some = member(Rows(rows.features, rows.mask, realised, rows.weight), fixed, 1)
    np.testing.assert_allclose(some["outer"][:, :3], members[0]["outer"][:, :3])
    assert not np.allclose(some["outer"][:, 3], members[0]["outer"][:, 3])
    # Which window is rough matters, not their mean alone.
    rough = rows.features.copy()
    rough[:, FEATURES.index("log_rv_1h")] += 1.0
    rough[:, FEATURES.index("log_rv_168h")] -= 1.0
    moved = predict(fixed, members[0], rough, rows.mask, 86400)[:, 0]
    assert not np.allclose(moved, predict(fixed, members[0], rows.features, rows.mask, 86400)[:, 0], rtol=1e-3)
    # A window that is not known counts as the mean of the others: near the same answer, not a collapse.
    mask = rows.mask.copy()
    mask[:, FEATURES.index("log_rv_720h")] = 1.0
    without = predict(fixed, members[0], rows.features * (1 - mask), mask, 86400)[:, 0]
    full = predict(fixed, members[0], rows.features, rows.mask, 86400)[:, 0]
    assert np.abs(np.log(without / full)).max() < 0.5
