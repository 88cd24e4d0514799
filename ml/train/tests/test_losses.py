"""Losses against numbers worked out by hand, and gradients against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from losses import mean_score, pinball, qlike, soft_cross_entropy, task_loss
from metrics import diebold_mariano
from metrics import pinball as pinball_np


def test_pinball_charges_misses_by_their_side():
    assert float(pinball(jnp.asarray(3.0), jnp.asarray(1.0), 0.9)) == pytest.approx(1.8)
    assert float(pinball(jnp.asarray(1.0), jnp.asarray(3.0), 0.9)) == pytest.approx(0.2)
    assert float(pinball(jnp.asarray(1.0), jnp.asarray(3.0), 0.1)) == pytest.approx(1.8)


def test_qlike_of_twice_the_forecast_is_one_minus_ln_two():
    assert float(qlike(jnp.asarray(2.0), jnp.asarray(1.0))) == pytest.approx(1.0 - np.log(2.0), rel=1e-6)
    assert float(qlike(jnp.asarray(1.0), jnp.asarray(1.0))) == 0.0


def test_soft_cross_entropy_at_a_half_is_ln_two():
    assert float(soft_cross_entropy(jnp.asarray(0.3), jnp.asarray(0.5))) == pytest.approx(np.log(2.0), rel=1e-6)


def test_mean_score_is_least_at_the_mean():
    y = jnp.asarray([0.0, 1.0, 5.0])
    scores = {m: float(jnp.mean(mean_score(y, jnp.asarray(m)))) for m in (1.5, 1.9, 2.0, 2.1, 2.5)}
    assert min(scores, key=scores.get) == 2.0


def test_training_and_reporting_share_one_pinball():
    rng = np.random.default_rng(0)
    y, f = rng.normal(size=50), rng.normal(size=50)
    assert np.allclose(pinball(jnp.asarray(y), jnp.asarray(f), 0.1), pinball_np(y, f, 0.1), atol=1e-6)


@pytest.mark.parametrize(("task", "width", "targets"), [("volatility", 4, 1), ("il", 9, 3), ("yield", 4, 1)])
def test_gradient_equals_finite_difference(task, width, targets):
    rng = np.random.default_rng(1)
    predicted = rng.uniform(0.2, 0.8, (5, width))
    y = rng.uniform(0.1, 0.9, (5, targets))
    if task == "il":
        predicted[:, :4] *= -1
        y[:, 0] *= -1
    scale = np.full((5, 2), 0.5)
    loss = lambda p: jnp.mean(task_loss(task, p, jnp.asarray(y), jnp.asarray(scale)))  # noqa: E731
    gradient = np.asarray(jax.grad(loss)(jnp.asarray(predicted, jnp.float32)))
    assert np.abs(gradient).max() > 1e-3
    for row, column in [(0, 0), (2, 1), (4, width - 1)]:
        step = np.zeros_like(predicted)
        step[row, column] = 1e-3
        slope = (float(loss(jnp.asarray(predicted + step))) - float(loss(jnp.asarray(predicted - step)))) / 2e-3
        assert gradient[row, column] == pytest.approx(slope, abs=2e-3)


def test_diebold_mariano_has_the_sign_of_the_better_forecast():
    rng = np.random.default_rng(2)
    good, bad = rng.uniform(0, 1, 500), rng.uniform(0, 1, 500) + 0.2
    assert diebold_mariano(good, bad, 10) > 5
    assert diebold_mariano(bad, good, 10) < -5
