"""Sets up the profile ``fast``: which levers, which micro-batches, which collator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from trl.trainer.model_config import ModelConfig
from trl.trainer.sft_config import SFTConfig

from prometheus_trainer import varlen_attention
from prometheus_trainer.fast_batches import BalancedBatchSampler, StepLayout, parity_steps
from prometheus_trainer.levers import Levers, Overrides, choose_levers, state_bytes, zero3_state_bytes
from prometheus_trainer.lora_settings import adapted, empty_model, lora_config
from prometheus_trainer.model_files import read_object
from prometheus_trainer.packed_rows import PackingCollator
from prometheus_trainer.parity_tokens import IGNORED
from prometheus_trainer.unfused_mixtral import is_mixtral


@dataclass(frozen=True)
class Packing:
    """What the trainer of the profile ``fast`` needs beside that of ``parity``."""

    sampler: BalancedBatchSampler
    collator: PackingCollator
    levers: Levers


def set_up_packing(
    train_rows: Any,
    base_model: Path,
    sft_config: SFTConfig,
    model_config: ModelConfig,
    *,
    arguments: Mapping[str, Any],
    micro_batch_tokens: int | None,
    master_weights: bool,
    processes: int,
    process: int,
) -> Packing:
    """Chooses the levers, and writes them into the two configurations.

    ``arguments`` are those of the recipe: what they name is no lever's any more. Afterwards
    ``gradient_accumulation_steps`` counts packed micro-batches; the examples of a step are those that the recipe's
    batch sizes say.
    """
    model = read_object(base_model / "config.json")
    lengths, label_counts = row_sizes(train_rows)
    dtype = getattr(torch, str(model_config.dtype).removeprefix("torch."), None)
    zero3 = sft_config.deepspeed_plugin is not None
    parameters = count_parameters(base_model, model_config)
    levers = choose_levers(
        model,
        overrides=Overrides(
            attention=arguments.get("attn_implementation"),
            recompute=arguments.get("gradient_checkpointing"),
            micro_batch_tokens=micro_batch_tokens,
        ),
        state_bytes=zero3_state_bytes(*parameters, processes=processes)
        if zero3
        else state_bytes(
            *parameters,
            parameter_bytes=dtype.itemsize if isinstance(dtype, torch.dtype) else 4,
            processes=processes,
            master_weights=master_weights,
        ),
        longest_row=max(lengths),
        half_precision=bool(sft_config.bf16 or sft_config.fp16) or dtype in (torch.bfloat16, torch.float16),
        zero3=zero3,
    )
    layout = StepLayout(
        per_device_batch=sft_config.per_device_train_batch_size,
        accumulation=sft_config.gradient_accumulation_steps,
        processes=processes,
    )
    sampler = BalancedBatchSampler(
        lengths,
        label_counts,
        layout=layout,
        seed=int(sft_config.data_seed if sft_config.data_seed is not None else sft_config.seed),
        token_budget=levers.micro_batch_tokens,
        epochs=epochs_of(sft_config, layout, len(lengths)),
        process=process,
    )
    model_config.attn_implementation = levers.attention
    sft_config.gradient_checkpointing = levers.recompute
    sft_config.gradient_accumulation_steps = sampler.micro_batches
    with_kernel = levers.attention in (varlen_attention.NAME, "flash_attention_2", "flash_attention_3")
    longest = max(max(lengths), sft_config.max_length or 0)
    return Packing(sampler, PackingCollator(longest if with_kernel else None), levers)


def epochs_of(sft_config: SFTConfig, layout: StepLayout, rows: int) -> int:
    """Epochs that training begins, for ``max_steps`` goes before ``num_train_epochs``."""
    if sft_config.max_steps <= 0:
        return math.ceil(sft_config.num_train_epochs)
    return math.ceil(sft_config.max_steps / len(parity_steps(range(rows), layout)))


def compile_layers(model: Any) -> None:
    """Compiles each decoder layer by itself: one graph serves all, and names of weights stay."""
    # Else a layer's graph is split where a bucket of DDP's gradients ends, and keeps more for its backward pass.
    # Buckets are summed up while earlier layers compute all the same, since each layer is a graph of its own.
    torch._dynamo.config.optimize_ddp = False
    for layer in model.get_decoder().layers:
        layer.compile(dynamic=True)


def row_sizes(rows: Any) -> tuple[list[int], list[int]]:
    """Tokens and labels of each row of ``input_ids`` and ``labels``, in the order of the dataset; no row is empty."""
    lengths: list[int] = []
    label_counts: list[int] = []
    for batch in rows.with_format("arrow").iter(batch_size=1000):
        labels = batch["labels"].combine_chunks()
        tokens = labels.value_lengths().to_numpy()
        starts = np.concatenate([[0], np.cumsum(tokens)[:-1]])
        predicted = labels.flatten().to_numpy() != IGNORED
        predicted[starts] = False  # the first token of a row
        lengths += tokens.tolist()
        label_counts += np.add.reduceat(predicted, starts, dtype=np.int64).tolist()
    return lengths, label_counts


def count_parameters(base_model: Path, model_config: ModelConfig) -> tuple[int, int]:
    """Parameters of a model folder, and those that are trained: all, or those that PEFT trains."""
    total = 0
    for file in base_model.glob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            total += sum(prod(tensors.get_slice(key).get_shape()) for key in tensors.keys())  # noqa: SIM118
    if not model_config.use_peft:
        return total, total
    mixtral = is_mixtral(base_model)
    model = empty_model(base_model, mixtral=mixtral)
    if model is None:
        return total, total  # loading says what is wrong
    config = lora_config(model_config, mixtral=mixtral, modules=dict(model.named_modules()))
    assert config is not None
    trained = sum(
        parameter.numel() for parameter in adapted(model, config).parameters() if parameter.requires_grad
    )
    return total + trained, trained
