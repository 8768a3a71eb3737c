"""What transformers, PEFT and the trainer say of a model: reads cases as JSON, prints what each is as JSON.

A case is {"config", "arguments"}: the content of a config.json, and arguments of TRL's ModelConfig or null. Models are
on the meta device: shapes without weights.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from peft import get_peft_model
from prometheus_trainer.lora_settings import lora_config
from prometheus_trainer.model_flops import flops_per_token
from prometheus_trainer.unfused_mixtral import empty_unfused_mixtral
from transformers import AutoConfig, AutoModelForCausalLM
from trl.trainer.model_config import ModelConfig


def answer(case: dict[str, Any]) -> dict[str, Any]:
    values = dict(case["config"])
    model_type = values.pop("model_type")
    config = AutoConfig.for_model(model_type, **values)
    mixtral = model_type == "mixtral"
    if mixtral:
        model: Any = empty_unfused_mixtral(config)
    else:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
    told = {"parameters": count(model), "linear": linear_layers(model)}
    if case["arguments"]:
        settings = lora_config(
            ModelConfig(**case["arguments"]), mixtral=mixtral, modules=dict(model.named_modules())
        )
        model = get_peft_model(model, settings)
    trainable = sum(each.numel() for each in model.parameters() if each.requires_grad)
    return {**told, "total": count(model), "trainable": trainable, "flops": flops_per_token(model)}


def count(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def linear_layers(model: Any) -> dict[str, int]:
    """How many linear layers there are of each last name; a Mixtral's router, a matrix too, is ``gate``."""
    found: dict[str, int] = {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) or name.endswith("mlp.gate"):
            last = name.rsplit(".", 1)[-1]
            found[last] = found.get(last, 0) + 1
    return found


if __name__ == "__main__":
    print(json.dumps([answer(case) for case in json.load(sys.stdin)]))
