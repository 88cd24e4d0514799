"""No row is in two spans, no label reaches into the next span, and the embargo is kept."""

import numpy as np
import pytest

from dataset import load_meta, load_table
from protocol import load_protocol
from split import SPANS, calendar_bounds, share_bounds, split

PROTOCOL = load_protocol()
DAY = 86400


@pytest.mark.parametrize("task", ["volatility", "il", "yield"])
def test_spans_share_no_row_and_no_label(data, task):
    table = load_table(data, task, load_meta(data, "main@1"), PROTOCOL)
    parts = split(table, PROTOCOL)
    assert all(len(parts[span]) for span in SPANS)
    joined = np.concatenate([parts[span] for span in SPANS])
    assert len(np.unique(joined)) == len(joined) < len(table.at)
    kind = "calendar" if PROTOCOL[task]["split"] == "calendar" else "share"
    gap = PROTOCOL["split"][kind]["embargo_seconds"]
    for earlier, later in (("train", "validation"), ("validation", "test")):
        label_end = (table.at + table.horizon)[parts[earlier]].max()
        assert table.at[parts[later]].min() >= label_end + gap - 3600


def test_embargo_follows_every_boundary():
    cuts = calendar_bounds(PROTOCOL)
    gap = PROTOCOL["split"]["calendar"]["embargo_seconds"]
    assert gap >= 7 * DAY
    assert cuts["validation"][0] >= cuts["train"][1] + gap
    assert cuts["test"][0] >= cuts["validation"][1] + gap


def test_a_recording_of_days_is_test_only():
    cuts = share_bounds(0, 4 * DAY, PROTOCOL)
    assert cuts["train"][0] > cuts["train"][1]
    assert cuts["test"] == (float("-inf"), float("inf"))


def test_both_orientations_of_a_market_are_cut_at_the_same_time(data):
    table = load_table(data, "yield", load_meta(data, "main@1"), PROTOCOL)
    inverse = table.take(np.arange(0, len(table.at), 2))
    names = [*table.series_names, "inverse-" + table.series_names[0]]
    both = table.__class__(**{**table.__dict__, "series_names": names})
    both.series[1::2] = len(names) - 1
    parts = split(both, PROTOCOL)
    assert (table.at[parts["train"]] + table.horizon[parts["train"]]).max() < table.at[parts["validation"]].min()
    assert len(inverse.at)
