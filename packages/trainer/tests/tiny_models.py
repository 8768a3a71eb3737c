"""Model folders for tests: random weights of the real tensor names, written by the safetensors library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from prometheus_trainer.base_model import tensor_shapes

MISTRAL: dict[str, Any] = {
    "architectures": ["MistralForCausalLM"],
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_size": 16,
    "intermediate_size": 24,
    "model_type": "mistral",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "rope_theta": 1000000.0,
    "tie_word_embeddings": False,
    "vocab_size": 48,
}
MIXTRAL: dict[str, Any] = {
    **MISTRAL,
    "architectures": ["MixtralForCausalLM"],
    "model_type": "mixtral",
    "num_experts_per_tok": 2,
    "num_local_experts": 4,
}


def write_model(
    folder: Path, config: dict[str, Any], seed: int, dtype: torch.dtype = torch.float32
) -> dict[str, torch.Tensor]:
    """A model in one file, with config and a few companions; returns its tensors."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: torch.randn(shape, generator=generator).to(dtype)
        for name, shape in tensor_shapes(config).items()
    }
    write_tensors(folder, config, tensors)
    return tensors


def write_tensors(folder: Path, config: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    """A model folder with these tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text('{"eos_token_id": 2}')
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')


def read_model(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a model folder, by the safetensors library, whatever the number of shards."""
    tensors: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("model*.safetensors")):
        tensors |= load_file(file)
    return tensors
