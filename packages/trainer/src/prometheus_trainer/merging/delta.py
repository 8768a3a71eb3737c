"""What an adapter adds to a weight, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np

from prometheus_trainer.merging.blocks import Block


class Delta:
    """``scaling · (b @ a)`` in float32, ``a`` [r, in], ``b`` [out, r]; transposed where the weight is stored so.

    torch multiplies, as PEFT does, so that both round alike; it is imported only where there are adapters. Each thread
    of the merge multiplies alone: with threads of torch's own beside them, they waited for each other.
    """

    def __init__(self, a: np.ndarray, b: np.ndarray, scaling: float, transposed: bool) -> None:
        import torch

        torch.set_num_threads(1)
        self._a: Any = torch.from_numpy(a)
        self._b: Any = torch.from_numpy(b)
        self._scaling = scaling
        self._transposed = transposed

    def of(self, block: Block) -> np.ndarray:
        """The delta of a block's rows, flat."""
        row = (self._b.shape[0] if self._transposed else self._a.shape[1]) or 1
        rows = slice(block.start // row, (block.start + block.count) // row)
        delta = (self._b @ self._a[:, rows]).T if self._transposed else self._b[rows] @ self._a
        return (delta * self._scaling).contiguous().view(-1).numpy()
