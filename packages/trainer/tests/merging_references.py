"""The merge methods in plain numpy, float64, whole tensors at a time, from the formulas of the papers.

Each takes the flat base and models of one tensor. Nothing here is shared with the engine; the order of the operations
is that of the formulas, so that float64 gives the same number and not one a last bit away.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

Models = Sequence[np.ndarray]


def linear(models: Models, weights: Sequence[float], normalize: bool) -> np.ndarray:
    """``Σ wᵢ·xᵢ / Σ wᵢ`` (arXiv 2203.05482)."""
    total = _sum([weight * model for weight, model in zip(weights, models, strict=True)])
    return total / sum(weights) if normalize else total


def slerp(base: np.ndarray, other: np.ndarray, t: float) -> np.ndarray:
    """Shoemake's interpolation by the angle between the tensors; straight where they are nearly collinear."""
    lengths = [math.sqrt(math.fsum(values * values)) for values in (base, other)]
    cosine = math.fsum(base * other) / lengths[0] / lengths[1] if all(lengths) else 0.0
    if abs(cosine) > 0.9995:
        return (1 - t) * base + t * other
    angle = math.acos(max(-1.0, min(1.0, cosine)))
    return math.sin((1 - t) * angle) / math.sin(angle) * base + math.sin(t * angle) / math.sin(angle) * other


def task_arithmetic(
    base: np.ndarray, deltas: Models, weights: Sequence[float], scale: float, normalize: bool
) -> np.ndarray:
    """``base + λ · Σ wᵢ·δᵢ`` (arXiv 2212.04089)."""
    return base + scale * linear(deltas, weights, normalize)


def trimmed(delta: np.ndarray, density: float) -> np.ndarray:
    """The ``density`` of a task vector that is largest in magnitude, at least one element, of equal ones the first."""
    if density >= 1:
        return delta
    kept = np.argsort(-np.abs(delta), kind="stable")[: max(1, int(density * delta.size))]
    result = np.zeros_like(delta)
    result[kept] = delta[kept]
    return result


def agreeing(
    base: np.ndarray, deltas: Models, weights: Sequence[float], scale: float, normalize: bool
) -> np.ndarray:
    """Elect the sign of the larger total, and take the (disjoint) mean of those that have it (arXiv 2306.01708)."""
    weighted = [weight * delta for weight, delta in zip(weights, deltas, strict=True)]
    elected = np.where(_sum(weighted) >= 0, 1.0, -1.0)
    agree = [np.sign(values) == elected for values in weighted]
    total = _sum([np.where(mask, values, 0.0) for mask, values in zip(agree, weighted, strict=True)])
    if normalize:
        share = _sum([np.where(mask, weight, 0.0) for mask, weight in zip(agree, weights, strict=True)])
        total = total / np.where(share == 0, 1.0, share)
    return base + scale * total


def ties(
    base: np.ndarray,
    models: Models,
    weights: Sequence[float],
    densities: Sequence[float],
    scale: float,
    normalize: bool,
) -> np.ndarray:
    """Trim, elect, merge (arXiv 2306.01708)."""
    deltas = [trimmed(model - base, density) for model, density in zip(models, densities, strict=True)]
    return agreeing(base, deltas, weights, scale, normalize)


def dropped(delta: np.ndarray, mask: np.ndarray, density: float, rescale: bool) -> np.ndarray:
    """DARE's task vector: what the mask keeps, divided by the probability of keeping it (arXiv 2311.03099)."""
    if density >= 1:
        return delta
    return np.where(mask, delta / density if rescale else delta, 0.0)


def supermario(base: np.ndarray, models: Models, masks: Models, p: float, scale: float) -> np.ndarray:
    """The walk behind the published 8x7B judge: ``y ← y + λ · m·(xᵢ - y)/(1 - p)``."""
    result = base
    for model, mask in zip(models, masks, strict=True):
        result = result + np.where(mask, scale * ((model - result) / (1 - p)), 0.0)
    return result


def mask_of(seed: int, tensor: str, model: int, size: int, probability: float) -> np.ndarray:
    """The mask that the engine documents: the numbers of Philox4x32-10, one an element, below ``p · 2³²``."""
    digest = hashlib.sha256(f"{seed}/{model}/{tensor}".encode()).digest()
    key = [int.from_bytes(digest[place : place + 4], "little") for place in (0, 4)]
    counters = np.arange(-(-size // 4), dtype=np.uint64)
    zeros = np.zeros_like(counters)
    words = philox([counters & _LOWER, counters >> _WIDTH, zeros, zeros], key)
    return np.stack(words, axis=1).reshape(-1)[:size] < round(probability * 2**32)


def philox(counter: Sequence[np.ndarray], key: Sequence[int]) -> list[np.ndarray]:
    """Philox4x32-10 as figure 2 of Salmon et al. (SC 2011) draws it, of many counters, words in uint64."""
    x, k = list(counter), list(key)
    for _ in range(10):
        first, second = x[0] * np.uint64(0xD2511F53), x[2] * np.uint64(0xCD9E8D57)
        x = [
            second >> _WIDTH ^ x[1] ^ np.uint64(k[0]),
            second & _LOWER,
            first >> _WIDTH ^ x[3] ^ np.uint64(k[1]),
            first & _LOWER,
        ]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return x


_LOWER, _WIDTH = np.uint64(2**32 - 1), np.uint64(32)


def _sum(parts: Models) -> np.ndarray:
    """In order, so that float64 rounds as it does where they are added one by one."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
