"""A volatility package from gradient-boosted trees: `python lightgbm_volatility.py --data DATASET --out FOLDER`.

Four small boosters answer how far the logarithm of tomorrow's variance lies from the mean of the last days': its mean
and its 10, 50 and 90 % quantiles. They are written as one TreeEnsembleRegressor, so no converter is needed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

TRAIN = Path(os.environ.get("RANGEKEEPER_TRAIN", Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(TRAIN))

from cli import exit_with, one_thread, say

one_thread()

import lightgbm
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from kit import Trainer, answers_of, arguments, cut, hold_to, publish, read_rows

NAME = "lightgbm-volatility"
FEATURES = ["log_rv_6h", "log_rv_24h", "log_rv_72h", "log_rv_168h", "log_gk_24h", "vol_of_vol", "return_1h"]
# The windows whose mean the trees correct.
LEVEL = ["log_rv_24h", "log_rv_72h", "log_rv_168h"]
ROUNDS = 60
SEED = 1
PLAIN = {
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "learning_rate": 0.07,
    "use_missing": False,
    "seed": SEED,
    "num_threads": 1,
    "deterministic": True,
    "verbosity": -1,
}


def level(features: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean of those log variances that are known."""
    at = [FEATURES.index(name) for name in LEVEL]
    known = 1.0 - mask[:, at]
    return (features[:, at] * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1.0)


def trees(booster: Any, target: int, first: int, into: dict[str, list[Any]]) -> int:
    """Appends a booster's trees to the attributes of one TreeEnsembleRegressor; answers the next tree's number."""

    def visit(node: dict[str, Any], tree: int, count: list[int]) -> int:
        mine = count[0]
        count[0] += 1
        at = len(into["nodes_nodeids"])
        for key, value in (("treeids", tree), ("nodeids", mine), ("hitrates", 1.0)):
            into[f"nodes_{key}"].append(value)
        for key in ("featureids", "values", "modes", "truenodeids", "falsenodeids"):
            into[f"nodes_{key}"].append("LEAF" if key == "modes" else 0.0 if key == "values" else 0)
        into["nodes_missing_value_tracks_true"].append(0)
        if "leaf_value" in node:
            for key, value in (("treeids", tree), ("nodeids", mine), ("ids", target), ("weights", node["leaf_value"])):
                into[f"target_{key}"].append(value)
            return mine
        # The greatest float32 that is not above the threshold: float32 inputs then part as they did in training.
        threshold = np.float32(node["threshold"])
        if float(threshold) > node["threshold"]:
            threshold = np.nextafter(threshold, np.float32(-np.inf))
        into["nodes_featureids"][at] = node["split_feature"]
        into["nodes_values"][at] = float(threshold)
        into["nodes_modes"][at] = "BRANCH_LEQ"
        into["nodes_truenodeids"][at] = visit(node["left_child"], tree, count)
        into["nodes_falsenodeids"][at] = visit(node["right_child"], tree, count)
        return mine

    for tree in booster.dump_model()["tree_info"]:
        visit(tree["tree_structure"], first, [0])
        first += 1
    return first


NODE_KEYS = "treeids nodeids hitrates featureids values modes truenodeids falsenodeids missing_value_tracks_true"
TARGET_KEYS = "treeids nodeids ids weights"


def graph(boosters: list[Any], spread: float) -> bytes:
    """features, mask → quantiles: clip, trees, put in order, add the level, exp."""
    attributes: dict[str, list[Any]] = {f"nodes_{key}": [] for key in NODE_KEYS.split()}
    attributes |= {f"target_{key}": [] for key in TARGET_KEYS.split()}
    first = 0
    for target, booster in enumerate(boosters):
        first = trees(booster, target, first, attributes)
    pick = np.zeros((len(FEATURES), 1), np.float32)
    pick[[FEATURES.index(name) for name in LEVEL]] = 1.0
    constants = {
        "low": np.float32(-25.0),
        "high": np.float32(25.0),
        "most": np.float32(5.0),
        "pick": pick,
        "count": np.asarray([[float(len(LEVEL))]], np.float32),
        "one": np.asarray([[1.0]], np.float32),
        "half": np.asarray([[0.5 * spread**2]], np.float32),
        **{f"at{i}": np.asarray([i], np.int64) for i in range(4)},
    }
    node = helper.make_node
    nodes = [
        node("Clip", ["features", "low", "high"], ["x"]),
        node("Concat", ["x", "mask"], ["all"], axis=1),
        node("TreeEnsembleRegressor", ["all"], ["raw"], domain="ai.onnx.ml", n_targets=4, **attributes),
        *(node("Gather", ["raw", f"at{i}"], [f"r{i}"], axis=1) for i in range(4)),
        # Quantiles fitted apart may cross: the least, the middle and the greatest of the three.
        node("Min", ["r1", "r2", "r3"], ["q10"]),
        node("Max", ["r1", "r2", "r3"], ["q90"]),
        node("Sum", ["r1", "r2", "r3"], ["sum"]),
        node("Sub", ["sum", "q10"], ["without"]),
        node("Sub", ["without", "q90"], ["q50"]),
        node("Add", ["r0", "half"], ["mean"]),
        node("Concat", ["mean", "q10", "q50", "q90"], ["shape"], axis=1),
        # A missing feature is handed over as 0, so the sum is of those that are known.
        node("MatMul", ["x", "pick"], ["total"]),
        node("MatMul", ["mask", "pick"], ["missing"]),
        node("Sub", ["count", "missing"], ["known"]),
        node("Max", ["known", "one"], ["divisor"]),
        node("Div", ["total", "divisor"], ["level"]),
        node("Add", ["shape", "level"], ["log"]),
        # An absurd input gives a finite answer.
        node("Clip", ["log", "low", "most"], ["bounded"]),
        node("Exp", ["bounded"], ["quantiles"]),
    ]
    tensor = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width])  # noqa: E731
    body = helper.make_graph(
        nodes,
        NAME,
        [tensor("features", len(FEATURES)), tensor("mask", len(FEATURES))],
        [tensor("quantiles", 4)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(body, opset_imports=opsets, ir_version=8).SerializeToString(deterministic=True)


def main() -> None:
    args = arguments(__doc__)
    train, test = cut(read_rows(args.data, FEATURES))
    say(f"{NAME}: {len(train.at)} rows to fit on, {len(test.at)} to test on")
    inputs = np.concatenate([np.clip(train.features, -25, 25), train.mask], axis=1)
    errors = np.log(np.maximum(train.variance, 1e-9)) - level(train.features, train.mask)
    boosters = []
    for wish in ({"objective": "regression"}, *({"objective": "quantile", "alpha": q} for q in (0.1, 0.5, 0.9))):
        data = lightgbm.Dataset(inputs, errors, free_raw_data=False)
        boosters.append(lightgbm.train(PLAIN | wish, data, num_boost_round=ROUNDS))
        say(f"{NAME}: fitted {wish}")
    spread = float(np.std(errors - boosters[0].predict(inputs)))
    onnx_bytes = graph(boosters, spread)
    said = boosters[0].predict(np.concatenate([np.clip(test.features, -25, 25), test.mask], axis=1))
    meant = np.exp(said + 0.5 * spread**2 + level(test.features, test.mask))
    hold_to(NAME, answers_of(onnx_bytes, test)[:, 0], meant)
    title = "gradient-boosted trees around the mean of recent variances"
    publish(args.out, Trainer(NAME, "lightgbm", title, Path(__file__), FEATURES, SEED), onnx_bytes, train, test)


if __name__ == "__main__":
    exit_with(main)
