"""The files beside the weights: config, tokenizer, chat template, generation config."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.dtypes import DType
from prometheus_trainer.merging.layout import check_output_layer, without_quantisation
from prometheus_trainer.merging.plan import OutputTensor
from prometheus_trainer.merging.reading import read_json
from prometheus_trainer.merging.tied import untied_config
from prometheus_trainer.merging.writing import write_json, write_text
from prometheus_trainer.model_files import refuse_lfs_pointer, text_content
from prometheus_trainer.strict_json import number_or_kind, shown

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


def check_config(folder: Path, tensors: Sequence[OutputTensor], *, untied: bool = False) -> None:
    """ConfigurationError where the folder's config.json does not describe the tensors.

    That is where it counts other tokens than the embeddings have rows, and where it ties an output layer that is there,
    unless the result's config is written ``untied``.
    """
    config = read_json(folder / "config.json")
    config = untied_config(config) if untied else config
    check_output_layer(folder / "config.json", config, [tensor.name for tensor in tensors])
    rows = {tensor.name: tensor.shape[0] for tensor in tensors if tensor.name in _VOCABULARY_TENSORS}
    for name, count in rows.items():
        if config.get("vocab_size") != count:
            raise ConfigurationError(
                f"{folder / 'config.json'}: vocab_size is {number_or_kind(config.get('vocab_size'))}, {name} "
                f"has {count} rows",
                "take config and tokenizer from a model with the vocabulary of the weights",
            )


def config_differences(donor: Path, other: Path) -> list[str]:
    """What the config.json of a merged model says otherwise than the donor's, of what decides how weights are read.

    Only what both say is compared; of the rotary embedding, only what has an effect.
    """
    ours, theirs = (
        read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
        for folder in (donor, other)
    )
    pairs = [(key, ours[key], theirs[key]) for key in _READING_KEYS if key in ours and key in theirs]
    pairs += [
        (key if key == "rope_theta" else f"rotary {key}", value, _rope(theirs)[key])
        for key, value in _rope(ours).items()
        if key in _rope(theirs)
    ]
    return [f"{key} {_words(mine)} instead of {_words(value)}" for key, value, mine in pairs if mine != value]


def write_companions(
    output_dir: Path,
    donor: Path,
    tokenizer_donor: Path,
    dtype: DType,
    chat_template: str | None = None,
    *,
    untied: bool = False,
) -> int:
    """Copies config.json and generation_config.json from ``donor``, the tokenizer from ``tokenizer_donor``.

    ``config.json`` says ``dtype`` under the names of transformers 5 and 4; see :func:`portable_config` for the rest.
    ``chat_template`` takes the place of the tokenizer's own, under the names of transformers 5 and 4. With ``untied``
    the config says that the output layer has a weight of its own.
    Returns the number of bytes written.
    """
    config = portable_config(read_json(donor / "config.json"))
    config = untied_config(config) if untied else config
    size = write_json(output_dir / "config.json", {**config, "dtype": dtype.name, "torch_dtype": dtype.name})
    size += copy_generation_config(output_dir, donor)
    size += copy_tokenizer(output_dir, tokenizer_donor)
    return size if chat_template is None else size + _write_chat_template(output_dir, chat_template)


def copy_generation_config(output_dir: Path, donor: Path) -> int:
    """Copies the donor's settings of generation, if it has any; returns their bytes."""
    return _copy(donor / "generation_config.json", output_dir)


def copy_tokenizer(output_dir: Path, donor: Path) -> int:
    """Copies what the donor has of a tokenizer's files; returns their bytes."""
    return sum(_copy(donor / name, output_dir) for name in TOKENIZER_FILES)


def portable_config(config: dict[str, Any]) -> dict[str, Any]:
    """The config for weights in full precision, for every reader.

    ``rope_theta`` is at the top level, if there is one at all: transformers 5 no longer writes it there, and 4.x
    readers assume 10000 when it is not. ``quantization_config`` is left out: with it a loader would quantise the
    weights, or look for quantised ones.
    """
    config = without_quantisation(config)
    nested = config.get("rope_parameters")
    if "rope_theta" in config or not isinstance(nested, dict) or "rope_theta" not in nested:
        return config
    return {**config, "rope_theta": nested["rope_theta"]}


def _write_chat_template(output_dir: Path, template: str) -> int:
    file = output_dir / "tokenizer_config.json"
    config = read_json(file) if file.is_file() else {}
    size = write_json(file, {**config, "chat_template": template})
    return size + write_text(output_dir / "chat_template.jinja", template)


def _words(value: Any) -> str:
    return repr(value) if isinstance(value, str) and shown(value) == value else number_or_kind(value)


_READING_KEYS = (
    "model_type",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "hidden_act",
    "rms_norm_eps",
    "sliding_window",
    "num_experts_per_tok",
)


def _rope(config: Mapping[str, Any]) -> dict[str, Any]:
    """The rotary embedding's settings under one set of names, whichever version of transformers wrote them."""
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    if not isinstance(scaling, dict):
        return {}
    rope = {"type": scaling.get("rope_type") or scaling.get("type") or "default", **scaling}
    rope.setdefault("rope_theta", config.get("rope_theta"))
    return {key: value for key, value in rope.items() if key != "rope_type" and value is not None}


_VOCABULARY_TENSORS = ("model.embed_tokens.weight", "lm_head.weight")


def _copy(file: Path, output_dir: Path) -> int:
    if not file.is_file():
        return 0
    refuse_lfs_pointer(file)
    content = text_content(file)
    with (output_dir / file.name).open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return len(content)
