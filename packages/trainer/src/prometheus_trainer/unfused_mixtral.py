"""Mixtral with each expert as three linear layers, the form the paper trained, on a transformers that fuses them.

transformers 5 holds the experts of a block as two 3-D parameters. LoRA on those is another parametrisation (gate and
up share one A of double rank) and PEFT refuses dropout on it. Here a block's experts are modules again, so that LoRA
with dropout goes on ``w1``, ``w2`` and ``w3`` one by one. Inside they carry the names below, since PEFT rewrites the
targets ``w1`` … of a Mixtral to the fused parameters; on disk all has its original names.

=========  =============  ==============================
original   inside         computes
=========  =============  ==============================
``w1``     ``gate_proj``  the gate, before the activation
``w3``     ``up_proj``    what the gate is multiplied with
``w2``     ``down_proj``  back to the hidden size
=========  =============  ==============================
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import MixtralConfig, MixtralForCausalLM
from transformers.activations import ACT2FN
from transformers.models.mixtral import modeling_mixtral

from prometheus_trainer.model_files import read_object

INSIDE = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}
ORIGINAL = {inside: original for original, inside in INSIDE.items()}


def is_mixtral(base_model: Path) -> bool:
    """Whether the model of this folder is a Mixtral, whose experts are trained unfused."""
    return read_object(base_model / "config.json").get("model_type") == "mixtral"


def load_unfused_mixtral(folder: Path, **options: Any) -> MixtralForCausalLM:
    """Loads a Mixtral checkpoint with the original tensor names; ``options`` go to ``from_pretrained``.

    The model saves itself with the original names again. Its logits are those of the stock model.
    """
    # ZeRO-3 has to gather a whole block: ranks that send no token to some expert would never ask for its weights.
    os.environ.setdefault("ACCELERATE_DEEPSPEED_MOE_LAYER_CLS_NAMES", "MixtralSparseMoeBlock")
    renamed = {rf"\.{original}\.": f".{inside}." for original, inside in INSIDE.items()}
    with _experts_built_as(UnfusedExperts):
        return MixtralForCausalLM.from_pretrained(folder, key_mapping=renamed, **options)


def empty_unfused_mixtral(config: MixtralConfig) -> MixtralForCausalLM:
    """The model on the meta device: names and shapes without weights."""
    with torch.device("meta"), _experts_built_as(UnfusedExperts):
        return MixtralForCausalLM(config)


def inside_targets(targets: Iterable[str]) -> list[str]:
    """Names of modules, or ends of them, as they are called inside: ``w1`` → ``gate_proj``; other names stay."""
    return [_with_parts(target, {"block_sparse_moe": "mlp", **INSIDE}) for target in targets]


def original_targets(targets: Iterable[str]) -> list[str]:
    """Names of modules, or ends of them, by their original names, the inverse of :func:`inside_targets`."""
    return [_with_parts(target, {"mlp": "block_sparse_moe", **ORIGINAL}) for target in targets]


def inside_key(key: str) -> str:
    """``….block_sparse_moe.experts.3.w1.…`` → ``….mlp.experts.3.gate_proj.…``; other keys stay."""
    key = key.replace(".block_sparse_moe.", ".mlp.")
    return re.sub(r"(\.mlp\.experts\.\d+\.)(w[123])\.", lambda found: f"{found[1]}{INSIDE[found[2]]}.", key)


def original_key(key: str) -> str:
    """``….mlp.experts.3.gate_proj.…`` → ``….block_sparse_moe.experts.3.w1.…``, the inverse of :func:`inside_key`."""
    key = re.sub(
        r"(\.mlp\.experts\.\d+\.)(gate_proj|up_proj|down_proj)\.",
        lambda found: f"{found[1]}{ORIGINAL[found[2]]}.",
        key,
    )
    return key.replace(".mlp.", ".block_sparse_moe.")


def _with_parts(name: str, renamed: Mapping[str, str]) -> str:
    return ".".join(renamed.get(part, part) for part in name.split("."))


class UnfusedExperts(nn.ModuleList):
    """The experts of one block, called as transformers calls its fused ones."""

    def __init__(self, config: MixtralConfig) -> None:
        super().__init__(Expert(config) for _ in range(config.num_local_experts))
        # It has no parameters of its own: keeps transformers from initialising it as the fused class it stands for.
        self._is_hf_initialized = True

    def forward(
        self, hidden_states: torch.Tensor, top_k_index: torch.Tensor, top_k_weights: torch.Tensor
    ) -> torch.Tensor:
        """Hidden states of shape (tokens, hidden), indices and weights of shape (tokens, experts per token).

        Every expert runs, also on no token at all: its parameters then have a gradient (zero) on every rank, which
        DDP and ZeRO wait for.
        """
        mixed = torch.zeros_like(hidden_states)
        for index, expert in enumerate(self):
            token, choice = torch.where(top_k_index == index)
            output = expert(hidden_states[token]) * top_k_weights[token, choice, None]
            mixed.index_add_(0, token, output.to(mixed.dtype))
        return mixed


class Expert(nn.Module):
    """SwiGLU: ``down(act(gate(x)) * up(x))``."""

    def __init__(self, config: MixtralConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.down_proj(self.act_fn(self.gate_proj(hidden_states)) * self.up_proj(hidden_states))


@contextmanager
def _experts_built_as(experts: type[nn.Module]) -> Iterator[None]:
    """Within it, a new Mixtral block builds its experts with this class; the block's own code stays the stock one."""
    stock = modeling_mixtral.MixtralExperts
    modeling_mixtral.MixtralExperts = experts  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        modeling_mixtral.MixtralExperts = stock  # type: ignore[misc]
