"""Final fits and packages of the walked models: `python ml/train/ship.py --data ml/train/data --task volatility`."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from pathlib import Path

from cli import HERE, exit_with, one_thread, say

one_thread()

from protocol import load_protocol

# Each module has ship(data, out, protocol, say), which writes one package folder into `out`.
MODULES = {"volatility": "volatility_package", "il": "il_package", "yield": "fee_package"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE / "data", help="folder that the dataset exporter wrote")
    parser.add_argument("--out", type=Path, default=HERE.parent / "models", help="folder of the packages")
    parser.add_argument("--protocol", type=Path, default=HERE / "protocol.toml")
    parser.add_argument("--task", choices=tuple(MODULES), action="append", help="only this task (repeatable)")
    args = parser.parse_args()
    protocol = load_protocol(args.protocol)
    for task in args.task or [task for task in MODULES if importlib.util.find_spec(MODULES[task])]:
        importlib.import_module(MODULES[task]).ship(args.data, args.out, protocol, say)


if __name__ == "__main__":
    exit_with(main)
