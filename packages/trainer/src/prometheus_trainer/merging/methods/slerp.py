"""Spherical linear interpolation between two models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import acos, sin, sqrt
from typing import Any

import numpy as np

from prometheus_trainer.merging.kernels import dot, kernel
from prometheus_trainer.merging.methods.method import REQUIRED, Method, Parameters, Pass, Piece

_NEARLY_COLLINEAR = 0.9995
_NO_LENGTH = 1e-8


def slerp(piece: Piece, _: Parameters, coefficients: tuple[float, float], out: np.ndarray) -> None:
    """``sin((1-t)·θ)/sin θ · x₀ + sin(t·θ)/sin θ · x₁``, ``x₀`` the base, ``θ`` the angle between the whole tensors.

    Where they are nearly collinear (|cos θ| > 0.9995) it is ``(1-t)·x₀ + t·x₁``, as in mergekit. Shoemake, "Animating
    rotation with quaternion curves", SIGGRAPH 1985.
    """
    _mix(piece.base, piece.models[0], *coefficients, out)


@kernel
def _mix(base, other, of_base, of_other, out):
    for i in range(out.size):
        out[i] = base[i] * of_base + other[i] * of_other


def _products(pieces: Iterable[Piece], _: Parameters, __: Any) -> tuple[float, float, float]:
    squares = other_squares = mixed = 0.0
    for piece in pieces:
        base, other = piece.base, piece.models[0]
        squares += dot(base, base)
        other_squares += dot(other, other)
        mixed += dot(base, other)
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
