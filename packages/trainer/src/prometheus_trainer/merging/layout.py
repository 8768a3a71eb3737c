"""Which tensors of a model folder are its weights: in full precision, each of them once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.dtypes import dtype_coded
from prometheus_trainer.merging.reading import StoredTensor, index_model, read_json, same_bytes
from prometheus_trainer.model_config import check_sizes
from prometheus_trainer.strict_json import shown

QUANTISATION_KEYS = ("quantization_config", "compression_config")
"""Keys of a config.json that make a loader quantise the weights, or expect them quantised."""

# Beside quantised weights: bitsandbytes, GPTQ and AWQ, fp8 and compressed-tensors, HQQ.
_OF_QUANTISATION = re.compile(
    r"\.(absmax|nested_absmax|quant_map|nested_quant_map|quant_state\..+|SCB|weight_format|qweight|qzeros|g_idx"
    r"|(weight|input|output|k|v)_(scale|scale_inv|zero_point|global_scale|packed|shape|g_idx)|W_q)$"
)
_MASK = re.compile(r"(^|\.)(attn|attention)\.(masked_)?bias$")
_FROM_CONFIG = re.compile(
    r"(^|\.)(rotary_emb\.(inv_freq|original_inv_freq|cos_cached|sin_cached)|position_ids)$"
)
_HEAD = re.compile(r"(^|\.)lm_head\.weight$")
_EMBEDDINGS = re.compile(r"(^|\.)(embed_tokens|wte|word_embeddings)\.weight$")


@dataclass(frozen=True)
class Layout:
    """The tensors of a model that are merged, by name; ``notices`` say what else its folder has."""

    tensors: Mapping[str, StoredTensor]
    notices: tuple[str, ...]


def read_layout(folder: Path) -> Layout:
    """The layout of a model folder without what a loader passes over; reads no weights but a tied ``lm_head``.

    Left out are tensors that follow from the config (rotary frequencies, positions, causal masks), which transformers
    passes over too, and an ``lm_head.weight`` with the bytes of the embeddings where the config ties the two.
    ConfigurationError where the weights are quantised, and where config and weights disagree about the output layer.
    """
    stored = index_model(folder)
    file = folder / "config.json"
    config = read_json(file) if file.is_file() else {}
    check_sizes(file, config)
    weights = {name: tensor for name, tensor in stored.items() if not _follows_from_config(tensor)}
    for tensor in weights.values():
        _check_precision(tensor, config)
    head = _tied_head(file, config, weights)
    if head is not None:
        del weights[head]
    if config:
        check_output_layer(file, config, weights)
    left_out = [name for name in stored if name not in weights]
    notices = [f"{folder}: left out of the merge: {_listed(left_out)}"] if left_out else []
    return Layout(weights, (*notices, *_left_out_of(file, config)))


def check_output_layer(file: Path, config: Mapping[str, Any], names: Iterable[str]) -> None:
    """ConfigurationError where ``config.json`` ties the output layer and the weights have one, or the other way round.

    A model without embeddings under one of the usual names is left alone: its output layer may have another name too.
    """
    names = list(names)
    if "model.embed_tokens.weight" not in names or not _is_language_model(config):
        return
    has_head = any(_HEAD.search(name) for name in names)
    if has_head and is_tied(config):
        raise ConfigurationError(
            f"{file}: it says that the embeddings are the output layer (tie_word_embeddings), and the merged weights "
            "have an lm_head.weight of their own",
            "take the config from a model with tie_word_embeddings: false",
        )
    if not has_head and not is_tied(config):
        raise ConfigurationError(
            f"{file}: it says that the output layer has weights of its own (tie_word_embeddings: false), and the "
            "weights have no lm_head.weight: a loader would fill it with random numbers",
            "set tie_word_embeddings to true there if the embeddings are the output layer; else write the model again",
        )


def is_tied(config: Mapping[str, Any]) -> bool:
    """Whether the output layer's weights are the embeddings'; where the config is silent, as its model type has it."""
    for part in (config, config.get("text_config")):
        if isinstance(part, dict) and isinstance(part.get("tie_word_embeddings"), bool):
            return part["tie_word_embeddings"]
    # Takes seconds, and most configs say it.
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    model_type = str(config.get("model_type"))
    return model_type in CONFIG_MAPPING and bool(
        getattr(CONFIG_MAPPING[model_type], "tie_word_embeddings", False)
    )


def check_full_precision(folder: Path) -> list[str]:
    """Notices of what the config of a model folder says of quantisation, where its weights are in full precision.

    ConfigurationError where they are not.
    """
    file = folder / "config.json"
    config = read_json(file)
    notices = _left_out_of(file, config)
    for tensor in index_model(folder).values() if notices else ():
        if not _follows_from_config(tensor):
            _check_precision(tensor, config)
    return notices


def quantisations(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a config says of quantisation, by where: ``quantization_config``, ``text_config.quantization_config`` …"""
    found = {key: value for key, value in config.items() if key in QUANTISATION_KEYS}
    for part, values in config.items():
        if isinstance(values, dict) and part not in QUANTISATION_KEYS:
            found |= {f"{part}.{key}": value for key, value in quantisations(values).items()}
    return found


def without_quantisation(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config for weights in full precision, also of each part of a model of several parts."""
    return {
        key: without_quantisation(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in QUANTISATION_KEYS
    }


def _left_out_of(file: Path, config: Mapping[str, Any]) -> list[str]:
    return [
        f"{file}: {key} is left out: the weights are in full precision, and so is what is written"
        for key in quantisations(config)
    ]


def _is_language_model(config: Mapping[str, Any]) -> bool:
    architectures = config.get("architectures")
    return not isinstance(architectures, list) or any("ForCausalLM" in str(name) for name in architectures)


def _follows_from_config(tensor: StoredTensor) -> bool:
    """Buffers that older versions of transformers saved; a mask is told from a bias by its shape."""
    if _MASK.search(tensor.name):
        return tensor.shape in ((), (1,)) or (len(tensor.shape) == 4 and tensor.shape[:2] == (1, 1))
    return bool(_FROM_CONFIG.search(tensor.name))


def _check_precision(tensor: StoredTensor, config: Mapping[str, Any]) -> None:
    code = tensor.dtype.code
    of_quantisation = bool(_OF_QUANTISATION.search(tensor.name))
    if dtype_coded(code) is not None and not of_quantisation:
        return
    quantisation = next((value for value in quantisations(config).values() if isinstance(value, dict)), {})
    method = quantisation.get("quant_method")
    by = f" by {shown(method)}" if isinstance(method, str) else ""
    reason = f"the weights are quantised{by}, and " if of_quantisation or quantisation else ""
    raise ConfigurationError(
        f"{tensor.file}: tensor {tensor.name} is {code}: {reason}only BF16, F16 and F32 can be merged",
        "name the model before it was quantised; where there is none, load it with transformers, dequantize() it "
        "and save it again",
    )


def _tied_head(file: Path, config: Mapping[str, Any], tensors: Mapping[str, StoredTensor]) -> str | None:
    """The name of an output layer that repeats the embeddings, which the config ties to it."""
    heads = [name for name in tensors if _HEAD.search(name)]
    embeddings = [name for name in tensors if _EMBEDDINGS.search(name)]
    if len(heads) != 1 or len(embeddings) != 1 or not config or not is_tied(config):
        return None
    head, embedding = tensors[heads[0]], tensors[embeddings[0]]
    if same_bytes(head, embedding):
        return head.name
    raise ConfigurationError(
        f"{head.file}: tensor {head.name} differs from {embedding.name}, and {file} says that they are one "
        "(tie_word_embeddings): transformers 5 reads both, transformers 4 and vLLM the embeddings alone",
        "set tie_word_embeddings to false there if the model was trained with both, or remove "
        f"{head.name} from its weights",
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}: the rest of the model says the same"
