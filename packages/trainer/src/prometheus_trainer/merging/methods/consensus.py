"""Electing a sign for each element, and adding the task vectors that agree with it."""

from __future__ import annotations

import numpy as np

from prometheus_trainer.merging.kernels import kernel
from prometheus_trainer.merging.methods.method import Parameters, Piece


def add_agreeing(piece: Piece, parameters: Parameters, out: np.ndarray) -> None:
    """``base + λ · Σ wᵢ·δᵢ`` over the models whose ``wᵢ·δᵢ`` has the sign of the sum of all of them.

    ``piece.models`` are task vectors here. With ``normalize`` the sum is divided by the weights of those models: the
    disjoint mean. Where the sum is 0 the positive sign is elected, as mergekit does; an element that is 0 takes no
    side.
    """
    _add_agreeing(
        piece.base, piece.models, parameters.weights, parameters.normalize, float(parameters.lambda_), out
    )


@kernel
def _add_agreeing(base, deltas, weights, normalize, scale, out):
    votes = np.zeros(out.size)
    for m in range(weights.size):
        _vote(deltas[m], weights[m], votes)
    divisor = np.zeros(out.size)
    out[:] = 0.0
    for m in range(weights.size):
        _add_where_agreed(deltas[m], weights[m], votes, out, divisor)
    if normalize:
        for i in range(out.size):
            out[i] /= divisor[i] if divisor[i] != 0.0 else 1.0
    for i in range(out.size):
        out[i] = out[i] * scale + base[i]


@kernel
def _vote(delta, weight, votes):
    for i in range(delta.size):
        delta[i] *= weight
        votes[i] += delta[i]


@kernel
def _add_where_agreed(delta, weight, votes, total, divisor):
    for i in range(delta.size):
        # A weighted delta of the elected sign is above 0 once both are turned to the positive side.
        turned = delta[i] if votes[i] >= 0.0 else -delta[i]
        total[i] += delta[i] if turned > 0.0 else 0.0
        divisor[i] += weight if turned > 0.0 else 0.0
