"""Every card that ships says what its model was fitted on, how it was judged, what it cannot do, how to redo it."""

import hashlib
import json
import re

import pytest

from protocol import load_protocol
from walk import HERE, load_results

MODELS = HERE.parent / "models"
RULES = load_protocol()["walk_forward"]
WALKED = sorted(
    path.parent.name
    for path in MODELS.glob("*/manifest.json")
    if (json.loads(path.read_text()).get("testedOn") or {}).get("by") == "walk-forward"
)
FEWEST_WINDOWS = 10


def test_the_models_of_all_three_tasks_are_among_them():
    assert {json.loads((MODELS / name / "manifest.json").read_text())["task"] for name in WALKED} == {
        "volatility",
        "il",
        "yield",
    }


@pytest.fixture(params=WALKED)
def package(request):
    folder = MODELS / request.param
    manifest = json.loads((folder / "manifest.json").read_text())
    return manifest, (folder / "README.md").read_text(), load_results(manifest["task"])


def section(card, heading):
    return card.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_the_card_names_the_data_by_their_hashes(package):
    manifest, card, results = package
    trained, data = manifest["trainedOn"], section(card, "Data")
    assert trained["dataHash"] in data and trained["codeHash"] in data
    assert trained["dataHash"] == (results.get("dataHash") or results["data"])
    assert len(trained["sources"]) > 0
    for source in trained["sources"]:
        assert source["file"] in data and source["sha256"][:18] in data
    graph = (MODELS / manifest["id"] / manifest["file"]).read_bytes()
    assert manifest["sha256"] == "0x" + hashlib.sha256(graph).hexdigest()


def test_the_card_says_split_embargo_and_five_seeds(package):
    manifest, card, _ = package
    trained = manifest["trainedOn"]
    assert trained["split"]
    assert re.search(r"labels\s+purged", card, re.IGNORECASE)
    assert f"embargo {trained['embargoSeconds']} s" in card
    rule = RULES[manifest["task"]]
    assert trained["embargoSeconds"] == rule.get("embargo_seconds", RULES["embargo_seconds"])
    assert len(set(trained["seeds"])) >= 5
    assert f"seeds {', '.join(map(str, trained['seeds']))}" in card


def test_the_card_says_how_many_windows_there_were_and_where_they_are_few(package):
    manifest, card, results = package
    if manifest["task"] == "yield":
        counts = {pool["windows"] for pool in results["pools"].values() if pool["kind"] == "windows"}
        assert max(counts) < FEWEST_WINDOWS
        assert "six windows" in section(card, "Limits") and "exploratory: windows of 6 %" in section(card, "Metrics")
        assert results["finer"]["windows"] >= FEWEST_WINDOWS and results["finer"]["dayWindows"] >= FEWEST_WINDOWS
    else:
        windows = results["windows"]
        count = windows if isinstance(windows, int) else len(windows)
        assert count >= FEWEST_WINDOWS and f"{count} windows" in section(card, "Metrics")


def test_the_card_shows_every_baseline_of_the_protocol_with_intervals(package):
    manifest, card, _ = package
    metrics = section(card, "Metrics").lower()
    for name in RULES[manifest["task"]]["baselines"]:
        # Tables have room for the first word of some.
        assert name in metrics or name.split("-")[0][:7] in metrics, name
    assert "95 %" in metrics


def test_the_card_says_what_the_model_cannot_do(package):
    limits = section(package[1], "Limits")
    assert sum(line.startswith("- ") for line in limits.splitlines()) >= 4


def test_the_card_gives_the_commands_that_make_it_again(package):
    manifest, card, _ = package
    redo = section(card, "Reproduce")
    for verb in ("--walk-forward", "--ship"):
        assert f"npm run train -- {verb} --task {manifest['task']}" in redo
