"""Is every value a number?"""

from __future__ import annotations

from math import isfinite

import torch


def all_finite(values: torch.Tensor) -> bool:
    """Whether a tensor of floats holds no NaN and no infinity.

    By its sum, one pass without memory, several times faster than ``torch.isfinite(values).all()``. Only where the sum
    is not finite, which large numbers can make it too, each value is looked at.
    """
    return isfinite(float(values.sum())) or bool(torch.isfinite(values).all())
