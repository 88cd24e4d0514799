import numpy as np
import pytest

from errors import ProtocolError
from protocol import load_protocol
from walk import calendar_windows, load_results, save_results, share_windows, stamp_of, walk, walk_rule

DAY = 86400
PROTOCOL = load_protocol()
silent = lambda line: None  # noqa: E731


def test_calendar_windows_cover_each_day_once():
    windows = calendar_windows(PROTOCOL)
    days = np.arange(windows[0].start, windows[-1].stop, DAY)
    assert len(windows) == 23
    assert len(days) == 2007
    assert all(w.known == w.start for w in windows)
    assert (sum(w.forecasts(days).astype(int) for w in windows) == 1).all()


def test_a_window_learns_only_from_labels_that_have_ended():
    window = calendar_windows(PROTOCOL)[3]
    at = window.start + np.arange(-20, 3) * DAY
    learns = window.learns(at, 7 * DAY)
    assert learns.sum() == 14
    assert (at[learns] + 7 * DAY <= window.start).all()
    assert not (learns & window.forecasts(at)).any()


def test_share_windows_start_after_the_first_part_and_keep_the_embargo():
    windows = share_windows(0, 100 * DAY, {"first_share": 0.4, "window_share": 0.1, "embargo_seconds": DAY})
    assert [w.start // DAY for w in windows] == [40, 50, 60, 70, 80, 90]
    assert windows[0].known == 39 * DAY
    assert windows[-1].forecasts(np.asarray([100 * DAY])).all()


def test_a_killed_walk_goes_on_where_it_was(tmp_path):
    windows = calendar_windows(PROTOCOL)[:3]
    calls = []

    def fit(window, seed):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append((window.number, seed))
        return {"mean": np.full(2, 10.0 * window.number + seed)}

    with pytest.raises(KeyboardInterrupt):
        walk("t", windows, [1, 2], fit, tmp_path, "a", silent)
    assert len(calls) == 4
    # What was half written counts as nothing.
    (tmp_path / "t-w01-s2.npz").write_bytes(b"PK\x03\x04 torn")
    rest = []

    def later(window, seed):
        rest.append((window.number, seed))
        return {"mean": np.full(2, 10.0 * window.number + seed)}

    found = walk("t", windows, [1, 2], later, tmp_path, "a", silent)
    assert rest == [(1, 2), (2, 1), (2, 2)]
    assert [float(a["mean"][0]) for a in found[2]] == [2.0, 12.0, 22.0]
    walk("t", windows, [1, 2], later, tmp_path, "another stamp", silent)
    assert len(rest) == 3 + 6


def test_the_stamp_changes_with_protocol_data_and_code(tmp_path):
    code = tmp_path / "a.py"
    code.write_text("x = 1\n")
    first = stamp_of(PROTOCOL, "0x1", [code])
    assert stamp_of(PROTOCOL, "0x1", [code]) == first
    assert stamp_of(PROTOCOL, "0x2", [code]) != first
    other = {**PROTOCOL, "walk_forward": PROTOCOL["walk_forward"] | {"window_days": 91}}
    assert stamp_of(other, "0x1", [code]) != first
    code.write_text("x = 2\n")
    assert stamp_of(PROTOCOL, "0x1", [code]) != first


def test_results_are_read_back_and_missing_ones_named(tmp_path):
    save_results("volatility", {"a": [1.5]}, tmp_path)
    assert load_results("volatility", tmp_path) == {"a": [1.5]}
    with pytest.raises(ProtocolError, match=r"--task il"):
        load_results("il", tmp_path)


def test_a_missing_field_of_the_protocol_is_named():
    with pytest.raises(ProtocolError, match=r"volatility\.nothing"):
        walk_rule(PROTOCOL, "volatility", "nothing")
