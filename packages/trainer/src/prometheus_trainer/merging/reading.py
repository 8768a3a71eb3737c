"""Where each tensor of a model folder lies, and reading one. Headers are checked before they are believed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.dtypes import DType, any_dtype, dtype_coded
from prometheus_trainer.model_files import read_json_file, refuse_lfs_pointer, refuse_lfs_pointers

_DOWNLOAD_AGAIN = "download or write the file again"
_BLOCK = 16 * 1024 * 1024


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a safetensors file, at the bytes ``start`` to ``end`` of the file."""

    name: str
    file: Path
    dtype: DType
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.start


def index_model(folder: Path) -> dict[str, StoredTensor]:
    """The tensors of a model folder (one ``model.safetensors``, or shards and their index), by name.

    The order is that of the files and of the bytes in them. They may have any dtype: see
    :func:`~prometheus_trainer.merging.layout.read_layout` for those that can be merged. ConfigurationError where the
    folder is not a whole safetensors model.
    """
    if folder.is_dir():
        refuse_lfs_pointers(folder)  # also of a tokenizer, which is copied when all else is done
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return _index_file(single)
    if index.is_file():
        return _index_shards(folder, index)
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder", "name the folder of a model")
    found = sorted(file.name for file in folder.iterdir() if file.suffix in {".safetensors", ".bin", ".pt"})
    raise ConfigurationError(
        f"{folder}: no model.safetensors and no model.safetensors.index.json"
        + (f"; weights found: {', '.join(found[:5])}" if found else ""),
        "an adapter must be merged into its base model first (lora_merge)"
        if "adapter_model.safetensors" in found
        else "name a folder that save_pretrained wrote, in safetensors format",
    )


def index_file(file: Path) -> dict[str, StoredTensor]:
    """The tensors of one safetensors file, by name, in the order of their bytes.

    The header's claims are checked against each other and against the file's size: a file that was cut off,
    or whose offsets overlap, leave gaps or do not fit shape and dtype, is a ConfigurationError. So is a tensor of a
    dtype that can't be merged.
    """
    tensors = _index_file(file)
    for stored in tensors.values():
        if dtype_coded(stored.dtype.code) is None:
            raise ConfigurationError(
                f"{file}: tensor {stored.name} is {stored.dtype.code}: only BF16, F16 and F32 can be merged",
                "name the model before it was quantised",
            )
    return tensors


def _index_file(file: Path) -> dict[str, StoredTensor]:
    size = file.stat().st_size
    header, data_start = _read_header(file, size)
    entries = sorted(
        (
            (name, *_checked_entry(file, name, entry))
            for name, entry in header.items()
            if name != "__metadata__"
        ),
        key=lambda entry: entry[3],
    )
    tensors: dict[str, StoredTensor] = {}
    expected = 0
    for name, dtype, shape, start, end in entries:
        if start != expected:
            problem = "overlaps the tensor before it" if start < expected else "leaves a gap before it"
            raise ConfigurationError(f"{file}: tensor {name}: offset {start} {problem}", _DOWNLOAD_AGAIN)
        tensors[name] = StoredTensor(name, file, dtype, shape, data_start + start, data_start + end)
        expected = end
    if data_start + expected != size:
        raise ConfigurationError(
            f"{file}: {size} bytes, but its header describes {data_start + expected}: the file "
            + ("was cut off" if size < data_start + expected else "has bytes that belong to nothing"),
            _DOWNLOAD_AGAIN,
        )
    return tensors


def read_json(file: Path) -> dict[str, Any]:
    """A JSON file whose content is an object; ConfigurationError where it is missing or anything else."""
    try:
        content = read_json_file(file)
    except FileNotFoundError:
        raise ConfigurationError(f"{file}: not found", "the folder is incomplete") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file}: not a JSON object", _DOWNLOAD_AGAIN)
    return content


def same_bytes(a: StoredTensor, b: StoredTensor, limit: int | None = None) -> bool:
    """Whether two tensors have one dtype, one shape and the same bytes; of those only the first ``limit`` are read."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    rest = a.size if limit is None else min(limit, a.size)
    with a.file.open("rb", buffering=0) as left, b.file.open("rb", buffering=0) as right:
        left.seek(a.start)
        right.seek(b.start)
        while rest > 0:
            count = min(rest, _BLOCK)
            if left.read(count) != right.read(count):
                return False
            rest -= count
    return True


def _index_shards(folder: Path, index: Path) -> dict[str, StoredTensor]:
    shard_of = read_json(index).get("weight_map")
    if not isinstance(shard_of, dict) or not all(isinstance(shard, str) for shard in shard_of.values()):
        raise ConfigurationError(f"{index}: no weight_map of tensor names to file names", _DOWNLOAD_AGAIN)
    tensors: dict[str, StoredTensor] = {}
    for shard in sorted(set(shard_of.values())):
        file = folder / shard
        if Path(shard).name != shard or not file.is_file():
            raise ConfigurationError(f"{file}: the shard is missing; {index.name} names it", _DOWNLOAD_AGAIN)
        for name, stored in _index_file(file).items():
            if shard_of.get(name) != shard:
                where = f"to {shard_of[name]}" if name in shard_of else "nowhere"
                raise ConfigurationError(f"{file}: holds tensor {name}, which {index.name} assigns {where}")
            tensors[name] = stored
    lost = sorted(shard_of.keys() - tensors.keys())
    if lost:
        raise ConfigurationError(
            f"{folder / shard_of[lost[0]]}: tensor {lost[0]} is not there, though {index.name} says so",
            _DOWNLOAD_AGAIN,
        )
    return tensors


def _read_header(file: Path, size: int) -> tuple[dict[str, Any], int]:
    refuse_lfs_pointer(file)
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        # The limit that the format's own library sets.
        if size < 8 or length > min(size - 8, 100_000_000):
            raise ConfigurationError(
                f"{file}: not a safetensors file, or cut off: {size} bytes, header of {length}",
                _DOWNLOAD_AGAIN,
            )
        text = stream.read(length)
    try:
        header = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{file}: the header is not JSON: {error}", _DOWNLOAD_AGAIN) from None
    if not isinstance(header, dict):
        raise ConfigurationError(f"{file}: the header is not an object", _DOWNLOAD_AGAIN)
    return header, 8 + length


def _checked_entry(file: Path, name: str, entry: Any) -> tuple[DType, tuple[int, ...], int, int]:
    try:
        code, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise ConfigurationError(
            f"{file}: tensor {name}: the header lacks dtype, shape or data_offsets", _DOWNLOAD_AGAIN
        ) from None
    if not all(type(number) is int and number >= 0 for number in (*shape, start, end)):
        raise ConfigurationError(
            f"{file}: tensor {name}: shape {list(shape)} or offsets {start}, {end} are not numbers from 0",
            _DOWNLOAD_AGAIN,
        )
    dtype = dtype_coded(code)
    if dtype is None:
        return any_dtype(str(code)), shape, start, end
    if end - start != prod(shape) * dtype.width:
        raise ConfigurationError(
            f"{file}: tensor {name}: {end - start} bytes by its offsets, {prod(shape) * dtype.width} by its "
            f"shape {list(shape)} and dtype {code}",
            _DOWNLOAD_AGAIN,
        )
    return dtype, shape, start, end
