"""A step of SplitAdamW in one pass over the memory of a GPU; the arithmetic is that of split_adamw.py."""

# pyright: basic, reportOperatorIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false
from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

BLOCK = 1024


def update_by_triton(parameter: Any, *rest: Any) -> None:
    """Arguments as of ``_update_by_torch``; the tensors are contiguous and on a GPU."""
    count = parameter.numel()
    kernel: Any = _kernel
    kernel[(triton.cdiv(count, BLOCK),)](parameter, *rest, count, BLOCK=BLOCK)


@triton.jit
def _kernel(
    parameter_at,
    gradient_at,
    rest_at,
    exp_avg_at,
    exp_avg_sq_at,
    step_size,
    correction,
    decay,
    beta1,
    beta2,
    eps,
    count,
    BLOCK: tl.constexpr,
):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    upper = tl.load(parameter_at + at, mask=inside).to(tl.int16, bitcast=True).to(tl.int32) << 16
    rest = tl.load(rest_at + at, mask=inside).to(tl.int32)
    gradient = tl.load(gradient_at + at, mask=inside).to(tl.float32)
    mean = beta1 * tl.load(exp_avg_at + at, mask=inside) + (1 - beta1) * gradient
    square = beta2 * tl.load(exp_avg_sq_at + at, mask=inside) + (1 - beta2) * gradient * gradient
    weight = (upper + rest).to(tl.float32, bitcast=True) * decay
    weight -= step_size * mean / (tl.sqrt(square) / correction + eps)
    word = weight.to(tl.int32, bitcast=True)
    upper = (word + 0x8000) >> 16
    tl.store(parameter_at + at, upper.to(tl.int16).to(tl.bfloat16, bitcast=True), mask=inside)
    tl.store(rest_at + at, (word - (upper << 16)).to(tl.int16), mask=inside)
    tl.store(exp_avg_at + at, mean, mask=inside)
    tl.store(exp_avg_sq_at + at, square, mask=inside)
