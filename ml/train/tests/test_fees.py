"""The fee model: its graph, its order and sign, what it may learn from, and that it beats what it must beat."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest

import fee_candles
import fee_package
import fees
import geometry
import walk_yield
from errors import DatasetError
from fee_baselines import Baselines, ewma, past_mean
from fee_rows import load_days, load_fee_meta, load_hours
from package import run_graph
from protocol import load_protocol
from walk import RESULTS, Window
from yield_table import yield_table

OPS = fees.NumpyOps()
RANGES = {"full": (-12.0, 12.0), "both2": (-0.02, 0.02), "both20": (-0.2, 0.2), "above5": (0.0, 0.05)}
HOUR, DAY = 3600, 86400


def geometric(hours, lower, upper):
    """Income of a range per unit of the whole axis's on an ordinary path of the test market."""
    edge = [np.asarray([[x]]) for x in (lower, upper)]
    sigma = np.asarray([[np.exp(-3.0) * np.sqrt(hours / 24)]])
    return float((2 * geometry.occupancy(OPS, *edge, sigma) / geometry.start_value(OPS, *edge))[0, 0])


def write_rows(folder, hours=24 * 30, seed=7):
    """Two pools whose fees have a strong hour of day, and two pools of days with a strong weekday."""
    rng = np.random.default_rng(seed)
    labels = [f"fee_{h}h_{name}" for h in fees.HOURS for name in RANGES]
    shares = {(h, name): geometric(h, lo, hi) for h in fees.HOURS for name, (lo, hi) in RANGES.items()}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "yield-hours.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["series", "at", *fees.FEATURES, *labels])
        for pool, (start, level) in {"early": (1650000000 // DAY * DAY, -7.0), "late": (1660003200, -5.0)}.items():
            clock = np.arange(hours + 200)
            wave = 1.2 * np.sin(2 * np.pi * clock / 24)
            fee = np.exp(level + wave + 0.15 * rng.normal(size=len(clock))) / 24
            for i in range(168, hours):
                mean = {w: fee[i - w : i].mean() * 24 for w in (1, 6, 24, 168)}
                angle, week = 2 * np.pi * (i % 24) / 24, 2 * np.pi * (i % 168) / 168
                values = [np.log(mean[w]) for w in (1, 6, 24, 168)] + [-6.0 + 0.1 * rng.normal() for _ in range(5)]
                values += [
                    np.sin(angle),
                    np.cos(angle),
                    np.sin(week),
                    np.cos(week),
                    rng.normal(),
                    rng.normal(),
                    0.0,
                    "",
                ]
                sums = {h: fee[i : i + h].sum() for h in fees.HOURS}
                cells = [
                    "" if i + h > hours else f"{sums[h] * shares[h, name]:.9g}" for h in fees.HOURS for name in RANGES
                ]
                out.writerow([pool, start + i * HOUR, *[v if v == "" else f"{v:.7g}" for v in values], *cells])
    with (folder / "yield-days.csv").open("w", newline="") as file:
        out = csv.writer(file)
        names = ["log_fee_24h", "log_fee_168h", "log_fee_720h", "log_parkinson_24h", "log_parkinson_168h"]
        out.writerow(["series", "at", *names, "weekday_sin", "weekday_cos", "fee_24h_full", "fee_168h_full"])
        for pool in ("days a", "days b"):
            clock = np.arange(600)
            fee = np.exp(-7 + np.sin(2 * np.pi * clock / 7) + 0.2 * rng.normal(size=600))
            for i in range(30, 590):
                week = 2 * np.pi * (i % 7) / 7
                logs = [np.log(fee[i - n + 1 : i + 1].mean()) for n in (1, 7, 30)]
                row = [*logs, -7.0, -7.0, np.sin(week), np.cos(week), fee[i + 1], fee[i + 1 : i + 8].sum()]
                out.writerow([pool, 1620000000 // DAY * DAY + i * DAY, *[f"{v:.7g}" for v in row]])
    meta = {
        "schema": "main@2",
        "horizonsHours": list(fees.HOURS),
        "ranges": {name: {"lower": lo, "upper": hi} for name, (lo, hi) in RANGES.items()},
        "sources": [{"file": "synthetic", "sha256": "0x" + "0" * 64, "licence": "permissive"}],
        "hash": "0x" + "0" * 64,
    }
    (folder / "yield-rows.json").write_text(json.dumps(meta))
    write_candles(folder)
    return folder


def write_candles(folder, hours=24 * 80):
    """An exchange whose volume has another hour of day than the pools', and whose features are noise."""
    rng = np.random.default_rng(11)
    start = 1640995200
    with (folder / "yield-candles.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["series", "at", "volume"])
        wave = np.cos(2 * np.pi * np.arange(hours) / 24)
        for i, volume in enumerate(np.exp(20 + wave + 0.1 * rng.normal(size=hours))):
            out.writerow(["ethusdt", start + (i + 1) * HOUR, f"{volume:.7g}"])
    with (folder / "volatility.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["series", "at", *fee_candles.SHARED])
        for i in range(hours):
            angle, week = 2 * np.pi * (i % 24) / 24, 2 * np.pi * (i % 168) / 168
            calendar = [np.sin(angle), np.cos(angle), np.sin(week), np.cos(week)]
            named = dict(zip(fees.CALENDAR, calendar, strict=True))
            row = [named.get(name, rng.normal()) for name in fee_candles.SHARED]
            out.writerow(["ethusdt", start + i * HOUR, *[f"{v:.7g}" for v in row]])
            out.writerow(["a pool", start + i * HOUR, *[9.0 for _ in row]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("fees"))


@pytest.fixture(scope="module")
def rows(folder):
    return load_hours(folder, load_fee_meta(folder))


def known(rows, until):
    window = Window(0, until, until + 1, until)
    return {h: np.flatnonzero(walk_yield.known_by(rows, window, h)) for h in fees.HOURS}


@pytest.fixture(scope="module")
def weights(rows):
    return fees.fit(rows, known(rows, int(rows.at.max()) + 1))


def absurd(n=200):
    rng = np.random.default_rng(1)
    width = len(fees.FEATURES)
    lower = rng.uniform(-3, 2, n)
    upper = lower + np.exp(rng.uniform(-6, 2, n))
    ranged = np.stack([lower, upper, rng.uniform(-8, 6, n)], axis=1)
    return {
        "features": (rng.normal(size=(n, width)) * 10.0 ** rng.uniform(-2, 6, (n, 1))).astype(np.float32),
        "mask": rng.integers(0, 2, (n, width)).astype(np.float32),
        "range": ranged.astype(np.float32),
    }


def test_answers_are_ordered_finite_and_never_negative(weights):
    said = fees.predict(weights, absurd())
    assert np.isfinite(said).all()
    assert (said >= 0).all()
    assert (np.diff(said[:, 1:], axis=1) >= 0).all()


def test_graph_says_what_the_model_says(rows, weights):
    data = fees.graph(weights)
    for inputs in (fees.inputs_of(rows, np.arange(50), 4, 1), absurd()):
        meant = fees.predict(weights, inputs)
        assert np.max(np.abs(run_graph(data, inputs) - meant) / (np.abs(meant) + 1e-6)) < 1e-3


def test_hats_weigh_to_one_and_interpolate():
    x = np.asarray([[-9.0], [0.0], [0.25], [1.0], [3.0], [9.0]])
    found = fees.hats(fees.NumpyOps(), x, (0.0, 1.0, 3.0))
    assert np.allclose(found.sum(axis=1), 1.0)
    assert np.allclose(found @ np.asarray([[0.0], [1.0], [3.0]]), np.clip(x, 0.0, 3.0))


def test_a_pool_with_ten_times_the_fees_is_forecast_ten_times_as_much(rows, weights):
    inputs = fees.inputs_of(rows, np.arange(40), 24, 2)
    shifted = inputs["features"].copy()
    shifted[:, :4] += np.log(10.0)
    assert np.allclose(
        fees.predict(weights, inputs | {"features": shifted}), 10 * fees.predict(weights, inputs), rtol=1e-4
    )


def test_missing_fee_windows_are_taken_from_those_that_are_there(rows, weights):
    inputs = fees.inputs_of(rows, np.arange(40), 24, 0)
    mask = inputs["mask"].copy()
    mask[:, [0, 1, 3]] = 1.0
    near = fees.predict(weights, inputs | {"mask": mask})[:, 2] / fees.predict(weights, inputs)[:, 2]
    assert (np.abs(np.log(near)) < 1.0).all()
    mask[:] = 1.0
    nothing = fees.predict(weights, inputs | {"mask": mask})
    assert np.isfinite(nothing).all() and np.ptp(nothing[:, 2]) < 1e-9


def test_a_window_learns_nothing_from_labels_that_were_open_when_it_began(rows):
    until = int(rows.at.max()) - 5 * DAY
    spoilt = {h: np.where((rows.at + h * HOUR > until)[:, None], 1e3, v) for h, v in rows.labels.items()}
    honest = fees.fit(rows, known(rows, until))
    blind = fees.fit(dataclasses.replace(rows, labels=spoilt), known(rows, until))
    # Features of later rows are not read either.
    ahead = rows.at > until
    hidden = dataclasses.replace(rows, features=np.where(ahead[:, None], 9.0, rows.features).astype(np.float32))
    cut = fees.fit(hidden, known(rows, until))
    for name, value in honest.items():
        assert np.array_equal(value, blind[name]), name
        assert np.array_equal(value, cut[name]), name


def test_borrowed_slopes_are_those_of_the_volume_and_know_only_the_past(folder):
    candles = fee_candles.load_candles(folder)
    until = int(candles.at.max()) - 10 * DAY
    slopes = candles.slopes(until)
    # The next hour of a wave that is cos(hour), from the regressors that follow the fee windows: sine, cosine.
    angle = 2 * np.pi * np.arange(24) / 24
    ahead = np.column_stack([np.sin(angle), np.cos(angle)]) @ slopes[3:5, 0]
    assert np.corrcoef(ahead, np.cos(angle + np.pi / 12))[0, 1] > 0.9
    later = candles.at + HOUR > until
    spoilt = np.where(later[:, None], 4.0, candles.errors)
    assert np.array_equal(dataclasses.replace(candles, errors=spoilt).slopes(until)[:, 0], slopes[:, 0])
    assert not np.array_equal(
        dataclasses.replace(candles, errors=spoilt).slopes(until + DAY), candles.slopes(until + DAY)
    )
    # Too little past to learn from lends nothing.
    assert not candles.slopes(int(candles.at.min()) + 30 * DAY).any()


def test_features_of_candles_do_not_read_the_hours_after_them():
    rng = np.random.default_rng(3)
    at = np.arange(400) * HOUR + HOUR
    table = np.column_stack([at, rng.normal(size=(400, len(fee_candles.SHARED)))])
    volumes = np.column_stack([at, np.exp(rng.normal(size=400))])
    whole = fee_candles.candles_of(table, volumes)
    changed = volumes.copy()
    changed[300:, 1] *= 7.0
    other = fee_candles.candles_of(table, changed)
    assert np.array_equal(whole.x[:300], other.x[:300]) and not np.array_equal(whole.x[300:], other.x[300:])
    # ln of the next hour's volume a day over the prior of the windows that ended before it.
    mean = {w: np.log(volumes[250 - w + 1 : 251, 1].mean()) for w in (1, 6, 24, 168)}
    prior = 0.5 * mean[1] + 0.5 * mean[6]
    assert whole.errors[250, 0] == pytest.approx(np.log(volumes[251, 1]) - prior)
    assert np.isnan(whole.errors[-1, 0]) and np.isnan(whole.errors[100]).all()


def test_slopes_start_from_the_borrowed_ones_and_depart_as_far_as_the_rows_ask(rows):
    learns = known(rows, int(rows.at.max()) + 1)
    alone = fees.fit(rows, learns)
    lent = np.zeros_like(alone["slopes"])
    lent[4] = -1.0
    taught = fees.fit(rows, learns, lent)
    start = fees.LENT[0] * alone["scale"][0, 4]
    assert 0.02 * start < alone["slopes"][4, 0] - taught["slopes"][4, 0] < 0.5 * start
    # Where rows are too few to judge by, nothing is lent either.
    few = fees.fit(rows, {h: which if h == 1 else which[:20] for h, which in learns.items()}, lent)
    assert few["slopes"][:, 0].any() and not few["slopes"][:, 1:].any()


def test_ratios_come_from_levels_that_had_not_seen_the_outcome():
    rng = np.random.default_rng(5)
    z, y = rng.normal(size=(150, 30)), rng.normal(size=150)
    at = np.arange(150) * HOUR
    slope, constant = fees.ridge(z, y, 1e-3)
    seen = y - z @ slope - constant
    apart = y - fees.held_out(z, y, at, 1, 1e-3, np.ones(150))
    # A fit to noise explains itself; held out it explains nothing.
    assert seen.std() < 0.95 * y.std() < apart.std()


def test_missing_candles_are_named(folder, tmp_path):
    for name in ("volatility.csv", "yield-candles.csv"):
        shutil.copy(folder / name, tmp_path)
    text = (tmp_path / "yield-candles.csv").read_text()
    (tmp_path / "yield-candles.csv").write_text(text.replace("ethusdt", "solusdt"))
    with pytest.raises(DatasetError, match=r"volatility\.csv has no rows of the series solusdt"):
        fee_candles.load_candles(tmp_path)
    (tmp_path / "yield-candles.csv").unlink()
    with pytest.raises(DatasetError, match=r"no yield-candles\.csv"):
        fee_candles.load_candles(tmp_path)


def test_baselines_know_only_the_past(rows):
    mine = np.flatnonzero(rows.series == 0)
    later = rows.features.copy()
    later[mine[300] :, :4] = 5.0
    changed = dataclasses.replace(rows, features=later)
    for of in (lambda r: past_mean(r, 4), lambda r: ewma(r, 8)):
        assert np.array_equal(of(rows)[mine[:300]], of(changed)[mine[:300]])
        assert not np.array_equal(of(rows)[mine[300:320]], of(changed)[mine[300:320]])
    hourly = np.exp(rows.column("log_fee_1h"))
    assert past_mean(rows, 4)[mine[10]] == pytest.approx(hourly[mine[7:11]].mean())


def test_the_ewma_takes_the_half_life_that_its_past_prefers(rows):
    mine = np.flatnonzero((rows.series == 0) & np.isfinite(rows.labels[1][:, 0]))
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.8, len(rows.at))
    walk = np.cumsum(rng.normal(0, 0.5, len(rows.at)))
    # Fees that waver around a constant are best averaged long, fees that wander are best taken as they are.
    for past, future, fits in (
        (noise, rng.normal(0, 0.8, len(noise)), lambda x: x >= 16),
        (walk, walk, lambda x: x <= 2),
    ):
        features = rows.features.copy()
        features[:, 0], features[:, 2] = past, past[mine[0]] if past is walk else 0.3
        labels = {h: np.repeat(np.exp(future)[:, None] * h / 24, v.shape[1], axis=1) for h, v in rows.labels.items()}
        made = Baselines(dataclasses.replace(rows, features=features, labels=labels), -6.0)
        _, life = made.forecast("ewma", 1, mine, mine[:5])
        assert life is not None and fits(life), life


def test_the_package_is_fitted_on_long_pools_alone_and_its_card_says_what_was_missed(folder, tmp_path):
    rows = tmp_path / "rows"
    shutil.copytree(folder, rows)
    lines = (rows / "yield-hours.csv").read_text().splitlines()
    short = [line.replace("late", "short") for line in lines if line.startswith("late")][:50]
    (rows / "yield-hours.csv").write_text("\n".join([*lines, *short]) + "\n")
    fee_package.ship(rows, tmp_path, load_protocol(), lambda line: None)
    manifest = json.loads((tmp_path / "yield-har" / "manifest.json").read_text())
    assert manifest["trainedOn"]["series"] == ["early", "late"]
    assert manifest["trainedOn"]["rows"]["1h"] == len(lines) - 1
    assert manifest["testedOn"]["by"] == "walk-forward"
    card = (tmp_path / "yield-har" / "README.md").read_text()
    results = json.loads((RESULTS / "yield.json").read_text())
    assert "\n".join(yield_table(results)) in card
    for horizon, target in results["targets"].items():
        missed = results["pooled"][horizon]["ratio"] > target
        assert (f"{horizon} ({results['pooled'][horizon]['ratio']:.3f} ×)" in card.split("## Limits")[1]) == missed


def run(folder, tmp_path, fast=False):
    said = []
    results = walk_yield.run(folder, tmp_path / "work", load_protocol(), fast, said.append)
    return results, said


def test_walk_forward_beats_both_baselines_where_the_hour_tells_and_resumes(folder, tmp_path):
    results, _ = run(folder, tmp_path)
    for horizon in ("1h", "4h"):
        assert results["pooled"][horizon]["ratio"] < 0.8, horizon
        assert results["pooled"][horizon]["t"] > 3
    assert results["pools"]["early"]["windows"] == 6
    assert results["days"]["pooled"]["24h"]["ratio"] < 0.9
    again, said = run(folder, tmp_path)
    assert again == results
    assert any("6 of 6 fits are there" in line for line in said)
    lines = yield_table(results)
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("1 h") and line.endswith("≤ 0.95 met") for line in lines)
    assert "late" in lines and any(line.startswith("  7 d") for line in lines)
    assert any(line.startswith("all six, 24 h") for line in lines)
    finer = lines[next(i for i, line in enumerate(lines) if line.startswith("exploratory: windows of 6 %")) :]
    assert finer[1].split()[:5] == ["hourly", "pools,", "1", "h", "10"]
    # The same hours, whichever windows they fall into.
    assert results["finer"]["pooled"]["1h"]["rows"] == results["pooled"]["1h"]["rows"]
    assert results["finer"]["pooled"]["1h"]["pinball"] != results["pooled"]["1h"]["pinball"]


def test_a_missed_target_is_printed_as_missed(folder, tmp_path):
    results, _ = run(folder, tmp_path, fast=True)
    results["pooled"]["1h"]["ratio"] = 0.951
    assert any(line.endswith("≤ 0.95 MISSED by 0.001") for line in yield_table(results))


def test_a_horizon_that_no_pool_reaches_is_left_out(folder, tmp_path):
    rows = tmp_path / "rows"
    shutil.copytree(folder, rows)
    header, *lines = (rows / "yield-hours.csv").read_text().splitlines()
    columns = header.split(",")
    empty = [i for i, name in enumerate(columns) if name.startswith("fee_4h")]
    cells = [["" if i in empty else cell for i, cell in enumerate(line.split(","))] for line in lines]
    (rows / "yield-hours.csv").write_text("\n".join([header, *map(",".join, cells)]) + "\n")
    results, _ = run(rows, tmp_path, fast=True)
    assert list(results["limits"]) == ["1h"] and "4h" not in results["pooled"]
    assert any(line.startswith("1 h: ÷ best if part") for line in yield_table(results))


def test_bad_rows_are_refused_by_file_line_and_column(folder, tmp_path):
    meta = load_fee_meta(folder)
    text = (folder / "yield-hours.csv").read_text()
    (tmp_path / "yield-hours.csv").write_text(text.replace("fee_1h_full", "other"))
    with pytest.raises(DatasetError, match=r"column fee_1h_full is missing from yield-hours\.csv"):
        load_hours(tmp_path, meta)
    lines = text.split("\n")
    (tmp_path / "yield-hours.csv").write_text("\n".join([*lines[:3], lines[3].replace(lines[3].split(",")[1], "x")]))
    with pytest.raises(DatasetError, match=r"yield-hours\.csv line 4"):
        load_hours(tmp_path, meta)
    (tmp_path / "yield-hours.csv").write_text("\n".join([lines[0], lines[1].rsplit(",", 4)[0] + ",-1,-1,-1,-1"]))
    with pytest.raises(DatasetError, match="line 2: an income is negative"):
        load_hours(tmp_path, meta)
    with pytest.raises(DatasetError, match=r"no yield-days\.csv"):
        load_days(tmp_path)
    (tmp_path / "yield-rows.json").write_text(json.dumps(meta | {"horizonsHours": [1, 2]}))
    with pytest.raises(DatasetError, match=r"horizonsHours is \[1, 2\]"):
        load_fee_meta(tmp_path)
