"""Saves a model or adapter with its weights first, so that no other file of it can prevent that.

transformers writes the configuration and the generation settings before the weights, and refuses some of them; PEFT
writes a model card before. Here those calls wait until the weights are written.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from prometheus_trainer.checkpoint_digests import flush
from prometheus_trainer.disk_space import full_disk
from prometheus_trainer.saving_steps import Step, Unwritten, attempt

Tensors = Mapping[str, torch.Tensor]


def save_weights_first(
    model: PreTrainedModel | PeftModel, folder: Path, state_dict: Tensors | None
) -> list[Unwritten]:
    """Writes the weights as ``model.save_pretrained`` does, then its other files; returns those that failed.

    ``state_dict`` are the gathered tensors under DeepSpeed, None elsewhere. Raises where the weights can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    later: list[Step] = []
    with ExitStack() as stack:
        for config, what in _configs(model):
            stack.enter_context(_postponed(config, what, later))
        if isinstance(model, PeftModel):
            stack.enter_context(_replaced(model, "create_or_update_model_card", lambda *_: None))
        try:
            options: Any = {"state_dict": None if state_dict is None else dict(state_dict)}
            model.save_pretrained(str(folder), **options)
        except Exception as error:
            if full_disk(error, [folder]):
                raise
            _write_tensors(model, folder, state_dict)
    reached = {step.what for step in later}
    rest = [
        Step(what, partial(config.save_pretrained, str(folder)))
        for config, what in _configs(model)
        if what not in reached
    ]
    return attempt([*later, *rest])


def weight_files(folder: Path) -> list[Path]:
    """The files in which a folder has weights; raises FileNotFoundError where one that its index names is absent."""
    files = sorted(folder.glob("*.safetensors"))
    for index in folder.glob("*.safetensors.index.json"):
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        lacking = names - {file.name for file in files}
        if lacking:
            raise FileNotFoundError(f"{folder} lacks {', '.join(sorted(lacking))}")
    if not files:
        raise FileNotFoundError(f"{folder} has no weights in safetensors")
    return files


def flush_weights(folder: Path) -> None:
    """Puts the weights on the disk. Raises FileNotFoundError where there are none."""
    for file in weight_files(folder):
        flush(file)


def _configs(model: Any) -> Iterator[tuple[Any, str]]:
    if isinstance(model, PeftModel):
        for config in model.peft_config.values():
            yield config, "adapter_config.json"
    else:
        yield model.config, "config.json"
        if model.generation_config is not None:
            yield model.generation_config, "generation_config.json"


@contextmanager
def _postponed(config: Any, what: str, later: list[Step]) -> Iterator[None]:
    """Within it ``config.save_pretrained`` adds a step that saves the config as it was then."""

    def postpone(*arguments: Any, **options: Any) -> None:
        as_it_is = copy.copy(config)
        vars(as_it_is).pop("save_pretrained", None)
        later.append(Step(what, partial(as_it_is.save_pretrained, *arguments, **options)))

    with _replaced(config, "save_pretrained", postpone):
        yield


@contextmanager
def _replaced(owner: Any, method: str, by: Any) -> Iterator[None]:
    vars(owner)[method] = by  # on the object alone, past any setter of its class
    try:
        yield
    finally:
        vars(owner).pop(method, None)


def _write_tensors(model: Any, folder: Path, state_dict: Tensors | None) -> None:
    """The weights alone, under the names that ``save_pretrained`` gives them, where that failed for another reason."""
    from huggingface_hub import save_torch_state_dict
    from peft import get_peft_model_state_dict
    from transformers.core_model_loading import revert_weight_conversion

    for left in folder.glob("*.safetensors*"):
        left.unlink()
    if isinstance(model, PeftModel):
        tensors, name = get_peft_model_state_dict(model, state_dict=state_dict), "adapter_model"
    else:
        own = dict(model.state_dict() if state_dict is None else state_dict)
        tensors, name = revert_weight_conversion(model, own), "model"
    save_torch_state_dict(
        {key: tensor.contiguous() for key, tensor in tensors.items()},
        str(folder),
        filename_pattern=f"{name}{{suffix}}.safetensors",
        max_shard_size="50GB",
        shared_tensors_to_discard=list(getattr(model, "_tied_weights_keys", None) or ()),
    )
