"""Rows one after the other in a single sequence without padding, and the loss on their labels alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from prometheus_trainer import varlen_attention
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.fast_batches import WeightedRow
from prometheus_trainer.parity_tokens import IGNORED


class WeightedRows(Dataset):
    """A dataset that is asked for rows with their label weights; see :mod:`~prometheus_trainer.fast_batches`."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, wanted: WeightedRow) -> dict[str, Any]:
        return {**self._rows[wanted.row], "label_weight": wanted.label_weight}


class PackingCollator:
    """Rows to one packed sequence of T tokens.

    Gives ``input_ids`` and ``position_ids`` (1, T); ``label_positions``, ``targets`` and ``label_weights`` (L): the
    positions whose logits predict a label, that label, and its weight, which is 1/L where rows carry none (evaluation);
    ``row_lengths`` (rows). With ``max_row_length`` also what varlen attention takes: ``cu_seq_lens_q`` and
    ``cu_seq_lens_k`` (rows + 1, int32) and ``max_length_q`` and ``max_length_k``, which are constants, since a number
    that changes would have compiled layers compiled anew.
    """

    def __init__(self, max_row_length: int | None = None) -> None:
        self._max_row_length = max_row_length

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        lengths = torch.tensor([len(row["input_ids"]) for row in rows])
        ids = torch.cat([torch.as_tensor(row["input_ids"], dtype=torch.int64) for row in rows])
        # The logits at a position predict the next token; those at the end of a row predict nothing.
        shifted = [torch.tensor([*row["labels"][1:], IGNORED], dtype=torch.int64) for row in rows]
        labels = torch.cat(shifted)
        positions = labels.ne(IGNORED).nonzero().flatten()
        if "label_weight" in rows[0]:
            row_weights = torch.tensor([row["label_weight"] for row in rows], dtype=torch.float32)
            weights = row_weights.repeat_interleave(lengths)[positions]
        else:
            weights = torch.full((len(positions),), 1.0 / max(1, len(positions)))
        batch: dict[str, Any] = {
            # First, since the trainer takes the size of the first tensor for the number of rows.
            "row_lengths": lengths,
            "input_ids": ids[None],
            "position_ids": torch.cat([torch.arange(length) for length in lengths.tolist()])[None],
            "label_positions": positions,
            "targets": labels[positions],
            "label_weights": weights,
            "labels": labels[None],
        }
        if self._max_row_length is not None:
            ends = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)]).to(torch.int32)
            batch |= {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends}
            batch |= {"max_length_q": self._max_row_length, "max_length_k": self._max_row_length}
        return batch


def check_packable(model: Any) -> None:
    """Raises ConfigurationError for a model that would not keep packed rows apart, or not compute its own attention."""
    name, config = type(model).__name__, model.config
    if getattr(model, "_is_stateful", False):
        raise ConfigurationError(
            f"the profile fast packs rows one behind the other, and {name} carries a state from one to the next",
            "Take the profile parity.",
        )
    if config._attn_implementation != varlen_attention.NAME:
        return
    sinks = any(key.endswith(".sinks") for key, _ in model.named_parameters())
    if sinks or getattr(config, "attn_logit_softcapping", None) is not None:
        raise ConfigurationError(
            f"torch's varlen attention has neither sinks nor capped scores, as {name} needs",
            "Set attn_implementation to flash_attention_2 (with the package flash-attn) or to eager, or take the "
            "profile parity.",
        )


def packed_loss(model: nn.Module, batch: dict[str, Any]) -> tuple[torch.Tensor, Any]:
    """The weighted sum of the cross-entropy of a packed batch's labels, in float32, and the model's outputs.

    Only the positions before a label get logits: of a judge's sequence, a quarter or less.
    """
    inputs = {key: value for key, value in batch.items() if key not in ("row_lengths", "labels")}
    positions, targets, weights = (inputs.pop(key) for key in ("label_positions", "targets", "label_weights"))
    outputs = model(**inputs, use_cache=False, logits_to_keep=positions)
    losses = nn.functional.cross_entropy(outputs.logits[0].float(), targets, reduction="none")
    return (losses * weights).sum(), outputs
