"""The regime model: shapes, masks, learning, and the ONNX graph that says the same as JAX."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

import regime_net

COLUMNS = 4
VARIANCE = 1
# What onnxruntime-web is held against by test/ml/runtime/regimeGraph.test.ts.
FIXTURE = Path(__file__).resolve().parents[3] / "test" / "ml" / "runtime"


def _rows(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sequence = rng.standard_normal((count, regime_net.DAYS, COLUMNS)).astype(np.float32)
    mask = (rng.random(sequence.shape) < 0.2).astype(np.float32)
    return sequence, mask


def _fixed() -> dict[str, np.ndarray]:
    return {
        "mean": np.full(COLUMNS, 0.1, np.float32),
        "std": np.full(COLUMNS, 1.5, np.float32),
        "target_mean": np.asarray(-7.0, np.float32),
        "target_std": np.asarray(1.2, np.float32),
    }


def _weights(seed: int = 3) -> dict[str, np.ndarray]:
    weights = regime_net.initial_weights(COLUMNS, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    for name in ("out", "skip", "bias"):
        weights[name] = rng.standard_normal(weights[name].shape).astype(np.float32)
    return weights


def test_answers_are_probabilities_and_a_log_variance() -> None:
    sequence, mask = _rows(9)
    out = np.asarray(regime_net.answers(_weights(), _fixed(), sequence, mask, VARIANCE))
    assert out.shape == (9, 4)
    assert np.allclose(out[:, :3].sum(axis=1), 1.0, atol=1e-6)
    assert (out[:, :3] > 0).all()


def test_what_is_masked_does_not_count() -> None:
    sequence, mask = _rows(5)
    changed = np.where(mask == 1, 1e3, sequence).astype(np.float32)
    said = [np.asarray(regime_net.answers(_weights(), _fixed(), x, mask, VARIANCE)) for x in (sequence, changed)]
    assert np.allclose(said[0], said[1], atol=1e-6)
    seen = np.asarray(regime_net.answers(_weights(), _fixed(), changed, 0 * mask, VARIANCE))
    assert np.abs(seen - said[0]).max() > 0.1


def test_the_graph_says_what_jax_says_in_any_batch() -> None:
    sequence, mask = _rows(7)
    model = regime_net.to_onnx(_weights(), _fixed(), COLUMNS, VARIANCE)
    onnx.checker.check_model(model, full_check=True)
    expected = np.asarray(regime_net.answers(_weights(), _fixed(), sequence, mask, VARIANCE))
    evaluator = ReferenceEvaluator(model)
    (whole,) = evaluator.run(None, {"sequence": sequence, "mask": mask})
    (single,) = evaluator.run(None, {"sequence": sequence[2:3], "mask": mask[2:3]})
    assert np.allclose(whole, expected, rtol=2e-4, atol=2e-5)
    assert np.allclose(single, whole[2:3], rtol=1e-5, atol=1e-5)


def test_the_recorded_graph_is_what_the_exporter_writes_now() -> None:
    model = regime_net.to_onnx(_weights(), _fixed(), COLUMNS, VARIANCE)
    recorded = onnx.load(FIXTURE / "regime.fixture.onnx")
    assert recorded.graph.node == model.graph.node
    case = json.loads((FIXTURE / "regime.fixture.json").read_text())
    sequence, mask = _rows(2)
    assert np.allclose(np.asarray(case["sequence"]), sequence.ravel(), atol=1e-6)
    answer = np.asarray(regime_net.answers(_weights(), _fixed(), sequence, mask, VARIANCE))
    assert np.allclose(np.asarray(case["regime"]).reshape(2, 4), answer, atol=1e-4)


def record() -> None:
    """Writes the fixture: `python -c "import test_regime_net; test_regime_net.record()"`."""
    (FIXTURE / "regime.fixture.onnx").write_bytes(
        regime_net.to_onnx(_weights(), _fixed(), COLUMNS, VARIANCE).SerializeToString()
    )
    sequence, mask = _rows(2)
    answer = np.asarray(regime_net.answers(_weights(), _fixed(), sequence, mask, VARIANCE))
    case = {"rows": 2, "days": regime_net.DAYS, "columns": COLUMNS}
    case |= {"sequence": sequence.ravel().tolist(), "mask": mask.ravel().tolist(), "regime": answer.ravel().tolist()}
    (FIXTURE / "regime.fixture.json").write_text(json.dumps(case) + "\n")


def test_training_learns_a_regime_that_the_last_days_tell_and_seeds_differ() -> None:
    sequence, mask = _rows(500)
    score = sequence[:, -3:, VARIANCE].mean(axis=1)
    regime = np.digitize(score, np.quantile(score, [1 / 3, 2 / 3])).astype(np.int32)
    rows = {
        "sequence": jnp.asarray(sequence),
        "mask": jnp.asarray(0 * mask),
        "regime": jnp.asarray(regime),
        "target": jnp.asarray(score / score.std()),
    }
    starts = [regime_net.initial_weights(COLUMNS, np.random.default_rng(seed)) for seed in (1, 2)]
    start = jax.tree.map(lambda *parts: jnp.stack([jnp.asarray(p) for p in parts]), *starts)
    steps = 40
    picks = jnp.asarray(np.random.default_rng(5).integers(0, 400, (2, steps, 96)))
    keys = jnp.stack([jax.random.PRNGKey(seed) for seed in (1, 2)])
    fixed = _fixed() | {"mean": np.zeros(COLUMNS, np.float32), "std": np.ones(COLUMNS, np.float32)}
    learned = regime_net.train(
        start, fixed, rows, picks, keys, jnp.float32(5e-3), variance=VARIANCE, groups=((0,), (2, 3)), steps=steps
    )
    hits = []
    for seed in range(2):
        weights = jax.tree.map(lambda part, seed=seed: part[seed], learned)
        out = np.asarray(regime_net.answers(weights, fixed, sequence[400:], 0 * mask[400:], VARIANCE))
        hits.append(np.mean(out[:, :3].argmax(axis=1) == regime[400:]))
    assert min(hits) > 0.55
    assert not np.allclose(learned["embed"][0], learned["embed"][1])
