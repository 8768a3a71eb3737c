"""DARE: drop elements of the task vectors at random and rescale the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from prometheus_trainer.merging.kernels import kernel
from prometheus_trainer.merging.methods.consensus import add_agreeing
from prometheus_trainer.merging.methods.method import REQUIRED, Method, Parameters, Piece
from prometheus_trainer.merging.methods.task_arithmetic import add_weighted, subtract


def dare_linear(piece: Piece, parameters: Parameters, _: Any, out: np.ndarray) -> None:
    """``base + λ · Σ wᵢ·mᵢ·(xᵢ - base)/dᵢ``, with masks ``mᵢ`` that keep an element with probability ``dᵢ``.

    Yu et al., "Language models are Super Mario", ICML 2024 (arXiv 2311.03099): what is kept is divided by the
    probability of keeping it (there ``1 - p``), which ``rescale: false`` leaves out.
    """
    _sparse_deltas(piece, parameters)
    add_weighted(piece.base, piece.models, parameters.weights, parameters.divisor, parameters.lambda_, out)


def dare_ties(piece: Piece, parameters: Parameters, _: Any, out: np.ndarray) -> None:
    """As ``dare_linear``, of the kept elements those that agree with the elected sign."""
    _sparse_deltas(piece, parameters)
    add_agreeing(piece, parameters, out)


def _sparse_deltas(piece: Piece, parameters: Parameters) -> None:
    subtract(piece.models, piece.base)
    for model, density in enumerate(parameters.density):
        if density < 1:
            divisor = density if parameters.rescale and density > 0 else 1.0
            _drop(piece.models[model], piece.keep(model, density), divisor)


@kernel
def _drop(delta, keep, divisor):
    for i in range(delta.size):
        delta[i] = delta[i] / divisor if keep[i] else 0.0


_SHARED = {"normalize": False, "rescale": True, "lambda": 1.0}
_PER_MODEL = {"weight": REQUIRED, "density": 1.0}
DARE_LINEAR = Method(dare_linear, _SHARED, _PER_MODEL, needs_base=True, drops=True)
DARE_TIES = Method(dare_ties, _SHARED, _PER_MODEL, needs_base=True, drops=True)
