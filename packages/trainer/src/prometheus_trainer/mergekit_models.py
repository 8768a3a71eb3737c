"""The places of a mergekit configuration that name a model, and what is written there.

packages/recipe has the same list (mergekit-models.ts), so that ``validate`` refuses at its line what is refused here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.strict_json import kind_of

_LONG_FORM = {"model", "lora", "override_architecture"}
_NO_MODELS = ("union", "base")
_HINT = (
    "write the folder of a model, or ${name}; mergekit's long form has model, lora and override_architecture"
)


@dataclass(frozen=True)
class ModelName:
    """``written`` is ``MODEL`` or ``MODEL+ADAPTER``; ``architecture`` the class that mergekit takes the model for."""

    written: str
    architecture: str | None = None


Replacement = Callable[[ModelName], Any]


def with_models(config: dict[str, Any], merged: Replacement, tokenizer: Replacement) -> dict[str, Any]:
    """A copy of the configuration with what stands for each of its models.

    ``merged`` for those whose weights are read: in ``models``, ``slices`` and ``base_model``, also of ``modules``, and
    in the sources of single tokens; ``tokenizer`` for ``tokenizer_source`` and the source of ``tokenizer``: all the
    places where mergekit 0.1.5 reads a name of a model. ConfigurationError for a name of another form than it reads.
    """

    def at(key: str, values: dict[str, Any], replace: Replacement, place: str) -> dict[str, Any]:
        value = values.get(key)
        is_word = replace is tokenizer and isinstance(value, str) and value in _NO_MODELS
        if value is None or is_word:
            return values
        return {**values, key: replace(_name(f"{place}{key}", value))}

    def entries(value: Any, place: str) -> Any:
        return _each(value, place, lambda entry, where: at("model", entry, merged, where))

    def slices(value: Any, place: str) -> Any:
        def one(part: dict[str, Any], where: str) -> dict[str, Any]:
            # The sources first: the first model that is named is the donor where the file has no base_model for all.
            part = {**part, "sources": entries(part.get("sources"), f"{where}sources")}
            return at("base_model", part, merged, where)

        return _each(value, place, one)

    def output(values: dict[str, Any], place: str) -> dict[str, Any]:
        for key, replace in (("models", entries), ("slices", slices)):
            if values.get(key) is not None:
                values = {**values, key: replace(values[key], f"{place}{key}")}
        return values

    def token(values: dict[str, Any], place: str) -> dict[str, Any]:
        source = values.get("source")
        if isinstance(source, dict) and "kind" in source:
            unknown = source.keys() - {"kind", "model", "token", "token_id"}
            if unknown or (source["kind"] != "model_token" and "model" in source):
                raise _refused(f"{place}source", "has keys that mergekit does not read there")
            return {**values, "source": at("model", source, merged, f"{place}source.")}
        return at("source", values, merged, place)

    config = output(at("base_model", at("tokenizer_source", config, tokenizer, ""), merged, ""), "")
    if config.get("modules") is not None:
        config = {**config, "modules": _all(config["modules"], "modules", output)}
    if config.get("tokenizer") is not None:
        settings = at("source", _mapping(config["tokenizer"], "tokenizer"), tokenizer, "tokenizer.")
        if settings.get("tokens") is not None:
            settings = {**settings, "tokens": _all(settings["tokens"], "tokenizer.tokens", token)}
        config = {**config, "tokenizer": settings}
    return config


def _name(place: str, value: Any) -> ModelName:
    if isinstance(value, str):
        return ModelName(value)
    if not isinstance(value, dict):
        raise _refused(place, f"is {kind_of(value)}, not the name of a model")
    if not value.keys() <= _LONG_FORM or "model" not in value:
        raise _refused(place, "has keys that mergekit does not read there, or lacks model")
    parts = [_path(f"{place}.{key}", value[key]) for key in ("model", "lora") if value.get(key) is not None]
    architecture = value.get("override_architecture")
    if architecture is not None and not (isinstance(architecture, str) and architecture.isidentifier()):
        raise _refused(f"{place}.override_architecture", "is not the name of a class")
    return ModelName("+".join(parts), architecture)


def _path(place: str, value: Any) -> str:
    """A revision is no part of a folder's name, and everything that mergekit gets is a folder."""
    if (
        isinstance(value, dict)
        and value.keys() <= {"path", "revision"}
        and isinstance(value.get("path"), str)
    ):
        if value.get("revision") is not None:
            raise _refused(
                place, f"names the revision of {value['path']}, which mergekit would fetch by itself"
            )
        return value["path"]
    if isinstance(value, str):
        return value
    raise _refused(place, f"is {kind_of(value)}, not a text or {{path}}")


def _each(value: Any, place: str, work: Callable[[dict[str, Any], str], dict[str, Any]]) -> Any:
    if value is None:
        return value
    if not isinstance(value, list):
        raise _refused(place, f"is {kind_of(value)}, not a list")
    return [work(_mapping(entry, f"{place}[{i}]"), f"{place}[{i}].") for i, entry in enumerate(value)]


def _all(value: Any, place: str, work: Callable[[dict[str, Any], str], dict[str, Any]]) -> dict[str, Any]:
    return {
        key: entry if entry is None else work(_mapping(entry, f"{place}.{key}"), f"{place}.{key}.")
        for key, entry in _mapping(value, place).items()
    }


def _mapping(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refused(place, f"is {kind_of(value)}, not a mapping of keys")
    return value


def _refused(place: str, problem: str) -> ConfigurationError:
    return ConfigurationError(f"merge configuration: {place} {problem}", _HINT)
