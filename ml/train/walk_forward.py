"""Walk-forward of the protocol, resumable: `python ml/train/walk_forward.py --data ml/train/data --task volatility`."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from pathlib import Path

from cli import HERE, exit_with, one_thread, say

one_thread()

from errors import ProtocolError
from protocol import load_protocol
from walk import RESULTS, TASKS, save_results

# Each module has run(data, work, protocol, fast, say) → what goes to results/<task>.json, and table(results) → lines.
MODULES = {"volatility": "walk_volatility", "il": "walk_il", "yield": "walk_yield", "regime": "regime"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "data", help="folder that the dataset exporter wrote")
    parser.add_argument("--work", type=Path, help="checkpoints (default: walk/ in the data folder)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--protocol", type=Path, default=HERE / "protocol.toml")
    parser.add_argument("--task", choices=TASKS, action="append", help="only this task (repeatable)")
    parser.add_argument("--fast", action="store_true", help="few windows, one seed: for tests, never for a result")
    args = parser.parse_args()
    protocol = load_protocol(args.protocol)
    if args.fast and args.out == RESULTS:
        raise ProtocolError("walk-forward: --fast needs --out DIR, its results must not replace the real ones")
    work = args.work or args.data / ("walk-fast" if args.fast else "walk")
    for task in args.task or [task for task in TASKS if importlib.util.find_spec(MODULES[task])]:
        module = importlib.import_module(MODULES[task])
        results = module.run(args.data, work, protocol, args.fast, say)
        path = save_results(task, results | {"fast": args.fast}, args.out)
        for line in module.table(results):
            print(line)
        say(f"{task}: wrote {path}")


if __name__ == "__main__":
    exit_with(main)
