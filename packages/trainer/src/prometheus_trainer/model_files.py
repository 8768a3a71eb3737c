"""Files of models and data that are not what they are called: pointers of Git LFS, JSON in another encoding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.strict_json import kind_of, parse_json

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
# A tokenizer's vocabulary, and the index of a model's tensors, have tens of megabytes where they are largest; settings,
# and the chat templates among them, less than one.
_LARGE = (
    "merges.txt",
    "tokenizer.model",
    "tokenizer.json",
    "vocab.json",
    "added_tokens.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
_MOST_LARGE_BYTES = 128 << 20
_MOST_BYTES = 4 << 20
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
        if file.name in _OBJECTS:
            read_object(file)
    if (folder / "adapter_config.json").is_file():
        raise ConfigurationError(
            f"{folder}: an adapter_config.json is beside the model, and transformers would put that adapter on it",
            "Merge the adapter with lora-merge first, or take its files out of the folder.",
        )


def read_object(file: Path) -> dict[str, Any]:
    """A JSON file whose content is an object; ConfigurationError for anything else."""
    value = read_json_file(file)
    if not isinstance(value, dict):
        raise ConfigurationError(
            f"{file}: not a JSON object, but {kind_of(value)}", "Download or write the file again."
        )
    return value


def text_content(file: Path) -> bytes:
    """The bytes of a model's file, of JSON and of a chat template without a byte order mark."""
    content = _content(file)
    return without_mark(content) if file.suffix in (".json", ".jinja") else content


def read_text_file(file: Path) -> str:
    """A text in UTF-8 without a byte order mark at its start; ConfigurationError for another encoding."""
    try:
        return without_mark(_content(file)).decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: not a text in UTF-8: {error}", "Save it as UTF-8.") from None


def read_json_file(file: Path) -> Any:
    """The value of a JSON file in UTF-8, with or without a byte order mark.

    ConfigurationError for a pointer of Git LFS, another encoding, what is not JSON, and what is too large, too deep or
    too full to be a file of a model; FileNotFoundError where there is none.
    """
    content = _content(file)
    encoding = next((name for mark, name in _FOREIGN_MARKS.items() if content.startswith(mark)), None)
    if encoding is not None:
        raise ConfigurationError(f"{file}: the file is in {encoding}", "Save it as UTF-8.")
    try:
        return parse_json(without_mark(content))
    except ValueError as error:
        raise ConfigurationError(f"{file}: not JSON: {error}", "download or write the file again") from None


def most_bytes(name: str) -> int:
    """How large a file of a model may be that is read as a whole; of a weights file nothing is said here."""
    return _MOST_LARGE_BYTES if name in _LARGE or name.endswith(".index.json") else _MOST_BYTES


def refuse_other_than_file(file: Path) -> None:
    """ConfigurationError for a folder, a device or a pipe, of which a read may never end."""
    if file.exists() and not file.is_file():
        raise ConfigurationError(f"{file}: this is not a regular file", "Put the file itself there.")


def without_mark(content: bytes) -> bytes:
    """The bytes of a text without the byte order mark at its start."""
    return content.removeprefix(_UTF8_MARK)


def _content(file: Path) -> bytes:
    """What is in a file, limited before it is read: a link of a checkout may lead to a device without an end."""
    refuse_other_than_file(file)
    refuse_lfs_pointer(file)
    most = most_bytes(file.name)
    with file.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise ConfigurationError(
            f"{file}: the file has more than {most >> 20} MiB, more than any that models are published with",
            "Download or write the file again.",
        )
    return content


def _start(file: Path, length: int) -> bytes:
    with file.open("rb") as stream:
        return stream.read(length)
