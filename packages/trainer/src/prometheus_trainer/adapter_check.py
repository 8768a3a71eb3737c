"""Refuses, before a model is loaded, LoRA settings whose adapter could not be trained or not be merged."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model_state_dict
from peft.tuners.lora import Embedding
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers.pytorch_utils import Conv1D
from trl.trainer.model_config import ModelConfig

from prometheus_trainer.adapter_support import features
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.lora_settings import adapted, empty_model, lora_config, named_targets, target_pattern
from prometheus_trainer.merging.adapter import placed_adapter
from prometheus_trainer.merging.dtypes import FLOAT32
from prometheus_trainer.merging.layout import read_layout
from prometheus_trainer.merging.reading import StoredTensor
from prometheus_trainer.unfused_mixtral import is_mixtral, original_key, original_targets

_TARGETS = "arguments.lora_target_modules"
_SAVED = "arguments.lora_modules_to_save"


def check_adapter(base_model: Path, model_config: ModelConfig, loss_type: str | None) -> None:
    """Raises ConfigurationError for what the table of adapters does not support, and for what fits no module.

    PEFT adapts the model without weights, and the tensors that it would save go through the checks of lora-merge: what
    is refused there after training is refused here.
    """
    for feature in features().values():
        if feature.training and getattr(model_config, feature.training):
            raise feature.refused_in_training(f"arguments.{feature.training} is set")
    if model_config.lora_task_type != "CAUSAL_LM":
        raise ConfigurationError(
            f"arguments.lora_task_type is {model_config.lora_task_type}: experts are causal language models",
            "Leave it out, or write CAUSAL_LM.",
        )
    mixtral = is_mixtral(base_model)
    model = empty_model(base_model, mixtral=mixtral)
    if model is None:
        return  # loading says what is wrong
    modules = dict(model.named_modules())
    by_name = {original_targets([name])[0] if mixtral else name: module for name, module in modules.items()}
    targets = _checked_targets(base_model, model_config, by_name)
    config = lora_config(model_config, mixtral=mixtral, modules=modules)
    assert config is not None
    _check_saved_modules(base_model, model_config.lora_modules_to_save or (), by_name, targets)
    # Its vectors need values, and the layout of the rest does not depend on it.
    layout = copy(config)
    layout.use_dora = False
    peft_model = adapted(model, layout)
    _check_layers(peft_model, model_config, loss_type)
    _check_places(base_model, peft_model, layout, mixtral)


def _checked_targets(
    base_model: Path, model_config: ModelConfig, modules: Mapping[str, nn.Module]
) -> list[str]:
    """The names of the modules that are named as targets; none where they are not named."""
    targets: Any = model_config.lora_target_modules
    names, pattern = named_targets(targets) or [], target_pattern(targets)
    if pattern is not None:
        try:
            found = [name for name in modules if re.fullmatch(pattern, name)]
        except re.error as error:
            raise ConfigurationError(
                f"{_TARGETS}: the pattern {pattern!r} can't be read: {error}",
                "Correct it, or name the layers in a list.",
            ) from error
        if not found:
            raise ConfigurationError(
                f"{_TARGETS}: as a pattern, {pattern} matches no layer of {base_model}",
                f"A full name is such as {_known(modules)[-2]}; several names are a list: [q_proj, v_proj].",
            )
    else:
        # As in PEFT, a name stands for every layer that is called so, or whose name ends so after a dot.
        named = {target: [name for name in modules if f".{name}".endswith(f".{target}")] for target in names}
        unknown = [target for target, found in named.items() if not found]
        if unknown:
            known = sorted({name.rsplit(".", 1)[-1] for name in _known(modules)})
            close = [match for target in unknown for match in difflib.get_close_matches(target, known, n=1)]
            raise ConfigurationError(
                f"{_TARGETS}: {base_model} has no layer {', '.join(unknown)}",
                (f"Did you mean {', '.join(close)}? " if close else "") + f"It has {', '.join(known)}.",
            )
        found = [name for matching in named.values() for name in matching]
    for name in found:
        if not _can_be_adapted(modules[name]):
            kind = type(modules[name]).__name__
            feature = features()["router" if kind.endswith("Router") else "other-modules"]
            raise feature.refused_in_training(f"{_TARGETS}: {name or 'the model'} is a {kind}")
    return found


def _known(modules: Mapping[str, nn.Module]) -> list[str]:
    return [name for name, module in modules.items() if _can_be_adapted(module)]


def _can_be_adapted(module: nn.Module) -> bool:
    return isinstance(module, (nn.Linear, nn.Embedding, Conv1D))


def _check_saved_modules(
    base_model: Path, listed: Sequence[str], modules: Mapping[str, nn.Module], targets: Sequence[str]
) -> None:
    """PEFT passes over a name that it does not find, and compares ends of names without regard to dots."""
    known = [name for name, module in modules.items() if any(True for _ in module.parameters())]
    for entry in listed:
        found = [name for name in known if name.endswith(entry)]
        if not found:
            ends = sorted({end for name in known if not (end := name.rsplit(".", 1)[-1]).isdigit()})
            close = difflib.get_close_matches(entry, ends, n=1)
            raise ConfigurationError(
                f"{_SAVED}: {base_model} has no module {entry} with weights",
                f"Did you mean {close[0]}?" if close else "Name one, such as embed_tokens, norm or lm_head.",
            )
        for name in found:
            if isinstance(modules[name], (nn.ModuleList, nn.ModuleDict)):
                raise features()["module-lists"].refused_in_training(f"{_SAVED}: {entry} names {name}")
    if targets and all(any(f".{entry}." in f".{name}." for entry in listed) for name in targets):
        raise features()["nothing-left"].refused_in_training(_SAVED)


def _check_layers(model: PeftModel, model_config: ModelConfig, loss_type: str | None) -> None:
    base: Any = model.get_base_model()
    for name, module in base.named_modules():
        if not isinstance(module, BaseTunerLayer):
            continue
        if model_config.use_dora and isinstance(module, Embedding):
            raise features()["dora-embeddings"].refused_in_training(f"arguments.use_dora is set, for {name}")
        if model_config.use_dora and isinstance(module.get_base_layer(), Conv1D):
            raise features()["dora-conv1d"].refused_in_training(f"arguments.use_dora is set, for {name}")
    if loss_type == "chunked_nll" and isinstance(base.get_output_embeddings(), BaseTunerLayer):
        raise ConfigurationError(
            "arguments.loss_type chunked_nll leaves the LoRA of lm_head out: it multiplies by the weights alone",
            "Write loss_type: nll, or take lm_head out of lora_target_modules.",
        )


def _check_places(base_model: Path, model: PeftModel, config: LoraConfig, mixtral: bool) -> None:
    tensors = get_peft_model_state_dict(model, save_embedding_layers=False)
    file = base_model / "adapter_model.safetensors"
    stored = {
        name: StoredTensor(name, file, FLOAT32, tuple(tensor.shape), 0, 0)
        for key, tensor in tensors.items()
        for name in [original_key(key) if mixtral else key]
    }
    settings = {**asdict(config), "peft_type": "LORA"}
    if mixtral and config.modules_to_save:
        settings["modules_to_save"] = original_targets(config.modules_to_save)
    try:
        adapter = placed_adapter(base_model, settings, stored, read_layout(base_model).tensors, base_model)
        if adapter.copies:
            names = ", ".join(adapter.copies)
            raise ConfigurationError(f"{_SAVED} does not name what it matches: {names}", "Name it in full.")
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{_TARGETS}, {_SAVED}: lora-merge could not merge the adapter: {error.problem}",
            "Name other modules, or a base model whose tensors have the names that transformers gives them.",
        ) from error
