"""TIES: trim the task vectors, elect a sign for each element, add those that agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from prometheus_trainer.merging.methods.consensus import add_agreeing
from prometheus_trainer.merging.methods.method import REQUIRED, Method, Parameters, Pass, Piece

# A magnitude's bucket: its exponent and the first four bits of its mantissa.
_SHIFT = 48
_BUCKETS = 1 << 15


@dataclass(frozen=True)
class Trim:
    """Keep magnitudes above ``threshold``, and of those equal to it the first ``ties``; ``tied`` counts them by piece.

    ``tied`` maps the start of a piece to the number of equal ones before it.
    """

    threshold: float
    ties: int
    tied: dict[int, int]


@dataclass(frozen=True)
class _Bucket:
    """The bucket that the threshold lies in, and which of its magnitudes it is, from the largest, counted from 0."""

    number: int
    rank: int


def ties(piece: Piece, parameters: Parameters, trims: Sequence[Trim | None]) -> torch.Tensor:
    """``base + λ · Σ wᵢ·δᵢ`` over the trimmed task vectors that agree with the elected sign.

    A task vector is trimmed to the share ``density`` of its elements, those of the largest magnitude (at least one;
    of equal ones the first); ``normalize``, the default, divides by the weights of those that agree. Yadav et al.,
    "TIES-Merging", NeurIPS 2023 (arXiv 2306.01708); parameters as in mergekit.
    """
    deltas = [
        delta if trim is None else _trimmed(delta, piece.start, trim)
        for delta, trim in zip(piece.deltas(), trims, strict=True)
    ]
    return add_agreeing(piece, deltas, parameters)


def _trimmed(delta: torch.Tensor, start: int, trim: Trim) -> torch.Tensor:
    magnitude = delta.abs()
    keep = magnitude > trim.threshold
    left = trim.ties - trim.tied[start]
    if left > 0:
        equal = (magnitude == trim.threshold).nonzero().view(-1)
        keep[equal[:left]] = True
    return delta.masked_fill_(~keep, 0.0)


def _histograms(piece: Piece, parameters: Parameters, _: Any) -> list[np.ndarray | None]:
    return [
        np.bincount(_bucket(delta), minlength=_BUCKETS) if density < 1 else None
        for delta, density in zip(piece.deltas(), parameters.density, strict=True)
    ]


def _find_buckets(
    histograms: Sequence[list[np.ndarray | None]], numel: int, parameters: Parameters, _: Any
) -> list[_Bucket | None]:
    buckets: list[_Bucket | None] = []
    for density, parts in zip(parameters.density, zip(*histograms, strict=True), strict=True):
        if density >= 1 or density <= 0:
            buckets.append(None)
            continue
        kept = max(1, int(density * numel))
        from_largest = np.cumsum(np.sum(np.stack(parts), axis=0)[::-1])
        place = int(np.searchsorted(from_largest, kept))
        buckets.append(_Bucket(_BUCKETS - 1 - place, kept - 1 - int(from_largest[place - 1] if place else 0)))
    return buckets


def _values_in_buckets(
    piece: Piece, _: Parameters, buckets: Sequence[_Bucket | None]
) -> tuple[int, list[tuple[np.ndarray, np.ndarray] | None]]:
    found: list[tuple[np.ndarray, np.ndarray] | None] = []
    for delta, bucket in zip(piece.deltas(), buckets, strict=True):
        if bucket is None:
            found.append(None)
            continue
        inside = delta.abs().numpy()[_bucket(delta) == bucket.number]
        # Differences of 16-bit numbers take few values: this is small however many elements there are.
        values, counts = np.unique(inside, return_counts=True)
        found.append((values, counts))
    return piece.start, found


def _find_trims(
    found: Sequence[tuple[int, list[tuple[np.ndarray, np.ndarray] | None]]],
    _: int,
    parameters: Parameters,
    buckets: Sequence[_Bucket | None],
) -> list[Trim | None]:
    trims: list[Trim | None] = []
    for model, (bucket, density) in enumerate(zip(buckets, parameters.density, strict=True)):
        if bucket is None:
            trims.append(None if density >= 1 else Trim(float("inf"), 0, {start: 0 for start, _ in found}))
            continue
        parts = [(start, *part) for start, lists in found if (part := lists[model]) is not None]
        trims.append(_trim(parts, bucket.rank))
    return trims


def _trim(parts: Sequence[tuple[int, np.ndarray, np.ndarray]], rank: int) -> Trim:
    values = np.concatenate([values for _, values, _ in parts])
    counts = np.concatenate([counts for _, _, counts in parts])
    order = np.argsort(values, kind="stable")[::-1]
    place = int(np.searchsorted(np.cumsum(counts[order]), rank, side="right"))
    threshold = float(values[order[place]])
    above = int(counts[values > threshold].sum())
    tied, before = {}, 0
    for start, of_piece, counted in parts:
        tied[start] = before
        before += int(counted[of_piece == threshold].sum())
    return Trim(threshold, rank + 1 - above, tied)


def _bucket(delta: torch.Tensor) -> np.ndarray:
    return (delta.abs().view(torch.int64) >> _SHIFT).numpy()


TIES = Method(
    ties,
    shared={"normalize": True, "lambda": 1.0},
    per_model={"weight": REQUIRED, "density": 1.0},
    needs_base=True,
    passes=(Pass(_histograms, _find_buckets), Pass(_values_in_buckets, _find_trims)),
    drops=True,
)
