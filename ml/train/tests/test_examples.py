"""The worked examples as a strategist runs them: from a dataset to a package that the command line accepts."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from errors import DatasetError
from kit import read_rows

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
NODE = shutil.which("node")


def run(*args):
    return subprocess.run([str(one) for one in args], capture_output=True, text=True, check=False, cwd=ROOT)


def rangekeeper(*args):
    return run(NODE, "rebalancer/cli/bin.mjs", *args)


@pytest.mark.skipif(NODE is None, reason="the command line needs node")
@pytest.mark.parametrize("framework", ["lightgbm", "jax"])
def test_an_example_becomes_a_registered_package(data, tmp_path, framework):
    folder, registry = tmp_path / "package", tmp_path / "models"
    ran = run(sys.executable, HERE / "examples" / f"{framework}_volatility.py", "--data", data, "--out", folder)
    assert ran.returncode == 0, ran.stderr
    metrics = json.loads((folder / "metrics.json").read_text())
    # The synthetic market's variance is a slow walk: a model that learned anything beats yesterday's.
    assert metrics["oos"]["qlike"] < metrics["baseline"]["random-walk qlike"]
    assert 0.7 < metrics["oos"]["coverage80"] < 0.9
    # Adding runs the whole suite of `model check` first.
    added = rangekeeper("model", "add", folder, "--registry", registry)
    assert added.returncode == 0, added.stderr
    assert f"{framework}-volatility@1.0.0" in added.stdout
    assert (registry / f"{framework}-volatility" / "1.0.0" / "model.onnx").is_file()


@pytest.mark.skipif(NODE is None, reason="the command line needs node")
def test_a_scaffolded_trainer_makes_a_package_of_its_own_name(data, tmp_path):
    folder = tmp_path / "my-trees"
    assert rangekeeper("model", "new", folder, "--template", "lightgbm").returncode == 0
    ran = run(sys.executable, folder / "train.py", "--data", data, "--out", folder)
    assert ran.returncode == 0, ran.stderr
    assert json.loads((folder / "manifest.json").read_text())["id"] == "my-trees"


def test_an_example_says_in_one_line_what_is_missing(tmp_path):
    ran = run(sys.executable, HERE / "examples" / "lightgbm_volatility.py", "--data", tmp_path, "--out", tmp_path / "p")
    assert ran.returncode == 2
    assert ran.stderr.startswith("DatasetError: dataset: ")
    assert "Traceback" not in ran.stderr


def test_rows_whose_next_day_is_not_over_are_left_out(data, tmp_path):
    lines = (data / "volatility.csv").read_text().splitlines()
    (tmp_path / "dataset.json").write_text((data / "dataset.json").read_text())
    known = lines[:10]
    open_ended = [line.rsplit(",", 1)[0] + "," for line in lines[10:15]]
    (tmp_path / "volatility.csv").write_text("\n".join(known + open_ended) + "\n")
    assert len(read_rows(tmp_path, ["log_rv_24h"]).at) == 9
    (tmp_path / "volatility.csv").write_text("\n".join([lines[0], *open_ended]) + "\n")
    with pytest.raises(DatasetError, match=r"rv_24h of volatility.csv in .* is empty; build it with --horizon 1d"):
        read_rows(tmp_path, ["log_rv_24h"])
