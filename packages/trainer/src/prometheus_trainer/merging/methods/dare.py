"""DARE: drop elements of the task vectors at random and rescale the others."""

from __future__ import annotations

from typing import Any

import torch

from prometheus_trainer.merging.methods.consensus import add_agreeing
from prometheus_trainer.merging.methods.method import REQUIRED, Method, Parameters, Piece
from prometheus_trainer.merging.methods.task_arithmetic import add_weighted


def dare_linear(piece: Piece, parameters: Parameters, _: Any) -> torch.Tensor:
    """``base + λ · Σ wᵢ·mᵢ·(xᵢ - base)/dᵢ``, with masks ``mᵢ`` that keep an element with probability ``dᵢ``.

    Yu et al., "Language models are Super Mario", ICML 2024 (arXiv 2311.03099): what is kept is divided by the
    probability of keeping it (there ``1 - p``), which ``rescale: false`` leaves out.
    """
    return add_weighted(piece, _sparse_deltas(piece, parameters), parameters)


def dare_ties(piece: Piece, parameters: Parameters, _: Any) -> torch.Tensor:
    """As ``dare_linear``, of the kept elements those that agree with the elected sign."""
    return add_agreeing(piece, _sparse_deltas(piece, parameters), parameters)


def _sparse_deltas(piece: Piece, parameters: Parameters) -> list[torch.Tensor]:
    return [
        sparse(delta, piece, model, density, parameters.rescale)
        for model, (delta, density) in enumerate(zip(piece.deltas(), parameters.density, strict=True))
    ]


def sparse(delta: torch.Tensor, piece: Piece, model: int, density: float, rescale: bool) -> torch.Tensor:
    """The delta with a random mask that keeps ``density`` of it; changes ``delta``."""
    if density >= 1:
        return delta
    delta.masked_fill_(~piece.keep(model, density), 0.0)
    return delta.div_(density) if rescale and density > 0 else delta


_SHARED = {"normalize": False, "rescale": True, "lambda": 1.0}
_PER_MODEL = {"weight": REQUIRED, "density": 1.0}
DARE_LINEAR = Method(dare_linear, _SHARED, _PER_MODEL, needs_base=True, drops=True)
DARE_TIES = Method(dare_ties, _SHARED, _PER_MODEL, needs_base=True, drops=True)
