"""The one writer of model packages: model.onnx, manifest.json, sample.json, metrics.json, README.md and train/run.json.

A trainer brings the graph and what only it knows (`Package`); all that can be read off the graph is read off it, so
that a manifest cannot contradict its file. `sample_cases` and `domain_of` make the two parts that need data.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from errors import ExportError

SCHEMA_VERSION = 2
LARGEST_FILE = 3_000_000
FEWEST_SAMPLES = 8
SAMPLE_TOLERANCE = {"relative": 1e-3, "absolute": 1e-6}
HELD_OUT = "held-out"
WALK_FORWARD = "walk-forward"
# What the runtime hands to a graph besides features and mask, and how wide that is.
EXTRA_INPUTS = {"range": 3, "horizon": 1}
NEEDS_RANGE = {"volatility": False, "il": True, "yield": True, "regime": False}
TITLES = {
    "volatility": "Realised variance",
    "il": "Impermanent loss, LVR and time in range of any range",
    "yield": "Fee yield of any range",
    "regime": "Probabilities of market regimes",
}


@dataclasses.dataclass(frozen=True)
class TrainedOn:
    """What the weights were fitted on. Times are unix seconds; `until` is the end of the last label."""

    since: int
    until: int
    rows: int | Mapping[str, int]
    data_hash: str
    # {"file", "sha256", "licence"} of each file that was read.
    sources: Sequence[Mapping[str, str]]
    split: str
    seeds: Sequence[int]
    # Hash of the code that made the weights; "" where it is not told.
    code_hash: str = ""
    purge_seconds: int = 0
    embargo_seconds: int = 0
    chain_ids: Sequence[int] = ()
    pools: Sequence[str] = ()
    series: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class TestedOn:
    """The span of the out-of-sample scores, "held-out" (begins after training ended) or "walk-forward" (refitted)."""

    # pytest takes a class of this name for tests.
    __test__ = False

    since: int
    until: int
    by: str = HELD_OUT


@dataclasses.dataclass(frozen=True)
class Package:
    """One model as its trainer knows it. A feature is `name` or `name@version`; a bare name is its first version."""

    name: str
    version: str
    task: str
    framework: str
    graph: bytes
    features: Sequence[str]
    # What the columns of the output `quantiles` are, in order.
    columns: Sequence[str]
    unit: str
    horizons_seconds: Sequence[int]
    domain: Mapping[str, Mapping[str, float]]
    samples: Mapping[str, Any]
    trained_on: TrainedOn
    metrics: Mapping[str, Any]
    # Runs from the root of the repository, or wherever the card says.
    reproduce: str
    tested_on: TestedOn | None = None
    feature_schema: str = "main@2"
    bar_seconds: int = 3600
    max_latency_ms: float = 50.0
    max_weight: float = 1.0
    license: str = "MIT"
    authors: Sequence[str] = ("Rangekeeper contributors",)
    min_suite: str = "0.1.0"
    # The whole card, or sections of it (heading -> Markdown) that the plain card below is filled with.
    card: Callable[[dict[str, Any]], str] | Mapping[str, str] = dataclasses.field(default_factory=dict)
    # Further entries of the manifest's trainedOn.
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def code_hash(files: Sequence[Path]) -> str:
    """sha256 over names and bytes of the files that decide the weights, so that a card says which code made them."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def write_package(folder: Path, package: Package, created_at: datetime | None = None) -> dict[str, Any]:
    """Writes the package into `folder` and answers its manifest; raises ExportError where the parts contradict."""
    fields = [versioned(name) for name in package.features]
    schema_hash = feature_schema_hash(package.feature_schema, fields)
    graph = stamp(
        package.graph,
        {
            "rangekeeper.name": package.name,
            "rangekeeper.version": package.version,
            "rangekeeper.feature_schema_hash": schema_hash,
        },
    )
    if len(graph) > LARGEST_FILE:
        raise ExportError(f"export: {package.name} is {len(graph)} bytes, must be at most {LARGEST_FILE}")
    manifest = make_manifest(package, graph, fields, schema_hash, created_at or datetime.now(UTC))
    check_package(package, manifest, graph)
    run = {
        "command": package.reproduce,
        "seeds": list(package.trained_on.seeds),
        "dataHash": package.trained_on.data_hash,
        "codeHash": package.trained_on.code_hash,
    }
    card = package.card(manifest) if callable(package.card) else plain_card(package, manifest, package.card)
    (folder / "train").mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(graph)
    for name, value in {
        "manifest.json": manifest,
        "sample.json": package.samples,
        "metrics.json": package.metrics,
        "train/run.json": run,
    }.items():
        (folder / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    (folder / "README.md").write_text(card)
    return manifest


def make_manifest(
    package: Package, graph: bytes, fields: list[str], schema_hash: str, created_at: datetime
) -> dict[str, Any]:
    """manifest.json. Shapes, opset and size come from the graph itself."""
    model = onnx.load_from_string(graph)
    trained = package.trained_on
    inputs = [_tensor(value) for value in model.graph.input]
    for tensor in inputs:
        if tensor["name"] == "features":
            tensor["features"] = package.feature_schema
    outputs = [
        _tensor(value) | {"unit": package.unit, "columns": list(package.columns)} for value in model.graph.output
    ]
    tested = package.tested_on
    return {
        "schemaVersion": SCHEMA_VERSION,
        "id": package.name,
        "name": package.name,
        "version": package.version,
        "task": package.task,
        "format": "onnx",
        "file": "model.onnx",
        "sha256": f"0x{sha256(graph)}",
        "sizeBytes": len(graph),
        "opset": next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx")),
        "irVersion": model.ir_version,
        "license": package.license,
        "authors": list(package.authors),
        "createdAt": created_at.strftime("%Y-%m-%d"),
        "framework": package.framework,
        "featureSchema": {"id": package.feature_schema, "hash": schema_hash, "fields": fields},
        "inputs": inputs,
        "outputs": outputs,
        "horizonSeconds": list(package.horizons_seconds),
        "barSeconds": package.bar_seconds,
        "trainedOn": {
            "sources": [dict(source) for source in trained.sources],
            "chainIds": list(trained.chain_ids),
            "pools": list(trained.pools),
            "series": list(trained.series),
            "from": int(trained.since),
            "to": int(trained.until),
            "rows": trained.rows if isinstance(trained.rows, int) else dict(trained.rows),
            "dataHash": trained.data_hash,
            "codeHash": trained.code_hash,
            "seeds": list(trained.seeds),
            "split": trained.split,
            "purgeSeconds": trained.purge_seconds,
            "embargoSeconds": trained.embargo_seconds,
        }
        | dict(package.notes),
        "testedOn": None if tested is None else {"from": int(tested.since), "to": int(tested.until), "by": tested.by},
        "metrics": dict(package.metrics),
        "runtime": {"maxLatencyMs": package.max_latency_ms, "threads": 1, "ep": "wasm"},
        "domain": {name: dict(edges) for name, edges in package.domain.items()},
        "onOutOfDomain": "hold",
        "samples": dict(package.samples["tolerance"]),
        "limits": {"maxWeight": package.max_weight},
        "compat": {"minSuite": package.min_suite},
    }


def check_package(package: Package, manifest: dict[str, Any], graph: bytes) -> None:
    """What the loader would refuse is refused here already, where it can still be mended."""
    name = package.name
    wanted = {"features": len(package.features), "mask": len(package.features)}
    found = {tensor["name"]: tensor["shape"][-1] for tensor in manifest["inputs"]}
    wanted |= {key: width for key, width in EXTRA_INPUTS.items() if key in found}
    if NEEDS_RANGE.get(package.task, False):
        wanted["range"] = EXTRA_INPUTS["range"]
    if found != wanted:
        raise ExportError(f"export: {name} takes {found}, but its features and task ask for {wanted}")
    out = {tensor["name"]: tensor["shape"][-1] for tensor in manifest["outputs"]}
    if out != {"quantiles": len(package.columns)}:
        raise ExportError(f"export: {name} answers {out}, must be quantiles with {len(package.columns)} columns")
    cases = package.samples["samples"]
    if len(cases) < FEWEST_SAMPLES:
        raise ExportError(f"export: {name} has {len(cases)} samples, must be at least {FEWEST_SAMPLES}")
    tested, trained = package.tested_on, package.trained_on
    if tested is not None and tested.by == HELD_OUT and trained.until + trained.purge_seconds > tested.since:
        raise ExportError(
            f"export: {name} was fitted until {trained.until}, but tested from {tested.since}: the spans overlap"
        )
    for initializer in onnx.load_from_string(graph).graph.initializer:
        values = onnx.numpy_helper.to_array(initializer)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ExportError(f"export: {name} holds weights that are not finite in {initializer.name}")


def run_graph(data: bytes, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """What onnxruntime says for these inputs, float32 [N, outputs]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(["quantiles"], dict(inputs))[0]


def sample_cases(
    graph: bytes,
    features: np.ndarray,
    mask: np.ndarray,
    names: Sequence[str],
    horizons_seconds: Sequence[int] = (86400,),
) -> dict[str, Any]:
    """sample.json: ordinary rows [n, F] (mask 1 = missing), rows with values missing, and extremes, with the graph's
    own answers. Ranges and horizons are added where the graph takes them."""
    features = np.where(mask == 1, 0.0, features).astype(np.float32)
    mask = mask.astype(np.float32)
    names = list(names)
    blank = np.zeros((1, features.shape[1]), np.float32)
    partly = mask[:1].copy()
    partly[0, ::3] = 1.0
    for name, values, missing in (
        ("nothing known", blank, blank + 1.0),
        ("every third value missing", features[:1] * (1.0 - partly), partly),
        ("every value huge", blank + 1e6, blank),
        ("every value hugely negative", blank - 1e6, blank),
        ("every value zero", blank, blank),
    ):
        names.append(name)
        features, mask = np.concatenate([features, values]), np.concatenate([mask, missing])
    inputs = {"features": features, "mask": mask}
    taken = {value.name for value in onnx.load_from_string(graph).graph.input}
    days = np.log(np.asarray(horizons_seconds, np.float64) / 86400)
    each = np.asarray([days[i % len(days)] for i in range(len(names))], np.float32)[:, None]
    if "range" in taken:
        offsets = [[-0.05, 0.05], [-0.01, 0.02], [0.03, 0.2], [-0.5, -0.1], [-0.1, 0.1]]
        offsets += [[-0.2, 0.1], [-0.005, 0.005], [-10.0, 10.0], [-0.3, 0.4]]
        ranges = [offsets[i % len(offsets)] for i in range(len(names))]
        inputs["range"] = np.concatenate([np.asarray(ranges, np.float32), each], axis=1)
    if "horizon" in taken:
        inputs["horizon"] = each
    outputs = run_graph(graph, inputs)
    if not np.isfinite(outputs).all():
        bad = names[int(np.flatnonzero(~np.isfinite(outputs).all(axis=1))[0])]
        raise ExportError(f"export: the graph is not finite on its sample {bad!r}")
    return {"tolerance": SAMPLE_TOLERANCE, "samples": _cases(names, inputs, outputs)}


def _cases(names: list[str], inputs: dict[str, np.ndarray], outputs: np.ndarray) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = []
    for i, name in enumerate(names):
        case: dict[str, Any] = {"name": name}
        for key, values in inputs.items():
            missing = inputs["mask"][i] if key == "features" else np.zeros(values.shape[1])
            case[key] = [None if missing[j] else float(v) for j, v in enumerate(values[i])]
        case["quantiles"] = [float(v) for v in outputs[i]]
        cases.append(case)
    return cases


def domain_of(
    features: np.ndarray, mask: np.ndarray, names: Sequence[str], without: Sequence[str] = ()
) -> dict[str, dict[str, float]]:
    """The 1st and 99th percentile of each feature over the rows it was fitted on, but for those in `without`."""
    found: dict[str, dict[str, float]] = {}
    for column, name in enumerate(names):
        known = features[mask[:, column] == 0, column]
        if known.size and name not in without:
            low, high = np.percentile(known.astype(np.float64), [1, 99])
            found[name.split("@")[0]] = {"p1": round(float(low), 6), "p99": round(float(high), 6)}
    return found


def versioned(name: str) -> str:
    """`name@version`; a feature without one is its first version."""
    return name if "@" in name else f"{name}@1"


def feature_schema_hash(schema: str, fields: Sequence[str]) -> str:
    """sha256 of the compact JSON list [schema, ...fields], as the runtime computes it."""
    text = json.dumps([schema, *fields], separators=(",", ":"), ensure_ascii=False)
    return "0x" + hashlib.sha256(text.encode()).hexdigest()


def stamp(graph: bytes, properties: Mapping[str, str]) -> bytes:
    """The graph with these among its metadata, for readers in other languages."""
    model = onnx.load_from_string(graph)
    kept = {one.key: one.value for one in model.metadata_props if one.key not in properties}
    del model.metadata_props[:]
    helper.set_model_props(model, kept | dict(properties))
    return model.SerializeToString(deterministic=True)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _tensor(value: Any) -> dict[str, Any]:
    dims = value.type.tensor_type.shape.dim
    if value.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        raise ExportError(f"export: {value.name} must be float32")
    return {"name": value.name, "dtype": "float32", "shape": [dim.dim_param or dim.dim_value for dim in dims]}


def plain_card(package: Package, manifest: dict[str, Any], sections: Mapping[str, str]) -> str:
    """A card from what the package says of itself; `sections` fill or replace what follows a heading."""
    trained = package.trained_on
    tested = package.tested_on
    day = lambda at: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")  # noqa: E731
    spans = (
        f"Fitted on {day(trained.since)} to {day(trained.until)} ({trained.split}); rows: {trained.rows}."
        f" Labels purged, embargo {trained.embargo_seconds} s, seeds {', '.join(map(str, trained.seeds))}. Dataset"
        f" `{trained.data_hash}`, code `{trained.code_hash}`."
    )
    if tested is not None:
        spans += f" Scored out of sample ({tested.by}) on {day(tested.since)} to {day(tested.until)}."
    days = ", ".join(f"{seconds / 3600:g} h" for seconds in package.horizons_seconds)
    text = {
        "Intended use": f"One input of `decide`: {package.unit}, at horizons {days}. Not advice, not a price forecast.",
        "Data": "\n".join(
            [spans, "", "| file | sha256 | licence class of the source |", "|---|---|---|"]
            + [f"| {s['file']} | `{s['sha256'][:18]}…` | {s['licence']} |" for s in trained.sources]
        ),
        "Features": ", ".join(f"`{field}`" for field in manifest["featureSchema"]["fields"]) + ".",
        "Metrics": "\n".join(_metric_rows(package.metrics)) or "None were measured.",
        "Limits": "A model of the past: a new kind of market is not in it.",
        "Out of domain": (
            "`manifest.json` holds the 1st and 99th percentile of each feature in training. Far outside of it the"
            " decision is to hold, and says so."
        ),
        "Risk": "Whoever gives it money can lose it; the strategy contract's bounds hold whatever the model says.",
        "Reproduce": f"```\n{package.reproduce}\n```\n\nSeeds {', '.join(map(str, trained.seeds))};"
        f" dataset `{trained.data_hash[:18]}`.",
    }
    lines = [
        "---",
        f"id: {package.name}",
        f"version: {package.version}",
        f"task: {package.task}",
        f"license: {package.license.lower()}",
        f"features: {package.feature_schema}",
        "---",
        "",
        "<!-- Written by ml/train/package.py; do not edit. -->",
        "",
        f"# {package.name}: {sections.get('Title', TITLES.get(package.task, package.task))}",
        "",
    ]
    for heading, body in (text | {key: value for key, value in sections.items() if key != "Title"}).items():
        lines += [f"## {heading}", "", body, ""]
    return "\n".join(lines)


def _metric_rows(metrics: Mapping[str, Any], path: str = "") -> list[str]:
    """Nested figures as one flat list."""
    rows: list[str] = []
    for key, value in metrics.items():
        name = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            rows += _metric_rows(value, name)
        elif isinstance(value, int | float | str):
            rows.append(f"- {name}: {value:.6g}" if isinstance(value, float) else f"- {name}: {value}")
    return rows
