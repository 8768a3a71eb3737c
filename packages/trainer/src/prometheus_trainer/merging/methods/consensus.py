"""Electing a sign for each element, and adding the task vectors that agree with it."""

from __future__ import annotations

import numpy as np

from prometheus_trainer.merging.compiler import kernel
from prometheus_trainer.merging.kernels import PIECE


@kernel
def add_agreeing(origin, deltas, weights, normalize, scale, count, merged):
    """``base + λ · Σ wᵢ·δᵢ`` over the models whose ``wᵢ·δᵢ`` has the sign of the sum of all of them.

    With ``normalize`` the sum is divided by the weights of those models: the disjoint mean. Where the sum is 0 the
    positive sign is elected, as mergekit does; an element that is 0 takes no side. Changes ``deltas``.
    """
    votes, divisor = np.zeros(PIECE), np.zeros(PIECE)
    merged[:] = 0.0
    # A loop over elements inside one over models: that is what the compiler turns into vector instructions.
    for m in range(weights.size):
        _vote(deltas[m], weights[m], count, votes)
    for m in range(weights.size):
        _add_where_agreed(deltas[m], weights[m], votes, count, merged, divisor)
    if normalize:
        for i in range(count):
            merged[i] /= divisor[i] if divisor[i] != 0.0 else 1.0
    for i in range(count):
        merged[i] = merged[i] * scale + origin[i]


@kernel
def _vote(delta, weight, count, votes):
    for i in range(count):
        delta[i] *= weight
        votes[i] += delta[i]


@kernel
def _add_where_agreed(delta, weight, votes, count, total, divisor):
    for i in range(count):
        # A weighted delta of the elected sign is above 0 once both are turned to the positive side.
        turned = delta[i] if votes[i] >= 0.0 else -delta[i]
        total[i] += delta[i] if turned > 0.0 else 0.0
        divisor[i] += weight if turned > 0.0 else 0.0
