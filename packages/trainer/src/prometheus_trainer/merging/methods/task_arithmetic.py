"""The base model plus a weighted sum of task vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from prometheus_trainer.merging.compiler import kernel
from prometheus_trainer.merging.kernels import PIECE, load, store
from prometheus_trainer.merging.methods.method import REQUIRED, Inputs, Method, Parameters


def task_arithmetic(inputs: Inputs, parameters: Parameters, _: Any, out: np.ndarray) -> bool:
    """``base + λ · Σ wᵢ·(xᵢ - base)``, the sum divided by ``Σ wᵢ`` with ``normalize``.

    Ilharco et al., "Editing models with task arithmetic", ICLR 2023 (arXiv 2212.04089); parameters as in mergekit.
    """
    return _add_task_vectors(
        inputs.base, inputs.models, parameters.weights, parameters.divisor, float(parameters.lambda_), out
    )


@kernel
def _add_task_vectors(base, models, weights, divisor, scale, out):
    finite, origin, deltas = True, np.empty(PIECE), np.empty((weights.size, PIECE))
    merged = np.empty(PIECE)
    for begin in range(0, out.size, PIECE):
        count = load_deltas(base, models, begin, origin, deltas)
        add_weighted(origin, deltas, weights, divisor, scale, count, merged)
        finite &= store(merged, out[begin : begin + PIECE])
    return finite


@kernel
def load_deltas(base, models, begin, origin, deltas):
    """Fills ``origin`` with the piece of the base that starts at ``begin``, and ``deltas`` with each model's less it.

    Returns how many elements it has.
    """
    count = load(base[begin : begin + PIECE], origin)
    for m in range(models.shape[0]):
        load_delta(models[m, begin : begin + PIECE], origin, deltas[m])
    return count


@kernel
def load_delta(model, origin, delta):
    """Fills ``delta`` with a piece of a model less ``origin``, the base's."""
    for i in range(load(model, delta)):
        delta[i] -= origin[i]


@kernel
def add_weighted(origin, deltas, weights, divisor, scale, count, merged):
    """``base + scale · Σ wᵢ·δᵢ / divisor``."""
    for m in range(weights.size):
        delta = deltas[m]
        if m == 0:
            for i in range(count):
                merged[i] = delta[i] * weights[0]
        else:
            for i in range(count):
                merged[i] += delta[i] * weights[m]
    for i in range(count):
        merged[i] = merged[i] / divisor * scale + origin[i]


TASK_ARITHMETIC = Method(
    task_arithmetic,
    shared={"normalize": False, "lambda": 1.0},
    per_model={"weight": REQUIRED},
    needs_base=True,
)
