"""JSON types of the keys of a configuration, out of Python's annotations."""

from __future__ import annotations

import enum
import json
import sys
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def describe(hint: Any, named: Sequence[Any] | None = None) -> dict[str, Any]:
    """``types``, the JSON types that ``hint`` stands for, and ``choices`` where it lists the values.

    ``named`` are the values that a field names beside its annotation.
    """
    found: set[str] = set()
    choices: list[Any] = list(named or [])
    for part in _flatten(hint):
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


def write_keys(target: Path, facts: dict[str, Any], keys: dict[str, Any]) -> int:
    """Writes the file; with ``--check`` on the command line compares it instead, and returns 1 where it differs.

    ``facts`` stand above the keys; the texts among them are versions.
    """
    text = json.dumps({**facts, "keys": keys}, indent=1) + "\n"
    if "--check" not in sys.argv:
        target.write_text(text, encoding="utf-8")
    elif not target.exists() or target.read_text(encoding="utf-8") != text:
        installed = " ".join(
            f"{name} {version}" for name, version in facts.items() if isinstance(version, str)
        )
        print(f"{target.name} differs from {installed}: run npm run generate", file=sys.stderr)
        return 1
    return 0


def _flatten(hint: Any) -> list[Any]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [part for argument in typing.get_args(hint) for part in _flatten(argument)]
    return [hint]
