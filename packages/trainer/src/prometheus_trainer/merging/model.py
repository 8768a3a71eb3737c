"""A model opened for reading its tensors block by block; with an adapter, as base plus delta."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.adapter import Adapter
from prometheus_trainer.merging.blocks import Block, split_in_blocks
from prometheus_trainer.merging.delta import Delta
from prometheus_trainer.merging.dtypes import BFLOAT16, FLOAT32, DType
from prometheus_trainer.merging.reading import StoredTensor
from prometheus_trainer.merging.rounding import round_once, to_float32, to_float64

Scratch = dict[Any, np.ndarray]
"""A thread's buffers, by what they are for."""


class Files:
    """Files opened once and read at any place by any thread. Use it as a context manager."""

    def __init__(self) -> None:
        self._descriptors: dict[Path, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def read(self, stored: StoredTensor, start: int, values: np.ndarray) -> None:
        """Fills ``values`` (flat, of the stored dtype) with the elements from ``start`` on."""
        rest = values.view(np.uint8).data
        place = stored.start + start * stored.dtype.width
        while rest:
            count = os.preadv(self._descriptor(stored.file), [rest], place)
            if not count:
                raise ConfigurationError(
                    f"{stored.file}: ended within tensor {stored.name}; it was whole a moment ago",
                    "let nothing write to the model while it is read",
                )
            rest, place = rest[count:], place + count

    def _descriptor(self, file: Path) -> int:
        with self._lock:
            if file not in self._descriptors:
                self._descriptors[file] = os.open(file, os.O_RDONLY)
            return self._descriptors[file]


@dataclass(frozen=True)
class Model:
    """A model of a merge: ``tensors`` are those of ``folder``, which ``adapter`` changes; ``name`` is for messages.

    An output layer that is tied may be among them: it then reads the embeddings' bytes.
    """

    name: str
    folder: Path
    tensors: Mapping[str, StoredTensor]
    adapter: Adapter | None = None

    @property
    def place(self) -> Path:
        """Where to look when a value of this model is wrong."""
        return self.adapter.folder if self.adapter else self.folder

    def open(self, name: str, files: Files) -> TensorReader:
        """A tensor of the model, ready to be read; what an adapter adds to it is read now."""
        stored, pair = self.tensors[name], None
        if self.adapter is not None:
            stored = self.adapter.replacements.get(name, stored)
            pair = self.adapter.pairs.get(name)
            if name in self.adapter.copies:
                _check_copy(self.adapter.copies[name], stored, self.folder, files)
        delta = None
        if pair is not None:
            a, b, *magnitude = (_read(stored, files) for stored in pair.stored)
            delta = Delta(a, b, pair.scaling, pair.transposed, *magnitude)
        return TensorReader(stored, files, delta)

    def main_tensor(self, name: str) -> StoredTensor:
        """What is read in blocks."""
        stored = self.tensors[name]
        return stored if self.adapter is None else self.adapter.replacements.get(name, stored)

    def once_read(self, name: str) -> list[StoredTensor]:
        """What is read when the tensor is opened."""
        stored: list[StoredTensor] = []
        if self.adapter is not None and name in self.adapter.copies:
            stored += [self.main_tensor(name), self.adapter.copies[name]]
        if self.adapter is not None and name in self.adapter.pairs:
            stored += self.adapter.pairs[name].stored
        return stored

    def files(self) -> set[Path]:
        """The files that hold its weights."""
        stored = [*self.tensors.values()]
        if self.adapter is not None:
            stored += [*self.adapter.replacements.values(), *self.adapter.copies.values()]
            stored += [half for pair in self.adapter.pairs.values() for half in pair.stored]
        return {tensor.file for tensor in stored}


class TensorReader:
    """Reads blocks of one tensor; any thread may."""

    def __init__(self, stored: StoredTensor, files: Files, delta: Delta | None = None) -> None:
        self.stored = stored
        self.delta = delta
        self._files = files

    def read(self, block: Block, values: np.ndarray) -> None:
        """Fills ``values`` with the block as it is stored (``dtype.raw``), without what an adapter adds."""
        self._files.read(self.stored, block.start, values)

    def add_delta(self, block: Block, values: np.ndarray) -> None:
        """Changes in float32 what an adapter changes, as PEFT's ``merge_and_unload`` does."""
        if self.delta is not None:
            self.delta.add_to(values, block)


def read_all(readers: Sequence[TensorReader], block: Block, scratch: Scratch) -> np.ndarray:
    """The block of several models [model, element]: as stored where all is bfloat16, otherwise float32.

    What this thread read before is overwritten. A base model that several adapters change is read once.
    """
    as_stored = all(reader.stored.dtype is BFLOAT16 and reader.delta is None for reader in readers)
    dtype = BFLOAT16 if as_stored else FLOAT32
    values = buffer(scratch, "values", len(readers) * block.count, dtype.raw).reshape(
        len(readers), block.count
    )
    for place, (reader, row) in enumerate(zip(readers, values, strict=True)):
        stored = reader.stored
        earlier = next(
            (i for i in range(place) if readers[i].stored == stored and readers[i].delta is None), None
        )
        if earlier is not None:
            row[:] = values[earlier]
        elif stored.dtype is dtype:
            reader.read(block, row)
        else:
            raw = buffer(scratch, "raw", block.count, stored.dtype.raw)
            if place == 0 or readers[place - 1].stored != stored:
                reader.read(block, raw)
            to_float32(raw, stored.dtype, row)
        reader.add_delta(block, row)
    return values


def buffer(scratch: Scratch, key: Any, count: int, dtype: np.dtype) -> np.ndarray:
    """``count`` elements of a buffer that is kept under ``key`` and made anew only to grow."""
    place = (key, dtype)
    if place not in scratch or scratch[place].size < count:
        scratch[place] = np.empty(count, dtype)
    return scratch[place][:count]


def _read(stored: StoredTensor, files: Files) -> np.ndarray:
    """A whole tensor in float32, in its shape."""
    raw = np.empty(stored.shape, stored.dtype.raw)
    files.read(stored, 0, raw.reshape(-1))
    values = np.empty(raw.size, np.float32)
    to_float32(raw.reshape(-1), stored.dtype, values)
    return values.reshape(stored.shape)


def _check_copy(copy: StoredTensor, base: StoredTensor, base_folder: Path, files: Files) -> None:
    """ConfigurationError where a base tensor in the adapter's file is not the base model's.

    PEFT stores ``lm_head.base_layer.weight`` when ``lm_head`` is trained. It may have been stored in another dtype than
    the base's, so each is rounded to the other's before they are compared.
    """
    ours, theirs = TensorReader(base, files), TensorReader(copy, files)
    for block in split_in_blocks(base.shape):
        a, b = np.empty(block.count, base.dtype.raw), np.empty(block.count, copy.dtype.raw)
        ours.read(block, a)
        theirs.read(block, b)
        if not (
            _equals_rounded(a, base.dtype, b, copy.dtype) or _equals_rounded(b, copy.dtype, a, base.dtype)
        ):
            raise ConfigurationError(
                f"{copy.file}: tensor {copy.name} is not equal to {base.name} of {base_folder}",
                "name the base model that the adapter was trained on",
            )


def _equals_rounded(values: np.ndarray, dtype: DType, others: np.ndarray, of_others: DType) -> bool:
    """Whether stored values, rounded to the others' dtype, are the others."""
    exact, rounded = np.empty(values.size), np.empty(values.size, of_others.raw)
    to_float64(values, dtype, exact)
    round_once(exact, of_others, rounded)
    return np.array_equal(rounded, others)


def bytes_read(models: Sequence[Model], name: str, passes: int) -> int:
    """Bytes that reading the tensor of all models takes, in a number of passes over its blocks."""
    blocks = {model.main_tensor(name) for model in models}
    once = [stored for model in models for stored in model.once_read(name)]
    return passes * sum(stored.size for stored in blocks) + sum(stored.size for stored in once)
