"""What the scripts share, and how they refuse."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np

from package import feature_schema_hash
from price_path import rebuild_path

HERE = Path(__file__).resolve().parent.parent


def script(name, *args):
    return subprocess.run([sys.executable, HERE / name, *map(str, args)], capture_output=True, text=True, check=False)


def test_a_script_prints_our_errors_as_one_line_and_exits_2(tmp_path):
    for args in (["ship.py"], ["walk_forward.py", "--work", tmp_path / "work", "--out", tmp_path / "out"]):
        ran = script(*args, "--data", tmp_path, "--task", "volatility")
        assert ran.returncode == 2
        assert ran.stderr.startswith("DatasetError: dataset: no dataset.json in")
        assert "Traceback" not in ran.stderr


def test_feature_schema_hash_is_over_compact_json():
    expected = hashlib.sha256(b'["main@1","a","b"]').hexdigest()
    assert feature_schema_hash("main@1", ["a", "b"]) == f"0x{expected}"


def test_rebuilding_a_path_undoes_the_features_scaling():
    rng = np.random.default_rng(0)
    returns, variance = rng.normal(0, 0.01, 300), rng.uniform(0.001, 0.004, 300)
    at = 1_600_000_000 // 3600 * 3600 + 3600 * np.arange(300)
    path = rebuild_path(at, np.log(variance), returns / np.sqrt(variance / 24))
    assert np.allclose(path.returns, returns)
