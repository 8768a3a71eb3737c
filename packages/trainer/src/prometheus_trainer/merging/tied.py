"""Models whose output layer (head) uses the embeddings' weight, and giving it a tensor of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.layout import is_tied
from prometheus_trainer.merging.reading import StoredTensor, read_json
from prometheus_trainer.model_config import transformers_config
from prometheus_trainer.strict_json import shown

if TYPE_CHECKING:
    from prometheus_trainer.merging.model import Model

UNTIED = (
    "the output layer and the embeddings differ, so the merged model has both: an lm_head.weight of its own, and "
    "tie_word_embeddings: false"
)


def tied_head(folder: Path, tensors: Mapping[str, StoredTensor]) -> tuple[str, str] | None:
    """The names of head and embeddings where the model ties them; None where it does not.

    transformers knows the names; it is imported, which takes seconds, only for a model that is tied.
    """
    file = folder / "config.json"
    config = read_json(file) if file.is_file() else {}
    if not config or not is_tied(config):
        return None
    from transformers import AutoModelForCausalLM

    try:
        model_class = AutoModelForCausalLM._model_mapping[type(transformers_config(folder))]
    except KeyError:
        model_type = shown(str(config.get("model_type")))
        raise ConfigurationError(
            f"{file}: transformers does not know the model_type '{model_type}', so what its output layer "
            "is called, which it ties to the embeddings, is not known",
            "name a model of a type that transformers knows, or one with tie_word_embeddings: false and an "
            "lm_head.weight",
        ) from None
    names = getattr(model_class, "_tied_weights_keys", None) or {}
    return next(((head, source) for head, source in names.items() if source in tensors), None)


def with_own_head(
    tensors: Mapping[str, StoredTensor], tied: tuple[str, str] | None
) -> Mapping[str, StoredTensor]:
    """The tensors with the head among them, which reads the embeddings' bytes."""
    if tied is None or tied[0] in tensors:
        return tensors
    head, embeddings = tied
    return {**tensors, head: replace(tensors[embeddings], name=head)}


def same_heads(models: Sequence[Model]) -> tuple[list[Model], bool]:
    """The models, tied ones with a head of their own where another model has one; whether the result has its own."""
    every = set().union(*(model.tensors for model in models))
    untied = any(model.adapter is not None and model.adapter.unties for model in models)
    same: list[Model] = []
    for model in models:
        lacking = every - model.tensors.keys()
        tied = tied_head(model.folder, model.tensors) if lacking else None
        if tied and tied[0] in lacking:
            model, untied = replace(model, tensors=with_own_head(model.tensors, tied)), True
        same.append(model)
    return same, untied


def untied_config(config: dict[str, Any]) -> dict[str, Any]:
    """The config of a model whose head has a weight of its own."""
    text = config.get("text_config")
    nested = {"text_config": {**text, "tie_word_embeddings": False}} if isinstance(text, dict) else {}
    return {**config, **nested, "tie_word_embeddings": False}
