"""What an adapter adds to a weight, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np

from prometheus_trainer.merging.blocks import Block


class Delta:
    """``weight + scaling · (b @ a)`` in float32, ``a`` [r, in], ``b`` [out, r]; transposed where the weight is.

    With ``magnitude`` [out] each row of the sum is scaled to that length (DoRA, arXiv:2402.09353, equation 5).

    torch multiplies, as PEFT does, so that both round alike; it is imported only where there are adapters. Each thread
    of the merge multiplies alone: with threads of torch's own beside them, they waited for each other.
    """

    def __init__(
        self,
        a: np.ndarray,
        b: np.ndarray,
        scaling: float,
        transposed: bool,
        magnitude: np.ndarray | None = None,
    ) -> None:
        import torch

        torch.set_num_threads(1)
        self._a: Any = torch.from_numpy(a)
        self._b: Any = torch.from_numpy(b)
        self._scaling = scaling
        self._transposed = transposed
        self._magnitude: Any = None if magnitude is None else torch.from_numpy(magnitude)

    def add_to(self, values: np.ndarray, block: Block) -> None:
        """Changes the weight's rows of a block, flat."""
        row = (self._b.shape[0] if self._transposed else self._a.shape[1]) or 1
        rows = slice(block.start // row, (block.start + block.count) // row)
        delta = (self._b @ self._a[:, rows]).T if self._transposed else self._b[rows] @ self._a
        values += (delta * self._scaling).contiguous().view(-1).numpy()
        if self._magnitude is not None:
            import torch

            weight: Any = torch.from_numpy(values).view(-1, row)
            weight *= (self._magnitude[rows] / torch.linalg.norm(weight, dim=1)).view(-1, 1)
