"""Parameters of a mergekit configuration: filters, gradients over the layers, and which scope goes first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.methods import METHODS
from prometheus_trainer.merging.methods.method import Method

Value = float | bool

IGNORED_PARAMETERS = ("int8_mask",)
"""Booleans that mergekit knows and that change no result here."""

BOOLEANS = ("normalize", "rescale", *IGNORED_PARAMETERS)
_TRUE = ("true", "yes", "on", "y", "t", "1")
_FALSE = ("false", "no", "off", "n", "f", "0")
_RANGES: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "density": (lambda value: 0 <= value <= 1, "it is the share of elements to keep, from 0 to 1"),
    "p": (lambda value: 0 <= value < 1, "it is a probability, from 0 to below 1"),
}
_LAYER = re.compile(r"(?:^|\.)(?:layers|h)\.(\d+)\.")


@dataclass(frozen=True)
class Condition:
    """Values for the tensors whose name contains ``filter`` (``None``: all); several are a gradient over the layers."""

    filter: str | None
    values: tuple[Value, ...]

    def holds(self, tensor: str) -> bool:
        """Whether the tensor takes its value from here."""
        return self.filter is None or self.filter in tensor


@dataclass(frozen=True)
class Setting:
    """What a configuration says of one parameter in one scope: the first condition that holds counts."""

    conditions: tuple[Condition, ...]

    @property
    def constant(self) -> bool:
        """Whether every tensor has the same value."""
        first = self.conditions[0]
        return first.filter is None and len(first.values) == 1

    def value(self, tensor: str, t: float) -> Value | None:
        """For a tensor at ``t`` of the way through the layers; ``None`` where no condition holds."""
        for condition in self.conditions:
            if condition.holds(tensor):
                return _interpolated(condition.values, t)
        return None

    def unused(self, tensors: Sequence[str]) -> list[str]:
        """The filters from which none of the tensors takes its value."""
        taken = {
            next((i for i, one in enumerate(self.conditions) if one.holds(name)), None) for name in tensors
        }
        return [one.filter for i, one in enumerate(self.conditions) if one.filter and i not in taken]


Settings = Mapping[str, Setting]
"""The parameters of one scope, by name."""


def resolve(name: str, scopes: Iterable[Settings], tensor: str, t: float) -> Value | None:
    """The value of the first scope that has one for the tensor; ``None`` where none has."""
    for scope in scopes:
        if name in scope:
            value = scope[name].value(tensor, t)
            if value is not None:
                return value
    return None


def unused_filter(place: str, chosen: str, tensors: Sequence[str]) -> str:
    """The warning for a filter from which no tensor takes its value."""
    if any(chosen in name for name in tensors):
        return (
            f"{place}: the value for filter {chosen} is never used: each tensor with {chosen} in its name takes "
            "that of an earlier entry"
        )
    close = get_close_matches(chosen, _parts_of_names(tensors, chosen.count(".") + 1), n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{place}: filter {chosen} is part of no tensor's name: its value is never used{hint}"


def _parts_of_names(tensors: Sequence[str], length: int) -> list[str]:
    """Each run of so many words of the names, without numbers, which are no slips of the fingers."""
    words = [[word for word in name.split(".") if not word.isdigit()] for name in tensors]
    runs = (".".join(name[i : i + length]) for name in words for i in range(len(name) - length + 1))
    return list(dict.fromkeys(runs))


def layer_number(tensor: str) -> int | None:
    """``3`` for ``model.layers.3.mlp.up_proj.weight``; ``None`` for embeddings, the final norm and ``lm_head``."""
    found = _LAYER.search(tensor)
    return int(found[1]) if found else None


def place_in_layers(tensor: str, layers: int) -> float:
    """Where a gradient is read for a tensor: from 0 for the first layer to 1 for the last.

    As mergekit plans it: 1 where there is one layer only, 0 for everything outside the layers, ``lm_head`` included.
    """
    layer = layer_number(tensor)
    if layer is None:
        return 0.0
    return layer / (layers - 1) if layers > 1 else 1.0


def parse_settings(place: str, parameters: Any, method_name: str, per_model_only: bool = False) -> Settings:
    """Checks a ``parameters`` mapping; with ``per_model_only`` it belongs to one model.

    ConfigurationError for a parameter that the method does not have, and for a value that it can't have.
    """
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise ConfigurationError(f"{place}: found {kind(parameters)}, not a mapping", "write NAME: VALUE")
    method = METHODS[method_name]
    settings = {}
    for name, value in parameters.items():
        _check_name(f"{place}.{name}", name, value, method_name, method)
        if per_model_only and name in method.shared:
            raise ConfigurationError(
                f"{place}.{name}: this concerns all models together",
                "move it to parameters at the top level; mergekit would pass over it here",
            )
        setting = _parse_setting(f"{place}.{name}", name, value)
        if name in method.shared or name in method.per_model:
            settings[name] = setting
    return settings


def check_keys(place: str, mapping: Mapping[Any, Any], known: Sequence[str]) -> None:
    """ConfigurationError where the mapping has another key, with the known one that looks most like it."""
    for key in mapping:
        if key not in known:
            close = get_close_matches(str(key), known, n=1)
            raise ConfigurationError(
                f"{place}: unknown key {key!r}",
                f"did you mean {close[0]}?" if close else f"keys: {', '.join(known)}",
            )


def kind(value: Any) -> str:
    """What was found, for an error."""
    return "nothing" if value is None else f"{type(value).__name__} {value!r}"


def _interpolated(values: Sequence[Value], t: float) -> Value:
    scaled = t * (len(values) - 1)
    before = int(scaled)
    if isinstance(values[0], bool):
        return values[before]
    after = min(len(values) - 1, before + 1)
    rest = scaled - before
    return (1 - rest) * values[before] + rest * values[after]


def _check_name(place: str, name: Any, value: Any, method_name: str, method: Method) -> None:
    own = (*method.shared, *method.per_model)
    if name in own or name in IGNORED_PARAMETERS:
        return
    # mergekit's ties and task_arithmetic have it too, and off it says what happens anyway.
    if name == "rescale" and method_name in ("ties", "task_arithmetic"):
        if value is False or value == 0:
            return
        raise ConfigurationError(
            f"{place}: {method_name} does not rescale here",
            "leave it out, or write engine: mergekit in the recipe",
        )
    others = [
        other for other, declared in METHODS.items() if name in declared.shared or name in declared.per_model
    ]
    close = get_close_matches(str(name), own, n=1)
    if others:
        hint = f"leave it out: {name} belongs to {', '.join(others)}"
    elif close:
        hint = f"did you mean {close[0]}?"
    else:
        hint = "leave it out"
    raise ConfigurationError(
        f"{place}: unknown parameter {name!r} of {method_name}, which has {', '.join(sorted(own))}", hint
    )


def _parse_setting(place: str, name: str, value: Any) -> Setting:
    if isinstance(value, dict):
        return Setting((_parse_condition(place, name, value),))
    if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        return Setting(tuple(_parse_condition(f"{place}[{i}]", name, entry) for i, entry in enumerate(value)))
    return Setting((Condition(None, _parse_values(place, name, value)),))


def _parse_condition(place: str, name: str, condition: Any) -> Condition:
    if not isinstance(condition, dict):
        raise ConfigurationError(
            f"{place}: found {kind(condition)} among conditions",
            "write either a list of numbers, or a list of - {filter: …, value: …}",
        )
    if "pattern" in condition:
        raise ConfigurationError(
            f"{place}: unknown key 'pattern'", "did you mean filter? mergekit renamed it"
        )
    check_keys(place, condition, ("filter", "value"))
    chosen = condition.get("filter")
    if chosen is not None and not isinstance(chosen, str):
        raise ConfigurationError(
            f"{place}.filter: found {kind(chosen)}", "write a part of the tensors' names"
        )
    if chosen == "":
        raise ConfigurationError(
            f"{place}.filter: it is empty",
            "write a part of the tensors' names, or leave filter out for all tensors",
        )
    if "value" not in condition:
        raise ConfigurationError(f"{place}: no value", "write value: beside filter:")
    values = _parse_values(f"{place}.value", name, condition["value"])
    return Condition(None if chosen == "*" else chosen, values)


def _parse_values(place: str, name: str, value: Any) -> tuple[Value, ...]:
    parse = _parse_boolean if name in BOOLEANS else _parse_number
    if not isinstance(value, list):
        return (parse(place, name, value),)
    if not value:
        raise ConfigurationError(
            f"{place}: the list is empty", "give one value, or those to interpolate over the layers"
        )
    return tuple(parse(f"{place}[{i}]", name, entry) for i, entry in enumerate(value))


def _parse_number(place: str, name: str, value: Any) -> float:
    number = _number(value)
    if number is None:
        raise ConfigurationError(
            f"{place}: {name} is {value!r}",
            "give one number, a list to interpolate over the layers, or a list of - {filter: …, value: …}",
        )
    if name in _RANGES and not _RANGES[name][0](number):
        raise ConfigurationError(f"{place}: {name} is {value!r}", _RANGES[name][1])
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)  # a YAML 1.1 reader leaves 1e-3 a string
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _parse_boolean(place: str, name: str, value: Any) -> bool:
    # A YAML 1.1 reader, as mergekit's, takes yes and on for true; one of YAML 1.2 leaves them strings.
    word = str(value).lower() if isinstance(value, bool | str) else value
    if word in (*_TRUE, 1):
        return True
    if word in (*_FALSE, 0):
        return False
    raise ConfigurationError(f"{place}: {name} is {value!r}", "write true or false")
