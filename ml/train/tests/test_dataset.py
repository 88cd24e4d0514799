"""A bad dataset or protocol is refused with an error that names the thing, the value and the rule."""

import json

import numpy as np
import pytest
from conftest import write_dataset

from dataset import load_meta, load_table
from errors import DatasetError, ProtocolError
from protocol import HERE, load_protocol

PROTOCOL = load_protocol()


@pytest.fixture
def folder(tmp_path):
    return write_dataset(tmp_path / "data")


def edit(path, change):
    lines = path.read_text().splitlines()
    path.write_text("\n".join(change(lines)) + "\n")


def load(folder):
    return load_table(folder, load_meta(folder, "main@1"), PROTOCOL)


def set_cell(folder, file, column, value, line=5):
    def change(lines):
        at = lines[0].split(",").index(column)
        cells = lines[line - 1].split(",")
        cells[at] = value
        return [*lines[: line - 1], ",".join(cells), *lines[line:]]

    edit(folder / file, change)


def test_missing_values_become_zero_with_a_mask(folder):
    table = load(folder)
    week = table.feature_names.index("log_rv_168h")
    assert table.mask[0, week] == 1 and table.features[0, week] == 0
    assert table.mask[-1, week] == 0
    assert np.isfinite(table.features).all()


def test_refuses_a_missing_column(folder):
    edit(folder / "volatility.csv", lambda lines: [lines[0].replace("log_rv_24h", "log_rv_25h"), *lines[1:]])
    with pytest.raises(DatasetError, match=r"column log_rv_24h is missing from volatility.csv"):
        load(folder)


def test_refuses_a_row_without_a_time_and_names_the_line(folder):
    set_cell(folder, "volatility.csv", "at", "")
    with pytest.raises(DatasetError, match=r"volatility.csv line 5: at is empty, must be unix seconds"):
        load(folder)


def test_refuses_words_where_numbers_belong(folder):
    set_cell(folder, "volatility.csv", "hour_sin", "noon")
    with pytest.raises(DatasetError, match=r"volatility.csv line 5: .*noon"):
        load(folder)


def test_refuses_another_feature_schema(folder):
    meta = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(meta | {"schema": "other@2"}))
    with pytest.raises(DatasetError, match=r"schema is 'other@2', the protocol asks for 'main@1'"):
        load(folder)


def test_takes_a_later_version_of_the_feature_set_but_no_earlier_one(folder):
    meta = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(meta | {"schema": "main@12"}))
    assert load_meta(folder, "main@2")["schema"] == "main@12"
    with pytest.raises(DatasetError, match=r"asks for 'main@13' or later"):
        load_meta(folder, "main@13")


def test_refuses_a_dataset_without_the_feature_that_tells_a_halted_market(folder):
    meta = json.loads((folder / "dataset.json").read_text())
    meta["fields"]["volatility"].remove("log_rv_24h")
    (folder / "dataset.json").write_text(json.dumps(meta))
    with pytest.raises(DatasetError, match=r"feature log_rv_24h is missing from fields.volatility"):
        load(folder)


def test_says_how_to_make_a_dataset_that_is_not_there(tmp_path):
    with pytest.raises(DatasetError, match=r"no dataset.json in .*npm run train"):
        load_meta(tmp_path, "main@1")


def test_refuses_a_protocol_with_a_missing_or_wrong_field(tmp_path):
    text = (HERE / "protocol.toml").read_text()
    path = tmp_path / "protocol.toml"
    path.write_text(text.replace("seeds = [1, 2, 3]", ""))
    with pytest.raises(ProtocolError, match=r"field seeds is missing"):
        load_protocol(path)
    path.write_text(text.replace("halted_below = -14.0", 'halted_below = "low"'))
    with pytest.raises(ProtocolError, match=r"features.halted_below is 'low', must be float"):
        load_protocol(path)
    path.write_text(text.replace("train_until = 2022", "train_until = 2024"))
    with pytest.raises(ProtocolError, match=r"must run train_until ≤ validation_from"):
        load_protocol(path)
