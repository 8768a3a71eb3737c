"""A model opened for reading its tensors block by block; with an adapter, as base plus delta."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.adapter import Adapter, LoraPair
from prometheus_trainer.merging.blocks import Block, split_in_blocks
from prometheus_trainer.merging.reading import StoredTensor, read_tensor


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

    def read(self, stored: StoredTensor, start: int, values: torch.Tensor) -> None:
        """Fills ``values`` (flat, of the stored dtype) with the elements from ``start`` on."""
        rest = values.view(torch.uint8).numpy().data
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
    """A model of a merge: ``tensors`` are those of ``folder``, which ``adapter`` changes; ``name`` is for messages."""

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
        return TensorReader(stored, files, None if pair is None else _Delta.read(pair))

    def bytes_of(self, name: str) -> int:
        """Bytes that reading the tensor once takes."""
        stored = [self.tensors[name]]
        if self.adapter is not None:
            stored[0] = self.adapter.replacements.get(name, stored[0])
            if name in self.adapter.copies:
                stored += [stored[0], self.adapter.copies[name]]
            if name in self.adapter.pairs:
                stored += [self.adapter.pairs[name].a, self.adapter.pairs[name].b]
        return sum(tensor.end - tensor.start for tensor in stored)

    def files(self) -> set[Path]:
        """The files that hold its weights."""
        stored = [*self.tensors.values()]
        if self.adapter is not None:
            stored += [*self.adapter.replacements.values(), *self.adapter.copies.values()]
            stored += [half for pair in self.adapter.pairs.values() for half in (pair.a, pair.b)]
        return {tensor.file for tensor in stored}


class TensorReader:
    """Reads blocks of one tensor; any thread may."""

    def __init__(self, stored: StoredTensor, files: Files, delta: _Delta | None) -> None:
        self._stored = stored
        self._files = files
        self._delta = delta

    def read(self, block: Block, scratch: dict[Any, torch.Tensor], key: Any) -> torch.Tensor:
        """The block's values, flat: in the stored dtype, with an adapter in float32.

        ``scratch`` holds a thread's buffers; what was read under the same ``key`` before is overwritten.
        """
        values = scratch_buffer(scratch, (key, self._stored.dtype.torch), block.count, self._stored.dtype.torch)
        self._files.read(self._stored, block.start, values)
        return values if self._delta is None else self._delta.add_to(values, block)


@dataclass(frozen=True)
class _Delta:
    """``scaling · (b @ a)``, float32; ``transposed`` where the weight is stored as [in, out]."""

    a: torch.Tensor
    b: torch.Tensor
    scaling: float
    transposed: bool

    @classmethod
    def read(cls, pair: LoraPair) -> _Delta:
        a, b = (read_tensor(half).to(torch.float32) for half in (pair.a, pair.b))
        return cls(a, b, pair.scaling, pair.transposed)

    def add_to(self, values: torch.Tensor, block: Block) -> torch.Tensor:
        """``values + delta`` of the block's rows in float32, as PEFT's ``merge_and_unload`` computes it."""
        row = (self.b.shape[0] if self.transposed else self.a.shape[1]) or 1
        rows = slice(block.start // row, (block.start + block.count) // row)
        delta = (self.b @ self.a[:, rows]).T if self.transposed else self.b[rows] @ self.a
        delta = delta * self.scaling
        return delta.contiguous().view(-1).add_(values)


def scratch_buffer(scratch: dict[Any, torch.Tensor], key: Any, count: int, dtype: torch.dtype) -> torch.Tensor:
    """``count`` elements of a buffer that is kept under ``key`` and made anew only to grow."""
    if key not in scratch or scratch[key].numel() < count:
        scratch[key] = torch.empty(count, dtype=dtype)
    return scratch[key][:count]


def _check_copy(copy: StoredTensor, base: StoredTensor, base_folder: Path, files: Files) -> None:
    """ConfigurationError where a base tensor in the adapter's file is not the base model's.

    PEFT stores ``lm_head.base_layer.weight`` when ``lm_head`` is trained. It may have been stored in another dtype than
    the base's, so it is compared in the coarser of the two.
    """
    scratch: dict[Any, torch.Tensor] = {}
    ours, theirs = TensorReader(base, files, None), TensorReader(copy, files, None)
    for block in split_in_blocks(base.shape):
        a, b = ours.read(block, scratch, "ours"), theirs.read(block, scratch, "theirs")
        if not (torch.equal(a.to(b.dtype), b) or torch.equal(a, b.to(a.dtype))):
            raise ConfigurationError(
                f"{copy.file}: tensor {copy.name} is not equal to {base.name} of {base_folder}",
                "name the base model that the adapter was trained on",
            )
