"""docs/models.md is what the results say, and says what was not reached."""

import copy
import json
import shutil

import pytest

import tables
from tables import BEGIN, END, PAGE, PageError, page_text
from walk import RESULTS

BARE = f"head\n{BEGIN}\n{END}\ntail\n"


@pytest.fixture
def results(tmp_path):
    shutil.copy(RESULTS / "yield.json", tmp_path)
    return tmp_path


def change(folder, edit):
    path = folder / "yield.json"
    found = json.loads(path.read_text())
    edit(found)
    path.write_text(json.dumps(found))


def test_the_page_is_what_the_results_say():
    text = PAGE.read_text()
    assert page_text(text) == text, "run npm run train -- --tables"


def test_a_figure_that_was_typed_is_found(results):
    text = page_text(BARE, results)
    assert page_text(text.replace("met", "mett", 1), results) == text
    assert text.startswith("head\n") and text.endswith(f"{END}\ntail\n")


def test_what_was_not_reached_is_marked(results):
    def miss(found):
        found["pooled"]["24h"]["ratio"] = 1.001
        found["pooled"]["4h"]["ratio"] = 0.95

    change(results, miss)
    text = page_text(BARE, results)
    assert "- hourly pools, 24h: 1.001 (≤ 1.00): **not reached**" in text
    assert "- hourly pools, 4h: 0.950 (≤ 0.95): met" in text


def test_a_task_without_results_says_so(results):
    text = page_text(BARE, results)
    assert "### Volatility\n\nNo results are kept here yet" in text
    assert "### Fee income\n\nModel `yield-har`" in text


def test_fast_results_and_lost_markers_are_refused(results):
    with pytest.raises(PageError, match="once each"):
        page_text("no markers", results)
    with pytest.raises(PageError, match="once each"):
        page_text(f"{END}\n{BEGIN}", results)
    change(results, lambda found: found.update(fast=True))
    with pytest.raises(PageError, match=r"yield\.json: made with --fast"):
        page_text(BARE, results)


def test_verdicts_hold_each_figure_to_its_own_target():
    one = {"plain": {"ratio": 0.88, "p": 0.009}, "weekday": {"ratio": 0.97, "p": 0.011}}
    good = {"days": 1800, "pooled": one}
    week = {"days": 1800, "pooled": {"plain": {"ratio": 0.97, "p": 0.04}, "weekday": {"ratio": 0.971, "p": 0.01}}}
    said = tables.volatility_verdicts({"horizons": {"86400": good, "604800": week}})
    assert [line.endswith(": met") or ": met (" in line for line in said] == [True, True, False, True, False]
    short = copy.deepcopy(good) | {"days": 1799}
    assert "not reached" in tables.volatility_verdicts({"horizons": {"86400": short, "604800": week}})[0]
    rows = {"24 h": (0.95, 0.115), "168 h": (1.0, 0.116)}
    il = {key: {"ratio": ratio, "below": {"model": [beyond]}} for key, (ratio, beyond) in rows.items()}
    assert ["not reached" in line for line in tables.il_verdicts({"il": il})] == [False, False, True, True]
