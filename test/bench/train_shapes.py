"""What the training benchmark trains: random models of the published shapes, and rows of the collections' lengths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from prometheus_trainer.base_model import tensor_shapes
from prometheus_trainer.mistral_tokenizer import write_mistral_tokenizer
from safetensors.torch import save_file

SEED = 42
SHARD_BYTES = 4 * 2**30
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}"
    "[INST] {{ message.content }} [/INST]{% else %}{{ message.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
MISTRAL: dict[str, Any] = {
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_act": "silu",
    "max_position_embeddings": 32768,
    "initializer_range": 0.02,
    "rms_norm_eps": 1e-5,
    "rope_theta": 1000000.0,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
EXPERTS = {
    "architectures": ["MixtralForCausalLM"],
    "model_type": "mixtral",
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
}
LORA = {
    "use_peft": True,
    "lora_r": 256,
    "lora_alpha": 512,
    "lora_dropout": 0.1,
    "lora_target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "w1", "w2", "w3", "lm_head"],
}
SMALL = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}
# Each a token of its own in Mistral's vocabulary.
WORDS = [
    "the",
    "a",
    "judge",
    "score",
    "answer",
    "reads",
    "well",
    "is",
    "clear",
    "not",
    "why",
    "it",
    "and",
    "of",
    "more",
]
# Of each shape: the model's config, its training arguments, the mean of a row's tokens.
SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "7b": (MISTRAL, {"per_device_train_batch_size": 4}, 1215),
    "8x7b": (
        {**MISTRAL, **EXPERTS, "num_hidden_layers": 8},
        {"per_device_train_batch_size": 8, **LORA},
        1215,
    ),
    "smoke": ({**MISTRAL, **SMALL, "num_hidden_layers": 2}, {"per_device_train_batch_size": 4}, 120),
}


def write_model(folder: Path, config: dict[str, Any], device: str) -> int:
    """Writes a model with normal weights in bfloat16, made on ``device``, and its tokenizer; the parameters it has."""
    folder.mkdir(parents=True)
    write_mistral_tokenizer(folder)
    generator = torch.Generator(device).manual_seed(SEED)
    shard: dict[str, torch.Tensor] = {}
    shards: list[list[str]] = []
    parameters = 0

    def flush() -> None:
        save_file(shard, folder / f"part-{len(shards)}.safetensors", {"format": "pt"})
        shards.append(list(shard))
        shard.clear()

    for name, shape in tensor_shapes(config).items():
        if name.endswith("norm.weight"):
            tensor = torch.ones(shape, dtype=torch.bfloat16)
        else:
            tensor = torch.empty(shape, device=device, dtype=torch.bfloat16)
            tensor = tensor.normal_(std=config["initializer_range"], generator=generator).cpu()
        parameters += tensor.numel()
        shard[name] = tensor
        if sum(held.nbytes for held in shard.values()) >= SHARD_BYTES:
            flush()
    if shard:
        flush()
    names = {name: f"part-{number}.safetensors" for number, held in enumerate(shards) for name in held}
    index = {"metadata": {}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    return parameters


def write_rows(folder: Path, rows: int, mean_tokens: int, sigma: float = 0.25) -> None:
    """Writes conversations whose lengths are log-normal, a quarter of each the answer.

    They are drawn by a seed. Real judgements to train on instead: ``--dataset``.
    """
    draw = np.random.default_rng(SEED)
    lengths = np.exp(draw.normal(np.log(mean_tokens) - sigma**2 / 2, sigma, rows)).astype(int)

    def text(tokens: int) -> str:
        return " ".join(draw.choice(WORDS, max(1, tokens)))

    messages = [
        [
            {"role": "user", "content": text(length - length // 4)},
            {"role": "assistant", "content": text(length // 4)},
        ]
        for length in lengths
    ]
    Dataset.from_dict({"messages": messages}).save_to_disk(str(folder / "train"))
