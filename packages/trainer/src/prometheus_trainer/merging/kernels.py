"""Loops over elements, compiled by numba: the arithmetic of a merge at the speed of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

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
