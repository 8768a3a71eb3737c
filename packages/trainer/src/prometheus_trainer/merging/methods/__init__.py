"""The merge methods. A new one is a pure function in a file of its own and an entry in ``METHODS``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from prometheus_trainer.merging.methods.linear import linear


@dataclass(frozen=True)
class Method:
    """``combine(tensors, weights, normalize)``: float64 tensors of one shape to one of that shape.

    It is given a tensor in pieces, so each element must depend on the inputs' elements at the same place
    only.
    """

    combine: Callable[[Sequence[torch.Tensor], Sequence[float], bool], torch.Tensor]
    normalize_default: bool


METHODS = {"linear": Method(linear, normalize_default=True)}
