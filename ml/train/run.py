"""What train.py leaves behind for evaluate.py and export.py: weights per seed and what they were fitted on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from errors import TrainError
from networks import Spec, Weights


@dataclasses.dataclass(frozen=True)
class Run:
    """One task's fits. `seeds` are in the protocol's order; `shipped` is the best on validation."""

    spec: Spec
    fixed: Weights
    seeds: list[int]
    members: dict[int, list[Weights]]
    validation: dict[int, float]
    shipped: int
    info: dict[str, Any]


def save_run(folder: Path, run: Run) -> None:
    """Writes <task>.npz and <task>.json."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"fixed/{name}": value for name, value in run.fixed.items()}
    for seed, members in run.members.items():
        for i, member in enumerate(members):
            arrays |= {f"{seed}/{i}/{name}": value for name, value in member.items()}
    np.savez(folder / f"{run.spec.task}.npz", **arrays)
    described = {
        "spec": dataclasses.asdict(run.spec),
        "seeds": run.seeds,
        "members": len(run.members[run.shipped]),
        "validation": {str(seed): loss for seed, loss in run.validation.items()},
        "shipped": run.shipped,
        "info": run.info,
    }
    (folder / f"{run.spec.task}.json").write_text(json.dumps(described, indent=2) + "\n")


def load_run(folder: Path, task: str) -> Run:
    """Reads them back; raises TrainError when train.py has not run."""
    path = folder / f"{task}.json"
    if not path.is_file():
        raise TrainError(f"run: no {path.name} in {folder}; run train.py first")
    described = json.loads(path.read_text())
    arrays = np.load(folder / f"{task}.npz")
    seeds: list[int] = described["seeds"]

    def under(prefix: str) -> Weights:
        return {name[len(prefix) :]: arrays[name] for name in arrays.files if name.startswith(prefix)}

    return Run(
        spec=Spec(**described["spec"]),
        fixed=under("fixed/"),
        seeds=seeds,
        members={seed: [under(f"{seed}/{i}/") for i in range(described["members"])] for seed in seeds},
        validation={int(seed): loss for seed, loss in described["validation"].items()},
        shipped=described["shipped"],
        info=described["info"],
    )


def code_hash(folder: Path) -> str:
    """sha256 over the files that decide the weights, so that a card says which code and protocol made them."""
    names = ["dataset", "fit", "geometry", "losses", "networks", "ops", "split", "train"]
    digest = hashlib.sha256()
    for path in [*(folder / f"{name}.py" for name in names), folder / "protocol.toml", folder / "requirements.lock"]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
