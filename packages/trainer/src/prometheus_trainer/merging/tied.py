"""Models whose output layer (head) uses the embeddings' weight, and giving it a tensor of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.reading import StoredTensor, read_json
from prometheus_trainer.merging.writing import write_json

if TYPE_CHECKING:
    from prometheus_trainer.merging.model import Model


def tied_head(folder: Path, tensors: Mapping[str, StoredTensor]) -> tuple[str, str] | None:
    """The names of head and embeddings where the model ties them; None where it does not.

    transformers knows the names and what a config means that does not say; it is imported, which takes seconds, only
    where config.json does not rule it out.
    """
    config = read_json(folder / "config.json")
    if config.get("tie_word_embeddings") is False:
        return None
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        full = AutoConfig.from_pretrained(folder)
        model_class = AutoModelForCausalLM._model_mapping[type(full)]
    except (ValueError, KeyError) as error:
        if "lm_head.weight" in tensors and not config.get("tie_word_embeddings"):
            return None
        raise ConfigurationError(
            f"{folder / 'config.json'}: whether its embeddings are tied is not known: {error}",
            "write tie_word_embeddings into it, or name a model of a type that transformers knows",
        ) from None
    if not full.tie_word_embeddings:
        return None
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
        if tied and lacking == {tied[0]}:
            model, untied = replace(model, tensors=with_own_head(model.tensors, tied)), True
        same.append(model)
    return same, untied


def untie(folder: Path) -> int:
    """Says in config.json that the head has a weight of its own; returns by how many bytes the file grew."""
    file = folder / "config.json"
    before, config = file.stat().st_size, read_json(file)
    text = config.get("text_config")
    if isinstance(text, dict):
        config["text_config"] = {**text, "tie_word_embeddings": False}
    return write_json(file, {**config, "tie_word_embeddings": False}) - before
