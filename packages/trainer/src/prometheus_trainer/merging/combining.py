"""Computing the tensors of a merge from those of its models, in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import isfinite, sqrt

import torch

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.mergekit_config import MergeConfig
from prometheus_trainer.merging.plan import OutputTensor
from prometheus_trainer.merging.reading import StoredTensor, read_tensor
from prometheus_trainer.merging.rounding import round_once

# Elements computed at a time. Their float64 copies stay in a core's cache; and torch shares an operation on fewer than
# 32,768 elements out to no threads, so that the threads here do not wait for those of torch after every operation.
_PIECE = 32_000
_PIECES_A_TASK = 64


class Combiner:
    """Combines the tensors of one name of all models, and measures how far the models lie apart.

    Use it as a context manager: it holds threads.
    """

    def __init__(self, config: MergeConfig, models: Sequence[Mapping[str, StoredTensor]]) -> None:
        self._config = config
        self._models = models
        self._distances: list[float] = []
        self._threads = ThreadPoolExecutor(max_workers=torch.get_num_threads())

    def __enter__(self) -> Combiner:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def combine(self, tensor: OutputTensor) -> torch.Tensor:
        """Reads the models' tensors and computes the merged one, in the planned dtype and shape.

        ConfigurationError where an input or the result is not finite.
        """
        stored = [model[tensor.name] for model in self._models]
        inputs = [values.view(-1) for values in self._threads.map(read_tensor, stored)]
        merged = torch.empty(inputs[0].numel(), dtype=tensor.dtype.torch)
        tasks = range(0, merged.numel(), _PIECE * _PIECES_A_TASK)
        sums = list(self._threads.map(lambda start: self._combine_pieces(inputs, merged, start), tasks))
        # Added in order of the tasks, so that the result does not depend on which ended first.
        total, size, *distances = (sum(column) for column in zip(*sums, strict=True)) if sums else (0.0, 0.0)
        # float64 holds the square of any float32, so a sum that is not finite has such an element. The result's can
        # be infinite as well where a value is too large for the output's dtype.
        if not isfinite(size + sum(distances)):
            self._raise_not_finite(tensor.name, inputs)
        if not isfinite(total):
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

    def _combine_pieces(
        self, inputs: Sequence[torch.Tensor], merged: torch.Tensor, start: int
    ) -> list[float]:
        """Fills the pieces of one task; returns sums over them: of the result, of ``x₀²`` and each ``(xᵢ - x₀)²``."""
        sums = [0.0] * (1 + len(inputs))
        for begin in range(start, min(start + _PIECE * _PIECES_A_TASK, merged.numel()), _PIECE):
            piece = slice(begin, begin + _PIECE)
            values = [tensor[piece].to(torch.float64) for tensor in inputs]
            combined = self._config.method.combine(values, self._config.weights, self._config.normalize)
            rounded = merged[piece] = round_once(combined, merged.dtype)
            sums[0] += float(rounded.sum(dtype=torch.float64))
            for i, tensor in enumerate(values, start=1):
                difference = tensor if i == 1 else tensor.sub_(values[0])
                sums[i] += float(torch.linalg.vector_norm(difference)) ** 2
        return sums

    def _raise_not_finite(self, name: str, inputs: Sequence[torch.Tensor]) -> None:
        for folder, values in zip(self._config.folders, inputs, strict=True):
            count = int((~torch.isfinite(values)).sum())
            if count:
                raise ConfigurationError(
                    f"{folder}: tensor {name}: {count} of {values.numel()} values are NaN or infinite",
                    "look for where this expert's training diverged, or write its files again",
                )
