import numpy as np
import pytest

import classics
from classics import CLASSICS, days_of, fit_garch, garch_parameters, garch_path, unbiased

DAY = 86400


def simulate_garch(n, omega, alpha, beta, seed):
    rng = np.random.default_rng(seed)
    h, r = omega / (1 - alpha - beta), np.empty(n)
    for i in range(n):
        r[i] = np.sqrt(h) * rng.normal()
        h = omega + alpha * r[i] ** 2 + beta * h
    return r


def hourly(days=420, seed=3):
    """Hourly returns whose variance moves slowly, calmer at weekends."""
    rng = np.random.default_rng(seed)
    level = np.zeros(days)
    for i in range(1, days):
        level[i] = 0.9 * level[i - 1] + 0.3 * rng.normal()
    # 2023-01-02 is a Monday.
    start = 1672617600
    weekend = (np.arange(days) % 7 >= 5) * 1.0
    sigma = np.repeat(0.006 * np.exp(0.5 * (level - weekend)), 24)
    return start + 3600, sigma * rng.normal(size=24 * days), sigma**2 * 24


def test_garch_recovers_a_simulation():
    omega, alpha, beta = garch_parameters(fit_garch(simulate_garch(20_000, 0.1, 0.1, 0.85, 1)))
    assert alpha == pytest.approx(0.1, abs=0.015)
    assert beta == pytest.approx(0.85, abs=0.025)
    assert omega / (1 - alpha - beta) == pytest.approx(2.0, rel=0.1)


def test_garch_slope_is_the_slope_of_its_likelihood(monkeypatch):
    r = simulate_garch(600, 0.1, 0.1, 0.8, 2)
    seen = {}

    def check(cost, first, **_):
        _value, slope = cost(first)
        for i in range(3):
            up, down = first.copy(), first.copy()
            up[i] += 1e-5
            down[i] -= 1e-5
            seen[i] = (slope[i], (cost(up)[0] - cost(down)[0]) / 2e-5)
        return type("Found", (), {"x": first})

    monkeypatch.setattr(classics, "minimize", check)
    fit_garch(r)
    for mine, numeric in seen.values():
        assert mine == pytest.approx(numeric, rel=1e-4, abs=1e-8)


def test_garch_forecast_is_the_recursion_of_what_was_known():
    r = simulate_garch(500, 0.1, 0.1, 0.8, 4) / 100
    path = garch_path(r, 500)
    omega, alpha, beta = garch_parameters(fit_garch(100 * r[:180]))
    e = 100 * r - 100 * r[:180].mean()
    h = (100 * r[:180]).var()
    for i in range(300):
        h = omega + alpha * e[i] ** 2 + beta * h
    assert path[299, 0] * 1e4 == pytest.approx(h, rel=1e-9)
    assert path[299, 2] == pytest.approx(alpha + beta)


@pytest.mark.parametrize("name", CLASSICS)
@pytest.mark.parametrize("hours", [4, 168])
def test_a_classic_never_looks_ahead(name, hours):
    start, returns, _ = hourly()
    cut = 24 * 320
    other = returns.copy()
    other[cut:] *= 5.0
    days, changed = (days_of(start, x, [hours]) for x in (returns, other))
    before = days.at <= start + 3600 * (cut - 1)
    full, cutoff = CLASSICS[name](days, hours, 5), CLASSICS[name](changed, hours, 5)
    assert np.isfinite(full[before]).sum() > 40
    np.testing.assert_array_equal(full[before], cutoff[before])
    assert (full[~before] != cutoff[~before])[10:].any()


def test_each_classic_is_near_the_truth_on_average():
    start, returns, _ = hourly(days=700)
    days = days_of(start, returns, [24])
    for name, classic in CLASSICS.items():
        forecast = classic(days, 24, 5)
        good = np.isfinite(forecast) & np.isfinite(days.after[24])
        assert np.mean(days.after[24][good] / forecast[good]) == pytest.approx(1.0, abs=0.12), name


def test_weekday_terms_know_the_weekend():
    start, returns, _truth = hourly(days=700)
    days = days_of(start, returns, [24])
    loss = {}
    for name in ("log-har", "log-har-weekday"):
        forecast = CLASSICS[name](days, 24, 5)
        good = np.isfinite(forecast) & np.isfinite(days.after[24])
        ratio = days.after[24][good] / forecast[good]
        loss[name] = np.mean(ratio - np.log(ratio) - 1)
    assert loss["log-har-weekday"] < 0.9 * loss["log-har"]


def test_a_factor_removes_the_bias_of_the_past():
    rng = np.random.default_rng(0)
    raw = np.exp(rng.normal(size=400))
    realised = 3.0 * raw
    out = unbiased(raw, realised, 1, 5)
    assert np.isnan(out[:90]).all()
    np.testing.assert_allclose(out[95:], 3.0 * raw[95:])


def test_a_gap_of_a_few_hours_does_not_silence_a_day():
    start, returns, _ = hourly()
    returns[24 * 200 : 24 * 200 + 5] = np.nan
    days = days_of(start, returns, [24])
    assert np.isfinite(days.variance[200:203]).all()
    # But what happened is not known well enough there to be scored.
    assert np.isnan(days.after[24]).sum() >= 1
