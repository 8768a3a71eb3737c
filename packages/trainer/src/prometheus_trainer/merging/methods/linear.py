"""Weighted sum of the models' tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from prometheus_trainer.merging.kernels import kernel
from prometheus_trainer.merging.methods.method import REQUIRED, Method, Parameters, Piece


def linear(piece: Piece, parameters: Parameters, _: Any, out: np.ndarray) -> None:
    """``Σ wᵢ·xᵢ``, divided by ``Σ wᵢ`` with ``normalize``.

    Sum first, then division, as mergekit's ``linear`` does. Wortsman et al., "Model soups", ICML 2022
    (arXiv 2203.05482); Prometheus 2 merges with equal weights.
    """
    _weighted_sum(piece.models, parameters.weights, parameters.divisor, out)


@kernel
def _weighted_sum(models, weights, divisor, out):
    for i in range(out.size):
        out[i] = models[0, i] * weights[0]
    for m in range(1, weights.size):
        for i in range(out.size):
            out[i] += models[m, i] * weights[m]
    if divisor != 1.0:
        for i in range(out.size):
            out[i] /= divisor


LINEAR = Method(linear, shared={"normalize": True}, per_model={"weight": REQUIRED})
