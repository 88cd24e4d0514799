"""What the volatility model said of each day ahead while it was refitted as time went on: `python ml/train/medians.py`.

The same fits as the walk-forward of `volatility`: every window by all seeds on what was known before it. Windows of the
same length reach further back than the protocol's first, so that what wraps the model has days to learn from; they
are never scored. Every third hour of each series goes to `--rows`, every midnight to `--out`, which is kept.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from cli import HERE, exit_with, one_thread, say

one_thread()

import har_net
from dataset import load_table
from errors import DatasetError
from protocol import Protocol, load_protocol
from walk import DAY, RESULTS, Arrays, Window, calendar_windows, stamp_of, walk
from walk_volatility import CODE, STRIDE_SECONDS, Market, hash_of, market_of, read_market, rows_known

# Before the first of these there is less than a third of a year to fit on.
EARLIER_WINDOWS = 4
HORIZON = 86_400
# The assets that the protocol names are fitted on; their ratio is only asked about.
OTHERS = ["ethbtc"]


def windows_of(protocol: Protocol) -> list[Window]:
    """The protocol's windows and some of the same length before them, numbered anew."""
    kept = calendar_windows(protocol)
    step = kept[0].stop - kept[0].start
    gap = kept[0].start - kept[0].known
    starts = [kept[0].start - i * step for i in range(EARLIER_WINDOWS, 0, -1)]
    earlier = [Window(0, start, start + step, start - gap) for start in starts]
    return [dataclasses.replace(window, number=i) for i, window in enumerate([*earlier, *kept])]


def asked(market: Market, window: Window) -> np.ndarray:
    """Rows of every third hour inside the window."""
    return np.flatnonzero(window.forecasts(market.at) & (market.at % STRIDE_SECONDS == 0))


def fit_window(fitted: Market, market: Market, window: Window, seed: int, half_life_days: float) -> Arrays:
    """One seed's median of the day ahead at each asked row."""
    rows, _ = rows_known(fitted, window.known, half_life_days)
    fixed = har_net.normalisation(rows)
    weights = har_net.member(rows, fixed, seed)
    ask = asked(market, window)
    said = har_net.predict(fixed, weights, market.features[ask], market.mask[ask], HORIZON)
    return {"median": said[:, har_net.COLUMNS.index("q50")]}


def medians(folder: Path, work: Path, protocol: Protocol, fast: bool) -> tuple[Market, np.ndarray, np.ndarray]:
    """The market's rows that were asked about, and the mean over seeds of what was said of each."""
    fitted, meta = read_market(folder, protocol)
    table = load_table(folder, meta, protocol)
    others = [name for name in OTHERS if name in table.series_names]
    market = market_of(table, [*fitted.assets, *others], protocol)
    windows, seeds = windows_of(protocol), protocol["walk_forward"]["seeds"]
    if fast:
        windows, seeds = windows[:1], seeds[:1]
    half_life = protocol["volatility"]["half_life_days"]
    stamp = stamp_of(protocol, hash_of(market), [*CODE, Path(__file__).resolve()])
    found = walk(
        "medians",
        windows,
        seeds,
        lambda w, s: fit_window(fitted, market, w, s, half_life),
        work / "medians",
        stamp,
        say,
    )
    ask = np.concatenate([asked(market, window) for window in windows])
    if not len(ask):
        raise DatasetError("medians: the dataset has no rows in the protocol's windows")
    said = np.mean([np.concatenate([one["median"] for one in found[seed]]) for seed in seeds], axis=0)
    return market, ask, said


def write(path: Path, market: Market, ask: np.ndarray, said: np.ndarray) -> None:
    """series,at,median by series and time: realised variance of the day from `at` (unix seconds) on."""
    order = np.lexsort((market.at[ask], market.asset[ask]))
    lines = [f"{market.assets[market.asset[ask[i]]]},{market.at[ask[i]]},{said[i]:.4e}" for i in order]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["series,at,median", *lines]) + "\n")
    say(f"medians: wrote {path}, {len(lines)} rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "data", help="folder that the dataset exporter wrote")
    parser.add_argument("--work", type=Path, help="checkpoints (default: walk/ in the data folder)")
    parser.add_argument("--rows", type=Path, help="every third hour (default: medians.csv in the data folder)")
    parser.add_argument("--out", type=Path, default=RESULTS / "medians.csv", help="every midnight")
    parser.add_argument("--protocol", type=Path, default=HERE / "protocol.toml")
    parser.add_argument("--fast", action="store_true", help="one window, one seed: for tests, never for a result")
    args = parser.parse_args()
    protocol = load_protocol(args.protocol)
    if args.fast and args.out == RESULTS / "medians.csv":
        raise DatasetError("medians: --fast needs --out FILE, it must not replace the real ones")
    work = args.work or args.data / ("walk-fast" if args.fast else "walk")
    market, ask, said = medians(args.data, work, protocol, args.fast)
    write(args.rows or args.data / "medians.csv", market, ask, said)
    midnight = market.at[ask] % DAY == 0
    write(args.out, market, ask[midnight], said[midnight])


if __name__ == "__main__":
    exit_with(main)
