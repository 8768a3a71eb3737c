"""Headers of safetensors files that a stranger wrote: refused at once, with the file, the tensor and what to do."""

from __future__ import annotations

import json
import os
import struct
import time
from pathlib import Path

import pytest
import torch
from merging_models import merge_config, run_merge
from safetensors.torch import load_file, save_file
from test_merging_reading import entry, write_raw
from tiny_models import MISTRAL, write_model

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.reading import check_headers, index_file, index_model

DATA = bytes(8)


def header(tensor: str, rest: str = "") -> bytes:
    """A header with this text for what describes the tensor ``a``."""
    return f'{{{rest}"a": {tensor}}}'.encode()


def described(shape: str = "[2]", offsets: str = "[0, 8]", dtype: str = '"F32"') -> str:
    return f'{{"dtype": {dtype}, "shape": {shape}, "data_offsets": {offsets}}}'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (header(described("[" + "1," * 8 + "2]")), "tensor a: 9 dimensions, and no weight .* more than 8"),
        (header(described("[" + "2," * 300_000 + "2]")), "300001 dimensions"),
        (header(described(f"[{'9' * 4000}]")), "shape has a number above"),
        (header(described(f"[{'9' * 5000}]")), "the header is not JSON: .*digits"),
        (header(described("[0, 1152921504606846976]", "[0, 0]")), "shape has a number above"),
        (header(described(f"[0, {', '.join(['1099511627776'] * 3)}]", "[0, 0]")), "fits in no file"),
        (header(described("[1e400]")), "shape has not a finite number where only whole numbers"),
        (header(described("[NaN]")), "NaN is not JSON"),
        (header(described("[Infinity]")), "Infinity is not JSON"),
        (header(described("[2.0]")), "shape has a fraction where"),
        (header(described("[true, 2]")), "shape has true or false where"),
        (header(described('["2"]')), "shape has a text where"),
        (header(described('"2"')), "shape is a text, not a list"),
        (header(described("{}")), "shape is an object, not a list"),
        (header(described("null")), "shape is null, not a list"),
        (header(described(offsets="[0, 8, 16]")), "data_offsets .* are not the start and the end"),
        (header(described(offsets="[8]")), "data_offsets .* are not the start and the end"),
        (header(described(offsets="[0, 1e1]")), "data_offsets has a fraction where"),
        (header(described(offsets=f"[0, {'9' * 4299}]")), "data_offsets has a number above"),
        (header(described(dtype="[]")), "tensor a: dtype is a list, not a text"),
        (header(described(dtype='"F32\\u0007"')), "only BF16, F16 and F32"),
        (header(described(), '"a": 1, '), "the key a is there twice"),
        (
            header('{"dtype": "F32", "shape": [2], "shape": [2], "data_offsets": [0, 8]}'),
            "the key shape is there",
        ),
        (header("[" * 100_000), "nested more than 64 deep"),
        (header("[" * 200 + "]" * 200), "nested more than 64 deep"),
        (header("{" + '"x": {' * 100_000), "nested more than 64 deep"),
        (header("[" + "[]," * 4_000_000 + "[]]"), "about 8000003 values"),
        (header(described(), '"\\ud800": 1, '), "surrogates not allowed"),
        (header(described()).replace(b'"a"', b'"\xff"'), "the header is not JSON: .*can't decode byte 0xff"),
        (header(described()).decode().encode("utf-16"), "the header is not JSON"),
        (b"\xef\xbb\xbf" + header(described()), "the header is not JSON"),
        (header(described()).replace(b'"a"', b'"a\\u0000b"'), r"'a\\x00b': its name has"),
        (
            header(described()).replace(b'"a"', b'"a\\u202eb"'),
            "its name has more than 512 characters, or some",
        ),
        (header(described()).replace(b'"a"', b'"' + b"a" * 600 + b'"'), "aaa…: its name has more than 512"),
        (
            header(described(), '"__metadata__": {"format": 1}, '),
            "__metadata__ in the header is not an object",
        ),
        (header(described(), '"__metadata__": [], '), "__metadata__ in the header is not an object"),
        (b"null", "the header is not an object, but null"),
        (b"", "the header is not JSON"),
    ],
)
def test_headers_of_strangers(tmp_path: Path, text: bytes, problem: str) -> None:
    file = tmp_path / "model.safetensors"
    write_raw(file, text, DATA)
    started = time.monotonic()
    with pytest.raises(ConfigurationError, match=problem) as caught:
        index_file(file)
    assert time.monotonic() - started < 2
    assert caught.value.problem.startswith(f"{file}: ")
    assert len(caught.value.problem) < 700
    assert caught.value.hint


def test_what_the_format_allows_is_read(tmp_path: Path) -> None:
    """Empty tensors at any place, eight dimensions, no metadata, names with spaces and of other scripts."""
    file = tmp_path / "model.safetensors"
    tensors = {"a b": torch.ones(2), "层.0": torch.zeros(0, 4), "z": torch.full((1,) * 7 + (2,), 3.0)}
    save_file(tensors, file)
    assert {name: stored.shape for name, stored in index_file(file).items()} == {
        name: tuple(tensor.shape) for name, tensor in load_file(file).items()
    }
    # Of two that start at one place, the empty one is the first, in whatever order the header has them.
    write_raw(file, {"a": entry(0, 8), "none": entry(0, 0, (0,)), "__metadata__": None}, DATA)
    assert list(index_file(file)) == ["none", "a"]


def test_a_merge_of_a_model_with_such_a_header_ends_at_once(tmp_path: Path) -> None:
    for seed, name in enumerate(("a", "b")):
        write_model(tmp_path / name, MISTRAL, seed)
    write_raw(tmp_path / "b/model.safetensors", header(described("[" + "2," * 500_000 + "2]")), DATA)
    started = time.monotonic()
    with pytest.raises(ConfigurationError, match=r"b/model.safetensors: tensor a: 500001 dimensions"):
        run_merge(
            tmp_path / "out",
            merge_config("linear", [tmp_path / "a", tmp_path / "b"], parameters={"weight": 1.0}),
        )
    assert time.monotonic() - started < 2


INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize(
    "shard",
    [
        "../secret.safetensors",
        "/etc/secret.safetensors",
        "x/../y.safetensors",
        "..",
        "",
        "a\0.safetensors",
        "model.bin",
    ],
)
def test_an_index_that_leads_elsewhere(tmp_path: Path, shard: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"a": torch.ones(2)}, tmp_path / "secret.safetensors")
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": shard}}))
    for read in (index_model, check_headers):
        with pytest.raises(ConfigurationError, match="is not the name of a safetensors file in the folder"):
            read(folder)


@pytest.mark.parametrize("name", ["model.safetensors", INDEX, "config.json"])
def test_a_link_to_something_without_an_end(tmp_path: Path, name: str) -> None:
    write_model(tmp_path, MISTRAL, 1)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to("/dev/zero")
    if name == INDEX:
        (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ConfigurationError):
        run_merge(tmp_path / "out", merge_config("linear", [tmp_path, tmp_path], parameters={"weight": 1.0}))
    with pytest.raises(
        ConfigurationError, match=r"not a regular file|not found|no such|no model.safetensors"
    ):
        index_file(tmp_path / name)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(ConfigurationError, match=r"no model\.safetensors"):
        index_model(tmp_path)
    with pytest.raises(ConfigurationError, match="not a regular file"):
        check_headers(tmp_path)


def test_a_header_that_is_longer_than_the_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", (1 << 63) + 5) + b"{}")
    with pytest.raises(ConfigurationError, match="not a safetensors file, or cut off"):
        check_headers(tmp_path)
