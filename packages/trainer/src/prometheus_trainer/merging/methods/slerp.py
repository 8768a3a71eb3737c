"""Spherical linear interpolation between two models."""

from __future__ import annotations

from collections.abc import Sequence
from math import acos, sin, sqrt
from typing import Any

import numpy as np

from prometheus_trainer.merging.compiler import kernel
from prometheus_trainer.merging.kernels import PIECE, dot, load, store
from prometheus_trainer.merging.methods.method import REQUIRED, Inputs, Method, Parameters, Pass

_NEARLY_COLLINEAR = 0.9995
_NO_LENGTH = 1e-8


def slerp(inputs: Inputs, _: Parameters, coefficients: tuple[float, float], out: np.ndarray) -> bool:
    """``sin((1-t)·θ)/sin θ · x₀ + sin(t·θ)/sin θ · x₁``, ``x₀`` the base, ``θ`` the angle between the whole tensors.

    Where they are nearly collinear (|cos θ| > 0.9995) it is ``(1-t)·x₀ + t·x₁``, as in mergekit. Shoemake, "Animating
    rotation with quaternion curves", SIGGRAPH 1985.
    """
    return _mix(inputs.base, inputs.models[0], *coefficients, out)


@kernel
def _mix(base, other, of_base, of_other, out):
    finite, first, second = True, np.empty(PIECE), np.empty(PIECE)
    for begin in range(0, out.size, PIECE):
        count = load(base[begin : begin + PIECE], first)
        load(other[begin : begin + PIECE], second)
        for i in range(count):
            first[i] = first[i] * of_base + second[i] * of_other
        finite &= store(first, out[begin : begin + PIECE])
    return finite


def _products(inputs: Inputs, _: Parameters, __: Any) -> tuple[float, float, float]:
    return _dot_products(inputs.base, inputs.models[0])


@kernel
def _dot_products(base, other):
    first, second = np.empty(PIECE), np.empty(PIECE)
    squares = other_squares = mixed = 0.0
    for begin in range(0, base.size, PIECE):
        count = load(base[begin : begin + PIECE], first)
        load(other[begin : begin + PIECE], second)
        squares += dot(first[:count], first[:count])
        other_squares += dot(second[:count], second[:count])
        mixed += dot(first[:count], second[:count])
    return squares, other_squares, mixed


def _coefficients(
    products: Sequence[tuple[float, float, float]], _: int, parameters: Parameters, __: Any
) -> tuple[float, float]:
    base, other, mixed = (
        (sum(column) for column in zip(*products, strict=True)) if products else (0.0, 0.0, 0.0)
    )
    lengths = [length if length > _NO_LENGTH else 1.0 for length in (sqrt(base), sqrt(other))]
    cosine = max(-1.0, min(1.0, mixed / lengths[0] / lengths[1]))
    t = float(parameters.t)
    if abs(cosine) > _NEARLY_COLLINEAR:
        return 1 - t, t
    angle = acos(cosine)
    return sin((1 - t) * angle) / sin(angle), sin(t * angle) / sin(angle)


SLERP = Method(
    slerp,
    shared={"t": REQUIRED},
    per_model={},
    needs_base=True,
    models=(1, 1),
    passes=(Pass(_products, _coefficients),),
    base_is_equal=True,
)
