"""Writes packages/recipe/src/training-keys.json: the keys of TRL's SFTConfig and ModelConfig with their types, and the
values that the profiles allow.

Recipes use these key names; TypeScript checks them from this file without Python. Run by ``npm run generate``.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import sys
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trl import ModelConfig, SFTConfig
from trl import __version__ as trl_version

TRAINER = Path(__file__).parents[1]
TARGET = TRAINER.parent / "recipe/src/training-keys.json"
JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def key_types() -> dict[str, dict[str, Any]]:
    """JSON types and, where they are fixed, the values that each key takes."""
    keys: dict[str, dict[str, Any]] = {}
    for config in (ModelConfig, SFTConfig):
        hints = typing.get_type_hints(config)
        for field in dataclasses.fields(config):
            if field.init:
                keys[field.name] = describe(hints[field.name], field.metadata.get("choices"))
    return dict(sorted(keys.items()))


def describe(hint: Any, named_choices: Sequence[Any] | None) -> dict[str, Any]:
    found: set[str] = set()
    choices: list[Any] = list(named_choices or [])
    for part in flatten(hint):
        origin = typing.get_origin(part) or part
        if part is type(None):
            found.add("null")
        elif origin is typing.Literal:
            choices.extend(typing.get_args(part))
            found.update(JSON_TYPES[type(value)] for value in typing.get_args(part))
        elif isinstance(part, type) and issubclass(part, enum.Enum):
            choices.extend(member.value for member in part)
            found.add("string")
        elif origin in JSON_TYPES:
            found.add(JSON_TYPES[origin])
        else:
            found.add("any")
    # transformers writes `float` for what may be given as a whole number too, and `int` where a string may name one.
    described: dict[str, Any] = {"types": sorted(found)}
    if choices and found <= {"string", "null"}:
        described["choices"] = choices
    return described


def flatten(hint: Any) -> list[Any]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [part for argument in typing.get_args(hint) for part in flatten(argument)]
    return [hint]


def profiles() -> dict[str, dict[str, Any]]:
    """For each profile the values that its fixed keys may have, the first of them taken when a recipe does not say."""
    sys.path.insert(0, str(TRAINER / "src"))
    from prometheus_trainer.training_arguments import FIXED

    return {
        profile: {key: list(allowed) for key, allowed in fixed.items()} for profile, fixed in FIXED.items()
    }


def main() -> int:
    described = {"trl": trl_version, "profiles": profiles(), "keys": key_types()}
    text = json.dumps(described, indent=1) + "\n"
    if "--check" in sys.argv:
        if TARGET.read_text(encoding="utf-8") == text:
            return 0
        print(f"{TARGET.name} differs from TRL {trl_version}: run npm run generate", file=sys.stderr)
        return 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
