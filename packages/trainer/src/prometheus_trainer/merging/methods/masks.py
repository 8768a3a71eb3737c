"""Random masks that depend on nothing but a seed, a tensor's name and an element's place."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

# Philox makes four 64-bit numbers from one value of its counter: eight elements.
ALIGNMENT = 8


def keep_mask(seed: int, tensor: str, model: int, start: int, count: int, probability: float) -> torch.Tensor:
    """Booleans, each true with ``probability``, for the elements ``start`` to ``start + count`` of a tensor.

    Element ``i`` has the ``i``-th 32-bit number of the counter-based generator Philox4x64-10 whose key is the start of
    ``SHA-256("seed/model/tensor")``, and is kept where that number is below ``probability · 2³²``. So any part of a
    mask can be made anew by anyone with numpy, in any order; ``start`` must be a multiple of 8. Salmon et al.,
    "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    if start % ALIGNMENT:
        raise AssertionError(f"a mask can start at multiples of {ALIGNMENT} only, not at {start}")
    digest = hashlib.sha256(f"{seed}/{model}/{tensor}".encode()).digest()
    generator = np.random.Philox(key=np.frombuffer(digest[:16], "<u8"))
    generator.advance(start // ALIGNMENT)
    numbers = generator.random_raw((count + 1) // 2).astype("<u8").view("<u4")[:count]
    return torch.from_numpy(numbers < round(probability * 2**32))
