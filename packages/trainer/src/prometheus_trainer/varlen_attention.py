"""Attention within each row of a packed sequence by torch's own kernel, for transformers to call by name."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

NAME = "varlen"


def register() -> bool:
    """Registers the attention ``varlen``; False where this torch has no such kernel."""
    try:
        from torch.nn.attention.varlen import varlen_attn  # noqa: F401
    except ImportError:
        return False
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)
    return True


def attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within the rows that ``cu_seq_lens_q`` delimits; (1, heads, T, size) to (1, T, heads, size).

    ``sliding_window``: a token sees itself and that many less one before it.

    transformers gives an attention that it does not know no mask, also for padded batches: those are refused here,
    since they would be computed wrong without a word. Raises ValueError for them.
    """
    from torch.nn.attention.varlen import varlen_attn

    ends, longest = kwargs.get("cu_seq_lens_q"), kwargs.get("max_length_q")
    if query.shape[0] != 1 or ends is None or longest is None:
        raise ValueError("the attention varlen takes packed sequences only: a batch of 1 with cu_seq_lens_q")
    options: dict[str, Any] = {
        "scale": scaling,
        "window_size": (sliding_window - 1 if sliding_window else -1, 0),
    }
    if "enable_gqa" in _PARAMETERS and query.shape[1] != key.shape[1]:
        options["enable_gqa"] = True
    q, k, v = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    output: Any = varlen_attn(q, k, v, ends, ends, longest, longest, **options)
    return output[None], None


def _parameters() -> frozenset[str]:
    import inspect

    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return frozenset()
    return frozenset(inspect.signature(varlen_attn).parameters)


_PARAMETERS = _parameters()
