"""The base model plus a weighted sum of task vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from prometheus_trainer.merging.methods.method import REQUIRED, Method, Parameters, Piece


def task_arithmetic(piece: Piece, parameters: Parameters, _: Any) -> torch.Tensor:
    """``base + λ · Σ wᵢ·(xᵢ - base)``, the sum divided by ``Σ wᵢ`` with ``normalize``.

    Ilharco et al., "Editing models with task arithmetic", ICLR 2023 (arXiv 2212.04089); parameters as in mergekit.
    """
    return add_weighted(piece, piece.deltas(), parameters)


def add_weighted(piece: Piece, deltas: Sequence[torch.Tensor], parameters: Parameters) -> torch.Tensor:
    """``base + λ · Σ wᵢ·δᵢ`` of deltas that are given; changes them."""
    total = deltas[0].mul_(parameters.weight[0])
    for delta, weight in zip(deltas[1:], parameters.weight[1:], strict=True):
        total += delta.mul_(weight)
    if parameters.normalize and abs(sum(parameters.weight)) >= 1e-8:
        total /= sum(parameters.weight)
    return total.mul_(parameters.lambda_).add_(piece.base)


TASK_ARITHMETIC = Method(
    task_arithmetic,
    shared={"normalize": False, "lambda": 1.0},
    per_model={"weight": REQUIRED},
    needs_base=True,
)
