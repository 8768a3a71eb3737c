"""What a merge method is: its parameters, and the arithmetic on one block of one tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prometheus_trainer.merging.methods.masks import mask_key

REQUIRED = None
"""The default of a parameter that a configuration must give."""

Scalar = float | bool


@dataclass(frozen=True)
class Parameters:
    """A method's parameters for one tensor, mergekit's names; tuples have one entry for each model but the base."""

    weight: tuple[float, ...] = ()
    density: tuple[float, ...] = ()
    normalize: bool = False
    rescale: bool = True
    lambda_: float = 1.0
    t: float = 0.0
    p: float = 0.0

    @property
    def weights(self) -> np.ndarray:
        """The weights as an array of float64."""
        return np.array(self.weight, dtype=np.float64)

    @property
    def densities(self) -> np.ndarray:
        """The densities as an array of float64."""
        return np.array(self.density, dtype=np.float64)

    @property
    def divisor(self) -> float:
        """What a sum over all models is divided by: with ``normalize`` the sum of the weights, unless that is 0."""
        total = float(sum(self.weight))
        return total if self.normalize and abs(total) >= 1e-8 else 1.0


@dataclass(frozen=True)
class Inputs:
    """The elements from ``start`` on of the tensor called ``tensor``: ``models`` [model, element], ``base`` [element].

    All are bfloat16 (as uint16) or all are float32; ``base`` is empty for a method that needs none.
    """

    tensor: str
    start: int
    base: np.ndarray
    models: np.ndarray
    seed: int

    @property
    def masks(self) -> np.ndarray:
        """The key of each model's random mask, for :func:`~prometheus_trainer.merging.methods.masks.fill_mask`."""
        return np.array([mask_key(self.seed, self.tensor, model) for model in range(len(self.models))])


@dataclass(frozen=True)
class Pass:
    """A pass over all blocks of a tensor before it is combined, for what only the whole tensor tells.

    ``measure`` sees one block and what the passes before found; ``reduce`` sees the measures of all blocks, in the
    order of the tensor, and the number of elements.
    """

    measure: Callable[[Inputs, Parameters, Any], Any]
    reduce: Callable[[Sequence[Any], int, Parameters, Any], Any]


@dataclass(frozen=True)
class Method:
    """``combine(inputs, parameters, found, out)`` fills ``out`` with the merged block; ``passes`` end with ``found``.

    It computes in float64, rounds once to the dtype of ``out`` (bfloat16 as uint16, float32, float64), and returns
    whether all that it wrote are finite.

    ``shared`` and ``per_model`` are the parameters that a configuration may set, with their defaults (``REQUIRED``:
    it must set them); ``models`` are the least and the largest number of models beside the base, ``None`` for any.
    With ``base_is_equal`` the base is one of two models that are merged, rather than what they were trained from. With
    ``drops``, an element of a model may have no influence on the result, so that a NaN could be lost.
    """

    combine: Callable[[Inputs, Parameters, Any, np.ndarray], bool]
    shared: Mapping[str, Scalar | None]
    per_model: Mapping[str, Scalar | None]
    needs_base: bool = False
    models: tuple[int, int | None] = (1, None)
    passes: Sequence[Pass] = ()
    drops: bool = False
    base_is_equal: bool = False
