"""Starts LoRA from an adapter on disk instead of from random numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.reading import index_any_file
from prometheus_trainer.unfused_mixtral import inside_key

if TYPE_CHECKING:
    from peft import PeftModel

WEIGHTS = "adapter_model.safetensors"


def load_initial_adapter(model: PeftModel, adapter: Path) -> None:
    """Writes the weights of ``adapter`` (PEFT's layout, original names) into the model's active adapter.

    Rank and targets are the model's. Raises ConfigurationError where the adapter's tensors are not the model's,
    name by name and shape by shape.
    """
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import load_file

    path = adapter / WEIGHTS
    if not path.is_file():
        raise ConfigurationError(f"adapter: {path} does not exist", f"Name a folder that holds {WEIGHTS}.")
    index_any_file(path)  # its header, before the library reads it
    base: Any = model.get_base_model()
    unfused = base.config.model_type == "mixtral"
    # Named as in the file, and the memory of the model's own parameters.
    wanted = get_peft_model_state_dict(model, save_embedding_layers=False)
    # A frozen copy of an output layer that is a target; the model has its own.
    tensors = {key: value for key, value in load_file(path).items() if ".base_layer." not in key}
    found = {inside_key(key) if unfused else key: value for key, value in tensors.items()}
    if wanted.keys() != found.keys():
        missing, surplus = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
        raise ConfigurationError(
            f"adapter: {path} does not fit the LoRA settings: {len(missing)} tensors are missing ({missing[:2]}), "
            f"{len(surplus)} have no place ({surplus[:2]})",
            "Give lora_target_modules and lora_modules_to_save as in the adapter's adapter_config.json.",
        )
    for key, parameter in wanted.items():
        if parameter.shape != found[key].shape:
            raise ConfigurationError(
                f"adapter: {path}, {key} has the shape {list(found[key].shape)}, expected {list(parameter.shape)}",
                "Give lora_r as in the adapter's adapter_config.json.",
            )
        with torch.no_grad():
            parameter.copy_(found[key])
