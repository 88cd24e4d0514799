"""What the loader would refuse, the writer refuses first."""

import dataclasses
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from errors import ExportError
from package import (
    Package,
    TestedOn,
    TrainedOn,
    domain_of,
    feature_schema_hash,
    run_graph,
    sample_cases,
    sha256,
    write_package,
)

NAMES = ["log_rv_24h", "log_rv_168h@2"]


def graph(weight=0.5, width=2):
    tensor = lambda name, columns: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", columns])  # noqa: E731
    weights = np.full((width, 4), weight, np.float32)
    nodes = [
        helper.make_node("MatMul", ["features", "w"], ["a"]),
        helper.make_node("MatMul", ["mask", "w"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["quantiles"]),
    ]
    body = helper.make_graph(
        nodes,
        "g",
        [tensor("features", width), tensor("mask", width)],
        [tensor("quantiles", 4)],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString(deterministic=True)


def package(**change):
    rows = np.asarray([[-6.0, -7.0], [-5.0, -8.0], [-4.0, -6.0]], np.float32)
    mask = np.zeros_like(rows)
    made = graph()
    whole = Package(
        name="tiny",
        version="1.0.0",
        task="volatility",
        framework="by hand",
        graph=made,
        features=NAMES,
        columns=["mean", "q10", "q50", "q90"],
        unit="variance",
        horizons_seconds=[86400],
        domain=domain_of(rows, mask, NAMES),
        samples=sample_cases(made, rows, mask, ["a", "b", "c"]),
        trained_on=TrainedOn(0, 100, 3, "h", [{"file": "f", "sha256": "0" * 64, "licence": "none"}], "time", [1]),
        tested_on=TestedOn(100, 200),
        metrics={"oos": {"qlike": 0.5}},
        reproduce="make it",
    )
    return dataclasses.replace(whole, **change)


def test_a_package_says_what_its_graph_is(tmp_path):
    manifest = write_package(tmp_path, package())
    data = (tmp_path / "model.onnx").read_bytes()
    assert manifest == json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["sha256"] == f"0x{sha256(data)}"
    fields = ["log_rv_24h@1", "log_rv_168h@2"]
    assert manifest["featureSchema"]["fields"] == fields
    assert manifest["featureSchema"]["hash"] == feature_schema_hash("main@2", fields)
    assert manifest["domain"]["log_rv_168h"] == {"p1": -7.98, "p99": -6.02}
    properties = {one.key: one.value for one in onnx.load_from_string(data).metadata_props}
    assert properties["rangekeeper.name"] == "tiny"
    assert properties["rangekeeper.feature_schema_hash"] == manifest["featureSchema"]["hash"]
    samples = json.loads((tmp_path / "sample.json").read_text())["samples"]
    assert len(samples) >= 8
    for case in samples:
        inputs = {key: np.asarray([[v or 0.0 for v in case[key]]], np.float32) for key in ("features", "mask")}
        assert np.allclose(run_graph(data, inputs)[0], case["quantiles"], rtol=1e-6)
    card = (tmp_path / "README.md").read_text()
    for heading in ("Intended use", "Data", "Features", "Metrics", "Limits", "Out of domain", "Risk", "Reproduce"):
        assert f"## {heading}\n" in card
    assert "- oos.qlike: 0.5" in card


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"features": ["log_rv_24h"]}, "takes"),
        ({"columns": ["mean"]}, "must be quantiles with 1 columns"),
        ({"task": "il"}, "'range': 3"),
        ({"tested_on": TestedOn(99, 200)}, "the spans overlap"),
        ({"graph": graph(np.nan)}, "not finite in w"),
        ({"samples": {"tolerance": {"relative": 1, "absolute": 1}, "samples": []}}, "has 0 samples"),
    ],
)
def test_what_contradicts_itself_is_not_written(tmp_path, change, says):
    with pytest.raises(ExportError, match=says):
        write_package(tmp_path / "p", package(**change))
    assert not (tmp_path / "p").exists()


def test_a_span_that_was_walked_forward_may_overlap(tmp_path):
    write_package(tmp_path, package(tested_on=TestedOn(0, 200, "walk-forward")))


def test_a_graph_that_is_not_finite_gets_no_samples():
    with pytest.raises(ExportError, match="not finite on its sample"):
        sample_cases(graph(np.inf), np.ones((1, 2)), np.zeros((1, 2)), ["a"])
