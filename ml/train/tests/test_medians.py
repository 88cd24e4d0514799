"""The medians that the layer of uncertainty wraps are those of the walk-forward, and know nothing of later days."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

import har_net
import medians
import walk_volatility
from protocol import load_protocol
from walk import DAY, Window, calendar_windows
from walk_volatility import Market

PROTOCOL = load_protocol()
HOURS = 24 * 100
START = 1609459200
WINDOW = Window(0, START + 70 * DAY, START + 80 * DAY, START + 70 * DAY)


@pytest.fixture(scope="module")
def market():
    """One asset of a hundred days whose next variances follow the last day's, and one that is only asked about."""
    rng = np.random.default_rng(3)
    at = np.tile(START + 3600 * np.arange(HOURS), 2)
    level = rng.normal(-7.0, 0.8, 2 * HOURS)
    features = np.zeros((2 * HOURS, len(har_net.FEATURES)), np.float32)
    features[:, : len(har_net.VARIANCES)] = level[:, None]
    realised = np.exp(level)[:, None] * np.exp(rng.normal(0, 0.4, (len(level), 4)))
    return Market(
        assets=["a", "b"],
        asset=np.repeat([0, 1], HOURS),
        at=at,
        features=features,
        mask=np.zeros_like(features),
        realised=realised * np.asarray(har_net.HORIZONS) / DAY,
        halted=np.zeros(len(at), bool),
        paths=[(START, rng.normal(0, 0.005, HOURS))] * 2,
    )


def only(market, asset):
    rows = market.asset == asset
    names = ("asset", "at", "features", "mask", "realised", "halted")
    return dataclasses.replace(market, **{name: getattr(market, name)[rows] for name in names})


def test_windows_reach_back_before_the_protocols_first():
    windows, kept = medians.windows_of(PROTOCOL), calendar_windows(PROTOCOL)
    assert [w.number for w in windows] == list(range(len(windows)))
    assert [(w.start, w.stop, w.known) for w in windows[-len(kept) :]] == [(w.start, w.stop, w.known) for w in kept]
    assert len(windows) - len(kept) == medians.EARLIER_WINDOWS
    for before, after in itertools.pairwise(windows):
        assert before.stop == after.start
        assert before.known <= before.start


def test_at_midnight_it_is_the_walk_forwards_own_median(market):
    fitted = only(market, 0)
    said = medians.fit_window(fitted, fitted, WINDOW, 1, 730)["median"]
    at = fitted.at[medians.asked(fitted, WINDOW)]
    walked = walk_volatility.fit_window(fitted, WINDOW, 1, 730)["said"]
    k, column = har_net.HORIZONS.index(DAY), har_net.COLUMNS.index("q50")
    assert np.array_equal(said[at % DAY == 0], walked[:, k, column])
    assert len(at) == 8 * len(walked)


def test_what_happened_later_changes_nothing(market):
    fitted = only(market, 0)
    later = np.array(fitted.realised)
    ends = fitted.at[:, None] + np.asarray(har_net.HORIZONS)
    later[ends > WINDOW.known] *= 50
    assert (later != fitted.realised).any()
    changed = medians.fit_window(dataclasses.replace(fitted, realised=later), market, WINDOW, 1, 730)["median"]
    assert np.array_equal(changed, medians.fit_window(fitted, market, WINDOW, 1, 730)["median"])
    sooner = np.where(ends <= WINDOW.known, 2 * fitted.realised, fitted.realised)
    moved = medians.fit_window(dataclasses.replace(fitted, realised=sooner), market, WINDOW, 1, 730)["median"]
    assert not np.array_equal(changed, moved)


def test_the_file_is_in_order_of_series_and_time(market, tmp_path):
    ask = medians.asked(market, WINDOW)[::-1]
    medians.write(tmp_path / "out" / "m.csv", market, ask, np.arange(1, len(ask) + 1) / 1000)
    lines = (tmp_path / "out" / "m.csv").read_text().splitlines()
    assert lines[0] == "series,at,median"
    rows = [line.split(",") for line in lines[1:]]
    assert [(name, int(at)) for name, at, _ in rows] == sorted((name, int(at)) for name, at, _ in rows)
    assert {name for name, _, _ in rows} == {"a", "b"}


def test_a_dataset_is_read_and_every_third_hour_of_each_series_is_asked_about(market, tmp_path):
    """The whole way from files: what `--head` goes before it distils anything."""
    first = medians.windows_of(PROTOCOL)[0]
    known_days, asked_days = 60, 3
    shift = first.start - known_days * DAY - START
    names = list(har_net.FEATURES)
    hours = 24 * (known_days + asked_days)
    with (tmp_path / "volatility.csv").open("w") as file:
        file.write(",".join(["series", "at", *names]) + "\n")
        for place, series in enumerate(["ethusdt", "btcusdt", "ethbtc", "nobody"]):
            rows = market.features[(place % 2) * HOURS :][:hours]
            for at, values in zip(START + shift + 3600 * np.arange(hours), rows, strict=True):
                file.write(",".join([series, str(at), *(f"{value:.6f}" for value in values)]) + "\n")
    meta = {"schema": "main@1", "featureNames": names, "fields": {"volatility": names}, "sources": []}
    (tmp_path / "dataset.json").write_text(json.dumps(meta))
    found, ask, said = medians.medians(tmp_path, tmp_path / "work", PROTOCOL, True)
    assert found.assets == ["ethusdt", "btcusdt", "ethbtc"]
    assert np.all(found.at[ask] % walk_volatility.STRIDE_SECONDS == 0)
    assert np.all(found.at[ask] >= first.start) and np.bincount(found.asset[ask]).tolist() == [8 * asked_days] * 3
    assert np.all(said > 0) and len(said) == len(ask)
    # The ratio is fitted on by nobody, and answered from what the two taught: the same rows, the same answer.
    assert np.array_equal(said[found.asset[ask] == 0], said[found.asset[ask] == 2])
