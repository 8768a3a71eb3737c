"""Electing a sign for each element, and adding the task vectors that agree with it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from prometheus_trainer.merging.methods.method import Parameters, Piece


def add_agreeing(piece: Piece, deltas: Sequence[torch.Tensor], parameters: Parameters) -> torch.Tensor:
    """``base + λ · Σ wᵢ·δᵢ`` over the models whose ``wᵢ·δᵢ`` has the sign of the sum of all of them; changes ``deltas``.

    With ``normalize`` the sum is divided by the weights of those models: the disjoint mean. Where the sum is 0 the
    positive sign is elected, as mergekit does; an element that is 0 takes no side.
    """
    weighted = [delta.mul_(weight) for delta, weight in zip(deltas, parameters.weight, strict=True)]
    votes = weighted[0].clone()
    for delta in weighted[1:]:
        votes += delta
    positive = votes >= 0
    total, divisor = votes.zero_(), torch.zeros_like(votes)
    for delta, weight in zip(weighted, parameters.weight, strict=True):
        agrees = torch.where(positive, delta > 0, delta < 0)
        total += torch.where(agrees, delta, 0.0)
        # In float64 before the product: a bool times a number is float32.
        divisor += agrees.to(divisor.dtype).mul_(weight)
    if parameters.normalize:
        total /= divisor.masked_fill_(divisor == 0, 1.0)
    return total.mul_(parameters.lambda_).add_(piece.base)
