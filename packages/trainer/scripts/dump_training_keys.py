"""Writes packages/recipe/src/training-keys.json: the keys of TRL's SFTConfig and ModelConfig.

Each has its types; ``default``, what a run has where a training file does not say (TRL's value or the profiles', left
out where it is null). ``profiles`` has for each profile the values that its fixed keys may have. Recipes use these key
names; TypeScript checks them from this file without Python. Run by ``npm run generate``.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import sys
import typing
from pathlib import Path
from typing import Any

from key_types import describe, write_keys
from trl import ModelConfig, SFTConfig
from trl import __version__ as trl_version

from prometheus_trainer.training_arguments import DEFAULTS, FIXED

TARGET = Path(__file__).parents[3] / "packages/recipe/src/training-keys.json"
# The profiles differ in what they compute with, not in what they leave unsaid.
PROFILE = "parity"
# What PEFT takes as a text (all-linear, or a pattern), and TRL passes on, though its type says a list.
TEXT_TOO = {"lora_target_modules"}
# Where there are test rows.
WITH_TEST_ROWS = {"eval_strategy": "epoch"}


def training_keys() -> dict[str, dict[str, Any]]:
    keys: dict[str, dict[str, Any]] = {}
    for config in (ModelConfig, SFTConfig):
        hints = typing.get_type_hints(config)
        for field in dataclasses.fields(config):
            if field.init:
                keys[field.name] = {
                    **describe(_type_of(field.name, hints[field.name]), field.metadata.get("choices")),
                    **_default(field),
                }
    return dict(sorted(keys.items()))


def _type_of(name: str, hint: Any) -> Any:
    return hint | str if name in TEXT_TOO else hint


def _default(field: dataclasses.Field[Any]) -> dict[str, Any]:
    allowed = FIXED[PROFILE].get(field.name)
    if allowed is not None:
        default = allowed[0]
    else:
        default = (DEFAULTS[PROFILE] | WITH_TEST_ROWS).get(field.name, _own_default(field))
    return {} if default is None else {"default": default}


def _own_default(field: dataclasses.Field[Any]) -> Any:
    made = field.default_factory is not dataclasses.MISSING
    default = field.default_factory() if made else field.default
    if isinstance(default, enum.Enum):
        default = default.value
    try:
        json.dumps(default)
    except TypeError:
        return None
    return default


if __name__ == "__main__":
    profiles = {name: {key: list(allowed) for key, allowed in fixed.items()} for name, fixed in FIXED.items()}
    sys.exit(write_keys(TARGET, {"trl": trl_version, "profiles": profiles}, training_keys()))
