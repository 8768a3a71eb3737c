"""From stored numbers to float64, which holds each exactly, and back in one rounding."""

from __future__ import annotations

import numpy as np

from prometheus_trainer.merging.dtypes import BFLOAT16, DType
from prometheus_trainer.merging.kernels import (
    bits_of_float32,
    bits_of_float64,
    float32_of_bits,
    float64_of_bits,
    kernel,
)

# bfloat16 has 8 significant bits: 14 are enough to decide. float64 has 53.
_DROPPED = np.uint64((1 << 39) - 1)
_KEPT = ~_DROPPED
_HALF = np.uint32((1 << 15) - 1)
_WIDTH = np.uint32(16)
_ONE = np.uint32(1)
_EXPONENT = np.uint16(0x7F80)


def to_float64(stored: np.ndarray, dtype: DType, values: np.ndarray) -> None:
    """Fills ``values`` (float64) with the numbers of ``stored`` (as ``dtype.raw``)."""
    if dtype is BFLOAT16:
        _from_bfloat16(stored, values)
    else:
        values[:] = stored


def round_once(values: np.ndarray, dtype: DType, rounded: np.ndarray) -> bool:
    """Fills ``rounded`` (as ``dtype.raw``) with float64 ``values``: to nearest, ties to even, rounded once.

    Returns whether all that it wrote are finite. numpy rounds float64 to float32 and to float16 at once; bfloat16 is
    rounded here, because going by way of float32 rounds twice: a value just above a tie becomes the tie, and then goes
    to even, which may be the wrong side.
    """
    if dtype is BFLOAT16:
        return _to_bfloat16(values, rounded)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded[:] = values
    return bool(np.isfinite(rounded).all())


@kernel
def _from_bfloat16(stored, values):
    for i in range(stored.size):
        values[i] = float32_of_bits(np.uint32(stored[i]) << _WIDTH)


@kernel
def _to_bfloat16(values, rounded):
    """Values are first *rounded to odd*: cut to 14 bits, the last one set where anything was cut off.

    With two bits more than the target has, that never changes what rounding to nearest gives, and float32 holds it
    exactly (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to
    odd", IEEE Transactions on Computers 57, 2008). The values too small for float32 to hold exactly are below half of
    the target's smallest. The upper half of a float32 is a bfloat16.
    """
    not_finite = np.uint16(0)
    for i in range(values.size):
        bits = bits_of_float64(values[i])
        # The sum reaches the lowest bit that is kept exactly where a bit below it is set.
        odd = (((bits & _DROPPED) + _DROPPED) | bits) & _KEPT
        single = bits_of_float32(np.float32(float64_of_bits(odd)))
        half = np.uint16((single + _HALF + ((single >> _WIDTH) & _ONE)) >> _WIDTH)
        rounded[i] = half
        not_finite |= np.uint16((half & _EXPONENT) == _EXPONENT)
    return not_finite == 0
