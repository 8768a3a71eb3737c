"""From float64 to the output's dtype in one rounding."""

from __future__ import annotations

import numpy as np
import torch

# float16 has 11 significant bits: 14 are enough to decide. float64 has 53.
_DROPPED = (1 << 39) - 1
# The upper half of a float32 is a bfloat16; the lower half of a value midway between two bfloat16s.
_MIDWAY = -(1 << 15)


def round_once(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """float64 → float32, bfloat16 or float16: to nearest, ties to even, rounded once; ``values`` is flat.

    torch converts float64 to the 16-bit formats by way of float32, which rounds twice: a value just above a
    tie becomes the tie, and then goes to even, which may be the wrong side.
    """
    if dtype == torch.float32:
        return values.to(dtype)
    return (_off_midway(values) if dtype == torch.bfloat16 else _to_odd(values)).to(dtype)


def _off_midway(values: torch.Tensor) -> torch.Tensor:
    """float32 values that round to the bfloat16 that the float64 ones do.

    Rounding twice goes wrong only where the float32 lies midway between two bfloat16s and the float64 does not: one
    value of 65,536. Those go to the next float32 on their side.
    """
    single = values.to(torch.float32)
    lower_halves = single.numpy().view(np.int16)[::2]
    midway = np.flatnonzero(lower_halves == _MIDWAY)
    if midway.size:
        exact, rounded = values.numpy()[midway], single.numpy()[midway]
        single.numpy()[midway] = np.where(
            exact == rounded, rounded, np.nextafter(rounded, np.where(exact > rounded, np.inf, -np.inf).astype("f4"))
        )
    return single


def _to_odd(values: torch.Tensor) -> torch.Tensor:
    """Values cut to 14 bits, the last one set where anything was cut off: *rounded to odd*.

    With two bits more than the target has, that never changes what rounding to nearest gives, and float32 holds it
    exactly (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to
    odd", IEEE Transactions on Computers 57, 2008). The values too small for float32 to hold exactly are below half of
    the target's smallest.
    """
    bits = values.view(torch.int64)
    # The sum reaches the lowest bit that is kept exactly where a bit below it is set.
    odd = (bits & _DROPPED).add_(_DROPPED)
    return odd.bitwise_or_(bits).bitwise_and_(~_DROPPED).view(torch.float64)
