"""The procedure behind the published 8x7B judge: close to DARE, but not DARE."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from prometheus_trainer.merging.kernels import kernel
from prometheus_trainer.merging.methods.method import Method, Parameters, Piece

_ROUTER = re.compile(r"\.(block_sparse_moe|mlp)\.gate\.weight$")


def supermario(piece: Piece, parameters: Parameters, _: Any, out: np.ndarray) -> None:
    """Walks the models in order: ``y ← y + λ · m·(xᵢ - y)/(1 - p)``, beginning with the base as ``y``.

    Unlike DARE, the mask ``m`` **keeps** an element with probability ``p``, what is kept is divided by ``1 - p`` all
    the same, and each delta is taken against the running result. With the release's ``p = 0.1`` and ``λ = 1.95`` an
    expert's delta counts ``0.1 · 1.95 / 0.9 ≈ 0.217`` on average, the one before it ``0.170``. Routers of a mixture
    of experts are averaged instead: ``y ← (y + xᵢ)/2``. The original has no seed; here the masks have one.
    """
    out[:] = piece.base
    is_router = _ROUTER.search(piece.tensor)
    for place, model in enumerate(piece.models):
        if is_router:
            out += model
            out *= 0.5
        else:
            _step(out, model, piece.keep(place, parameters.p), 1 - parameters.p, parameters.lambda_)


@kernel
def _step(result, model, keep, divisor, scale):
    for i in range(result.size):
        if keep[i]:
            result[i] += (model[i] - result[i]) / divisor * scale


SUPERMARIO = Method(supermario, shared={"p": 0.1, "lambda": 1.95}, per_model={}, needs_base=True, drops=True)
