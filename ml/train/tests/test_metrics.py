"""Scores against numbers worked out by hand."""

import numpy as np
import pytest

from metrics import diebold_mariano, pinball, qlike


def test_pinball_charges_misses_by_their_side():
    assert pinball(np.asarray([3.0, 1.0, 1.0]), np.asarray([1.0, 3.0, 3.0]), 0.9) == pytest.approx([1.8, 0.2, 0.2])
    assert pinball(np.asarray([1.0]), np.asarray([3.0]), 0.1) == pytest.approx([1.8])


def test_qlike_of_twice_the_forecast_is_one_minus_ln_two():
    assert qlike(np.asarray([2.0, 1.0]), np.asarray([1.0, 1.0])) == pytest.approx([1.0 - np.log(2.0), 0.0])


def test_diebold_mariano_has_the_sign_of_the_better_forecast():
    rng = np.random.default_rng(2)
    good, bad = rng.uniform(0, 1, 500), rng.uniform(0, 1, 500) + 0.2
    assert diebold_mariano(good, bad, 10) > 5
    assert diebold_mariano(bad, good, 10) < -5
