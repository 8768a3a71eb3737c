"""Computing the blocks of one tensor of a merge from those of its models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.blocks import Block, split_in_blocks
from prometheus_trainer.merging.comparison import is_sampled, measure
from prometheus_trainer.merging.dtypes import FLOAT16
from prometheus_trainer.merging.kernels import all_finite, load
from prometheus_trainer.merging.methods.method import Inputs, Method, Parameters, Pass
from prometheus_trainer.merging.model import Model, Scratch, TensorReader, buffer, read_all
from prometheus_trainer.merging.plan import OutputTensor
from prometheus_trainer.merging.rounding import round_once

# Elements of a block that the comparison looks at.
_SAMPLE = 12 * 1024

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
        return step.measure(self._inputs(block, scratch), self.parameters, found)

    def combine(self, found: Any, block: Block, scratch: Scratch) -> tuple[np.ndarray, np.ndarray | None]:
        """The merged block in the output's dtype (valid until the thread's next one), and the sample's sums.

        ConfigurationError where an input or the result is not finite.
        """
        inputs, dtype = self._inputs(block, scratch), self.tensor.dtype
        # numpy, not the method, rounds to float16.
        rounds = dtype is not FLOAT16
        merged = buffer(scratch, "merged", block.count, dtype.raw if rounds else _FLOAT64)
        finite = self.method.combine(inputs, self.parameters, found, merged)
        if not rounds:
            values, merged = merged, buffer(scratch, "rounded", block.count, dtype.raw)
            finite = round_once(values, dtype, merged)
        if not finite or (self.method.drops and not all_finite(inputs.models.reshape(-1))):
            self._raise_not_finite()
        return merged, self._sample(inputs, block, scratch) if is_sampled(block) else None

    def _inputs(self, block: Block, scratch: Scratch) -> Inputs:
        """What is merged: as it is stored where all is bfloat16, otherwise as float32, which holds it exactly."""
        readers = [reader for _, reader in [*self.models, *([self.base] if self.base else [])]]
        values = read_all(readers, block, scratch)
        base = values[len(self.models)] if self.base else values[0][:0]
        return Inputs(self.tensor.name, block.start, base, values[: len(self.models)], self.seed)

    def _sample(self, inputs: Inputs, block: Block, scratch: Scratch) -> np.ndarray:
        count = min(block.count, _SAMPLE)
        models = [_float64(model[:count]) for model in inputs.models]
        base = _float64(inputs.base[:count]) if self.base else None
        if self.method.base_is_equal and base is not None:
            models, base = [base, *models], None
        if self.reference is not None:
            first = Block(block.number, block.start, count)
            base = _float64(read_all([self.reference], first, {})[0])
        return measure(models, base)

    def _raise_not_finite(self) -> NoReturn:
        """Says in which model, or else that the result is too large."""
        name, scratch = self.tensor.name, {}
        for model, reader in [*self.models, *([self.base] if self.base else [])]:
            count = 0
            for block in self.blocks():
                values = read_all([reader], block, scratch)[0]
                count += int((~np.isfinite(_float64(values))).sum())
            if count:
                raise ConfigurationError(
                    f"{model.place}: tensor {name}: {count} of {self.tensor.count} values are NaN or infinite",
                    "look for where this model's training diverged, or write its files again",
                )
        raise ConfigurationError(
            f"tensor {name}: the merged values exceed the range of {self.tensor.dtype.name}",
            "write a dtype with a larger range (bfloat16, float32), or normalise the weights",
        )


def _float64(stored: np.ndarray) -> np.ndarray:
    values = np.empty(stored.size)
    load(stored, values)
    return values
