"""A mergekit configuration, checked: https://github.com/arcee-ai/mergekit#merge-configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.dtypes import DType, dtype_named
from prometheus_trainer.merging.methods import METHODS, Method

SUPPORTED_KEYS = ("merge_method", "models", "parameters", "base_model", "dtype", "out_dtype")
OTHER_MERGEKIT_KEYS = ("slices", "modules", "tokenizer_source", "tokenizer", "chat_template")
PARAMETERS = ("weight", "normalize")


@dataclass(frozen=True)
class MergeConfig:
    """``folders`` and ``weights`` have one entry a model; ``dtype`` ``None`` keeps the models' own.

    ``base_model`` takes no part in a linear merge; mergekit copies config and tokenizer from it.
    """

    method_name: str
    method: Method
    folders: tuple[Path, ...]
    weights: tuple[float, ...]
    normalize: bool
    base_model: Path | None
    dtype: DType | None


def parse_merge_config(config: Any) -> MergeConfig:
    """Checks a parsed configuration whose model names are local folders.

    Keys that mergekit does not know are errors, not ignored. So are mergekit's methods, keys and per-layer
    parameter lists that this engine lacks: none is left out in silence.
    """
    if not isinstance(config, dict):
        raise ConfigurationError(f"merge configuration: found {_kind(config)}, not a mapping of keys")
    for key in config:
        if key in OTHER_MERGEKIT_KEYS:
            raise ConfigurationError(
                f"merge configuration: {key}: mergekit has this key, this engine does not",
                "leave it out; config, tokenizer and chat template come from the donor",
            )
    _check_keys("merge configuration", config, SUPPORTED_KEYS)
    name = config.get("merge_method")
    if name not in METHODS:
        raise ConfigurationError(
            f"merge configuration: merge_method: {name!r} is not there", f"methods: {', '.join(METHODS)}"
        )
    method = METHODS[name]
    common = _parameters("merge configuration: parameters", config.get("parameters"))
    folders, weights = _models(config.get("models"), common)
    normalize = _normalize("merge configuration: parameters", common, method.normalize_default)
    if normalize and abs(sum(weights)) < 1e-8:
        raise ConfigurationError(
            f"merge configuration: the weights {', '.join(map(str, weights))} sum to 0",
            "change the weights, or set parameters.normalize to false",
        )
    base_model = config.get("base_model")
    dtype = config.get("out_dtype") or config.get("dtype")
    for key in ("dtype", "out_dtype"):
        if config.get(key) is not None:
            dtype_named(config[key], f"merge configuration: {key}")
    return MergeConfig(
        method_name=name,
        method=method,
        folders=folders,
        weights=weights,
        normalize=normalize,
        base_model=None if base_model is None else _folder("merge configuration: base_model", base_model),
        dtype=None if dtype is None else dtype_named(dtype, "merge configuration: out_dtype"),
    )


def _models(models: Any, common: dict[str, Any]) -> tuple[tuple[Path, ...], tuple[float, ...]]:
    if not isinstance(models, list) or len(models) < 2:
        found = f"{len(models)} of them" if isinstance(models, list) else _kind(models)
        raise ConfigurationError(
            f"merge configuration: models: found {found}", "list two models or more, each as - model: FOLDER"
        )
    folders, weights = [], []
    for i, entry in enumerate(models):
        place = f"merge configuration: models[{i}]"
        if not isinstance(entry, dict):
            raise ConfigurationError(f"{place}: found {_kind(entry)}", "write - model: FOLDER")
        _check_keys(place, entry, ("model", "parameters"))
        folders.append(_folder(f"{place}.model", entry.get("model")))
        own = _parameters(f"{place}.parameters", entry.get("parameters"))
        if "normalize" in own:
            raise ConfigurationError(
                f"{place}.parameters.normalize: this concerns all models together",
                "move it to parameters at the top level",
            )
        weights.append(_weight(place, {**common, **own}))
    return tuple(folders), tuple(weights)


def _parameters(place: str, parameters: Any) -> dict[str, Any]:
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise ConfigurationError(f"{place}: found {_kind(parameters)}, not a mapping")
    _check_keys(place, parameters, PARAMETERS)
    return parameters


def _weight(place: str, parameters: dict[str, Any]) -> float:
    if "weight" not in parameters:
        raise ConfigurationError(f"{place}: no parameters.weight", "write parameters: {weight: 1.0}")
    weight = parameters["weight"]
    if type(weight) not in (int, float) or not isfinite(weight):
        raise ConfigurationError(
            f"{place}: weight is {weight!r}",
            "give one number; mergekit's lists of weights by layer or tensor are not supported here",
        )
    return float(weight)


def _normalize(place: str, parameters: dict[str, Any], default: bool) -> bool:
    normalize = parameters.get("normalize", default)
    if type(normalize) not in (bool, int, float) or normalize not in (0, 1):
        raise ConfigurationError(f"{place}.normalize: {normalize!r}", "write true or false")
    return bool(normalize)


def _folder(place: str, value: Any) -> Path:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{place}: found {_kind(value)}", "name a model")
    if not Path(value).is_dir():
        raise ConfigurationError(f"{place}: {value}: no such folder", "name the folder of a model")
    return Path(value)


def _check_keys(place: str, mapping: dict[Any, Any], known: Iterable[str]) -> None:
    for key in mapping:
        if key not in known:
            close = get_close_matches(str(key), known, n=1)
            raise ConfigurationError(
                f"{place}: unknown key {key!r}",
                f"did you mean {close[0]}?" if close else f"keys: {', '.join(known)}",
            )


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {value!r}"
