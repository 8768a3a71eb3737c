"""Writing a model as safetensors shards, one tensor at a time, laid out as ``save_pretrained`` does."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.plan import OutputTensor, Shard


def write_model(
    folder: Path,
    shards: Sequence[Shard],
    values: Callable[[OutputTensor], torch.Tensor],
    written: Callable[[OutputTensor], None],
) -> int:
    """Writes the shards and, where there are several, their index; returns the number of bytes.

    ``values`` is asked for each tensor when its turn comes, and nothing is kept; ``written`` is told
    afterwards. Everything is on disk (fsync) when this returns. The same tensors give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    leftover = sorted(file.name for file in folder.glob("*.safetensors*"))
    if leftover:
        raise ConfigurationError(f"{folder}: already holds {leftover[0]}", "write to an empty folder")
    size = sum(_write_shard(folder / shard.file_name, shard, values, written) for shard in shards)
    if len(shards) > 1:
        size += _write_index(folder / "model.safetensors.index.json", shards)
    _sync_folder(folder)
    return size


def write_json(file: Path, content: dict[str, Any]) -> int:
    """Writes an object as JSON, keys in order, and puts it on disk; returns the number of bytes."""
    with file.open("wb") as stream:
        size = stream.write((json.dumps(content, indent=2, sort_keys=True) + "\n").encode())
        _sync(stream)
    return size


def _write_shard(
    file: Path,
    shard: Shard,
    values: Callable[[OutputTensor], torch.Tensor],
    written: Callable[[OutputTensor], None],
) -> int:
    header = _header(shard.tensors)
    with file.open("wb", buffering=0) as stream:
        _write_all(stream, header)
        for tensor in shard.tensors:
            computed = values(tensor)
            if computed.dtype != tensor.dtype.torch or tuple(computed.shape) != tensor.shape:
                raise AssertionError(
                    f"{tensor.name}: planned {tensor}, computed {computed.dtype} {list(computed.shape)}"
                )
            flat = computed.contiguous().view(-1).view(torch.uint8)
            _write_all(stream, flat.numpy().data)
            written(tensor)
        _sync(stream)
    return len(header) + sum(tensor.size for tensor in shard.tensors)


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


def _write_index(file: Path, shards: Sequence[Shard]) -> int:
    tensors = [tensor for shard in shards for tensor in shard.tensors]
    return write_json(
        file,
        {
            "metadata": {
                "total_parameters": sum(tensor.size // tensor.dtype.width for tensor in tensors),
                "total_size": sum(tensor.size for tensor in tensors),
            },
            "weight_map": {tensor.name: shard.file_name for shard in shards for tensor in shard.tensors},
        },
    )


def _write_all(stream: Any, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    # One call writes 2 GiB at most.
    while rest:
        rest = rest[stream.write(rest) :]


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
