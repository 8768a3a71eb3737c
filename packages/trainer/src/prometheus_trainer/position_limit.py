"""Refuses rows that have more tokens than the model has positions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.model_files import read_object

# Kinds of rotary embeddings that do not reach beyond max_position_embeddings: of Llama 3 it is the stretched length.
_NOT_STRETCHED = ("default", "llama3", "mrope")


def check_row_lengths(rows: Any, name: str, base_model: Path, max_length: int | None) -> None:
    """Raises ConfigurationError where a row of ``input_ids`` is longer than the model's positions reach.

    ``max_length`` is what rows were cut at, None where they were not; ``name`` is for messages.
    """
    limit = position_limit(read_object(base_model / "config.json"))
    if limit is None or (max_length is not None and max_length <= limit):
        return
    lengths = [
        length
        for batch in rows.with_format("arrow").iter(batch_size=1000)
        for length in batch["input_ids"].combine_chunks().value_lengths().to_pylist()
    ]
    longer = sum(length > limit for length in lengths)
    if longer:
        raise ConfigurationError(
            f"dataset, {name}: {longer} of {len(lengths)} rows are longer than the {limit} positions of {base_model} "
            f"(max_position_embeddings in its config.json); the longest has {max(lengths)} tokens",
            f"Set max_length to at most {limit}: longer rows are cut there.",
        )


def position_limit(config: Mapping[str, Any]) -> int | None:
    """The positions of a model by its ``config.json``, as far as the scaling of its rotary embedding stretches them.

    A sliding window limits how far back attention reaches, not how long a row may be. None where no limit is stated.
    """
    stated = config.get("max_position_embeddings")
    if not _is_number(stated):
        return None
    limit = int(stated)
    # As transformers reads them, where both are there.
    scaling = config.get("rope_scaling") or config.get("rope_parameters")
    if not isinstance(scaling, Mapping):
        return limit
    # Some models have one such object for each kind of layer.
    kinds = [value for value in scaling.values() if isinstance(value, Mapping)] or [scaling]
    return max([limit, *(reach for kind in kinds if (reach := _stretched(kind, config, limit)))])


def _stretched(kind: Mapping[str, Any], config: Mapping[str, Any], limit: int) -> int | None:
    factor = kind.get("factor")
    if not _is_number(factor) or kind.get("rope_type", kind.get("type")) in _NOT_STRETCHED:
        return None
    # Phi 3 has the original length beside the scaling, and transformers prefers it there.
    stated = (settings.get("original_max_position_embeddings") for settings in (config, kind))
    return int(factor * next(filter(_is_number, stated), limit))


def _is_number(value: Any) -> TypeGuard[float]:
    # A number that is larger than any length states no limit.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15
