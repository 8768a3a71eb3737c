"""Builds the trainer of one expert: model, tokenizer, rows, callbacks."""

from __future__ import annotations

import os
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
)
from trl.trainer.model_config import ModelConfig
from trl.trainer.sft_config import SFTConfig

from prometheus_trainer.checkpoints import CompleteCheckpoint
from prometheus_trainer.errors import ConfigurationError, described
from prometheus_trainer.events import Events
from prometheus_trainer.fast_profile import Packing, compile_layers
from prometheus_trainer.initial_adapter import load_initial_adapter
from prometheus_trainer.lora_settings import empty_model, lora_config
from prometheus_trainer.master_weights import split_adamw
from prometheus_trainer.merging.layout import QUANTISATION_KEYS, quantisations
from prometheus_trainer.merging.reading import read_json
from prometheus_trainer.model_config import transformers_config
from prometheus_trainer.model_files import read_object
from prometheus_trainer.packed_rows import check_packable
from prometheus_trainer.packed_trainer import PackedTrainer
from prometheus_trainer.parity_tokens import RightPaddingCollator
from prometheus_trainer.resumable_trainer import ResumableTrainer
from prometheus_trainer.stopping import StopCallback
from prometheus_trainer.strict_json import shown
from prometheus_trainer.training_events import TrainingEvents
from prometheus_trainer.unfused_mixtral import is_mixtral, load_unfused_mixtral

SPECIAL_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")


def build_trainer(
    *,
    base_model: Path,
    tokenizer: PreTrainedTokenizerBase,
    pad_token_id: int,
    train_rows: Any,
    test_rows: Any | None,
    sft_config: SFTConfig,
    model_config: ModelConfig,
    adapter: Path | None,
    resumed: CompleteCheckpoint | None,
    stop: StopCallback,
    events: Events,
    packing: Packing | None,
    master_weights: bool,
    plan: dict[str, Any],
) -> ResumableTrainer:
    """The trainer for rows of ``input_ids`` and ``labels``; seeds everything random with the job's seed.

    ``packing`` is that of the profile ``fast``; None trains as ``parity``. ``master_weights`` keeps float32 weights
    behind bfloat16 parameters.

    ``plan`` is kept in every checkpoint (see :mod:`~prometheus_trainer.training_plan`).

    ``adapter`` is where LoRA starts from; None starts it from the seed. Everything in the two configurations reaches
    TRL as it is, but for what is said here: checkpoints are kept and deleted by
    :mod:`~prometheus_trainer.checkpoints`, and LoRA targets of a Mixtral go by their names inside.
    """
    from transformers import set_seed

    set_seed(sft_config.seed)
    keep_checkpoints, sft_config.save_total_limit = sft_config.save_total_limit, None
    model = load_base_model(base_model, model_config, refused_generation_settings(base_model, events))
    set_refused_generation_settings_aside(model, events)
    # Checkpoints are read back name by name, so they keep the names inside; save_final_weights brings the others back.
    model._prometheus_conversions = model.__dict__.get("_weight_conversions")  # type: ignore[assignment]
    model._weight_conversions = []  # type: ignore[assignment]
    if packing:
        check_packable(model)
        if packing.levers.compile_layers:
            compile_layers(model)
    trainer_class, collator = (
        (partial(PackedTrainer, sampler=packing.sampler), packing.collator)
        if packing
        else (ResumableTrainer, RightPaddingCollator(pad_token_id))
    )
    checkpointing = copy(sft_config.gradient_checkpointing_kwargs)
    trainer = trainer_class(
        model=model,
        args=sft_config,
        train_dataset=train_rows,
        eval_dataset=test_rows,
        processing_class=tokenizer,
        data_collator=collator,
        peft_config=lora_config(
            model_config,
            mixtral=is_mixtral(base_model),
            modules=dict(model.named_modules()),
        ),
        callbacks=[TrainingEvents(events)],
        optimizer_cls_and_kwargs=split_adamw(sft_config) if master_weights else None,
        events=events,
        stop=stop,
        keep_checkpoints=keep_checkpoints,
        resumed=resumed,
        plan=plan,
    )
    # TRL turns reentrant checkpoints on for LoRA under ZeRO-3, for DeepSpeeds that computed wrongly without. Today's do
    # not, and with them each frozen layer stays gathered on every device until the backward pass ends.
    if sft_config.gradient_checkpointing:
        trainer.args.gradient_checkpointing_kwargs = checkpointing
    trainer.remove_callback(PrinterCallback)
    if adapter is not None:
        if not isinstance(trainer.model, PeftModel):
            raise ConfigurationError(
                "an adapter to start from is given, but use_peft is false",
                "Set use_peft, or leave the adapter out.",
            )
        load_initial_adapter(trainer.model, adapter)
    return trainer


def save_final_weights(trainer: ResumableTrainer, output_dir: Path) -> None:
    """Saves the trained model or adapter with its configuration; a collective call. Tensor names are the original.

    What failed is in the first process's ``trainer.weights_fault`` and ``trainer.unwritten``.
    """
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    if isinstance(model, PeftModel):
        model = model.get_base_model()
    inside, model._weight_conversions = model._weight_conversions, model._prometheus_conversions
    try:
        trainer.save_model(str(output_dir))
    finally:
        model._weight_conversions = inside


def refused_generation_settings(base_model: Path, events: Events) -> GenerationConfig | None:
    """Other settings, of the special tokens alone, for a base model whose own transformers refuses to load."""
    file = base_model / "generation_config.json"
    if not file.is_file():
        return None
    try:
        GenerationConfig.from_pretrained(base_model)
        return None
    except Exception as error:  # whatever a setting of the wrong kind raises
        _warn_of_settings(error, events)
    settings = read_object(file)
    return GenerationConfig(**{name: settings.get(name) for name in SPECIAL_TOKENS})


def set_refused_generation_settings_aside(model: PreTrainedModel, events: Events) -> None:
    """Gives a model whose generation settings transformers would refuse to save others, of its special tokens alone.

    Training uses none. A finished model has its base model's own generation_config.json, byte for byte.
    """
    settings: Any = model.generation_config
    if settings is None:
        return
    try:
        settings.validate(strict=True)
    except Exception as error:
        model.generation_config = GenerationConfig(
            **{name: getattr(settings, name) for name in SPECIAL_TOKENS}
        )
        _warn_of_settings(error, events)


def _warn_of_settings(error: Exception, events: Events) -> None:
    reason = " ".join(str(error).split())
    events.emit(
        "warning",
        message=f"transformers refuses the base model's generation settings: {reason} Training needs none of them. The "
        "trained model gets the base model's generation_config.json as it is; correct it in both.",
    )


def load_tokenizer(base_model: Path) -> PreTrainedTokenizerBase:
    """The base model's tokenizer. Raises ConfigurationError without ``tokenizer.json``, and for one that does not load.

    From ``tokenizer.model`` alone transformers 5 builds a tokenizer that splits ``[INST]`` otherwise than the one the
    model was trained with.
    """
    if not (base_model / "tokenizer.json").is_file():
        raise ConfigurationError(
            f"{base_model} has no tokenizer.json",
            "Save the tokenizer as tokenizer.json (transformers 4: AutoTokenizer.from_pretrained(…, "
            "use_fast=True).save_pretrained(…)).",
        )
    try:
        return AutoTokenizer.from_pretrained(base_model, trust_remote_code=False, local_files_only=True)
    except (KeyboardInterrupt, SystemExit):
        raise
    except (
        BaseException
    ) as error:  # each format has errors of its own, and a panic of tokenizers is no Exception
        raise ConfigurationError(
            f"the tokenizer of {base_model} does not load ({described(error)[:500]})",
            "Check tokenizer.json and tokenizer_config.json there, or download them again.",
        ) from error


def end_ids(base_model: Path, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Ids that end a text: the tokenizer's, and those that the base model stops at."""
    found: set[int] = set()
    for name in ("generation_config.json", "config.json"):
        file = base_model / name
        ends = read_object(file).get("eos_token_id") if file.is_file() else None
        found.update(end for end in (ends if isinstance(ends, list) else [ends]) if type(end) is int)
    return found | {int(tokenizer.eos_token_id)} if isinstance(tokenizer.eos_token_id, int) else found


def load_base_model(
    base_model: Path, model_config: ModelConfig, generation_config: GenerationConfig | None = None
) -> PreTrainedModel:
    """The base model in the data type and with the attention asked for; Mixtral with its experts unfused.

    The weights are in full precision, whatever its config says of quantisation. ``generation_config``: instead of the
    base model's own. Raises ConfigurationError where the weights do not fill the model: transformers would only warn
    and train on random numbers.
    """
    options: dict[str, Any] = {
        "dtype": model_config.dtype,
        "attn_implementation": model_config.attn_implementation,
        "output_loading_info": True,
        "use_safetensors": True,  # pickled weights would run code
        "generation_config": generation_config,
    }
    if model_config.attn_implementation is None:
        del options["attn_implementation"]
    mixtral = is_mixtral(base_model)
    config = transformers_config(base_model)
    # Sizes that do not fit each other end here, before a weight is read.
    if config is None or empty_model(base_model, mixtral=mixtral) is None:
        model_type = shown(str(read_json(base_model / "config.json").get("model_type")))
        raise ConfigurationError(
            f"{base_model / 'config.json'}: transformers has no language model of the model_type '{model_type}'",
            "Take a base model of a type that it knows.",
        )
    if quantisations(read_json(base_model / "config.json")):
        options["config"] = _without_quantisation(config)
    load: Any = partial(AutoModelForCausalLM.from_pretrained, trust_remote_code=False)
    if mixtral:
        load = load_unfused_mixtral
    try:
        model, found = load(base_model, **options)
    except ImportError as error:
        raise ConfigurationError(
            f"arguments.attn_implementation {model_config.attn_implementation}: {error}",
            "Install what it needs, or take sdpa.",
        ) from error
    lacking = sorted(found["missing_keys"]) + sorted(str(key) for key in found.get("mismatched_keys", ()))
    if lacking:
        raise ConfigurationError(
            f"{base_model} lacks {len(lacking)} of the model's tensors, or has them in another shape: {lacking[:3]}",
            "Take a checkpoint with the original tensor names that fits its config.json.",
        )
    return model


def _without_quantisation(config: PreTrainedConfig) -> PreTrainedConfig:
    for part in (config, config.get_text_config()):
        for key in QUANTISATION_KEYS:
            if hasattr(part, key):
                delattr(part, key)
    return config


def use_quiet_console() -> None:
    """No progress bars from the libraries: progress is told by events."""
    import datasets
    import transformers

    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    datasets.disable_progress_bars()
    transformers.logging.disable_progress_bar()
