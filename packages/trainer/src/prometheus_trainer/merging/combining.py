"""Computing the blocks of one tensor of a merge from those of its models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.blocks import Block, split_in_blocks
from prometheus_trainer.merging.comparison import is_sampled, measure
from prometheus_trainer.merging.finite import all_finite
from prometheus_trainer.merging.methods.method import Method, Parameters, Pass, Piece
from prometheus_trainer.merging.model import Model, TensorReader, scratch_buffer
from prometheus_trainer.merging.plan import OutputTensor
from prometheus_trainer.merging.rounding import round_once

# Elements computed at a time. Their float64 copies stay in a core's cache; and torch shares an operation on fewer than
# 32,768 elements out to no threads, so that the threads of the engine do not wait for those of torch.
_PIECE = 32_000

Scratch = dict[Any, torch.Tensor]


@dataclass(frozen=True)
class OpenTensor:
    """One tensor of all models, ready to be combined.

    ``models`` are those that the method combines, and ``base`` the one it takes deltas from; ``reference`` is a base
    model that the method does not need, read for the comparison only.
    """

    tensor: OutputTensor
    method: Method
    parameters: Parameters
    seed: int
    models: Sequence[tuple[Model, TensorReader]]
    base: tuple[Model, TensorReader] | None
    reference: TensorReader | None

    def blocks(self) -> list[Block]:
        """What it is computed in."""
        return split_in_blocks(self.tensor.shape)

    def measure(self, step: Pass, found: Any, block: Block, scratch: Scratch) -> list[Any]:
        """What a pass of the method measures in the pieces of a block."""
        return [step.measure(piece, self.parameters, found) for piece, _ in self._pieces(block, scratch)]

    def combine(self, found: Any, block: Block, scratch: Scratch) -> tuple[torch.Tensor, np.ndarray | None]:
        """The merged block in the output's dtype (valid until the thread's next one), and the sample's sums.

        ConfigurationError where an input or the result is not finite.
        """
        merged = scratch_buffer(scratch, "merged", block.count, self.tensor.dtype.torch)
        sums = None
        for piece, place in self._pieces(block, scratch):
            if place.start == 0 and is_sampled(block):
                sums = self._sample(piece, block, scratch)
            combined = self.method.combine(piece, self.parameters, found)
            rounded = round_once(combined, merged.dtype)
            if not all_finite(rounded):
                self._raise_not_finite()
            merged[place] = rounded
        return merged, sums

    def _pieces(self, block: Block, scratch: Scratch) -> Iterator[tuple[Piece, slice]]:
        inputs = [reader.read(block, scratch, key) for key, (_, reader) in enumerate(self.models)]
        base = None if self.base is None else self.base[1].read(block, scratch, "base")
        for begin in range(0, block.count, _PIECE):
            place = slice(begin, min(begin + _PIECE, block.count))
            values = [tensor[place].to(torch.float64) for tensor in inputs]
            origin = None if base is None else base[place].to(torch.float64)
            if self.method.drops and not all(map(all_finite, values)):
                self._raise_not_finite()
            yield Piece(self.tensor.name, block.start + begin, origin, values, self.seed), place

    def _sample(self, piece: Piece, block: Block, scratch: Scratch) -> np.ndarray:
        models, base = list(piece.models), piece.base
        if self.method.base_is_equal and base is not None:
            models, base = [base, *models], None
        if self.reference is not None:
            first = Block(block.number, block.start, models[0].numel())
            base = self.reference.read(first, scratch, "reference").to(torch.float64)
        return measure(models, base)

    def _raise_not_finite(self) -> None:
        """Says in which model, or else that the result is too large."""
        name, scratch = self.tensor.name, {}
        for model, reader in [*self.models, *([self.base] if self.base else [])]:
            counts = [
                int((~torch.isfinite(reader.read(block, scratch, "check"))).sum()) for block in self.blocks()
            ]
            if sum(counts):
                raise ConfigurationError(
                    f"{model.place}: tensor {name}: {sum(counts)} of {self.tensor.count} values are NaN or infinite",
                    "look for where this model's training diverged, or write its files again",
                )
        raise ConfigurationError(
            f"tensor {name}: the merged values exceed the range of {self.tensor.dtype.name}",
            "write a dtype with a larger range (bfloat16, float32), or normalise the weights",
        )
