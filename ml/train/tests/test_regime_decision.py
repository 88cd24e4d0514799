"""A decision by regime: what a range earned, that the past alone chooses, that knowledge pays and noise does not."""

from __future__ import annotations

import numpy as np
import pytest

import fees
import regime_decision
from errors import DatasetError
from walk import DAY

START = 1_650_000_000 // DAY * DAY
NAMES = [*regime_decision.WIDTHS, "above5"]
COUNT = 200
RULE = {"first_share": 0.4, "window_share": 0.1, "embargo_seconds": 3600}


def market(hours: int, returns: np.ndarray | None = None, fee: float = 0.0) -> fees.Rows:
    """A pool whose hourly log returns are these, in units of the week's deviation of an hour: e⁻³ a day."""
    values = {"log_rv_168h": -6.0, "log_gk_24h": -6.0, "log_rv_24h": -6.0, "log_gk_6h": -6.0, "log_fee_24h": -9.0}
    features = np.zeros((hours, len(fees.FEATURES)), np.float32)
    for name, value in values.items():
        features[:, fees.FEATURES.index(name)] = value
    moves = np.zeros(hours) if returns is None else returns
    features[:, fees.FEATURES.index("return_1h")] = moves / np.sqrt(np.exp(-6.0) / 24)
    edges = {"full": (-12.0, 12.0), "above5": (0.0, 0.05)}
    edges |= {f"both{n}": (-np.log1p(n / 100), np.log1p(n / 100)) for n in (1, 2, 5, 10, 20, 50)}
    mask = np.ones_like(features)
    mask[:, [fees.FEATURES.index(name) for name in [*values, "return_1h"]]] = 0
    return fees.Rows(
        series_names=["pool"],
        series=np.zeros(hours, int),
        at=START + 3600 * np.arange(hours),
        features=features,
        mask=mask,
        ranges=np.asarray([edges[name] for name in NAMES]),
        range_names=NAMES,
        labels={h: np.full((hours, len(NAMES)), fee) for h in fees.HOURS},
    )


def test_a_range_earns_its_fees_less_lvr_less_what_opening_it_costs() -> None:
    still = regime_decision.outcomes(market(60, fee=0.002))
    assert np.allclose(still[:36], 0.002 - regime_decision.COST)
    assert np.isnan(still[36:]).all()
    returns = np.zeros(60)
    returns[10] = 0.004
    moved = regime_decision.outcomes(market(60, returns, fee=0.002))
    assert np.allclose(moved[10:36], still[10:36], atol=1e-9)
    # Full range: the rebalancing loss of one move is (e^(x/4) − e^(−x/4))² e^(x/2) / 2 of the value.
    loss = (np.exp(0.001) - np.exp(-0.001)) ** 2 * np.exp(0.002) / 2
    assert np.allclose(still[:10, -1] - moved[:10, -1], loss, rtol=2e-3)
    assert (still[0, :-1] - moved[0, :-1] > loss).all()


def scores(monkeypatch: pytest.MonkeyPatch, knows: bool, change: int | None = None) -> dict[str, object]:
    """Days of which wild ones have another best setting; from day `change` on all is the opposite, a hundredfold."""
    rows = market(24 * COUNT)
    rng = np.random.default_rng(3)
    kinds = rng.integers(0, 3, COUNT + 1)
    told = kinds if knows else rng.integers(0, 3, COUNT + 1)
    net = 1e-4 * rng.normal(size=(len(rows.at), len(regime_decision.SETTINGS)))
    wild = kinds[(rows.at - START) // DAY] == 2
    net[:, 1] += np.where(wild, -0.004, 0.003)
    net[:, 2] += np.where(wild, 0.003, -0.001)
    if change is not None:
        net[rows.at >= START + change * DAY] *= -100
    monkeypatch.setattr(regime_decision, "nets", lambda *_: net)
    monkeypatch.setattr(regime_decision, "outcomes", lambda _: np.zeros((len(rows.at), 1)))
    regimes = {START + DAY * i: np.eye(3)[k] for i, k in enumerate(told)}
    return regime_decision.decision_scores(rows, regimes, RULE)


def test_a_regime_that_tells_pays_and_one_that_does_not_is_no_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    known = scores(monkeypatch, knows=True)["pooled"]
    assert known["gain"] > 5 and known["interval"][0] > 0
    assert known["gain"] == pytest.approx(known["regime"] - known["plain"], abs=0.01)
    noise = scores(monkeypatch, knows=False)["pooled"]
    assert noise["interval"][0] <= 0 and abs(noise["gain"]) < known["gain"] / 4


def test_settings_of_a_window_are_chosen_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = market(24 * COUNT)
    seen = []
    choose = regime_decision._window

    def watched(*args):
        out = choose(*args)
        seen.append(out)
        return out

    monkeypatch.setattr(regime_decision, "_window", watched)
    scores(monkeypatch, knows=True)
    scores(monkeypatch, knows=True, change=170)
    before, after = seen[:6], seen[6:]
    # Windows of twenty days from day 80 on: the change falls into the fifth, whose settings are of an unchanged past.
    starts = [START + round((0.4 + 0.1 * i) * (rows.at[-1] - START)) for i in range(6)]
    turned = next(i for i, start in enumerate(starts) if start >= START + 170 * DAY)
    assert all(np.array_equal(a, b) for a, b in zip(before[: turned - 1], after[: turned - 1], strict=True))
    hours = rows.at[(rows.at >= starts[turned - 1]) & (rows.at < starts[turned])] >= START + 170 * DAY
    scale = np.where(hours, -100.0, 1.0)[:, None]
    assert np.array_equal(before[turned - 1] * scale, after[turned - 1])


def test_without_a_word_on_the_days_of_the_pools_it_refuses() -> None:
    with pytest.raises(DatasetError, match=r"nothing was said of any day"):
        regime_decision.decision_scores(market(24 * 10), {}, RULE)
