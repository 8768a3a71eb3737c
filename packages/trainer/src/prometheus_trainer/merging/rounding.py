"""From float64 to the output's dtype in one rounding."""

from __future__ import annotations

import torch


def round_once(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """float64 → float32, bfloat16 or float16: to nearest, ties to even, rounded once.

    torch converts float64 to the 16-bit formats by way of float32, which rounds twice: a value just above a
    tie becomes the tie, and then goes to even, which may be the wrong side. Going to float32 by *rounding
    to odd* is safe, since float32 has more than two bits more than either format (Boldo and Melquiond,
    "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", IEEE
    Transactions on Computers 57, 2008).
    """
    nearest = values.to(torch.float32)
    return nearest if dtype == torch.float32 else _to_odd(values, nearest).to(dtype)


def _to_odd(values: torch.Tensor, nearest: torch.Tensor) -> torch.Tensor:
    """Of the two float32 neighbours of an inexact value, the one whose last bit is set; changes ``nearest``.

    ``nearest`` is one of the two. Where its last bit is clear, the other lies one step away, on the side of
    the value; as float32 stores sign and magnitude, one step is ±1 on the bits, whatever the sign.
    """
    bits = nearest.view(torch.int32)
    error = values.abs() - nearest.abs().to(torch.float64)
    even = (bits & 1) == 0
    bits += (error.sign().to(torch.int32)) * even
    return nearest
