"""The volatility walk-forward learns from the past alone and scores like with like."""

import dataclasses

import numpy as np
import pytest
from conftest import write_dataset

import har_net
from dataset import load_meta, load_table
from errors import DatasetError
from protocol import load_protocol
from volatility_package import card
from walk import DAY, Window
from walk_volatility import (
    RESAMPLES,
    Market,
    _compare,
    _interval,
    asked,
    fit_window,
    hash_of,
    market_of,
    rows_known,
    table,
)

PROTOCOL = load_protocol()
HOURS = 24 * 120
START = 1609459200


@pytest.fixture(scope="module")
def market():
    """Two assets of 120 days whose next variances follow the last day's."""
    rng = np.random.default_rng(7)
    at = np.tile(START + 3600 * np.arange(HOURS), 2)
    level = rng.normal(-7.0, 0.8, 2 * HOURS)
    features = np.zeros((2 * HOURS, len(har_net.FEATURES)), np.float32)
    for i, name in enumerate(har_net.FEATURES):
        features[:, i] = level + rng.normal(0, 0.2, len(level)) if name in har_net.VARIANCES else rng.normal(0, 1)
    days = np.asarray(har_net.HORIZONS) / DAY
    realised = np.exp(level)[:, None] * np.exp(rng.normal(0, 0.4, (len(level), 4))) * days
    returns = rng.normal(0, 0.005, HOURS)
    return Market(
        assets=["a", "b"],
        asset=np.repeat([0, 1], HOURS),
        at=at,
        features=features,
        mask=np.zeros_like(features),
        realised=realised,
        halted=np.zeros(len(at), bool),
        paths=[(START, returns), (START, returns)],
    )


WINDOW = Window(0, START + 80 * DAY, START + 100 * DAY, START + 80 * DAY)


def test_a_row_is_known_horizon_by_horizon(market):
    rows, chosen = rows_known(market, WINDOW.known, 0)
    last = market.at[chosen].max()
    assert last == WINDOW.known - 3 * 3600
    for k, horizon in enumerate(har_net.HORIZONS):
        ended = market.at[chosen] + horizon <= WINDOW.known
        np.testing.assert_array_equal(np.isfinite(rows.realised[:, k]), ended)
    assert (rows.weight == 1).all()


def test_weight_halves_with_age_and_halted_rows_are_left_out(market):
    halted = market.halted.copy()
    halted[:100] = True
    rows, chosen = rows_known(dataclasses.replace(market, halted=halted), WINDOW.known, 10)
    assert chosen.min() >= 100
    ages = (WINDOW.known - market.at[chosen]) / DAY
    np.testing.assert_allclose(rows.weight, 0.5 ** (ages / 10))


def test_what_happens_after_the_window_began_changes_no_forecast(market):
    future = market.at + har_net.HORIZONS[0] > WINDOW.known
    realised = market.realised.copy()
    realised[future] *= 100.0
    # Labels that reach over the start of the window are of the future too.
    realised[market.at + har_net.HORIZONS[3] > WINDOW.known, 3] *= 100.0
    features = market.features.copy()
    features[market.at >= WINDOW.stop] += 5.0
    changed = dataclasses.replace(market, realised=realised, features=features)
    said = fit_window(market, WINDOW, 1, 30)["said"]
    np.testing.assert_array_equal(fit_window(changed, WINDOW, 1, 30)["said"], said)
    assert not np.array_equal(fit_window(market, WINDOW, 2, 30)["said"], said)


def test_forecasts_are_made_at_midnights_of_the_window_only(market):
    rows = asked(market, WINDOW)
    assert len(rows) == 2 * 20
    assert (market.at[rows] % DAY == 0).all()
    assert fit_window(market, WINDOW, 1, 30)["said"].shape == (40, 4, len(har_net.COLUMNS))


def test_the_hash_is_of_the_rows_that_are_read(market):
    features = market.features.copy()
    features[5, 3] += 1e-3
    assert hash_of(market) == hash_of(dataclasses.replace(market, halted=~market.halted))
    assert hash_of(market) != hash_of(dataclasses.replace(market, features=features))


def losses(seed=3, n=400):
    rng = np.random.default_rng(seed)
    base = rng.gamma(2.0, 0.2, n)
    return {
        "ewma": base + 0.2 + rng.normal(0, 0.02, n),
        "log-har": base + 0.1 + rng.normal(0, 0.02, n),
        "log-har-weekday": base + 0.05 + rng.normal(0, 0.02, n),
        "log-har-leverage-weekday": base + 0.01 + rng.normal(0, 0.02, n),
        "model": base + rng.normal(0, 0.02, n),
    }


def test_the_model_is_held_against_the_best_of_each_kind():
    each = losses()
    n = len(each["model"])
    out = _compare(each, [each["model"]], list(each), 1, np.arange(n) // 100, np.repeat([2020, 2021], n // 2))
    assert out["plain"]["baseline"] == "log-har"
    assert out["strongest"]["baseline"] == "log-har-leverage-weekday"
    assert out["plain"]["ratio"] == pytest.approx(each["model"].mean() / each["log-har"].mean(), rel=1e-3)
    assert out["plain"]["t"] > 5 and out["plain"]["p"] < 1e-6
    low, high = out["plain"]["interval"]
    assert low < out["plain"]["ratio"] < high < 1
    assert len(out["byWindow"]) == 4 and set(out["byYear"]) == {"2020", "2021"}
    # A weekday baseline that the protocol does not name is shown, but does not decide.
    named = _compare(each, [each["model"]], ["log-har-weekday"], 1, np.zeros(n), np.zeros(n, int))
    assert named["weekday"]["baseline"] == "log-har-weekday"


def test_an_interval_of_equals_holds_one():
    a, b = np.random.default_rng(8).gamma(2.0, 0.2, (2, 500))
    low, high = _interval(a, b * a.mean() / b.mean(), 7)
    assert RESAMPLES >= 1000 and low < 1 < high
    # The ratio of two means of 500 whose deviation is 0.71 of their mean has a standard error of 0.045.
    assert high - low == pytest.approx(4 * 0.045, rel=0.25)


def test_a_dataset_without_the_features_is_named(tmp_path):
    folder = write_dataset(tmp_path / "data")
    meta = load_meta(folder, "main@1")
    read = load_table(folder, meta, PROTOCOL)
    with pytest.raises(DatasetError, match=r"lacks the features log_rv_1h, log_rv_720h"):
        market_of(read, ["cex-eth-usd"], PROTOCOL)


def results():
    each = losses()
    n = len(each["model"])
    one = _compare(each, [each["model"]] * 2, list(each), 1, np.arange(n) // 100, np.full(n, 2020))
    below = {"below": {str(q): q for q in har_net.QUANTILES}, "pinball": {}}
    asset = one | {"quantiles": below}
    horizon = {"days": n, "from": START, "until": START + n * DAY, "lags": 1, "ethusdt": asset, "pooled": one}
    return {
        "seeds": [1, 2],
        "windows": [{"from": START, "until": START + DAY, "rows": 9}],
        "halfLifeDays": 730,
        "embargoSeconds": 0,
        "refitDays": 5,
        "horizons": {str(h): horizon for h in har_net.HORIZONS},
    }


def test_table_fits_a_terminal_and_the_card_carries_it():
    shown = table(results())
    assert len(shown) == 2 + 4 * 2
    assert max(map(len, shown)) <= 80
    source = {"file": "x.csv.gz", "sha256": "0x1", "licence": "permissive"}
    trained = {"series": ["ethusdt"], "rows": 9, "from": START, "to": START + DAY, "sources": [source]}
    manifest = {
        "id": "volatility-har-net",
        "version": "1.0.0",
        "featureSchema": {"id": "main@2", "fields": ["log_rv_1h@1"]},
        "trainedOn": trained | {"dataHash": "0x2", "codeHash": "0x3"},
    }
    text = card(manifest, results())
    assert "\n".join(shown) in text
    for heading in ("Intended use", "Data", "Features", "Metrics", "Limits", "Out-of-domain behaviour", "Reproduce"):
        assert f"## {heading}\n" in text
