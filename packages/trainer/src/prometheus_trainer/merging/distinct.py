"""Are two models the same one? Published merge instructions once named one expert twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.reading import StoredTensor

_HEAD = 64 * 1024
_BLOCK = 16 * 1024 * 1024


def check_distinct_folders(folders: Sequence[Path]) -> None:
    """ConfigurationError where two folders are one."""
    for (i, first), (j, second) in combinations(enumerate(folders), 2):
        if first.resolve() == second.resolve():
            raise _same_model(i, j, f"both are {first}")


def check_distinct_weights(models: Sequence[Mapping[str, StoredTensor]], folders: Sequence[Path]) -> None:
    """ConfigurationError where two models have the same bytes in every tensor.

    The first bytes of each tensor are compared before whole ones: trained models differ within the first few.
    """
    for (i, first), (j, second) in combinations(enumerate(models), 2):
        pairs = [(first[name], second[name]) for name in first]
        if not any(_differ(a, b, _HEAD) for a, b in pairs) and not any(_differ(a, b, None) for a, b in pairs):
            raise _same_model(i, j, f"every tensor of {folders[i]} and {folders[j]} has the same bytes")


def _same_model(i: int, j: int, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"models[{i}] and models[{j}] are the same model: {problem}",
        "merging a model with itself gives that model; name the other expert (one absolute, one relative)",
    )


def _differ(a: StoredTensor, b: StoredTensor, limit: int | None) -> bool:
    if a.dtype != b.dtype:
        return True
    rest = a.end - a.start if limit is None else min(limit, a.end - a.start)
    with a.file.open("rb", buffering=0) as left, b.file.open("rb", buffering=0) as right:
        left.seek(a.start)
        right.seek(b.start)
        while rest > 0:
            count = min(rest, _BLOCK)
            if left.read(count) != right.read(count):
                return True
            rest -= count
    return False
