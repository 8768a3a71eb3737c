"""Computing the tensors of a merge from those of its models, in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, sqrt

import torch

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.mergekit_config import MergeConfig
from prometheus_trainer.merging.plan import OutputTensor
from prometheus_trainer.merging.reading import StoredTensor, read_tensor
from prometheus_trainer.merging.rounding import round_once

# Elements computed at a time: their float64 copies stay in the cache, those of an embedding matrix would not.
_PIECE = 1 << 18


class Combiner:
    """Combines the tensors of one name of all models, and measures how far the models lie apart."""

    def __init__(self, config: MergeConfig, models: Sequence[Mapping[str, StoredTensor]]) -> None:
        self._config = config
        self._models = models
        self._distances: list[float] = []

    def combine(self, tensor: OutputTensor) -> torch.Tensor:
        """Reads the models' tensors and computes the merged one, in the planned dtype and shape.

        ConfigurationError where an input or the result is not finite.
        """
        inputs = [read_tensor(model[tensor.name]).view(-1) for model in self._models]
        merged = torch.empty(inputs[0].numel(), dtype=tensor.dtype.torch)
        size, distances = 0.0, [0.0] * (len(inputs) - 1)
        for start in range(0, merged.numel(), _PIECE):
            pieces = [values[start : start + _PIECE].to(torch.float64) for values in inputs]
            size += _square_sum(pieces[0])
            for i, piece in enumerate(pieces[1:]):
                distances[i] += _square_sum(piece - pieces[0])
            combined = self._config.method.combine(pieces, self._config.weights, self._config.normalize)
            merged[start : start + _PIECE] = round_once(combined, tensor.dtype.torch)
        # float64 holds the square of any float32, so a sum that is not finite has such an element.
        if not isfinite(size + sum(distances)):
            self._raise_not_finite(tensor.name, inputs)
        if not torch.isfinite(merged).all():
            raise ConfigurationError(
                f"tensor {tensor.name}: the merged values exceed the range of {tensor.dtype.name}",
                "write a dtype with a larger range (bfloat16, float32), or normalise the weights",
            )
        if size > 0:
            self._distances += [sqrt(distance / size) for distance in distances]
        return merged.view(tensor.shape)

    def mean_relative_distance(self) -> float:
        """Mean over tensors and over the models i after the first of ``‖xᵢ - x₀‖ / ‖x₀‖``."""
        return sum(self._distances) / len(self._distances) if self._distances else 0.0

    def _raise_not_finite(self, name: str, inputs: Sequence[torch.Tensor]) -> None:
        for folder, values in zip(self._config.folders, inputs, strict=True):
            count = int((~torch.isfinite(values)).sum())
            if count:
                raise ConfigurationError(
                    f"{folder}: tensor {name}: {count} of {values.numel()} values are NaN or infinite",
                    "look for where this expert's training diverged, or write its files again",
                )


def _square_sum(values: torch.Tensor) -> float:
    return float(torch.dot(values, values))
