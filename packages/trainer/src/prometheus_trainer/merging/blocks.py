"""The parts that a tensor is read, computed and written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from prometheus_trainer.merging.methods.masks import ALIGNMENT

# Small enough for the inputs of a few models to stay in a core's cache, large enough for the disk.
_ELEMENTS = 512 * 1024


@dataclass(frozen=True)
class Block:
    """The elements ``start`` to ``start + count`` of a tensor: whole rows; ``number`` counts the blocks from 0."""

    number: int
    start: int
    count: int


def split_in_blocks(shape: Sequence[int]) -> list[Block]:
    """The blocks of a tensor. They depend on its shape only, so that results do not depend on threads or memory.

    Each is a number of whole rows (the first dimension), so that the delta of an adapter can be computed for it alone,
    and begins where a random mask can begin.
    """
    rows, row = (shape[0], prod(shape[1:])) if shape else (1, 1)
    if not rows * row:
        return []
    step = max(ALIGNMENT, _ELEMENTS // row // ALIGNMENT * ALIGNMENT) * row
    starts = range(0, rows * row, step)
    return [Block(number, start, min(step, rows * row - start)) for number, start in enumerate(starts)]
