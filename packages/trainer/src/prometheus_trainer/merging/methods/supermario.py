"""The procedure behind the published 8x7B judge: close to DARE, but not DARE."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from prometheus_trainer.merging.compiler import kernel
from prometheus_trainer.merging.kernels import PIECE, load, store
from prometheus_trainer.merging.methods.masks import fill_mask
from prometheus_trainer.merging.methods.method import Inputs, Method, Parameters

_ROUTER = re.compile(r"\.(block_sparse_moe|mlp)\.gate\.weight$")


def supermario(inputs: Inputs, parameters: Parameters, _: Any, out: np.ndarray) -> bool:
    """Walks the models in order: ``y ← y + λ · m·(xᵢ - y)/(1 - p)``, beginning with the base as ``y``.

    Unlike DARE, the mask ``m`` **keeps** an element with probability ``p``, what is kept is divided by ``1 - p`` all
    the same, and each delta is taken against the running result. With the release's ``p = 0.1`` and ``λ = 1.95`` an
    expert's delta counts ``0.1 · 1.95 / 0.9 ≈ 0.217`` on average, the one before it ``0.170``. Routers of a mixture
    of experts are averaged instead: ``y ← (y + xᵢ)/2``. The original has no seed; here the masks have one.
    """
    is_router = _ROUTER.search(inputs.tensor) is not None
    p, scale = float(parameters.p), float(parameters.lambda_)
    return _walk(inputs.base, inputs.models, inputs.masks, inputs.start, is_router, p, scale, out)


@kernel
def _walk(base, models, keys, start, is_router, p, scale, out):
    finite, result, model = True, np.empty(PIECE), np.empty(PIECE)
    keep = np.empty(PIECE, np.bool_)
    for begin in range(0, out.size, PIECE):
        count = load(base[begin : begin + PIECE], result)
        for m in range(models.shape[0]):
            load(models[m, begin : begin + PIECE], model)
            if is_router:
                for i in range(count):
                    result[i] = (result[i] + model[i]) * 0.5
            else:
                fill_mask(keys[m], start + begin, p, keep)
                _step(result, model, keep, 1.0 - p, scale, count)
        finite &= store(result, out[begin : begin + PIECE])
    return finite


@kernel
def _step(result, model, keep, divisor, scale, count):
    for i in range(count):
        moved = result[i] + (model[i] - result[i]) / divisor * scale
        result[i] = moved if keep[i] else result[i]


SUPERMARIO = Method(supermario, shared={"p": 0.1, "lambda": 1.95}, per_model={}, needs_base=True, drops=True)
