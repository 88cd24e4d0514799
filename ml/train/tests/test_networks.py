"""Order, sign and finiteness hold for any weights and any input; the graph says what the network says."""

import numpy as np
import pytest

from dataset import load_meta, load_table
from fit import fit, make_spec, normalisation, predict, young_history
from networks import OUTPUTS, initial_weights
from package import run_graph
from protocol import load_protocol
from recorded import build_graph, check_graph, samples
from run import Run, load_run, save_run
from split import split

TASKS = ("volatility", "il", "yield")
PROTOCOL = load_protocol()


def wild_run(data, task, seed=3, members=2):
    """A network with large random weights in every layer: nothing about it is trained or tame."""
    table = load_table(data, task, load_meta(data, "main@1"), PROTOCOL)
    spec = make_spec(task, table.feature_names, PROTOCOL)
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(members):
        weights = initial_weights(spec, rng)
        made.append({k: v + rng.normal(0, 0.2, v.shape).astype(np.float32) for k, v in weights.items()})
    run = Run(spec, normalisation(spec, table), [1], {1: made}, {1: 0.0}, 1, {"fast": True})
    return run, table


def check_order(task, out):
    dust = 1e-7 + 1e-5 * np.abs(out)
    assert np.isfinite(out).all()
    for first in (0, 4) if task == "il" else (0,):
        assert (out[:, first + 1] <= out[:, first + 2] + dust[:, first + 2]).all()
        assert (out[:, first + 2] <= out[:, first + 3] + dust[:, first + 3]).all()
    if task == "il":
        assert (out[:, :4] <= 0).all()
        assert (out[:, 4:8] >= 0).all()
        assert ((out[:, 8] >= 0) & (out[:, 8] <= 1)).all()
    else:
        assert (out >= 0).all()


@pytest.mark.parametrize("task", TASKS)
def test_order_and_sign_hold_whatever_the_weights_and_the_input(data, task):
    run, table = wild_run(data, task)
    check_order(task, predict(run.spec, run.fixed, run.members[1], table))
    rng = np.random.default_rng(4)
    rows, width = 200, len(run.spec.feature_names)
    inputs = {
        "features": (rng.normal(size=(rows, width)) * 10.0 ** rng.integers(-3, 7, (rows, 1))).astype(np.float32),
        "mask": (rng.random((rows, width)) < rng.random((rows, 1))).astype(np.float32),
    }
    if task != "volatility":
        lower = rng.uniform(-15, 10, rows)
        upper = lower + 10.0 ** rng.uniform(-4, 1.3, rows)
        inputs["range"] = np.stack([lower, upper, rng.uniform(-9, 9, rows)], axis=1).astype(np.float32)
    check_order(task, run_graph(build_graph(run, {}), inputs))


@pytest.mark.parametrize("task", TASKS)
def test_graph_equals_network_to_a_hundred_thousandth(data, task):
    run, table = wild_run(data, task)
    graph = build_graph(run, {"rangekeeper.name": task})
    assert check_graph(graph, run, table) <= 1e-5
    said = run_graph(graph, table.inputs())
    assert said.shape == (len(table.at), len(OUTPUTS[task]))
    one_by_one = np.concatenate(
        [run_graph(graph, {k: v[i : i + 1] for k, v in table.inputs().items()}) for i in range(20)]
    )
    assert np.allclose(one_by_one, said[:20], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("task", TASKS)
def test_graph_ignores_the_value_of_a_masked_feature(data, task):
    run, table = wild_run(data, task)
    graph = build_graph(run, {})
    inputs = {k: v[:50].copy() for k, v in table.inputs().items()}
    inputs["mask"][:, 2] = 1.0
    inputs["features"][:, 2] = 0.0
    before = run_graph(graph, inputs)
    inputs["features"][:, 2] = 7.5
    assert np.array_equal(run_graph(graph, inputs), before)
    inputs["mask"][:, 2] = 0.0
    assert not np.allclose(run_graph(graph, inputs), before)


def test_samples_hold_missing_values_and_extremes(data):
    run, table = wild_run(data, "il")
    graph = build_graph(run, {})
    cases = samples(graph, run, table)["samples"]
    assert len(cases) >= 8
    assert any(None in case["features"] for case in cases)
    for case in cases:
        features = np.asarray([[0.0 if v is None else v for v in case["features"]]], np.float32)
        mask, ranged = np.asarray([case["mask"]], np.float32), np.asarray([case["range"]], np.float32)
        again = run_graph(graph, {"features": features, "mask": mask, "range": ranged})[0]
        assert np.allclose(again, case["quantiles"], rtol=1e-5, atol=1e-7)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(data):
    table = load_table(data, "yield", load_meta(data, "main@1"), PROTOCOL)
    parts = split(table, PROTOCOL)
    train, validation = table.take(parts["train"]), table.take(parts["validation"])
    spec = make_spec("yield", table.feature_names, PROTOCOL)
    fixed = normalisation(spec, train)
    first, again, other = (
        fit(spec, fixed, train, validation, PROTOCOL, seed, lambda line: None, epochs=1)[0] for seed in (1, 1, 2)
    )
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["w0"], other["w0"])


def test_a_young_history_stands_in_with_the_longest_window_that_fits():
    names = ["log_rv_6h", "log_rv_24h", "log_rv_72h", "log_rv_168h", "vol_of_vol", "hour_sin"]
    everything, three_days, one_day, six_hours = young_history(names, PROTOCOL).tolist()
    assert everything == [0, 1, 2, 3, 4, 5]
    assert three_days == [0, 1, 2, 2, -1, 5]
    assert one_day == [0, 1, 1, 1, -1, 5]
    assert six_hours == [0, -1, -1, -1, -1, 5]


def test_a_run_survives_the_disk(data, tmp_path):
    run, table = wild_run(data, "il")
    save_run(tmp_path, run)
    back = load_run(tmp_path, "il")
    before = predict(run.spec, run.fixed, run.members[1], table)
    assert np.array_equal(predict(back.spec, back.fixed, back.members[1], table), before)
