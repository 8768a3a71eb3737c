"""Writes what the merging benchmark merges: random bfloat16 models, and LoRA adapters as PEFT lays them out.

Usage: merge_shapes.py models SHAPE FOLDER, or merge_shapes.py adapters RANK FOLDER. The folder gets ``base``, ``a`` and
``b``: three models (the experts are the base and some noise), or a small Mixtral and two adapters of that rank.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packages/trainer/src"))

import torch
from prometheus_trainer.base_model import tensor_shapes
from safetensors.torch import save_file

SHARD_BYTES = 10**9
MISTRAL: dict[str, Any] = {
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "vocab_size": 32000,
    "hidden_act": "silu",
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-5,
    "rope_theta": 1000000.0,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "dtype": "bfloat16",
    "torch_dtype": "bfloat16",
}


def _sizes(hidden: int, intermediate: int, layers: int) -> dict[str, int]:
    heads = max(2, hidden // 128)
    return {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": max(1, heads // 4),
    }


# Named after the billions of parameters.
SHAPES = {
    "1.5b": {**MISTRAL, **_sizes(2048, 8192, 24)},
    "0.5b": {**MISTRAL, **_sizes(1024, 4096, 28)},
    "0.1b": {**MISTRAL, **_sizes(768, 2048, 12)},
    "smoke": {**MISTRAL, **_sizes(256, 512, 3), "vocab_size": 500},
}
MIXTRAL = {
    **MISTRAL,
    **_sizes(512, 1792, 4),
    "architectures": ["MixtralForCausalLM"],
    "model_type": "mixtral",
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
}
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "w1", "w2", "w3", "lm_head")


def main() -> None:
    kind, which, folder = sys.argv[1:]
    if kind == "models":
        write_models(SHAPES[which], Path(folder))
    else:
        write_adapters(int(which), Path(folder))


def write_models(config: dict[str, Any], folder: Path) -> None:
    """Base with values like those of trained weights; experts differ from it by a tenth of their size."""
    generator = torch.Generator().manual_seed(1)
    for name in ("base", "a", "b"):
        seed = {"a": 2, "b": 3}.get(name)
        noise = None if seed is None else torch.Generator().manual_seed(seed)
        generator.manual_seed(1)

        def values(shape: tuple[int, ...], noise: torch.Generator | None = noise) -> torch.Tensor:
            tensor = torch.empty(shape).normal_(std=0.02, generator=generator)
            if noise is not None:
                tensor = tensor.bfloat16().float() + torch.empty(shape).normal_(std=0.002, generator=noise)
            return tensor.bfloat16()

        _write_model(folder / name, config, values)


def write_adapters(rank: int, folder: Path) -> None:
    """A Mixtral under its original names, of 4 layers of width 512, and two adapters for all its linear layers."""
    generator = torch.Generator().manual_seed(1)

    def values(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.empty(shape).normal_(std=0.02, generator=generator).bfloat16()

    _write_model(folder / "base", MIXTRAL, values)
    for name in ("a", "b"):
        tensors: dict[str, torch.Tensor] = {}
        for tensor, shape in tensor_shapes(MIXTRAL).items():
            module = tensor.removesuffix(".weight")
            if module.rpartition(".")[2] in TARGETS:
                tensors[f"base_model.model.{module}.lora_A.weight"] = values((rank, shape[1]))
                tensors[f"base_model.model.{module}.lora_B.weight"] = values((shape[0], rank))
        (folder / name).mkdir(parents=True)
        save_file(tensors, folder / name / "adapter_model.safetensors", {"format": "pt"})
        config = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": TARGETS}
        (folder / name / "adapter_config.json").write_text(json.dumps(config))


def _write_model(
    folder: Path, config: dict[str, Any], values: Callable[[tuple[int, ...]], torch.Tensor]
) -> None:
    folder.mkdir(parents=True)
    shard: dict[str, torch.Tensor] = {}
    files: dict[str, str] = {}
    written = 0

    def flush() -> None:
        nonlocal written
        written += 1
        file = f"part-{written}.safetensors"
        save_file(shard, folder / file, {"format": "pt"})
        files.update(dict.fromkeys(shard, file))
        shard.clear()

    for name, shape in tensor_shapes(config).items():
        shard[name] = values(shape)
        if sum(held.nbytes for held in shard.values()) >= SHARD_BYTES:
            flush()
    if shard:
        flush()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    (folder / "config.json").write_text(json.dumps(config))


main()
