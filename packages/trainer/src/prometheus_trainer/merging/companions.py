"""The files beside the weights: config, tokenizer, chat template, generation config."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.dtypes import DType
from prometheus_trainer.merging.plan import OutputTensor
from prometheus_trainer.merging.reading import read_json
from prometheus_trainer.merging.writing import write_json, write_text
from prometheus_trainer.model_files import refuse_lfs_pointer, without_mark

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)


def check_vocabulary(folder: Path, tensors: Sequence[OutputTensor]) -> None:
    """ConfigurationError where the folder's config.json counts other tokens than the embeddings have rows."""
    config = read_json(folder / "config.json")
    rows = {tensor.name: tensor.shape[0] for tensor in tensors if tensor.name in _VOCABULARY_TENSORS}
    for name, count in rows.items():
        if config.get("vocab_size") != count:
            raise ConfigurationError(
                f"{folder / 'config.json'}: vocab_size is {config.get('vocab_size')}, {name} "
                f"has {count} rows",
                "take config and tokenizer from a model with the vocabulary of the weights",
            )


def write_companions(
    output_dir: Path, donor: Path, tokenizer_donor: Path, dtype: DType, chat_template: str | None = None
) -> int:
    """Copies config.json and generation_config.json from ``donor``, the tokenizer from ``tokenizer_donor``.

    ``config.json`` says ``dtype`` under the names of transformers 5 and 4, and has ``rope_theta`` at the
    top level, where transformers 5 no longer writes it: 4.x readers assume 10000 when it is not there.
    ``chat_template`` takes the place of the tokenizer's own, under the names of transformers 5 and 4.
    Returns the number of bytes written.
    """
    config = with_rope_theta(read_json(donor / "config.json"))
    size = write_json(output_dir / "config.json", {**config, "dtype": dtype.name, "torch_dtype": dtype.name})
    size += _copy(donor / "generation_config.json", output_dir)
    size += copy_tokenizer(output_dir, tokenizer_donor)
    return size if chat_template is None else size + _write_chat_template(output_dir, chat_template)


def copy_tokenizer(output_dir: Path, donor: Path) -> int:
    """Copies what the donor has of a tokenizer's files; returns their bytes."""
    return sum(_copy(donor / name, output_dir) for name in TOKENIZER_FILES)


def with_rope_theta(config: dict[str, Any]) -> dict[str, Any]:
    """A config with ``rope_theta`` at the top level, if it has one at all."""
    nested = config.get("rope_parameters")
    if "rope_theta" in config or not isinstance(nested, dict) or "rope_theta" not in nested:
        return config
    return {**config, "rope_theta": nested["rope_theta"]}


def _write_chat_template(output_dir: Path, template: str) -> int:
    file = output_dir / "tokenizer_config.json"
    config = read_json(file) if file.is_file() else {}
    size = write_json(file, {**config, "chat_template": template})
    return size + write_text(output_dir / "chat_template.jinja", template)


_VOCABULARY_TENSORS = ("model.embed_tokens.weight", "lm_head.weight")


def _copy(file: Path, output_dir: Path) -> int:
    if not file.is_file():
        return 0
    refuse_lfs_pointer(file)
    content = file.read_bytes()
    if file.suffix == ".json":
        content = without_mark(content)  # with it, transformers reads neither donor nor copy
    with (output_dir / file.name).open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return len(content)
