"""The pipeline: blocks of tensors are read, combined and written by several threads at once.

Each thread does all three for one block after another, so while one waits for the disk another computes, and memory is
a few blocks a thread whatever the size of model or tensor. Blocks are the same on every run and no thread's result
depends on another's, so the output's bytes do not depend on the number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prometheus_trainer.disk_space import require_space
from prometheus_trainer.merging.blocks import Block
from prometheus_trainer.merging.combining import OpenTensor, Scratch
from prometheus_trainer.merging.journal import Journal, Sums
from prometheus_trainer.merging.plan import OutputTensor, Shard, layer_of
from prometheus_trainer.merging.writing import ShardFile, sync_folder, write_index

# Blocks that wait for a thread. Enough that none waits for work, few enough that a mistake is met early.
_WAITING_A_THREAD = 4


@dataclass(frozen=True)
class Written:
    """What a merge wrote: ``bytes`` of all files, ``sums`` by layer for the comparison, shards kept of a run before."""

    bytes: int
    sums: Sums
    shards_kept: int


def write_merged(
    folder: Path,
    shards: Sequence[Shard],
    journal: Journal,
    open_tensor: Callable[[OutputTensor], OpenTensor],
    written: Callable[[OutputTensor], None],
) -> Written:
    """Computes and writes all tensors of the shards; everything is on disk when it returns.

    ConfigurationError, before anything is written, where the disk has no room for those that are not done.
    ``open_tensor`` is asked for each tensor when its turn comes; ``written`` is told when its blocks are on their way.
    A shard is published, and noted in the journal, as soon as it is complete.
    """
    require_space(
        folder, sum(shard.size for shard in shards if journal.kept(shard) is None), "the merged model"
    )
    total: Sums = {}
    size = kept = 0
    with _Pipeline() as pipeline:
        pending: list[tuple[Shard, ShardFile, Future[Sums]]] = []
        for shard in shards:
            sums = journal.kept(shard)
            if sums is not None:
                kept += 1
                size += (folder / shard.file_name).stat().st_size
                _add(total, sums)
                for tensor in shard.tensors:
                    written(tensor)
                continue
            file = ShardFile(folder, shard)
            size += file.size
            pending.append((shard, file, pipeline.write_shard(file, shard, journal, open_tensor, written)))
        for _, _, published in pending:
            _add(total, published.result())
    size += write_index(folder, shards)
    sync_folder(folder)
    return Written(size, total, kept)


class _Pipeline:
    def __init__(self) -> None:
        threads = len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(threads)
        self._publisher = ThreadPoolExecutor(1)
        self._slots = threading.BoundedSemaphore(threads * (1 + _WAITING_A_THREAD))
        self._scratch = threading.local()
        self._failed: BaseException | None = None

    def __enter__(self) -> _Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._publisher.shutdown(cancel_futures=True)

    def write_shard(
        self,
        file: ShardFile,
        shard: Shard,
        journal: Journal,
        open_tensor: Callable[[OutputTensor], OpenTensor],
        written: Callable[[OutputTensor], None],
    ) -> Future[Sums]:
        """Hands out the blocks of a shard; returns when the last one has a place in the queue."""
        blocks: list[tuple[str, Future[np.ndarray | None]]] = []
        try:
            for tensor in shard.tensors:
                opened = open_tensor(tensor)
                found = self._measure(opened)
                layer = layer_of(tensor.name)
                blocks += [(layer, self._submit(file, opened, found, block)) for block in opened.blocks()]
                written(tensor)
        except BaseException:
            # Nothing may write to a descriptor that is let go of.
            self._pool.shutdown(cancel_futures=True)
            file.close()
            raise
        return self._publisher.submit(_publish, file, shard, journal, blocks)

    def _measure(self, opened: OpenTensor) -> Any:
        found: Any = None
        for step in opened.method.passes:
            parts = self._pool.map(
                lambda block, step=step, found=found: opened.measure(
                    step, found, block, self._thread_scratch()
                ),
                opened.blocks(),
            )
            found = step.reduce(list(parts), opened.tensor.count, opened.parameters, found)
        return found

    def _submit(
        self, file: ShardFile, opened: OpenTensor, found: Any, block: Block
    ) -> Future[np.ndarray | None]:
        self._slots.acquire()
        if self._failed is not None:
            raise self._failed
        future = self._pool.submit(self._combine, file, opened, found, block)
        future.add_done_callback(self._free_slot)
        return future

    def _combine(self, file: ShardFile, opened: OpenTensor, found: Any, block: Block) -> np.ndarray | None:
        merged, sums = opened.combine(found, block, self._thread_scratch())
        file.write(opened.tensor, block.start, merged)
        return sums

    def _free_slot(self, future: Future[np.ndarray | None]) -> None:
        if not future.cancelled():
            self._failed = self._failed or future.exception()
        self._slots.release()

    def _thread_scratch(self) -> Scratch:
        if not hasattr(self._scratch, "buffers"):
            self._scratch.buffers = {}
        return self._scratch.buffers


def _publish(
    file: ShardFile, shard: Shard, journal: Journal, blocks: Sequence[tuple[str, Future[np.ndarray | None]]]
) -> Sums:
    sums: Sums = {}
    try:
        # In the order of the blocks, so that sums do not depend on which ended first.
        for layer, block in blocks:
            measured = block.result()
            if measured is not None:
                _add(sums, {layer: measured})
        file.publish()
    except BaseException:
        # Nothing may write to a descriptor that is let go of. wait() would never see the end of what was cancelled.
        for _, block in blocks:
            with suppress(CancelledError):
                block.exception()
        file.close()
        raise
    journal.finish(shard, sums)
    return sums


def _add(total: Sums, sums: Sums) -> None:
    for layer, values in sums.items():
        total[layer] = total[layer] + values if layer in total else values
