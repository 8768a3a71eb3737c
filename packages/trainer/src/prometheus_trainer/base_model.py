"""Writes a small random model of the Mistral or Mixtral architecture, in a layout that every reader knows.

``python -m prometheus_trainer.base_model --job JOB.json``; keys of the job:

==============  ===========================================================================
``config``      the content of the model's ``config.json``; ``model_type`` mistral or mixtral
``seed``        whole number, 0 to 2**32 - 1; the same seed gives the same bytes everywhere
``dtype``       float32, bfloat16 or float16
``tokenizer``   "mistral-v1", the real vocabulary of 32,000 pieces
``output_dir``  folder to write
``events``      file to append events to
==============  ===========================================================================

Runs without torch and transformers, so that it takes a second, not ten.
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from prometheus_trainer.entry import run_stage
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.mistral_tokenizer import write_mistral_tokenizer
from prometheus_trainer.model_config import check_sizes
from prometheus_trainer.strict_json import kind_of, number_or_kind, shown

ARCHITECTURES = {"mistral": "MistralForCausalLM", "mixtral": "MixtralForCausalLM"}
SIZES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
)


def write_base_model(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Writes a random base model and its tokenizer; see the module's docstring for the job's keys.

    Linear layers and embeddings are normal with the standard deviation ``initializer_range``, norms are
    ones, as transformers initialises them.
    """
    started = time.monotonic()
    config = _checked_config(job.get("config"))
    seed, dtype = _checked_seed(job.get("seed")), _checked_dtype(job.get("dtype"))
    if job.get("tokenizer") != "mistral-v1":
        raise ConfigurationError(
            f"tokenizer: {job.get('tokenizer')!r} is not known", 'the one there is: "mistral-v1"'
        )
    output_dir = Path(job["output_dir"])
    output_dir.mkdir(parents=True, exist_ok=True)

    events.emit("phase", name="writing the tokenizer")
    tokens = write_mistral_tokenizer(output_dir)
    if config["vocab_size"] < tokens:
        raise ConfigurationError(
            f"config: vocab_size is {config['vocab_size']}, the tokenizer has {tokens} tokens",
            f"set vocab_size to {tokens}",
        )

    events.emit("phase", name="writing random weights")
    shapes = tensor_shapes(config)
    _write_weights(output_dir / "model.safetensors", shapes, seed, dtype, config["initializer_range"])
    _write_json(output_dir / "config.json", {**config, "dtype": dtype, "torch_dtype": dtype})
    _write_json(
        output_dir / "generation_config.json",
        {
            "_from_model_config": True,
            "bos_token_id": config["bos_token_id"],
            "eos_token_id": config["eos_token_id"],
        },
    )
    return {
        "tensors": len(shapes),
        "parameters": sum(int(np.prod(shape)) for shape in shapes.values()),
        "bytes_written": (output_dir / "model.safetensors").stat().st_size,
        "seconds": round(time.monotonic() - started, 3),
    }


def tensor_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the model's tensors, as the original checkpoints have them.

    Mixtral's experts are ``block_sparse_moe.experts.E.w1`` (gate), ``w2`` (down) and ``w3`` (up), one
    linear each.
    """
    vocabulary, hidden, inner = config["vocab_size"], config["hidden_size"], config["intermediate_size"]
    head = config.get("head_dim") or hidden // config["num_attention_heads"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, hidden)}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        shapes[f"{prefix}.input_layernorm.weight"] = (hidden,)
        shapes[f"{prefix}.self_attn.q_proj.weight"] = (queries, hidden)
        shapes[f"{prefix}.self_attn.k_proj.weight"] = (keys, hidden)
        shapes[f"{prefix}.self_attn.v_proj.weight"] = (keys, hidden)
        shapes[f"{prefix}.self_attn.o_proj.weight"] = (hidden, queries)
        shapes[f"{prefix}.post_attention_layernorm.weight"] = (hidden,)
        if config["model_type"] == "mistral":
            shapes[f"{prefix}.mlp.gate_proj.weight"] = (inner, hidden)
            shapes[f"{prefix}.mlp.up_proj.weight"] = (inner, hidden)
            shapes[f"{prefix}.mlp.down_proj.weight"] = (hidden, inner)
            continue
        shapes[f"{prefix}.block_sparse_moe.gate.weight"] = (config["num_local_experts"], hidden)
        for expert in range(config["num_local_experts"]):
            shapes[f"{prefix}.block_sparse_moe.experts.{expert}.w1.weight"] = (inner, hidden)
            shapes[f"{prefix}.block_sparse_moe.experts.{expert}.w2.weight"] = (hidden, inner)
            shapes[f"{prefix}.block_sparse_moe.experts.{expert}.w3.weight"] = (inner, hidden)
    shapes["model.norm.weight"] = (hidden,)
    if not config.get("tie_word_embeddings", False):
        shapes["lm_head.weight"] = (vocabulary, hidden)
    return shapes


def _checked_config(config: Any) -> dict[str, Any]:
    if not isinstance(config, dict):
        raise ConfigurationError("config: not an object", "give the content of a config.json")
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in ARCHITECTURES:
        found = f"'{shown(model_type)}'" if isinstance(model_type, str) else kind_of(model_type)
        raise ConfigurationError(f"config: model_type is {found}", "use mistral or mixtral")
    check_sizes(Path("config"), config)
    sizes = SIZES if model_type == "mistral" else (*SIZES, "num_local_experts", "num_experts_per_tok")
    for key in sizes:
        if type(config.get(key)) is not int or config[key] < 1:
            found = number_or_kind(config.get(key))
            raise ConfigurationError(f"config: {key} is {found}", "give a whole number above 0")
    if not config.get("head_dim") and config["hidden_size"] % config["num_attention_heads"]:
        raise ConfigurationError(
            f"config: hidden_size {config['hidden_size']} is not a multiple of num_attention_heads "
            f"{config['num_attention_heads']}",
            "change one of them, or give head_dim",
        )
    if config["num_attention_heads"] % config["num_key_value_heads"]:
        raise ConfigurationError(
            f"config: num_attention_heads {config['num_attention_heads']} is not a multiple of "
            f"num_key_value_heads {config['num_key_value_heads']}"
        )
    if model_type == "mixtral" and config["num_experts_per_tok"] > config["num_local_experts"]:
        raise ConfigurationError(
            f"config: num_experts_per_tok {config['num_experts_per_tok']} is above num_local_experts "
            f"{config['num_local_experts']}"
        )
    if not isinstance(config.get("rope_theta"), int | float):
        raise ConfigurationError(
            f"config: rope_theta is {number_or_kind(config.get('rope_theta'))}",
            "give it at the top level, 1000000.0 for these models: a reader that misses it assumes 10000",
        )
    defaults = {
        "architectures": [ARCHITECTURES[model_type]],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "initializer_range": 0.02,
        "tie_word_embeddings": False,
    }
    return {**defaults, **config}


def _checked_seed(seed: Any) -> int:
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise ConfigurationError(f"seed: {seed!r}", "give a whole number from 0 to 4294967295")
    return seed


def _checked_dtype(dtype: Any) -> str:
    if dtype not in _SAFETENSORS_DTYPES:
        raise ConfigurationError(f"dtype: {dtype!r}", f"use one of {', '.join(_SAFETENSORS_DTYPES)}")
    return dtype


_SAFETENSORS_DTYPES = {"float32": ("F32", 4), "bfloat16": ("BF16", 2), "float16": ("F16", 2)}


def _write_weights(
    file: Path, shapes: dict[str, tuple[int, ...]], seed: int, dtype: str, deviation: float
) -> None:
    code, width = _SAFETENSORS_DTYPES[dtype]
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + width * int(np.prod(shape))
        header[name] = {"dtype": code, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        for values in _random_tensors(shapes, seed, deviation):
            stream.write(_as_bytes(values, dtype))
        stream.flush()
        os.fsync(stream.fileno())


def _random_tensors(shapes: dict[str, tuple[int, ...]], seed: int, deviation: float) -> Iterator[np.ndarray]:
    """Each tensor from a stream of its own, so that it depends on seed and name only.

    ``RandomState`` because numpy promises that its streams never change.
    """
    for name, shape in shapes.items():
        if name.endswith("norm.weight"):
            yield np.ones(shape, np.float32)
            continue
        state = np.random.RandomState([seed, zlib.crc32(name.encode())])
        yield (state.standard_normal(shape) * deviation).astype(np.float32)


def _as_bytes(values: np.ndarray, dtype: str) -> bytes:
    if dtype == "bfloat16":
        # The upper half of a float32, rounded to nearest, ties to even; there are no NaNs here.
        bits = values.view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
    return values.astype("<f4" if dtype == "float32" else "<f2").tobytes()


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_stage(write_base_model)
