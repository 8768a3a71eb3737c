"""TRL's LoRA settings as PEFT's, by the names that modules have inside the model, and what PEFT makes of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from trl.trainer.model_config import ModelConfig
from trl.trainer.utils import get_peft_config

from prometheus_trainer.errors import ConfigurationError, described
from prometheus_trainer.model_config import transformers_config
from prometheus_trainer.unfused_mixtral import empty_unfused_mixtral, inside_targets, original_targets

ALL_LINEAR = "all-linear"


def lora_config(
    model_config: ModelConfig, *, mixtral: bool, modules: Mapping[str, nn.Module] = MappingProxyType({})
) -> LoraConfig | None:
    """The LoRA settings, None for full tuning. Raises ConfigurationError for targets that can't be met.

    ``modules`` are those of the model by their names inside. Those of a Mixtral are needed for a pattern, which is
    written for original names, and for "all-linear", of which PEFT would make the fused experts.
    """
    config: Any = get_peft_config(model_config)
    if config is None:
        return None
    if mixtral and config.target_modules is None:
        raise ConfigurationError(
            "arguments.lora_target_modules is missing",
            "Name the layers: q_proj, k_proj, v_proj, o_proj, w1, w2, w3, lm_head as in the original.",
        )
    targets, pattern = named_targets(config.target_modules), target_pattern(config.target_modules)
    if targets is not None:
        config.target_modules = set(inside_targets(targets) if mixtral else targets)
    elif mixtral and pattern is not None:
        config.target_modules = {
            name for name in modules if re.fullmatch(pattern, original_targets([name])[0])
        }
    elif mixtral:
        linear = {
            name.rsplit(".", 1)[-1] for name, module in modules.items() if isinstance(module, nn.Linear)
        }
        config.target_modules = linear - {"lm_head"}
    if mixtral and config.modules_to_save:
        config.modules_to_save = inside_targets(config.modules_to_save)
    return config


def named_targets(targets: str | Sequence[str] | None) -> list[str] | None:
    """The names among TRL's ``lora_target_modules``; None for a pattern, for "all-linear" and for PEFT's own choice.

    TRL makes a text of a list of one, which PEFT would take for a pattern.
    """
    if isinstance(targets, str):
        return [targets] if re.fullmatch(r"[\w.]+", targets) else None
    return None if targets is None else list(targets)


def target_pattern(targets: str | Sequence[str] | None) -> str | None:
    """The pattern that whole names of modules must match, where ``lora_target_modules`` is one."""
    is_pattern = isinstance(targets, str) and targets.lower() != ALL_LINEAR and named_targets(targets) is None
    return targets if is_pattern else None  # type: ignore[return-value]


def empty_model(base_model: Path, *, mixtral: bool) -> nn.Module | None:
    """The model without weights, as training builds it; None where transformers does not know its type.

    Built by its class: transformers' own way would share it out under ZeRO-3.
    """
    import torch
    from transformers import AutoModelForCausalLM

    config = transformers_config(base_model)
    if config is None:
        return None
    try:
        if mixtral:
            return empty_unfused_mixtral(config)
        model_class: Any = AutoModelForCausalLM._model_mapping[type(config)]
        with torch.device("meta"):
            return model_class(config)
    except KeyError:
        return None
    except Exception as error:  # whatever sizes that do not fit each other raise
        raise ConfigurationError(
            f"{base_model / 'config.json'}: transformers can't build the model ({described(error)[:500]})",
            "Correct the sizes there, or download the file again.",
        ) from error


def adapted(model: nn.Module, config: LoraConfig) -> PeftModel:
    """PEFT's model on one without weights. Raises ConfigurationError for what PEFT refuses."""
    try:
        return get_peft_model(model, config, low_cpu_mem_usage=True)  # type: ignore[arg-type, return-value]
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"arguments.lora_target_modules, arguments.lora_modules_to_save: PEFT refuses them: {error}",
            "Name linear layers or embed_tokens as targets, and other modules to save.",
        ) from error
