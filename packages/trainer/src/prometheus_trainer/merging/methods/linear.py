"""Weighted sum of the models' tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def linear(tensors: Sequence[torch.Tensor], weights: Sequence[float], normalize: bool) -> torch.Tensor:
    """``Σ wᵢ·xᵢ``, divided by ``Σ wᵢ`` with ``normalize``; float64 in, float64 out.

    Sum first, then division, as mergekit's ``linear`` does. Wortsman et al., "Model soups", ICML 2022
    (arXiv 2203.05482); Prometheus 2 merges with equal weights.
    """
    total = tensors[0] * weights[0]
    for tensor, weight in zip(tensors[1:], weights[1:], strict=True):
        # Not add(alpha=…): a fused multiply-add rounds otherwise on some processors.
        total += tensor * weight
    if normalize:
        total /= sum(weights)
    return total
