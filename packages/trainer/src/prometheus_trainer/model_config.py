"""A model's config.json as transformers reads it, with sizes that a model can have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError, described
from prometheus_trainer.model_files import read_object
from prometheus_trainer.strict_json import kind_of

_HINT = "Correct it there, or download the file again."
_LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers")
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")
_WIDTHS = (
    "hidden_size",
    "intermediate_size",
    "moe_intermediate_size",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "vocab_size",
    "n_embd",
    "n_head",
    "n_inner",
)
MOST_LAYERS = 2_000
MOST_EXPERT_MODULES = 50_000
MOST_WIDTH = 1 << 27
"""Of layers, of experts over all layers, and of any other size: many times those of the largest models. Without
a limit a loader would make modules until the memory is full, before it compares a single one with the weights. In
packages/recipe, model-architecture.ts has the same ones."""


def check_sizes(file: Path, config: Mapping[str, Any]) -> None:
    """ConfigurationError where a size in a ``config.json`` is no whole number, or larger than any model's."""
    text = config.get("text_config")
    for part in (config, text) if isinstance(text, dict) else (config,):
        for key in (*_LAYERS, *_EXPERTS, *_WIDTHS):
            value = part.get(key)
            most = MOST_LAYERS if key in _LAYERS else MOST_EXPERT_MODULES if key in _EXPERTS else MOST_WIDTH
            if value is None or (isinstance(value, list) and key not in _LAYERS):
                continue  # a list has one size for each layer, in a few model types
            if type(value) is not int:
                raise ConfigurationError(f"{file}: {key} is {kind_of(value)}, not a whole number", _HINT)
            if not 0 <= value <= most:
                raise ConfigurationError(
                    f"{file}: {key} is below 0 or above {most}, which no model has", _HINT
                )
        layers = max((part[key] for key in _LAYERS if part.get(key)), default=1)
        experts = max((part[key] for key in _EXPERTS if isinstance(part.get(key), int)), default=1)
        if layers * experts > MOST_EXPERT_MODULES:
            raise ConfigurationError(
                f"{file}: {layers} layers of {experts} experts are more than {MOST_EXPERT_MODULES} modules, which no "
                "model has",
                _HINT,
            )
    for key in ("model_type", "attn_implementation", "_attn_implementation", "dtype", "torch_dtype"):
        value = config.get(key)
        if value is not None and not isinstance(value, str):
            raise ConfigurationError(f"{file}: {key} is {kind_of(value)}, not a text", _HINT)
        if isinstance(value, str) and "attn" in key and "/" in value:
            raise ConfigurationError(
                f"{file}: {key} names a repository of the hub, whose code would run",
                "Take it out, and choose with attn_implementation in the recipe.",
            )


def transformers_config(folder: Path) -> Any:
    """The config object that transformers makes of a folder's ``config.json``; None for a model type it does not know.

    No code of the folder runs, whatever its ``auto_map`` names. ConfigurationError for what transformers refuses.
    """
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    file = folder / "config.json"
    config = read_object(file)
    check_sizes(file, config)
    model_type = config.get("model_type")
    if model_type is None or model_type not in CONFIG_MAPPING:
        return None
    if config.get("auto_map") is not None and not isinstance(config["auto_map"], dict):
        raise ConfigurationError(f"{file}: auto_map is {kind_of(config['auto_map'])}, not an object", _HINT)
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # whatever a value of the wrong kind raises
        raise ConfigurationError(
            f"{file}: transformers does not read it ({described(error)[:500]})", _HINT
        ) from error
