"""Are two models the same one? Published merge instructions once named one expert twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.model import Model
from prometheus_trainer.merging.reading import StoredTensor, index_file, same_bytes

_HEAD = 64 * 1024


def check_distinct(models: Sequence[Model], base: Model | None) -> None:
    """ConfigurationError where two models, or one and the base, are one folder or have the same bytes in every tensor.

    The first bytes of each tensor are compared before whole ones: trained models differ within the first few.
    """
    for (i, first), (j, second) in combinations(enumerate(models), 2):
        reason = _why_same(first, second)
        if reason:
            raise same_model(i, j, reason)
    for i, model in enumerate(models):
        reason = None if base is None or model.adapter is not None else _why_same(base, model)
        if reason:
            raise same_as_base(i, reason)


def same_model(i: int, j: int, reason: str) -> ConfigurationError:
    """The error for two models of the configuration that are one."""
    return ConfigurationError(
        f"models[{i}] and models[{j}] are the same model: {reason}",
        "merging a model with itself gives that model; name the other expert (one absolute, one relative)",
    )


def same_as_base(i: int, reason: str) -> ConfigurationError:
    """The error for a model of the configuration that is the base model."""
    return ConfigurationError(
        f"models[{i}] is the base model, not an expert: {reason}", "name the model that was trained from it"
    )


def _why_same(first: Model, second: Model) -> str | None:
    if first.place.resolve() == second.place.resolve():
        return f"both are {first.place}"
    if (first.adapter is None) != (second.adapter is None):
        return None
    a, b = _weights(first), _weights(second)
    if a.keys() != b.keys():
        return None
    pairs = [(a[name], b[name]) for name in a]
    if not all(same_bytes(x, y, _HEAD) for x, y in pairs) or not all(same_bytes(x, y) for x, y in pairs):
        return None
    return f"every tensor of {first.place} and {second.place} has the same bytes"


def _weights(model: Model) -> Mapping[str, StoredTensor]:
    return model.tensors if model.adapter is None else index_file(model.adapter.weights)
