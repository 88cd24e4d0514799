"""Reads protocol.toml once and checks every field that the scripts use."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

from errors import ProtocolError

HERE = Path(__file__).resolve().parent
Protocol = dict[str, Any]

_FIELDS: dict[str, type] = {
    "schema": int,
    "feature_schema": str,
    "seeds": list,
    "split.calendar.train_until": datetime,
    "split.calendar.validation_from": datetime,
    "split.calendar.validation_until": datetime,
    "split.calendar.test_from": datetime,
    "split.calendar.embargo_seconds": int,
    "split.share.test_only_below_days": int,
    "features.halted_feature": str,
    "features.halted_below": float,
    "volatility.half_life_days": int,
    "baselines.ewma_lambda": float,
    "baselines.il_rolling_days": int,
    "decision_walk_forward.first_share": float,
    "decision_walk_forward.window_share": float,
    "decision_walk_forward.embargo_seconds": int,
}


def load_protocol(path: Path = HERE / "protocol.toml") -> Protocol:
    """The protocol as nested dictionaries; raises ProtocolError naming the field, the value and the rule."""
    if not path.is_file():
        raise ProtocolError(f"protocol: no file at {path}")
    try:
        protocol = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError(f"protocol: {path.name} is not TOML: {error}") from error
    for field, kind in _FIELDS.items():
        value: Any = protocol
        for part in field.split("."):
            if not isinstance(value, dict) or part not in value:
                raise ProtocolError(f"protocol: field {field} is missing from {path.name}")
            value = value[part]
        if not isinstance(value, kind):
            raise ProtocolError(f"protocol: field {field} is {value!r}, must be {kind.__name__}")
    calendar = protocol["split"]["calendar"]
    order = [calendar[key] for key in ("train_until", "validation_from", "validation_until", "test_from")]
    if order != sorted(order):
        raise ProtocolError(
            "protocol: split.calendar must run train_until ≤ validation_from ≤ validation_until ≤ test_from"
        )
    if not protocol["seeds"]:
        raise ProtocolError("protocol: field seeds is [], must hold at least one seed")
    return protocol
