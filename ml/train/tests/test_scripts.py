"""The three scripts end to end on the synthetic dataset, as a person runs them."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from baselines import Path as PricePath
from baselines import ewma_variance, har, rebuild_path, window_variance
from package import feature_schema_hash

HERE = Path(__file__).resolve().parent.parent


def script(name, *args):
    return subprocess.run([sys.executable, HERE / name, *map(str, args)], capture_output=True, text=True, check=False)


def test_train_evaluate_and_export_make_packages(data, tmp_path):
    runs, out = tmp_path / "runs", tmp_path / "models"
    for name, args in (
        ("train.py", ["--out", runs, "--fast"]),
        ("evaluate.py", ["--runs", runs]),
        ("export.py", ["--runs", runs, "--out", out]),
    ):
        ran = script(name, "--data", data, *args)
        assert ran.returncode == 0, ran.stderr
    for task, width in (("volatility", 4), ("il", 9), ("yield", 4)):
        folder = out / f"{task}-mlp"
        manifest = json.loads((folder / "manifest.json").read_text())
        graph = (folder / "model.onnx").read_bytes()
        assert manifest["sha256"] == "0x" + hashlib.sha256(graph).hexdigest()
        assert len(graph) <= 300_000
        assert manifest["outputs"][0]["shape"] == ["N", width]
        assert manifest["inputs"][0]["shape"] == ["N", len(manifest["featureSchema"]["fields"])]
        card = (folder / "README.md").read_text()
        for heading in ("Intended use", "Data", "Metrics", "Limits", "Out of domain", "Reproduce"):
            assert f"## {heading}\n" in card


def test_a_script_prints_our_errors_as_one_line_and_exits_2(tmp_path):
    ran = script("train.py", "--data", tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.startswith("DatasetError: dataset: no dataset.json in")
    assert "Traceback" not in ran.stderr
    ran = script("evaluate.py", "--data", tmp_path, "--runs", tmp_path)
    assert ran.returncode == 2


def test_feature_schema_hash_is_over_compact_json():
    expected = hashlib.sha256(b'["main@1","a","b"]').hexdigest()
    assert feature_schema_hash("main@1", ["a", "b"]) == f"0x{expected}"


def test_rebuilding_a_path_undoes_the_features_scaling():
    rng = np.random.default_rng(0)
    returns, variance = rng.normal(0, 0.01, 300), rng.uniform(0.001, 0.004, 300)
    at = 1_600_000_000 // 3600 * 3600 + 3600 * np.arange(300)
    path = rebuild_path(at, np.log(variance), returns / np.sqrt(variance / 24))
    assert np.allclose(path.returns, returns)
    assert np.isclose(window_variance(path, 24)[99], (returns[76:100] ** 2).sum())
    assert np.isnan(window_variance(path, 24)[10])


def test_baselines_do_not_look_ahead():
    rng = np.random.default_rng(1)
    returns = rng.normal(0, 0.01, 24 * 300)
    # Half a day after a refit: a refit that used one label too many would show before the cut.
    cut = 24 * 255 + 12
    changed = returns.copy()
    changed[cut:] *= 5
    for forecast in (
        lambda p: ewma_variance(p, 0.94),
        lambda p: har(p, [1, 7, 30], 5, logs=True).mean,
        lambda p: har(p, [1, 7, 30], 5, logs=False).quantiles[:, 2],
    ):
        before, after = forecast(PricePath(0, returns))[:cut], forecast(PricePath(0, changed))[:cut]
        assert np.array_equal(before, after, equal_nan=True)
        assert np.isfinite(before[-1])
