"""Writing a model as safetensors shards at any place in any order, laid out as ``save_pretrained`` does."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prometheus_trainer.merging.plan import OutputTensor, Shard

INDEX_FILE = "model.safetensors.index.json"
UNFINISHED = ".part"


class ShardFile:
    """A shard in the making: ``NAME.part`` until all of it is on disk, then ``NAME``."""

    def __init__(self, folder: Path, shard: Shard) -> None:
        self._file = folder / shard.file_name
        self._unfinished = folder / (shard.file_name + UNFINISHED)
        header = _header(shard.tensors)
        self._places: dict[str, int] = {}
        end = len(header)
        for tensor in shard.tensors:
            self._places[tensor.name] = end
            end += tensor.size
        self.size = end
        self._descriptor = os.open(self._unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        os.ftruncate(self._descriptor, end)
        self._write(memoryview(header), 0)

    def write(self, tensor: OutputTensor, start: int, values: np.ndarray) -> None:
        """Writes flat ``values`` (``dtype.raw``) as the tensor's elements from ``start`` on; any thread may."""
        if values.dtype != tensor.dtype.raw or start + values.size > tensor.count:
            raise AssertionError(f"planned {tensor}, given {values.dtype} of {values.size} from {start} on")
        place = self._places[tensor.name] + start * tensor.dtype.width
        data = values.view(np.uint8).data
        self._write(data, place)
        # "Not needed" makes the system begin to write these bytes to the disk, beside the computing.
        os.posix_fadvise(self._descriptor, place, len(data), os.POSIX_FADV_DONTNEED)

    def publish(self) -> None:
        """Puts everything on disk and gives the file its name; the name is on disk after :func:`sync_folder`."""
        os.fsync(self._descriptor)
        self.close()
        self._unfinished.rename(self._file)

    def close(self) -> None:
        """Lets go of the file, whatever state it is in."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, rest: memoryview, place: int) -> None:
        while rest:
            try:
                count = os.pwrite(self._descriptor, rest, place)
            except OSError as error:
                error.filename = str(self._unfinished)
                raise
            rest, place = rest[count:], place + count


def is_whole(folder: Path, shard: Shard) -> bool:
    """Whether the file is there with the header and the size that this shard has."""
    file, header = folder / shard.file_name, _header(shard.tensors)
    if not file.is_file() or file.stat().st_size != len(header) + shard.size:
        return False
    with file.open("rb") as stream:
        return stream.read(len(header)) == header


def write_index(folder: Path, shards: Sequence[Shard]) -> int:
    """Writes the index of several shards; one needs none. Returns the number of bytes."""
    if len(shards) == 1:
        return 0
    tensors = [tensor for shard in shards for tensor in shard.tensors]
    return write_json(
        folder / INDEX_FILE,
        {
            "metadata": {
                "total_parameters": sum(tensor.count for tensor in tensors),
                "total_size": sum(tensor.size for tensor in tensors),
            },
            "weight_map": {tensor.name: shard.file_name for shard in shards for tensor in shard.tensors},
        },
    )


def write_json(file: Path, content: dict[str, Any]) -> int:
    """Writes an object as JSON, keys in order, and puts it on disk; returns the number of bytes."""
    return write_text(file, json.dumps(content, indent=2, sort_keys=True) + "\n")


def write_text(file: Path, text: str) -> int:
    """Writes a text file and puts it on disk; returns the number of bytes."""
    with file.open("wb") as stream:
        size = stream.write(text.encode())
        stream.flush()
        os.fsync(stream.fileno())
    return size


def sync_folder(folder: Path) -> None:
    """Puts the folder's list of names on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _header(tensors: Sequence[OutputTensor]) -> bytes:
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        start, end = end, end + tensor.size
        entries[tensor.name] = {
            "dtype": tensor.dtype.code,
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(entries, separators=(",", ":")).encode()
    # Data begins at a multiple of eight, so that a reader can map it.
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text
