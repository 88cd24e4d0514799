"""Scores against numbers worked out by hand."""

import numpy as np
import pytest

from metrics import diebold_mariano, pinball, qlike, ratio_interval


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


def test_an_interval_of_a_ratio_holds_it_and_is_wider_where_neighbours_are_alike():
    rng = np.random.default_rng(3)
    other = rng.uniform(1, 2, 1200)
    apart = 0.9 * other * np.exp(0.2 * rng.normal(size=1200))
    alike = 0.9 * other * np.exp(0.2 * np.repeat(rng.normal(size=50), 24))
    intervals = [ratio_interval(loss, other, 24) for loss in (apart, alike)]
    assert all(
        low < loss.mean() / other.mean() < high for (low, high), loss in zip(intervals, (apart, alike), strict=True)
    )
    # Deviation of a mean of 1200: 0.9 × 0.2 / √1200 = 0.0052, of 50 blocks √24 times that; 1.96 of it to either side.
    assert intervals[0][1] - intervals[0][0] == pytest.approx(4 * 0.0052, rel=0.3)
    assert intervals[1][1] - intervals[1][0] == pytest.approx(4 * 0.0255, rel=0.4)
    assert ratio_interval(other, other, 24) == (1.0, 1.0)
    assert ratio_interval(other[:5], 2 * other[:5], 24) == pytest.approx((0.5, 0.5))
