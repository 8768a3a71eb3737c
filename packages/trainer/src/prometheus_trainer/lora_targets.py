"""Refuses LoRA target modules that a model does not have, before it is loaded."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from safetensors import safe_open

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.model_files import read_json_file

ALL_LINEAR = "all-linear"
# Of a Mixtral: no linear layer in transformers 5, so that PEFT adapts it as a bare parameter, which nothing merges.
ROUTER = "gate"
_NAME_THE_LAYERS = "Name the layers: q_proj, k_proj, v_proj, o_proj, w1, w2, w3, lm_head as in the original."


def named_targets(targets: str | Sequence[str] | None) -> list[str] | None:
    """The names among TRL's ``lora_target_modules``; None for a pattern, for "all-linear" and for PEFT's own choice.

    TRL makes a text of a list of one, which PEFT would take for a pattern.
    """
    if isinstance(targets, str):
        return [targets] if targets != ALL_LINEAR and re.fullmatch(r"[\w.]+", targets) else None
    return None if targets is None else list(targets)


def check_lora_targets(base_model: Path, targets: str | Sequence[str] | None) -> None:
    """Raises ConfigurationError for a target that names no layer of the model: PEFT would train without it.

    A name stands for every layer that is called so or whose name ends so after a dot, as in PEFT; a pattern must match
    a full name as a whole. Of a Mixtral, targets are refused that PEFT would take for others than they say.
    """
    layers = layer_names(base_model)
    mixtral = read_json_file(base_model / "config.json").get("model_type") == "mixtral"
    if mixtral and (targets == ALL_LINEAR or ROUTER in (named_targets(targets) or [])):
        raise ConfigurationError(
            "arguments.lora_target_modules: "
            + ("all-linear would adapt" if targets == ALL_LINEAR else f"{ROUTER} is")
            + " the router of a Mixtral, and no adapter for it can be merged",
            _NAME_THE_LAYERS,
        )
    if isinstance(targets, str) and targets != ALL_LINEAR and named_targets(targets) is None and layers:
        _check_pattern(base_model, targets, layers, mixtral)
    unknown = [
        target
        for target in named_targets(targets) or []
        if not any(f".{layer}".endswith(f".{target}") for layer in layers)
    ]
    if not unknown or not layers:
        return
    known = sorted({layer.rsplit(".", 1)[-1] for layer in layers})
    close = [match for target in unknown for match in difflib.get_close_matches(target, known, n=1)]
    raise ConfigurationError(
        f"arguments.lora_target_modules: {base_model} has no layer {', '.join(unknown)}",
        (f"Did you mean {', '.join(close)}? " if close else "") + f"It has {', '.join(known)}.",
    )


def _check_pattern(base_model: Path, pattern: str, layers: Sequence[str], mixtral: bool) -> None:
    try:
        meant = [layer for layer in layers if re.fullmatch(pattern, layer)]
    except re.error as error:
        raise ConfigurationError(
            f"arguments.lora_target_modules: the pattern {pattern!r} can't be read: {error}",
            "Correct it, or name the layers in a list.",
        ) from error
    if not meant:
        raise ConfigurationError(
            f"arguments.lora_target_modules: as a pattern, {pattern} matches no layer of {base_model}",
            f"A full name is such as {layers[-1]}; several names are a list: [q_proj, v_proj].",
        )
    if not mixtral:
        return
    from prometheus_trainer.unfused_mixtral import inside_key

    if meant != [layer for layer in layers if re.fullmatch(pattern, inside_key(f"{layer}.")[:-1])]:
        raise ConfigurationError(
            f"arguments.lora_target_modules: the pattern {pattern} can't name the experts of a Mixtral, which have "
            "other names in training",
            _NAME_THE_LAYERS,
        )


def layer_names(base_model: Path) -> list[str]:
    """Names of the layers with a matrix of weights, by the tensors of the folder; a tied output layer has none."""
    names = {"lm_head"}
    for file in base_model.glob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            names |= {
                key.removesuffix(".weight")
                for key in tensors.keys()  # noqa: SIM118
                if key.endswith(".weight") and len(tensors.get_slice(key).get_shape()) == 2
            }
    return sorted(names)
