"""Reading model folders: right ones against the safetensors library, damaged ones by their errors."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import MIXTRAL, write_model

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.blocks import split_in_blocks
from prometheus_trainer.merging.model import Files, TensorReader, read_all
from prometheus_trainer.merging.reading import StoredTensor, index_file, index_model


def read_tensor(stored: StoredTensor) -> torch.Tensor:
    """A tensor, read in the blocks that the engine reads."""
    with Files() as files:
        blocks = [
            read_all([TensorReader(stored, files)], block, {})[0] for block in split_in_blocks(stored.shape)
        ]
    # bfloat16 is read as it is stored, everything else as float32.
    dtype = torch.bfloat16 if stored.dtype.code == "BF16" else torch.float32
    parts = [torch.from_numpy(block.copy().view("u1")).view(dtype) for block in blocks]
    return torch.cat(parts or [torch.empty(0, dtype=dtype)]).view(stored.shape)


def test_tensors_are_read_as_the_library_reads_them(tmp_path: Path) -> None:
    write_model(tmp_path, MIXTRAL, 1, torch.bfloat16)
    stored = index_model(tmp_path)
    expected = load_file(tmp_path / "model.safetensors")
    assert stored.keys() == expected.keys()
    assert all(torch.equal(read_tensor(stored[name]), expected[name]) for name in expected)


def test_scalars_and_empty_tensors(tmp_path: Path) -> None:
    save_file({"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4)}, tmp_path / "model.safetensors")
    stored = index_model(tmp_path)
    assert read_tensor(stored["scalar"]).item() == 2.5
    assert read_tensor(stored["empty"]).shape == (0, 4)


def write_raw(file: Path, header: Any, data: bytes) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


def entry(start: int, end: int, shape: tuple[int, ...] = (2,), dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


@pytest.mark.parametrize(
    ("header", "size", "problem"),
    [
        ({"a": entry(0, 8)}, 7, "was cut off"),
        ({"a": entry(0, 8)}, 9, "belong to nothing"),
        ({"a": entry(0, 8), "b": entry(4, 12)}, 12, "tensor b: offset 4 overlaps"),
        ({"a": entry(0, 8), "b": entry(12, 20)}, 20, "tensor b: offset 12 leaves a gap"),
        ({"a": entry(8, 0)}, 8, "tensor a: data_offsets .* are not the start and the end"),
        ({"a": entry(0, 8, (3,))}, 8, r"8 bytes by its offsets, 12 by its shape \[3\]"),
        ({"a": entry(-8, 0)}, 0, "data_offsets has a number below 0"),
        ({"a": entry(0, 8, (-1, -2))}, 8, "shape has a number below 0"),
        ({"a": entry(0, 8, (1,), "I64")}, 8, "tensor a is I64: only BF16, F16 and F32"),
        ({"a": {"dtype": "F32"}}, 8, "tensor a: the header lacks dtype, shape or data_offsets"),
        ({"a": 1}, 8, "tensor a: the header lacks"),
        ([], 8, "the header is not an object"),
        (b"{", 8, "the header is not JSON"),
    ],
)
def test_headers_that_lie(tmp_path: Path, header: Any, size: int, problem: str) -> None:
    file = tmp_path / "model.safetensors"
    write_raw(file, header, bytes(size))
    with pytest.raises(ConfigurationError, match=problem) as caught:
        index_file(file)
    assert str(file) in caught.value.problem


@pytest.mark.parametrize("content", [b"", b"short", struct.pack("<Q", 1 << 60) + b"{}"])
def test_files_that_are_no_safetensors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ConfigurationError, match="not a safetensors file, or cut off"):
        index_model(tmp_path)


def test_a_file_that_shrinks_after_it_was_indexed(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(100)}, tmp_path / "model.safetensors")
    stored = index_model(tmp_path)["a"]
    content = stored.file.read_bytes()
    stored.file.write_bytes(content[:-4])
    with pytest.raises(ConfigurationError, match="ended within tensor a"):
        read_tensor(stored)


def write_shards(folder: Path, weight_map: Any) -> None:
    save_file({"a": torch.zeros(2)}, folder / "model-00001-of-00002.safetensors")
    save_file({"b": torch.ones(2)}, folder / "model-00002-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def test_shards(tmp_path: Path) -> None:
    write_shards(tmp_path, {"b": SECOND, "a": FIRST})
    stored = index_model(tmp_path)
    assert list(stored) == ["a", "b"]
    assert read_tensor(stored["b"]).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("weight_map", "problem"),
    [
        ({"a": FIRST, "b": "model-00003-of-00003.safetensors"}, "model-00003.* the shard is missing"),
        ({"a": FIRST, "b": "../b.safetensors"}, "is not the name of a safetensors file"),
        ({"a": FIRST, "b": FIRST}, "tensor b is not there, though"),
        ({"a": FIRST, "b": SECOND, "c": SECOND}, "tensor c is not there"),
        ({"a": SECOND, "b": SECOND}, "holds tensor b|tensor a is not there"),
        ({"b": FIRST}, "holds tensor a, which .* assigns nowhere"),
        ({"b": SECOND, "a": SECOND, "c": FIRST}, f"holds tensor a, which .* assigns to {SECOND}"),
        (None, "no weight_map"),
        ({"a": 1}, "no weight_map"),
    ],
)
def test_indexes_that_lie(tmp_path: Path, weight_map: Any, problem: str) -> None:
    write_shards(tmp_path, weight_map)
    with pytest.raises(ConfigurationError, match=problem):
        index_model(tmp_path)


def test_an_index_that_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"index.json: not JSON"):
        index_model(tmp_path)


def test_folders_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder"):
        index_model(tmp_path / "absent")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"weights found: pytorch_model.bin\n  .*safetensors format"):
        index_model(tmp_path)
    save_file({"a": torch.zeros(2)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(ConfigurationError, match="an adapter must be merged into its base model first"):
        index_model(tmp_path)
