"""Walk-forward: the protocol's windows, what each may learn from, and a loop that goes on where it was killed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from errors import ProtocolError
from protocol import Protocol

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
TASKS = ("volatility", "il", "yield", "regime")
DAY = 86400

Arrays = dict[str, np.ndarray]
Fit = Callable[["Window", int], Arrays]


@dataclasses.dataclass(frozen=True)
class Window:
    """Forecasts made at `start` ≤ t < `stop` (unix seconds) by a fit on labels that ended by `known`."""

    number: int
    start: int
    stop: int
    known: int

    def learns(self, at: np.ndarray, horizon: np.ndarray | int) -> np.ndarray:
        """Rows whose whole label had happened when the window began, embargo included: purged, expanding."""
        return at + horizon <= self.known

    def forecasts(self, at: np.ndarray) -> np.ndarray:
        """Rows that this window answers for."""
        return (at >= self.start) & (at < self.stop)


def calendar_windows(protocol: Protocol) -> list[Window]:
    """Windows of one calendar that all series share; the last is as long as what is left."""
    rule = _section(protocol, "from", "until", "window_days", "embargo_seconds", "seeds")
    first, last = int(rule["from"].timestamp()), int(rule["until"].timestamp()) + DAY
    step = rule["window_days"] * DAY
    return [
        Window(number, start, min(start + step, last), start - rule["embargo_seconds"])
        for number, start in enumerate(range(first, last, step))
    ]


def share_windows(first: int, last: int, rule: dict[str, Any]) -> list[Window]:
    """Windows of a fixed share of one series' own span after its first part, which only trains."""
    span, gap = last - first, rule["embargo_seconds"]
    cuts = np.arange(rule["first_share"], 1.0 - 1e-9, rule["window_share"])
    starts = [first + round(float(cut) * span) for cut in cuts]
    ends = [*starts[1:], last + 1]
    return [
        Window(number, start, stop, start - gap) for number, (start, stop) in enumerate(zip(starts, ends, strict=True))
    ]


def walk(
    name: str,
    windows: Sequence[Window],
    seeds: Sequence[int],
    fit: Fit,
    folder: Path,
    stamp: str,
    say: Callable[[str], None],
) -> dict[int, list[Arrays]]:
    """Per seed what `fit` gave for each window, in order; each is a file in `folder` and counts if of this stamp."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(window, seed) for window in windows for seed in seeds]
    found: dict[int, list[Arrays]] = {seed: [] for seed in seeds}
    started, made = time.perf_counter(), 0
    missing = sum(_read(_path(folder, name, window, seed), stamp) is None for window, seed in jobs)
    say(f"{name}: {len(windows)} windows × {len(seeds)} seeds, {len(jobs) - missing} of {len(jobs)} fits are there")
    for window, seed in jobs:
        path = _path(folder, name, window, seed)
        answer = _read(path, stamp)
        if answer is None:
            answer = {key: np.asarray(value) for key, value in fit(window, seed).items()}
            _write(path, answer, stamp)
            made += 1
            left = (time.perf_counter() - started) / made * (missing - made)
            if seed == seeds[-1] or made % 5 == 0:
                say(f"{name}: window {window.number + 1} of {len(windows)}, seed {seed}; {_span(left)} left")
        found[seed].append(answer)
    return found


def stamp_of(protocol: Protocol, data_hash: str, files: Sequence[Path]) -> str:
    """Names everything that decides a fit: the protocol's walk-forward section, the data and these source files."""
    digest = hashlib.sha256(json.dumps(protocol["walk_forward"], sort_keys=True, default=str).encode())
    digest.update(data_hash.encode())
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def save_results(task: str, results: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Writes results/<task>.json, from which cards and tables are printed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{task}.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return path


def load_results(task: str, folder: Path = RESULTS) -> dict[str, Any]:
    """Reads them back; ProtocolError when the walk-forward has not run."""
    path = folder / f"{task}.json"
    if not path.is_file():
        raise ProtocolError(f"results: no {path.name}; run `npm run train -- --walk-forward --task {task}` first")
    return json.loads(path.read_text())


def walk_rule(protocol: Protocol, task: str, *fields: str) -> dict[str, Any]:
    """The protocol's section of one walk-forward task, checked to have these fields."""
    return _section(protocol["walk_forward"], *fields, name=task)


def _section(parent: dict[str, Any], *fields: str, name: str = "walk_forward") -> dict[str, Any]:
    section = parent.get(name)
    if not isinstance(section, dict):
        raise ProtocolError(f"protocol: section {name} is missing")
    for field in fields:
        if field not in section:
            raise ProtocolError(f"protocol: field {name}.{field} is missing")
    return section


def _path(folder: Path, name: str, window: Window, seed: int) -> Path:
    return folder / f"{name}-w{window.number:02d}-s{seed}.npz"


def _read(path: Path, stamp: str) -> Arrays | None:
    """What an earlier run left, or None where it left nothing of this stamp, or was killed while writing."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            if str(file["stamp"]) != stamp:
                return None
            return {key: file[key] for key in file.files if key != "stamp"}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _write(path: Path, answer: Arrays, stamp: str) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, stamp=np.asarray(stamp), **answer)
    partial.replace(path)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
