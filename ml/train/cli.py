"""What the three scripts share: one thread, progress lines, and errors printed as one sentence."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
STARTED = time.perf_counter()


def one_thread() -> None:
    """Keeps to one core, so that results do not depend on the machine; call before JAX is imported."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


def say(line: str) -> None:
    """One progress line with the seconds since the start."""
    print(f"[{time.perf_counter() - STARTED:7.1f} s] {line}", flush=True)


def exit_with(main: Callable[[], None]) -> None:
    """Runs a script; our own errors become one line on stderr and exit code 2."""
    from errors import TrainError

    try:
        main()
    except TrainError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
