"""From float64 to the output's dtype in one rounding."""

from __future__ import annotations

import torch

# bfloat16 has 8 significant bits and float16 has 11: 14 are enough for either. float64 has 53.
_DROPPED = (1 << 39) - 1


def round_once(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """float64 → float32, bfloat16 or float16: to nearest, ties to even, rounded once.

    torch converts float64 to the 16-bit formats by way of float32, which rounds twice: a value just above a
    tie becomes the tie, and then goes to even, which may be the wrong side. So the values are first *rounded
    to odd*: cut to 14 bits, the last one set where anything was cut off. With two bits more than the target
    has, that never changes what rounding to nearest gives, and float32 holds it exactly (Boldo and Melquiond,
    "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", IEEE Transactions
    on Computers 57, 2008). The values too small for float32 to hold exactly are below half of the target's
    smallest.
    """
    return values.to(dtype) if dtype == torch.float32 else _to_odd(values).to(dtype)


def _to_odd(values: torch.Tensor) -> torch.Tensor:
    bits = values.view(torch.int64)
    # The sum reaches the lowest bit that is kept exactly where a bit below it is set.
    odd = (bits & _DROPPED).add_(_DROPPED)
    return odd.bitwise_or_(bits).bitwise_and_(~_DROPPED).view(torch.float64)
