"""A job's ``arguments`` as TRL's ``SFTConfig`` and ``ModelConfig``, and what the profiles mean for them."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

import torch
from trl.trainer.model_config import ModelConfig
from trl.trainer.sft_config import SFTConfig

from prometheus_trainer.errors import ConfigurationError

# What makes the objective the original's: an argument that says otherwise is an error. ``chunked_nll`` is the same
# loss computed piece by piece.
FIXED: dict[str, dict[str, tuple[Any, ...]]] = {
    "parity": {
        "average_tokens_across_devices": (False,),
        "loss_type": ("nll", "chunked_nll"),
        "router_aux_loss_coef": (0.0,),
        "packing": (False,),
        "padding_free": (False,),
        "truncation_mode": ("keep_start",),
        "use_liger_kernel": (False,),
        "assistant_only_loss": (False,),
        "train_sampling_strategy": ("random",),
        "label_smoothing_factor": (0.0,),
        "push_to_hub": (False,),
        "load_in_8bit": (False,),
        "load_in_4bit": (False,),
        "model_name_or_path": (None,),
        "model_revision": ("main",),
        # No code out of a model's repository runs here.
        "trust_remote_code": (False,),
    }
}
# What the original had and TRL has otherwise when a recipe does not say.
FIXED["fast"] = {
    # Packed by this project itself, and its loss is computed on the labels alone: TRL's ways are not taken.
    **{key: allowed for key, allowed in FIXED["parity"].items() if key != "loss_type"},
    "loss_type": ("nll",),
    "torch_compile": (False,),
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "parity": {
        "optim": "adamw_torch",
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.1,
        "max_length": 4096,
        "seed": 42,
        "gradient_checkpointing": True,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "save_strategy": "epoch",
        "save_total_limit": 1,
    }
}
# Whether activations are computed again is a lever (see levers.py) where the recipe does not say.
DEFAULTS["fast"] = DEFAULTS["parity"]


def parse_training_arguments(
    arguments: Mapping[str, Any], *, profile: str, checkpoints_dir: str, has_test_rows: bool
) -> tuple[SFTConfig, ModelConfig]:
    """``SFTConfig`` and ``ModelConfig`` for ``arguments``, completed by ``profile``.

    What belongs to the caller and not to a recipe is set here: the output folder, no progress bars, token counts.
    Raises ConfigurationError for unknown keys, for values that the configurations refuse and for values that the
    profile excludes.
    """
    if profile not in FIXED:
        raise ConfigurationError(f"the profile {profile!r} is not known", f"Profiles: {', '.join(FIXED)}.")
    _check_keys(arguments)
    values = {
        **DEFAULTS[profile],
        **{key: allowed[0] for key, allowed in FIXED[profile].items()},
        **arguments,
    }
    for key, allowed in FIXED[profile].items():
        if values[key] not in allowed:
            raise ConfigurationError(
                f"arguments.{key} is {values[key]!r}, which the profile {profile} excludes",
                f"Leave {key} out, or set it to {' or '.join(repr(value) for value in allowed)}.",
            )
    values.setdefault("eval_strategy", "epoch" if has_test_rows else "no")
    if not has_test_rows:
        values["eval_strategy"] = "no"
    if not torch.cuda.is_available():
        values.setdefault("use_cpu", True)  # without it several processes would train each for itself
        values.setdefault(
            "bf16", False
        )  # TRL's default is bfloat16 autocast, also where nothing is gained by it
    values.setdefault("report_to", "none")
    values.setdefault("data_seed", values["seed"])
    values |= {
        "output_dir": checkpoints_dir,
        "disable_tqdm": True,
        # Packed rows have no padding.
        "include_num_input_tokens_seen": "all" if profile == "fast" else "non_padding",
        # Rows arrive tokenised and cut; TRL's own preparation would drop those whose answer was cut off.
        "dataset_kwargs": {"skip_prepare_dataset": True},
    }
    model_keys = _field_names(ModelConfig)
    sft_keys = _field_names(SFTConfig)
    try:
        model_config = ModelConfig(**{key: value for key, value in values.items() if key in model_keys})
        sft_config = SFTConfig(**{key: value for key, value in values.items() if key in sft_keys})
    except (ValueError, TypeError, ImportError) as error:
        raise ConfigurationError(
            f"arguments: {error}", "Correct it in the expert's training file."
        ) from error
    return sft_config, model_config


def _check_keys(arguments: Mapping[str, Any]) -> None:
    known = _field_names(SFTConfig) | _field_names(ModelConfig)
    for key in arguments:
        if key not in known:
            close = difflib.get_close_matches(key, sorted(known), n=1)
            raise ConfigurationError(
                f"arguments.{key} is not an argument of TRL's SFTConfig or ModelConfig",
                f"Did you mean {close[0]}?" if close else "Remove it.",
            )


def _field_names(config: type) -> set[str]:
    return {field.name for field in dataclasses.fields(config) if field.init}
