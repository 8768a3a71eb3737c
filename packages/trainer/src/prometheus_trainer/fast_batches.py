"""The micro-batches of the profile ``fast``: the examples and the objective of ``parity``, in batches of equal work.

In ``parity`` an optimizer step takes the mean over the labels of each micro-batch, then the mean over the micro-batches
of all devices. The weight of every label in that objective is known beforehand, so the examples of a step can be shared
out otherwise: here into micro-batches of nearly the same number of tokens, the same number of them on each device.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from accelerate.data_loader import BatchSamplerShard
from torch.utils.data import BatchSampler, DataLoader


class WeightedRow(NamedTuple):
    """A row of the dataset and the weight in the step's objective of each of its labels."""

    row: int
    label_weight: float


MicroBatch = list[WeightedRow]


@dataclass(frozen=True)
class StepLayout:
    """How ``parity`` would lay out an optimizer step."""

    per_device_batch: int
    accumulation: int
    processes: int


def epoch_order(rows: int, seed: int, epoch: int) -> list[int]:
    """The order of rows in an epoch, as accelerate's SeedableRandomSampler draws it for ``data_seed`` = seed."""
    generator = torch.Generator().manual_seed(seed + epoch)
    return torch.randperm(rows, generator=generator).tolist()


def parity_steps(order: Sequence[int], layout: StepLayout) -> list[list[list[int]]]:
    """For each optimizer step the rows of its micro-batches, over all devices.

    accelerate's own code shares batches out, so rows that it repeats at the end of an epoch are repeated here too.
    """
    batches = BatchSampler(order, layout.per_device_batch, drop_last=False)
    shards: Any = [list(batches)]
    if layout.processes > 1:
        shards = [
            list(BatchSamplerShard(batches, layout.processes, process)) for process in range(layout.processes)
        ]
    size = layout.accumulation
    return [
        [rows for shard in shards for rows in shard[start : start + size]]
        for start in range(0, len(shards[0]), size)
    ]


def weigh(groups: Sequence[Sequence[int]], label_counts: Sequence[int]) -> list[WeightedRow]:
    """The rows of a step with their label weights; a group without any label has no weight, where parity has NaN."""
    weighted = []
    for group in groups:
        labels = sum(label_counts[row] for row in group)
        weight = 1.0 / (labels * len(groups)) if labels else 0.0
        weighted += [WeightedRow(row, weight) for row in group]
    return weighted


def share_out(rows: Sequence[WeightedRow], lengths: Sequence[int], bins: int) -> list[MicroBatch]:
    """Rows in ``bins`` micro-batches of nearly equal tokens, the largest first: longest row first to the emptiest bin.

    A bin that no row is left for repeats one with the weight 0: every device runs the same number of micro-batches.
    """
    heap: list[tuple[int, int]] = [(0, number) for number in range(bins)]
    filled: list[MicroBatch] = [[] for _ in range(bins)]
    for row in sorted(rows, key=lambda each: (-lengths[each.row], each.row)):
        tokens, number = heapq.heappop(heap)
        filled[number].append(row)
        heapq.heappush(heap, (tokens + lengths[row.row], number))
    shortest = min(rows, key=lambda each: (lengths[each.row], each.row))
    filled = [batch or [WeightedRow(shortest.row, 0.0)] for batch in filled]
    return sorted(filled, key=lambda batch: -_tokens(batch, lengths))


def fewest_micro_batches(
    steps: Sequence[Sequence[WeightedRow]], lengths: Sequence[int], processes: int, token_budget: int
) -> int:
    """The smallest number of micro-batches a device and step with which none is larger than ``token_budget``.

    A row that is longer alone counts as the budget.
    """
    budget = max(token_budget, max(lengths[row.row] for step in steps for row in step))
    total = max(sum(lengths[row.row] for row in step) for step in steps)
    count = max(1, -(-total // (budget * processes)))
    while any(_tokens(share_out(step, lengths, count * processes)[0], lengths) > budget for step in steps):
        count += 1
    return count


class BalancedBatchSampler:
    """Yields the micro-batches of one device, ``micro_batches`` for each optimizer step of an epoch."""

    def __init__(
        self,
        lengths: Sequence[int],
        label_counts: Sequence[int],
        *,
        layout: StepLayout,
        seed: int,
        token_budget: int,
        epochs: int,
        process: int,
    ) -> None:
        self._lengths = lengths
        self._label_counts = label_counts
        self._layout = layout
        self._seed = seed
        self._process = process
        self._epoch = 0
        steps = [step for epoch in range(epochs) for step in self._steps(epoch)]
        self.micro_batches = fewest_micro_batches(steps, lengths, layout.processes, token_budget)
        self._steps_in_epoch = len(steps) // epochs

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return self._steps_in_epoch * self.micro_batches

    def __iter__(self) -> Iterator[MicroBatch]:
        processes = self._layout.processes
        for step in self._steps(self._epoch):
            batches = share_out(step, self._lengths, self.micro_batches * processes)
            # Neighbours in size run side by side, so that no device waits for another.
            yield from batches[self._process :: processes]

    def _steps(self, epoch: int) -> list[list[WeightedRow]]:
        order = epoch_order(len(self._lengths), self._seed, epoch)
        return [weigh(groups, self._label_counts) for groups in parity_steps(order, self._layout)]


class EpochDataLoader(DataLoader):
    """A DataLoader that tells its batch sampler the epoch, as the trainer expects of one."""

    def set_epoch(self, epoch: int) -> None:
        self.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]


def _tokens(batch: MicroBatch, lengths: Sequence[int]) -> int:
    return sum(lengths[row.row] for row in batch)
