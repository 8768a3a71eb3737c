"""Refuses LoRA target modules that a model does not have, before it is loaded."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from safetensors import safe_open

from prometheus_trainer.errors import ConfigurationError

ALL_LINEAR = "all-linear"


def named_targets(targets: str | Sequence[str] | None) -> list[str] | None:
    """The names among TRL's ``lora_target_modules``; None for a pattern, for "all-linear" and for PEFT's own choice.

    TRL makes a text of a list of one, which PEFT would take for a pattern.
    """
    if isinstance(targets, str):
        return [targets] if targets != ALL_LINEAR and re.fullmatch(r"[\w.]+", targets) else None
    return None if targets is None else list(targets)


def check_lora_targets(base_model: Path, targets: str | Sequence[str] | None) -> None:
    """Raises ConfigurationError for a target that names no layer of the model: PEFT would train without it.

    A name stands for every layer that is called so or whose name ends so after a dot, as in PEFT.
    """
    layers = layer_names(base_model)
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
