"""JSON that a stranger wrote: limited before it is parsed, and refused where Python takes more than JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

MOST_DEPTH = 64
"""Levels of lists and objects. A config.json has 5, a tokenizer.json 8; Python's parser itself gives up near 1,000."""

MOST_OBJECTS = 600_000
MOST_VALUES = 6_000_000
"""Objects, and values of any kind, in one text. The largest vocabulary that is published, 900,000 pieces with a score
each, has 2.7 million values; 6 million take at most 450 MB."""

_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(content: bytes, *, strict: bool = False) -> Any:
    """The value of a JSON text in UTF-8.

    ``strict`` also refuses what RFC 8259 leaves open and readers take in different ways: a key twice in one object, and
    ``NaN`` and ``Infinity``, which are no JSON. ValueError, with a reason for a message, for everything refused.
    """
    text = content.decode()  # json.loads would also take UTF-16, by the zero bytes
    objects = content.count(b"{")
    values = objects + content.count(b"[") + content.count(b",")
    if objects > MOST_OBJECTS or values > MOST_VALUES:
        raise ValueError(f"about {values} values, {objects} of them objects, and a file of a model has fewer")
    options: dict[str, Any] = {}
    if strict:
        options = {"object_pairs_hook": _distinct, "parse_constant": _refuse_constant}
    try:
        value = json.loads(text, **options)
    except RecursionError:
        raise ValueError(f"lists and objects are nested more than {MOST_DEPTH} deep") from None
    if _depth_exceeds(value, MOST_DEPTH):
        raise ValueError(f"lists and objects are nested more than {MOST_DEPTH} deep")
    if _ESCAPED_SURROGATE.search(content):
        json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    return value


def kind_of(value: Any) -> str:
    """What a value of JSON is, in a word or two: a message says this of a value of the wrong kind, not the value."""
    if value is None:
        return "null"
    for kind, name in ((bool, "true or false"), (str, "a text"), (list, "a list"), (dict, "an object")):
        if isinstance(value, kind):
            return name
    if isinstance(value, int):
        return "a whole number" if abs(value) < 1 << 63 else "a whole number of more than 64 bits"
    return "a fraction" if value - value == 0 else "not a finite number"


def number_or_kind(value: Any) -> str:
    """A short number as it is, of anything else what it is, for messages."""
    is_short = type(value) in (int, float) and abs(value) < 1e18
    return str(value) if is_short else kind_of(value)


def shown(name: str) -> str:
    """A name out of a stranger's file, as a message shows it: short, and without characters that can't be seen."""
    short = name if len(name) <= 120 else f"{name[:120]}…"
    return short if short.isprintable() else ascii(short)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"the key {shown(twice)} is there twice")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _depth_exceeds(value: Any, limit: int) -> bool:
    """Level by level, so that no depth is too much for it."""
    level = [value]
    for _ in range(limit + 1):
        level = [inner for outer in level for inner in _containers(outer)]
        if not level:
            return False
    return True


def _containers(value: Any) -> Iterator[Any]:
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (inner for inner in values if isinstance(inner, (dict, list)))
