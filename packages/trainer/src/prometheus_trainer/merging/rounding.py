"""From stored numbers to float64, which holds each exactly, and back in one rounding."""

from __future__ import annotations

import numpy as np

from prometheus_trainer.merging.dtypes import BFLOAT16, FLOAT16, DType
from prometheus_trainer.merging.kernels import load, store


def to_float64(stored: np.ndarray, dtype: DType, values: np.ndarray) -> None:
    """Fills ``values`` (float64) with the numbers of ``stored`` (as ``dtype.raw``)."""
    if dtype is BFLOAT16:
        load(stored, values)
    else:
        values[:] = stored


def to_float32(stored: np.ndarray, dtype: DType, values: np.ndarray) -> None:
    """Fills ``values`` (float32) with the numbers of ``stored`` (as ``dtype.raw``), each exactly."""
    if dtype is BFLOAT16:
        values.view(np.uint32)[:] = stored
        values.view(np.uint32)[:] <<= 16
    else:
        values[:] = stored


def round_once(values: np.ndarray, dtype: DType, rounded: np.ndarray) -> bool:
    """Fills ``rounded`` (as ``dtype.raw``) with float64 ``values``: to nearest, ties to even, rounded once.

    Returns whether all that it wrote are finite. numpy rounds float64 to float16 at once.
    """
    if dtype is not FLOAT16:
        return bool(store(values, rounded))
    with np.errstate(over="ignore", invalid="ignore"):
        rounded[:] = values
    return bool(np.isfinite(rounded).all())
