"""Loops over elements, compiled: the arithmetic of a merge at the speed of memory."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from prometheus_trainer.merging.compiler import (
    bits_of_float32,
    bits_of_float64,
    float32_of_bits,
    float64_of_bits,
    kernel,
)

# Sums that run side by side in dot().
_LANES = 32


@kernel
def dot(a, b):
    """``Σ aᵢ·bᵢ`` in a fixed order, without the threads that a library for linear algebra would start for it."""
    lanes = np.zeros(_LANES)
    whole = a.size // _LANES * _LANES
    for i in range(0, whole, _LANES):
        for lane in range(_LANES):
            lanes[lane] += a[i + lane] * b[i + lane]
    total = 0.0
    for lane in range(_LANES):
        total += lanes[lane]
    for i in range(whole, a.size):
        total += a[i] * b[i]
    return total


PIECE = 2 * 1024
"""Elements computed at a time within a block: their float64 copies stay in a core's nearest caches."""

# bfloat16 has 8 significant bits: 14 are enough to decide. float64 has 53.
_DROPPED = np.uint64((1 << 39) - 1)
_KEPT = ~_DROPPED
_BELOW_HALF = np.uint32((1 << 15) - 1)
_WIDTH = np.uint32(16)
_ONE = np.uint32(1)
_EXPONENT = np.uint16(0x7F80)


# Pieces are slices: an index of "begin + i" could be below 0 and mean an element from the end, as far as the compiler
# knows, and it would not turn the loop into vector instructions.
@kernel
def load(stored, values):
    """Fills ``values`` (float64) with the numbers of ``stored`` (bfloat16 or float32); returns how many there are."""
    for i in range(stored.size):
        values[i] = _number(stored[i])
    return stored.size


@kernel
def store(values, out):
    """Rounds each of ``values`` once, into ``out``; whether all that it wrote are finite."""
    finite = True
    for i in range(out.size):
        finite &= _put(out, i, values[i])
    return finite


@kernel
def all_finite(stored):
    """Whether no number (bfloat16 or float32) is NaN or infinite."""
    finite = True
    for i in range(stored.size):
        number = _number(stored[i])
        finite &= number - number == 0.0
    return finite


def _number(stored):
    raise AssertionError("compiled only")


@overload(_number)
def _typed_number(stored):
    if stored == types.uint16:
        return lambda stored: np.float64(float32_of_bits(np.uint32(stored) << _WIDTH))
    return lambda stored: np.float64(stored)


def _put(out, place, value):
    raise AssertionError("compiled only")


@overload(_put)
def _typed_put(out, place, value):
    if out.dtype == types.uint16:
        return _put_bfloat16
    return _put_float


def _put_bfloat16(out, place, value):
    """The value is first *rounded to odd*: cut to 14 bits, the last one set where anything was cut off.

    Going by way of float32 alone rounds twice: a value just above a tie becomes the tie, and then goes to even, which
    may be the wrong side. With two bits more than the target has, rounding to odd never changes what rounding to
    nearest gives, and float32 holds it exactly (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums:
    proved algorithms using rounding to odd", IEEE Transactions on Computers 57, 2008). The values too small for
    float32 to hold exactly are below half of the target's smallest. The upper half of a float32 is a bfloat16.
    """
    bits = bits_of_float64(value)
    # The sum reaches the lowest bit that is kept exactly where a bit below it is set.
    odd = (((bits & _DROPPED) + _DROPPED) | bits) & _KEPT
    single = bits_of_float32(np.float32(float64_of_bits(odd)))
    half = np.uint16((single + _BELOW_HALF + ((single >> _WIDTH) & _ONE)) >> _WIDTH)
    out[place] = half
    return (half & _EXPONENT) != _EXPONENT


def _put_float(out, place, value):
    out[place] = value
    return out[place] - out[place] == 0.0
