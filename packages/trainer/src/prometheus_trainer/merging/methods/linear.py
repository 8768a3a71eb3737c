"""Weighted sum of the models' tensors."""

from __future__ import annotations

from typing import Any

import torch

from prometheus_trainer.merging.methods.method import REQUIRED, Method, Parameters, Piece


def linear(piece: Piece, parameters: Parameters, _: Any) -> torch.Tensor:
    """``Σ wᵢ·xᵢ``, divided by ``Σ wᵢ`` with ``normalize``.

    Sum first, then division, as mergekit's ``linear`` does. Wortsman et al., "Model soups", ICML 2022
    (arXiv 2203.05482); Prometheus 2 merges with equal weights.
    """
    total = piece.models[0] * parameters.weight[0]
    for model, weight in zip(piece.models[1:], parameters.weight[1:], strict=True):
        # Not add(alpha=…): a fused multiply-add rounds otherwise on some processors.
        total += model * weight
    if parameters.normalize:
        total /= sum(parameters.weight)
    return total


LINEAR = Method(linear, shared={"normalize": True}, per_model={"weight": REQUIRED})
