"""JSON types of the keys of a configuration, out of Python's annotations."""

from __future__ import annotations

import enum
import json
import sys
import types
import typing
from pathlib import Path
from typing import Any

JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def describe(hint: Any) -> dict[str, Any]:
    """``types``, the JSON types that ``hint`` stands for, and ``choices`` where it lists the values."""
    found: set[str] = set()
    choices: list[Any] = []
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


def write_keys(target: Path, versions: dict[str, str], keys: dict[str, Any]) -> int:
    """Writes the file; with ``--check`` on the command line compares it instead, and returns 1 where it differs."""
    text = json.dumps({**versions, "keys": keys}, indent=1) + "\n"
    if "--check" not in sys.argv:
        target.write_text(text, encoding="utf-8")
    elif not target.exists() or target.read_text(encoding="utf-8") != text:
        installed = " ".join(f"{name} {version}" for name, version in versions.items())
        print(f"{target.name} differs from {installed}: run npm run generate", file=sys.stderr)
        return 1
    return 0


def _flatten(hint: Any) -> list[Any]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [part for argument in typing.get_args(hint) for part in _flatten(argument)]
    return [hint]
