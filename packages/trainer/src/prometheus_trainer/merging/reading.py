"""Where each tensor of a model folder lies, and reading one. Headers are checked before they are believed."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.dtypes import DType, any_dtype, dtype_coded
from prometheus_trainer.model_files import (
    read_object,
    refuse_lfs_pointer,
    refuse_lfs_pointers,
    refuse_other_than_file,
)
from prometheus_trainer.strict_json import kind_of, parse_json, shown

MOST_DIMENSIONS = 8
"""Of a tensor. A layer's weight has two, the weights of all experts in one three, a convolution's over space and time
five. Without a limit the product of a header's dimensions takes a time that grows with the square of their number."""

_MOST_HEADER_BYTES = 100_000_000  # the limit that the format's own library sets
_MOST_ELEMENTS = 1 << 40  # two terabytes of the smallest dtype that is merged
_MOST_BYTES = 1 << 50
_LONGEST_NAME = 512
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
        return index_any_file(single)
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
    tensors = index_any_file(file)
    for stored in tensors.values():
        if dtype_coded(stored.dtype.code) is None:
            raise ConfigurationError(
                f"{file}: tensor {stored.name} is {stored.dtype.code}: only BF16, F16 and F32 can be merged",
                "name the model before it was quantised",
            )
    return tensors


def index_any_file(file: Path) -> dict[str, StoredTensor]:
    """The same, of tensors of any dtype."""
    size = file.stat().st_size
    header, data_start = _read_header(file, size)
    metadata = header.pop("__metadata__", None)
    is_texts = isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())
    if metadata is not None and not is_texts:
        raise ConfigurationError(
            f"{file}: __metadata__ in the header is not an object of texts", _DOWNLOAD_AGAIN
        )
    entries = sorted(
        ((name, *_checked_entry(file, name, entry)) for name, entry in header.items()),
        key=lambda entry: (entry[3], entry[4]),  # an empty tensor before the one that starts at its place
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


def check_headers(folder: Path) -> None:
    """ConfigurationError where the header of a safetensors file in ``folder`` lies, or an index names other files."""
    for index in sorted(folder.glob("*.safetensors.index.json")):
        read_shard_names(index)
    for file in sorted(folder.glob("*.safetensors")):
        index_any_file(file)


def read_json(file: Path) -> dict[str, Any]:
    """A JSON file whose content is an object; ConfigurationError where it is missing or anything else."""
    try:
        return read_object(file)
    except FileNotFoundError:
        raise ConfigurationError(f"{file}: not found", "the folder is incomplete") from None


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
    shard_of = read_shard_names(index)
    tensors: dict[str, StoredTensor] = {}
    for shard in sorted(set(shard_of.values())):
        file = folder / shard
        if not file.is_file():
            raise ConfigurationError(f"{file}: the shard is missing; {index.name} names it", _DOWNLOAD_AGAIN)
        for name, stored in index_any_file(file).items():
            if shard_of.get(name) != shard:
                where = f"to {shard_of[name]}" if name in shard_of else "nowhere"
                raise ConfigurationError(
                    f"{file}: holds tensor {name}, which {index.name} assigns {where}", _DOWNLOAD_AGAIN
                )
            tensors[name] = stored
    lost = sorted(shard_of.keys() - tensors.keys())
    if lost:
        raise ConfigurationError(
            f"{folder / shard_of[lost[0]]}: tensor {shown(lost[0])} is not there, though {index.name} says so",
            _DOWNLOAD_AGAIN,
        )
    return tensors


def read_shard_names(index: Path) -> dict[str, str]:
    """The shard of each tensor by a ``*.safetensors.index.json``: names of files beside it, which may not exist.

    ConfigurationError for a name that leads out of the folder, and for one of another format.
    """
    shard_of = read_json(index).get("weight_map")
    if not isinstance(shard_of, dict) or not all(isinstance(shard, str) for shard in shard_of.values()):
        raise ConfigurationError(f"{index}: no weight_map of tensor names to file names", _DOWNLOAD_AGAIN)
    for name, shard in shard_of.items():
        # A null byte is no character of any file's name, and Python refuses to look for it.
        if Path(shard).name != shard or not shard.endswith(".safetensors") or not shard.isprintable():
            raise ConfigurationError(
                f"{index}: tensor {shown(name)} is assigned to {shown(shard)}: that is not the name of a safetensors "
                "file in the folder",
                _DOWNLOAD_AGAIN,
            )
    return shard_of


def _read_header(file: Path, size: int) -> tuple[dict[str, Any], int]:
    refuse_other_than_file(file)
    refuse_lfs_pointer(file)
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, _MOST_HEADER_BYTES):
            raise ConfigurationError(
                f"{file}: not a safetensors file, or cut off: {size} bytes, header of {length}",
                _DOWNLOAD_AGAIN,
            )
        text = stream.read(length)
    try:
        header = parse_json(text, strict=True)
    except ValueError as error:
        raise ConfigurationError(f"{file}: the header is not JSON: {error}", _DOWNLOAD_AGAIN) from None
    if not isinstance(header, dict):
        raise ConfigurationError(
            f"{file}: the header is not an object, but {kind_of(header)}", _DOWNLOAD_AGAIN
        )
    return header, 8 + length


def _checked_entry(file: Path, name: str, entry: Any) -> tuple[DType, tuple[int, ...], int, int]:
    place = f"{file}: tensor {shown(name)}"
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise ConfigurationError(
            f"{place}: its name has more than {_LONGEST_NAME} characters, or some that can't be seen",
            _DOWNLOAD_AGAIN,
        )
    try:
        code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (TypeError, KeyError):
        raise ConfigurationError(
            f"{place}: the header lacks dtype, shape or data_offsets", _DOWNLOAD_AGAIN
        ) from None
    if not isinstance(code, str):
        raise ConfigurationError(f"{place}: dtype is {kind_of(code)}, not a text", _DOWNLOAD_AGAIN)
    shape = _whole_numbers(place, "shape", shape, _MOST_ELEMENTS)
    offsets = _whole_numbers(place, "data_offsets", offsets, _MOST_BYTES)
    if len(shape) > MOST_DIMENSIONS:
        raise ConfigurationError(
            f"{place}: {len(shape)} dimensions, and no weight of a model has more than {MOST_DIMENSIONS}",
            _DOWNLOAD_AGAIN,
        )
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ConfigurationError(
            f"{place}: data_offsets {list(offsets)[:3]} are not the start and the end of its bytes",
            _DOWNLOAD_AGAIN,
        )
    if (
        prod(filter(None, shape)) > _MOST_ELEMENTS
    ):  # also of an empty tensor, whose other dimensions have no bytes
        raise ConfigurationError(f"{place}: its shape {list(shape)} fits in no file", _DOWNLOAD_AGAIN)
    start, end = offsets
    dtype = dtype_coded(code)
    if dtype is None:
        return any_dtype(shown(code)), shape, start, end
    if end - start != prod(shape) * dtype.width:
        raise ConfigurationError(
            f"{place}: {end - start} bytes by its offsets, {prod(shape) * dtype.width} by its "
            f"shape {list(shape)} and dtype {code}",
            _DOWNLOAD_AGAIN,
        )
    return dtype, shape, start, end


def _whole_numbers(place: str, key: str, values: Any, most: int) -> tuple[int, ...]:
    if not isinstance(values, list):
        raise ConfigurationError(f"{place}: {key} is {kind_of(values)}, not a list", _DOWNLOAD_AGAIN)
    for value in values:
        if type(value) is not int:
            raise ConfigurationError(
                f"{place}: {key} has {kind_of(value)} where only whole numbers can be", _DOWNLOAD_AGAIN
            )
        if not 0 <= value <= most:
            found = "a number below 0" if value < 0 else f"a number above {most}, more than the file can hold"
            raise ConfigurationError(f"{place}: {key} has {found}", _DOWNLOAD_AGAIN)
    return tuple(values)
