"""Bytes that a model keeps for its backward pass, for each layer and token: reads cases as JSON, prints numbers as JSON.

A case is {"config", "arguments", "dtype", "half_precision", "padded", "tokens"}. What a layer keeps is the difference of
models with two layers and with three, weights left out. On a CPU the mask of dropout has the type of what it is
multiplied with.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from typing import Any

import torch
from peft import get_peft_model
from prometheus_trainer.training import lora_config
from prometheus_trainer.unfused_mixtral import UnfusedExperts, _experts_built_as
from transformers import AutoConfig, AutoModelForCausalLM
from trl.trainer.model_config import ModelConfig

ROWS = 2


def kept_by_layer(case: dict[str, Any]) -> float:
    few, more = (kept(case, layers) for layers in (2, 3))
    return (more - few) / (ROWS * case["tokens"])


def kept(case: dict[str, Any], layers: int) -> int:
    torch.manual_seed(0)
    values = {**case["config"], "num_hidden_layers": layers}
    model_type = values.pop("model_type")
    mixtral = model_type == "mixtral"
    config = AutoConfig.for_model(model_type, **values)
    with _experts_built_as(UnfusedExperts) if mixtral else nullcontext():
        model: Any = AutoModelForCausalLM.from_config(config).to(getattr(torch, case["dtype"]))
    settings = lora_config(ModelConfig(**case["arguments"]), mixtral=mixtral) if case["arguments"] else None
    if settings is not None:
        model = get_peft_model(model, settings)
    model.train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    # Copies of weights in 16 bits are no activations either.
    shapes = {tuple(parameter.shape) for parameter in model.parameters() if parameter.dim() == 2}
    shapes |= {tuple(reversed(shape)) for shape in shapes}
    found: dict[int, tuple[int, torch.Tensor]] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and tuple(tensor.shape) not in shapes:
            found[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    tokens = case["tokens"]
    ids = torch.randint(5, config.vocab_size, (ROWS, tokens))
    mask = torch.ones_like(ids)
    if case["padded"]:
        mask[1, -3:] = 0
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=case["half_precision"]),
    ):
        model(input_ids=ids, attention_mask=mask, labels=ids, use_cache=False)
    return sum(size for size, _ in found.values())


if __name__ == "__main__":
    print(json.dumps([kept_by_layer(case) for case in json.load(sys.stdin)]))
