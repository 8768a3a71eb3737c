"""The base model plus a weighted sum of task vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from prometheus_trainer.merging.kernels import kernel
from prometheus_trainer.merging.methods.method import REQUIRED, Method, Parameters, Piece


def task_arithmetic(piece: Piece, parameters: Parameters, _: Any, out: np.ndarray) -> None:
    """``base + λ · Σ wᵢ·(xᵢ - base)``, the sum divided by ``Σ wᵢ`` with ``normalize``.

    Ilharco et al., "Editing models with task arithmetic", ICLR 2023 (arXiv 2212.04089); parameters as in mergekit.
    """
    subtract(piece.models, piece.base)
    add_weighted(piece.base, piece.models, parameters.weights, parameters.divisor, parameters.lambda_, out)


@kernel
def subtract(models, base):
    """Turns models [model, element] into their task vectors."""
    for m in range(models.shape[0]):
        for i in range(base.size):
            models[m, i] -= base[i]


@kernel
def add_weighted(base, deltas, weights, divisor, scale, out):
    """``base + scale · Σ wᵢ·δᵢ / divisor``."""
    for i in range(out.size):
        out[i] = deltas[0, i] * weights[0]
    for m in range(1, weights.size):
        for i in range(out.size):
            out[i] += deltas[m, i] * weights[m]
    for i in range(out.size):
        out[i] = out[i] / divisor * scale + base[i]


TASK_ARITHMETIC = Method(
    task_arithmetic,
    shared={"normalize": False, "lambda": 1.0},
    per_model={"weight": REQUIRED},
    needs_base=True,
)
