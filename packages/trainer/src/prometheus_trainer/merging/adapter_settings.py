"""The settings in a LoRA adapter's adapter_config.json, which may have come from anyone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from prometheus_trainer.adapter_support import features
from prometheus_trainer.cpu_limit import cpu_limit
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.strict_json import kind_of, shown

_BASE_CHANGING_INITS = ("pissa", "olora", "corda", "loftq", "lora_ga")
_MOST_PATTERN_SECONDS = 1.5
_AS_PEFT = "write it as PEFT does, or download the file again"
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("rank_pattern", "alpha_pattern"), ((dict,), "an object of patterns and numbers")),
    **dict.fromkeys(
        ("use_rslora", "fan_in_fan_out", "ensure_weight_tying", "use_dora"), ((bool,), "true or false")
    ),
    "modules_to_save": ((list,), "a list of names"),
    "target_modules": ((list, str), "a list of names, or a pattern"),
    "bias": ((str,), "a text"),
    "init_lora_weights": ((bool, str), "true, false or a text"),
}


def check_settings(file: Path, config: Mapping[str, Any]) -> None:
    """ConfigurationError for a kind of adapter that is not merged, and for values of other types than PEFT writes."""
    kind = config.get("peft_type")
    if kind != "LORA":
        found = f"'{shown(kind)}'" if isinstance(kind, str) else kind_of(kind)
        raise ConfigurationError(f"{file}: peft_type is {found}", "only LORA can be merged")
    for feature in features().values():
        if feature.adapter and config.get(feature.adapter):
            raise feature.refused_in_merge(f"{file}: {feature.adapter} is set")
    _check_types(file, config)
    init = config.get("init_lora_weights")
    if isinstance(init, str) and init.lower().startswith(_BASE_CHANGING_INITS):
        raise ConfigurationError(
            f"{file}: init_lora_weights is '{shown(init)}': it changed the base model's weights before training",
            "save it as plain LoRA first (PEFT: save_pretrained, path_initial_model_for_weight_conversion)",
        )


def scales(file: Path, config: Mapping[str, Any], modules: Iterable[str]) -> dict[str, tuple[Any, Any]]:
    """Rank and alpha of each module, as PEFT looks them up: of the first pattern that matches the end of its name.

    ConfigurationError for patterns that Python does not read, or that would take long.
    """
    try:
        with cpu_limit(_MOST_PATTERN_SECONDS):
            ranks, alphas = (
                [
                    (re.compile(rf"(.*\.)?({pattern})$"), value)
                    for pattern, value in (config.get(key) or {}).items()
                ]
                for key in ("rank_pattern", "alpha_pattern")
            )
            return {
                module: (
                    _first_match(ranks, module, config.get("r")),
                    _first_match(alphas, module, config.get("lora_alpha")),
                )
                for module in modules
            }
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigurationError(
            f"{file}: rank_pattern or alpha_pattern has a pattern that Python does not read: {error}",
            _AS_PEFT,
        ) from None
    except TimeoutError:
        raise ConfigurationError(
            f"{file}: rank_pattern or alpha_pattern has patterns that take more than {_MOST_PATTERN_SECONDS} s",
            "write plain names of modules, without repetitions in repetitions",
        ) from None


def is_finite(value: Any) -> bool:
    """Whether a value is a number that a float can hold."""
    return type(value) in (int, float) and abs(value) < 1e300 and isfinite(value)


def _check_types(file: Path, config: Mapping[str, Any]) -> None:
    """As PEFT writes them; a key that is missing or null has PEFT's default."""
    for key, (kinds, words) in _TYPES.items():
        value = config.get(key)
        if value is not None and type(value) not in kinds:
            raise ConfigurationError(f"{file}: {key} is {kind_of(value)}, not {words}", _AS_PEFT)
    for key in ("target_modules", "modules_to_save"):
        value = config.get(key)
        if isinstance(value, list) and not all(isinstance(entry, str) for entry in value):
            raise ConfigurationError(f"{file}: {key} has other entries than texts", _AS_PEFT)


def _first_match(patterns: list[tuple[re.Pattern[str], Any]], module: str, default: Any) -> Any:
    return next((value for pattern, value in patterns if pattern.match(module)), default)
