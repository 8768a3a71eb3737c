"""Files of models and data that are not what they are called: pointers of Git LFS, JSON in another encoding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError

# How every pointer starts: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
_UTF8_MARK = b"\xef\xbb\xbf"
# What transformers reads of a model and its tokenizer, each an object.
_OBJECTS = (
    "added_tokens.json",
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
_FOREIGN_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def refuse_lfs_pointers(folder: Path) -> None:
    """Raises ConfigurationError where a file of ``folder`` is a pointer, as a checkout without Git LFS leaves it."""
    for file in sorted(folder.iterdir()):
        if file.is_file():
            refuse_lfs_pointer(file)


def refuse_lfs_pointer(file: Path) -> None:
    """Raises ConfigurationError where ``file`` is a pointer of Git LFS."""
    if _start(file, len(_LFS_POINTER)) == _LFS_POINTER:
        raise ConfigurationError(
            f"{file}: this is a pointer of Git LFS, not the file itself",
            "Fetch the file with git lfs pull; in a workflow, give actions/checkout the input lfs: true.",
        )


def check_model_texts(folder: Path) -> None:
    """Raises ConfigurationError for a text of a model that transformers can't read, or reads otherwise than it is.

    That is a file that starts with a byte order mark, which transformers does not read in JSON and takes for the first
    character of each prompt in a chat template; and JSON without an object in a file where it reads one.
    """
    for file in sorted((*folder.glob("*.json"), *folder.glob("*.jinja"))):
        if _start(file, len(_UTF8_MARK)) == _UTF8_MARK:
            reads = "does not read" if file.suffix == ".json" else "takes for a part of each prompt"
            raise ConfigurationError(
                f"{file}: the file starts with a byte order mark, which transformers {reads}",
                "Save it as UTF-8 without a byte order mark.",
            )
        if file.name in _OBJECTS and not isinstance(value := read_json_file(file), dict):
            raise ConfigurationError(
                f"{file}: not a JSON object, but {type(value).__name__}",
                "Download or write the file again.",
            )


def text_content(file: Path) -> bytes:
    """The bytes of a model's file, of JSON and of a chat template without a byte order mark."""
    content = file.read_bytes()
    return without_mark(content) if file.suffix in (".json", ".jinja") else content


def read_json_file(file: Path) -> Any:
    """The value of a JSON file in UTF-8, with or without a byte order mark.

    ConfigurationError for a pointer of Git LFS, another encoding, and what is not JSON.
    """
    refuse_lfs_pointer(file)
    content = file.read_bytes()
    encoding = next((name for mark, name in _FOREIGN_MARKS.items() if content.startswith(mark)), None)
    if encoding is not None:
        raise ConfigurationError(f"{file}: the file is in {encoding}", "Save it as UTF-8.")
    try:
        return json.loads(without_mark(content).decode())
    except ValueError as error:
        raise ConfigurationError(f"{file}: not JSON: {error}", "download or write the file again") from None


def without_mark(content: bytes) -> bytes:
    """The bytes of a text without the byte order mark at its start."""
    return content.removeprefix(_UTF8_MARK)


def _start(file: Path, length: int) -> bytes:
    with file.open("rb") as stream:
        return stream.read(length)
