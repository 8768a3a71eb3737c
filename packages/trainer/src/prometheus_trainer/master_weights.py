"""Whether float32 master weights are kept behind the weights that are trained, and by which optimizer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trl.trainer.model_config import ModelConfig
from trl.trainer.sft_config import SFTConfig

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.model_files import read_object
from prometheus_trainer.split_adamw import SplitAdamW

# AdamW's names whose result split AdamW has, to the order of roundings.
ADAMW = ("adamw_torch", "adamw_torch_fused")


@dataclass(frozen=True)
class MasterWeights:
    """``kept``: whether split AdamW keeps float32 weights. ``warning``: what is lost where nothing does."""

    kept: bool
    warning: str | None = None


def choose_master_weights(
    asked: bool | None, sft_config: SFTConfig, model_config: ModelConfig, base_model: Path
) -> MasterWeights:
    """Master weights as the job asks; by default in full fine-tuning of 16-bit weights where nothing else keeps them.

    ``packages/recipe/src/master-weights.ts`` decides by the same rules. Raises ConfigurationError where they are asked
    for and not available.
    """
    dtype = parameter_dtype(model_config, base_model)
    reason, loses_updates = _absence(dtype, sft_config, model_config)
    if asked and reason:
        raise ConfigurationError(f"master_weights is not available: {reason}", "Remove master_weights.")
    kept = reason is None if asked is None else asked
    if kept or not (loses_updates or reason is None):
        return MasterWeights(kept)
    return MasterWeights(
        kept,
        f"{reason or 'master_weights is false'}: nothing keeps float32 master weights, and updates below the last "
        f"digit of a {dtype} weight are lost, nearly all of them at a learning rate of 1e-5. "
        + (
            "Write dtype: bfloat16 and optim: adamw_torch, or dtype: float32."
            if reason
            else "Remove master_weights."
        ),
    )


def split_adamw(sft_config: SFTConfig) -> tuple[type[SplitAdamW], dict[str, Any]]:
    """The optimizer that keeps float32 weights, and its settings."""
    return SplitAdamW, {
        "lr": sft_config.learning_rate,
        "betas": (sft_config.adam_beta1, sft_config.adam_beta2),
        "eps": sft_config.adam_epsilon,
    }


def parameter_dtype(model_config: ModelConfig, base_model: Path) -> str:
    """``bfloat16``, ``float16`` or ``float32``: the type in which the base model's weights are loaded."""
    dtype = str(model_config.dtype or "float32").removeprefix("torch.")
    if dtype != "auto":
        return dtype
    config = read_object(base_model / "config.json")
    return str(config.get("dtype") or config.get("torch_dtype") or "float32").removeprefix("torch.")


def _absence(dtype: str, sft_config: SFTConfig, model_config: ModelConfig) -> tuple[str | None, bool]:
    """Why there are no master weights, and whether updates are lost then; no reason where they can be kept."""
    optimizer = str(getattr(sft_config.optim, "value", sft_config.optim))
    if model_config.use_peft:
        return "use_peft is true: LoRA weights are in float32", False
    if sft_config.deepspeed_plugin is not None:
        return "DeepSpeed keeps float32 weights", False
    if dtype == "float32":
        return "dtype is float32: the weights are float32 already", False
    if dtype != "bfloat16":
        return f"dtype is {dtype}", True
    if optimizer not in ADAMW:
        return f"optim is {optimizer}, not adamw_torch", True
    if sft_config.fsdp or os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true":
        return "distributed_type is FSDP", True
    return None, False
