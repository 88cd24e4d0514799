"""The closed forms in the graph against the textbook formulas in double precision."""

import numpy as np
import pytest

from geometry import expm1, impermanent_loss, occupancy, start_value
from ops import JaxOps

OPS = JaxOps()


def value(x, lower, upper):
    s = np.exp(np.clip(x, lower, upper) / 2)
    return np.exp(x) * (1 / s - np.exp(-upper / 2)) + s - np.exp(lower / 2)


def column(*values):
    return np.asarray(values, np.float32)[:, None]


RANGES = [(-0.05, 0.05), (-0.005, 0.005), (-0.5, 0.2), (0.03, 0.2), (-0.4, -0.1), (-12.0, 12.0)]


@pytest.mark.parametrize(("lower", "upper"), RANGES)
def test_start_value_is_the_value_formula(lower, upper):
    said = float(start_value(OPS, column(lower), column(upper))[0, 0])
    assert said == pytest.approx(value(0.0, lower, upper), rel=2e-5)


@pytest.mark.parametrize(("lower", "upper"), RANGES)
@pytest.mark.parametrize("move", [-1.0, -0.08, -0.002, 0.0, 0.004, 0.15, 0.9])
def test_impermanent_loss_is_value_minus_holding(lower, upper, move):
    start = np.exp(np.clip(0.0, lower, upper) / 2)
    held = np.exp(move) * (1 / start - np.exp(-upper / 2)) + start - np.exp(lower / 2)
    said = float(impermanent_loss(OPS, column(move), column(lower), column(upper))[0, 0])
    assert said <= 0
    assert said == pytest.approx(value(move, lower, upper) - held, rel=1e-3, abs=1e-7)


def test_impermanent_loss_falls_away_from_the_start():
    moves = np.linspace(0, 1, 50, dtype=np.float32)[None, :]
    for sign in (-1, 1):
        losses = np.asarray(impermanent_loss(OPS, sign * moves, column(-0.1), column(0.2)))[0]
        assert (np.diff(losses) <= 1e-7).all()


def test_occupancy_is_one_for_everything_and_a_share_otherwise():
    sigma = column(0.03)
    assert float(occupancy(OPS, column(-12.0), column(12.0), sigma)[0, 0]) == pytest.approx(1.0, abs=1e-5)
    rng = np.random.default_rng(0)
    # Brownian paths of the same two-part mixture: calm nine times in ten, wild once.
    scale = np.where(rng.random(4000) < 0.1, 2.5, 0.85)[:, None]
    paths = np.cumsum(rng.normal(size=(4000, 400)) * 0.03 / 20, axis=1) * scale
    for lower, upper in [(-0.02, 0.02), (0.01, 0.05), (-0.2, -0.05)]:
        share = np.mean((paths > lower) & (paths < upper))
        assert float(occupancy(OPS, column(lower), column(upper), sigma)[0, 0]) == pytest.approx(share, abs=0.02)


def test_expm1_keeps_its_digits_near_zero():
    for y in (1e-6, -3e-5, 0.01, 2.0, -4.0):
        assert float(expm1(OPS, column(y))[0, 0]) == pytest.approx(np.expm1(np.float32(y)), rel=1e-5)
