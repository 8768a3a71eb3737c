"""Spherical linear interpolation between two models."""

from __future__ import annotations

from collections.abc import Sequence
from math import acos, sin, sqrt
from typing import Any

import torch

from prometheus_trainer.merging.methods.method import REQUIRED, Method, Parameters, Pass, Piece

_NEARLY_COLLINEAR = 0.9995
_NO_LENGTH = 1e-8


def slerp(piece: Piece, _: Parameters, coefficients: tuple[float, float]) -> torch.Tensor:
    """``sin((1-t)·θ)/sin θ · x₀ + sin(t·θ)/sin θ · x₁``, ``x₀`` the base, ``θ`` the angle between the whole tensors.

    Where they are nearly collinear (|cos θ| > 0.9995) it is ``(1-t)·x₀ + t·x₁``, as in mergekit. Shoemake, "Animating
    rotation with quaternion curves", SIGGRAPH 1985.
    """
    if piece.base is None:
        raise AssertionError("slerp begins with the base model")
    first, second = coefficients
    return (piece.base * first).add_(piece.models[0] * second)


def _products(piece: Piece, _: Parameters, __: Any) -> tuple[float, float, float]:
    base, other = piece.base, piece.models[0]
    if base is None:
        raise AssertionError("slerp begins with the base model")
    return float(base.dot(base)), float(other.dot(other)), float(base.dot(other))


def _coefficients(
    products: Sequence[tuple[float, float, float]], _: int, parameters: Parameters, __: Any
) -> tuple[float, float]:
    base, other, mixed = (sum(column) for column in zip(*products, strict=True)) if products else (0.0, 0.0, 0.0)
    lengths = [length if length > _NO_LENGTH else 1.0 for length in (sqrt(base), sqrt(other))]
    cosine = max(-1.0, min(1.0, mixed / lengths[0] / lengths[1]))
    t = parameters.t
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
