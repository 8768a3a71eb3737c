"""Weighted sum of the models' tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from prometheus_trainer.merging.compiler import kernel
from prometheus_trainer.merging.kernels import PIECE, load, store
from prometheus_trainer.merging.methods.method import REQUIRED, Inputs, Method, Parameters


def linear(inputs: Inputs, parameters: Parameters, _: Any, out: np.ndarray) -> bool:
    """``Σ wᵢ·xᵢ``, divided by ``Σ wᵢ`` with ``normalize``.

    Sum first, then division, as mergekit's ``linear`` does. Wortsman et al., "Model soups", ICML 2022
    (arXiv 2203.05482); Prometheus 2 merges with equal weights.
    """
    return _weighted_sum(inputs.models, parameters.weights, parameters.divisor, out)


@kernel
def _weighted_sum(models, weights, divisor, out):
    finite, values, total = True, np.empty(PIECE), np.empty(PIECE)
    for begin in range(0, out.size, PIECE):
        count = load(models[0, begin : begin + PIECE], values)
        for i in range(count):
            total[i] = values[i] * weights[0]
        for m in range(1, weights.size):
            load(models[m, begin : begin + PIECE], values)
            for i in range(count):
                total[i] += values[i] * weights[m]
        if divisor != 1.0:
            for i in range(count):
                total[i] /= divisor
        finite &= store(total, out[begin : begin + PIECE])
    return finite


LINEAR = Method(linear, shared={"normalize": True}, per_model={"weight": REQUIRED})
