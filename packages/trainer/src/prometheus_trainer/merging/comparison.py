"""How far the models of a merge lie apart, from a sample of each tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np

from prometheus_trainer.merging.blocks import Block
from prometheus_trainer.merging.kernels import dot

# Sums of a pair (xᵢ, xⱼ): elements, (xᵢ-xⱼ)², xᵢ², equal elements; then of their task vectors or, without a base, of
# themselves: products, squares of each, elements of opposite signs, elements where both are not 0.
_PAIR = 9
_COUNT, _DISTANCE, _SIZE, _EQUAL, _PRODUCT, _FIRST, _SECOND, _CONFLICT, _BOTH = range(_PAIR)


def is_sampled(block: Block) -> bool:
    """Whether the first elements of a block belong to the sample."""
    return block.number % 2 == 0


def measure(models: Sequence[np.ndarray] | np.ndarray, base: np.ndarray | None) -> np.ndarray:
    """Sums over the sampled elements of a block, to be added up: of each pair, then the changed elements of each."""
    vectors = [model - base for model in models] if base is not None else models
    sums: list[float] = []
    for i, j in combinations(range(len(models)), 2):
        difference = models[i] - models[j]
        product = vectors[i] * vectors[j]
        sums += [
            difference.size,
            dot(difference, difference),
            dot(models[i], models[i]),
            int((difference == 0).sum()),
            float(product.sum()),
            dot(vectors[i], vectors[i]),
            dot(vectors[j], vectors[j]),
            int((product < 0).sum()),
            int((product != 0).sum()),
        ]
    if base is not None:
        sums += [int((vector != 0).sum()) for vector in vectors]
    return np.array([models[0].size, *sums], dtype=np.float64)


def summarise(sums: Mapping[str, np.ndarray], names: Sequence[str], has_base: bool) -> dict[str, Any]:
    """The comparison as metrics: over all tensors, and by layer in the order of the model."""
    total = sum(sums.values(), start=np.zeros(1)) if sums else np.zeros(1)
    pairs = list(combinations(range(len(names)), 2))
    return {
        "base": has_base,
        "sampled_elements": int(total[0]),
        "models": list(names),
        "pairs": [{"models": list(pair), **_pair(total, place, has_base)} for place, pair in enumerate(pairs)]
        if sums
        else [],
        "changed": _changed(total, len(names), has_base),
        "layers": [
            {
                "layer": int(layer) if layer.isdigit() else layer,
                **(_pair(sums[layer], 0, has_base) if pairs else {}),
                "changed": _changed(sums[layer], len(names), has_base),
            }
            for layer in sorted(sums, key=_order)
        ],
    }


def identical_pair(sums: Mapping[str, np.ndarray], models: int) -> tuple[int, int] | None:
    """Two models of which every sampled element is equal."""
    if not sums:
        return None
    total = sum(sums.values(), start=np.zeros(1))
    for place, pair in enumerate(combinations(range(models), 2)):
        values = _sums_of(total, place)
        if values[_COUNT] and values[_EQUAL] == values[_COUNT]:
            return pair
    return None


def unchanged_model(sums: Mapping[str, np.ndarray], models: int) -> int | None:
    """A model of which every sampled element is the base's."""
    if not sums:
        return None
    changed = sum(sums.values(), start=np.zeros(1))[-models:]
    return next((model for model, count in enumerate(changed) if not count), None)


def _sums_of(sums: np.ndarray, place: int) -> np.ndarray:
    return sums[1 + place * _PAIR :][:_PAIR]


def _pair(sums: np.ndarray, place: int, has_base: bool) -> dict[str, float | None]:
    values = _sums_of(sums, place)
    lengths = sqrt(values[_FIRST] * values[_SECOND])
    return {
        "distance": sqrt(values[_DISTANCE] / values[_SIZE]) if values[_SIZE] else 0.0,
        "cosine": float(values[_PRODUCT]) / lengths if lengths else None,
        "sign_conflict": float(values[_CONFLICT] / values[_BOTH]) if has_base and values[_BOTH] else None,
        "equal": float(values[_EQUAL] / values[_COUNT]) if values[_COUNT] else 0.0,
    }


def _changed(sums: np.ndarray, models: int, has_base: bool) -> list[float] | None:
    return [float(count / sums[0]) for count in sums[-models:]] if has_base and sums[0] else None


def _order(layer: str) -> tuple[int, int]:
    return (1, int(layer)) if layer.isdigit() else (0 if layer == "embeddings" else 2, 0)
