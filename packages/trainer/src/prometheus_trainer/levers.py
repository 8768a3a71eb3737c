"""What makes training fast on the device at hand, chosen automatically and told; each choice can be overridden."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from prometheus_trainer import varlen_attention
from prometheus_trainer.model_flops import EXPERT_COUNTS

# Larger micro-batches gain nothing any more, as measured on an H200 with a 7B model.
MOST_TOKENS = 16_384
# Fewer do not fill a data-centre GPU with a 7B model's matrix products: recomputing costs less than that.
FEW_TOKENS = 4_096
# Of the device's memory; the rest is for the allocator's fragments and the libraries.
USABLE = 0.92
ZERO3_LIVE_PARAMETERS = 10**9


@dataclass(frozen=True)
class Levers:
    """The choices of the profile ``fast``.

    ``attention``: transformers' name of the implementation. ``compile_layers``: each decoder layer is compiled.
    ``recompute``: activations are computed again in the backward pass. ``micro_batch_tokens``: at most so many tokens
    in a micro-batch, but for a longer row.
    """

    attention: str
    compile_layers: bool
    recompute: bool
    micro_batch_tokens: int

    def __str__(self) -> str:
        return (
            f"attention {self.attention}, layers {'compiled' if self.compile_layers else 'not compiled'}, "
            f"activations {'recomputed' if self.recompute else 'kept'}, "
            f"micro-batches of at most {self.micro_batch_tokens:,} tokens"
        )


@dataclass(frozen=True)
class Overrides:
    """What the recipe says itself; None leaves the choice to :func:`choose_levers`."""

    attention: str | None
    recompute: bool | None
    micro_batch_tokens: int | None


def choose_levers(
    model: Mapping[str, Any],
    *,
    overrides: Overrides,
    state_bytes: float,
    longest_row: int,
    half_precision: bool,
    zero3: bool = False,
) -> Levers:
    """The levers for a model (its ``config.json``) whose states take ``state_bytes`` on this device.

    ``half_precision``: it computes in bfloat16 or float16, without which there is no varlen kernel. ``zero3``: it
    trains under DeepSpeed ZeRO-3.
    """
    cuda = torch.cuda.is_available()
    attention = overrides.attention or _attention(cuda and half_precision)
    # Experts take as many tokens as the router sends, so nearly every call would be compiled anew; and the hooks by
    # which ZeRO-3 gathers a layer's weights lie within what would be compiled.
    compile_layers = cuda and not zero3 and not any(key in model for key in EXPERT_COUNTS)
    room = USABLE * _device_memory() - state_bytes if cuda else float("inf")
    kept = _tokens_that_fit(room, kept_bytes_per_token(model))
    recompute = overrides.recompute
    if recompute is None:
        recompute = kept < max(longest_row, FEW_TOKENS)
    fitting = _tokens_that_fit(room, recomputed_bytes_per_token(model)) if recompute else kept
    # Without a varlen kernel the mask of a packed sequence has the square of its length.
    most = FEW_TOKENS if attention == "sdpa" else MOST_TOKENS
    tokens = overrides.micro_batch_tokens or max(longest_row, min(most, fitting))
    return Levers(attention, compile_layers, recompute, tokens)


def kept_bytes_per_token(model: Mapping[str, Any]) -> float:
    """Bytes of activations that a token leaves for the backward pass of a compiled model in 16 bits.

    Fitted to measurements of a 7B model (hidden 4,096, intermediate 14,336, 32 layers), 4.4 GiB for 1,000 tokens with
    logits on a quarter of them: seven tensors of the hidden size and three of the intermediate size a layer.
    """
    hidden, layers = model["hidden_size"], model["num_hidden_layers"]
    inner = _inner_size(model)
    return 2.0 * (7 * hidden + 3 * inner) * layers + _logit_bytes(model)


def recomputed_bytes_per_token(model: Mapping[str, Any]) -> float:
    """The same where each layer keeps its input alone, and one layer at a time has all of its own."""
    hidden, layers = model["hidden_size"], model["num_hidden_layers"]
    inner = _inner_size(model)
    return 2.0 * hidden * layers + 4.0 * (9 * hidden + 4 * inner) + _logit_bytes(model)


def state_bytes(
    parameters: int,
    trainable: int,
    *,
    parameter_bytes: int,
    processes: int,
    master_weights: bool = False,
) -> float:
    """Bytes on one device of weights, gradients and AdamW's two moments; with DDP also of its copy of the gradients.

    ``master_weights``: those of :mod:`~prometheus_trainer.split_adamw`, 14 bytes a parameter in all.
    """
    gradients = 1 if processes == 1 else 2
    optimizer = 10 if master_weights else 2 * parameter_bytes
    return parameters * parameter_bytes + trainable * (gradients * parameter_bytes + optimizer)


def zero3_state_bytes(parameters: int, trainable: int, *, processes: int) -> float:
    """The same under DeepSpeed ZeRO-3 in bfloat16, reckoned from what it holds and not measured.

    A device's share of the weights (2 bytes), and of gradients (2), float32 weights (4) and moments (8) of those that
    are trained; and the weights that are gathered at a time, at most DeepSpeed's ``stage3_max_live_parameters``.
    """
    return (2 * parameters + 14 * trainable) / processes + 2 * min(parameters, ZERO3_LIVE_PARAMETERS)


def _attention(fast_kernels: bool) -> str:
    if not fast_kernels:
        return "sdpa"
    if importlib.util.find_spec("flash_attn") is not None:
        return "flash_attention_2"
    return varlen_attention.NAME if varlen_attention.register() else "sdpa"


def _inner_size(model: Mapping[str, Any]) -> int:
    """The intermediate size that a token goes through, of all experts that it is sent to."""
    width = model.get("moe_intermediate_size") or model["intermediate_size"]
    return width * model.get("num_experts_per_tok", 1)


def _logit_bytes(model: Mapping[str, Any]) -> float:
    # A quarter of the tokens has a label; logits, their float32 copy and its gradient.
    return 0.25 * model["vocab_size"] * (2 + 4 + 4)


def _tokens_that_fit(room: float, bytes_per_token: float) -> int:
    return MOST_TOKENS if room == float("inf") else max(0, int(room / bytes_per_token))


def _device_memory() -> int:
    return torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
