"""Loops over elements, compiled by numba: the arithmetic of a merge at the speed of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

# Without "fastmath", so that no multiplication and addition are fused and the order of operations is the one written:
# the same bits on every processor. Compiled once a machine: numba keeps the result beside the module, or in the user's
# cache folder where that can't be written.
kernel: Any = njit(nogil=True, cache=True, error_model="numpy")


def _bit_cast(source: types.Type, target: types.Type) -> Any:
    """A function that reads the bits of one type as another of the same width."""

    @intrinsic
    def cast(_: Any, value: Any) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), generate

    return cast


# Sums that run side by side in dot().
_LANES = 32

float32_of_bits = _bit_cast(types.uint32, types.float32)
bits_of_float32 = _bit_cast(types.float32, types.uint32)
float64_of_bits = _bit_cast(types.uint64, types.float64)
bits_of_float64 = _bit_cast(types.float64, types.uint64)


def _upper_half_of_product(_: Any, __: Any, ___: Any) -> Any:
    """The upper 64 bits of the product of two unsigned 64-bit numbers."""

    def generate(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        first, second = (builder.zext(argument, wide) for argument in arguments)
        product = builder.mul(first, second)
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


upper_half_of_product: Any = intrinsic(_upper_half_of_product)


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


PIECE = 8 * 1024
"""Elements computed at a time within a block: their float64 copies stay in a core's nearest caches."""

# bfloat16 has 8 significant bits: 14 are enough to decide. float64 has 53.
_DROPPED = np.uint64((1 << 39) - 1)
_KEPT = ~_DROPPED
_BELOW_HALF = np.uint32((1 << 15) - 1)
_WIDTH = np.uint32(16)
_ONE = np.uint32(1)
_EXPONENT = np.uint16(0x7F80)


@kernel
def load(stored, begin, values):
    """Fills ``values`` (float64) with the piece of ``stored`` (bfloat16 or float32) from ``begin`` on; its length."""
    count = min(values.size, stored.size - begin)
    for i in range(count):
        values[i] = _number(stored[begin + i])
    return count


@kernel
def store(values, count, out, begin):
    """Rounds a piece once, into ``out`` from ``begin`` on; whether all that it wrote are finite."""
    finite = True
    for i in range(count):
        finite &= _put(out, begin + i, values[i])
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
