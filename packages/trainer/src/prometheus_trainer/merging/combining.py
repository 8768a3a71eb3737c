"""Computing the blocks of one tensor of a merge from those of its models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.blocks import Block, split_in_blocks
from prometheus_trainer.merging.comparison import is_sampled, measure
from prometheus_trainer.merging.methods.masks import ALIGNMENT
from prometheus_trainer.merging.methods.method import Method, Parameters, Pass, Piece
from prometheus_trainer.merging.model import Model, Scratch, TensorReader, buffer, read_all
from prometheus_trainer.merging.plan import OutputTensor
from prometheus_trainer.merging.rounding import round_once

# Elements computed at a time: their float64 copies stay in a core's cache, and in memory that is used again and again.
_PIECE = 12 * 1024
assert _PIECE % ALIGNMENT == 0

_FLOAT64 = np.dtype("f8")


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

    def measure(self, step: Pass, found: Any, block: Block, scratch: Scratch) -> Any:
        """What a pass of the method measures in a block."""
        return step.measure((piece for piece, _ in self._pieces(block, scratch)), self.parameters, found)

    def combine(self, found: Any, block: Block, scratch: Scratch) -> tuple[np.ndarray, np.ndarray | None]:
        """The merged block in the output's dtype (valid until the thread's next one), and the sample's sums.

        ConfigurationError where an input or the result is not finite.
        """
        merged = buffer(scratch, "merged", block.count, self.tensor.dtype.raw)
        combined = buffer(scratch, "combined", _PIECE, _FLOAT64)
        sums = None
        for piece, place in self._pieces(block, scratch):
            if place.start == 0 and is_sampled(block):
                sums = self._sample(piece, block, scratch)
            out = combined[: place.stop - place.start]
            self.method.combine(piece, self.parameters, found, out)
            if not round_once(out, self.tensor.dtype, merged[place]):
                self._raise_not_finite()
        return merged, sums

    def _pieces(self, block: Block, scratch: Scratch) -> Iterator[tuple[Piece, slice]]:
        """The pieces of a block; each overwrites the one before."""
        readers = [reader for _, reader in self.models]
        base_readers = [] if self.base is None else [self.base[1]]
        inputs = read_all([*readers, *base_readers], block, scratch)
        base = inputs.pop() if base_readers else None
        all_values = buffer(scratch, "models", len(inputs) * _PIECE, _FLOAT64)
        all_origin = buffer(scratch, "base", _PIECE, _FLOAT64)
        for begin in range(0, block.count, _PIECE):
            place = slice(begin, min(begin + _PIECE, block.count))
            count = place.stop - begin
            values = all_values[: len(inputs) * count].reshape(len(inputs), count)
            for stored, row in zip(inputs, values, strict=True):
                stored.to_float64(place, row)
            origin = all_origin[: count if base else 0]
            if base is not None:
                base.to_float64(place, origin)
            if self.method.drops and not _all_finite(values):
                self._raise_not_finite()
            yield Piece(self.tensor.name, block.start + begin, origin, values, self.seed), place

    def _sample(self, piece: Piece, block: Block, scratch: Scratch) -> np.ndarray:
        models, base = list(piece.models), piece.base if self.base else None
        if self.method.base_is_equal and base is not None:
            models, base = [base, *models], None
        if self.reference is not None:
            first = Block(block.number, block.start, models[0].size)
            base = np.empty(first.count)
            self.reference.read(first, scratch, "reference").to_float64(slice(None), base)
        return measure(models, base)

    def _raise_not_finite(self) -> NoReturn:
        """Says in which model, or else that the result is too large."""
        name, scratch = self.tensor.name, {}
        for model, reader in [*self.models, *([self.base] if self.base else [])]:
            count = 0
            for block in self.blocks():
                values = np.empty(block.count)
                reader.read(block, scratch, "check").to_float64(slice(None), values)
                count += int((~np.isfinite(values)).sum())
            if count:
                raise ConfigurationError(
                    f"{model.place}: tensor {name}: {count} of {self.tensor.count} values are NaN or infinite",
                    "look for where this model's training diverged, or write its files again",
                )
        raise ConfigurationError(
            f"tensor {name}: the merged values exceed the range of {self.tensor.dtype.name}",
            "write a dtype with a larger range (bfloat16, float32), or normalise the weights",
        )


def _all_finite(values: np.ndarray) -> bool:
    # float64 holds any sum of float32 numbers: one that is not finite has such an element.
    with np.errstate(invalid="ignore"):
        return bool(np.isfinite(values.sum()))
