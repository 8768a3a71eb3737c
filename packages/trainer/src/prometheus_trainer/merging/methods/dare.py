"""DARE: drop elements of the task vectors at random and rescale the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from prometheus_trainer.merging.compiler import kernel
from prometheus_trainer.merging.kernels import PIECE, store
from prometheus_trainer.merging.methods.consensus import add_agreeing
from prometheus_trainer.merging.methods.masks import fill_mask
from prometheus_trainer.merging.methods.method import REQUIRED, Inputs, Method, Parameters
from prometheus_trainer.merging.methods.task_arithmetic import add_weighted, load_deltas


def dare_linear(inputs: Inputs, parameters: Parameters, _: Any, out: np.ndarray) -> bool:
    """``base + λ · Σ wᵢ·mᵢ·(xᵢ - base)/dᵢ``, with masks ``mᵢ`` that keep an element with probability ``dᵢ``.

    Yu et al., "Language models are Super Mario", ICML 2024 (arXiv 2311.03099): what is kept is divided by the
    probability of keeping it (there ``1 - p``), which ``rescale: false`` leaves out.
    """
    return _combine(inputs, parameters, False, out)


def dare_ties(inputs: Inputs, parameters: Parameters, _: Any, out: np.ndarray) -> bool:
    """As ``dare_linear``, of the kept elements those that agree with the elected sign."""
    return _combine(inputs, parameters, True, out)


def _combine(inputs: Inputs, parameters: Parameters, elect: bool, out: np.ndarray) -> bool:
    densities = parameters.densities
    divisors = np.where((densities > 0) & bool(parameters.rescale), densities, 1.0)
    normalize = bool(parameters.normalize) if elect else parameters.divisor
    weights, scale = parameters.weights, float(parameters.lambda_)
    return _add_sparse(
        inputs.base,
        inputs.models,
        inputs.masks,
        inputs.start,
        densities,
        divisors,
        weights,
        elect,
        normalize,
        scale,
        out,
    )


@kernel
def _add_sparse(base, models, keys, start, densities, divisors, weights, elect, normalize, scale, out):
    """``normalize`` is whether to divide by the weights that agree, or else the divisor of the sum."""
    finite, origin, deltas = True, np.empty(PIECE), np.empty((weights.size, PIECE))
    merged, keep = np.empty(PIECE), np.empty(PIECE, np.bool_)
    for begin in range(0, out.size, PIECE):
        count = load_deltas(base, models, begin, origin, deltas)
        for m in range(weights.size):
            if densities[m] < 1.0:
                fill_mask(keys[m], start + begin, densities[m], keep)
                _drop(deltas[m], keep, divisors[m], count)
        if elect:
            add_agreeing(origin, deltas, weights, normalize != 0, scale, count, merged)
        else:
            add_weighted(origin, deltas, weights, normalize, scale, count, merged)
        finite &= store(merged, out[begin : begin + PIECE])
    return finite


@kernel
def _drop(delta, keep, divisor, count):
    for i in range(count):
        delta[i] = delta[i] / divisor if keep[i] else 0.0


_SHARED = {"normalize": False, "rescale": True, "lambda": 1.0}
_PER_MODEL = {"weight": REQUIRED, "density": 1.0}
DARE_LINEAR = Method(dare_linear, _SHARED, _PER_MODEL, needs_base=True, drops=True)
DARE_TIES = Method(dare_ties, _SHARED, _PER_MODEL, needs_base=True, drops=True)
