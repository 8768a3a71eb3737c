"""TIES: trim the task vectors, elect a sign for each element, add those that agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prometheus_trainer.merging.kernels import bits_of_float64, kernel
from prometheus_trainer.merging.methods.consensus import add_agreeing
from prometheus_trainer.merging.methods.method import REQUIRED, Method, Parameters, Pass, Piece
from prometheus_trainer.merging.methods.task_arithmetic import subtract

# A magnitude's bucket: its exponent and the first four bits of its mantissa.
_SHIFT = np.uint64(48)
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


def ties(piece: Piece, parameters: Parameters, trims: Sequence[Trim | None], out: np.ndarray) -> None:
    """``base + λ · Σ wᵢ·δᵢ`` over the trimmed task vectors that agree with the elected sign.

    A task vector is trimmed to the share ``density`` of its elements, those of the largest magnitude (at least one;
    of equal ones the first); ``normalize``, the default, divides by the weights of those that agree. Yadav et al.,
    "TIES-Merging", NeurIPS 2023 (arXiv 2306.01708); parameters as in mergekit.
    """
    subtract(piece.models, piece.base)
    for delta, trim in zip(piece.models, trims, strict=True):
        if trim is not None:
            _trim_to(delta, trim.threshold, trim.ties - trim.tied[piece.start])
    add_agreeing(piece, parameters, out)


@kernel
def _trim_to(delta, threshold, ties_left):
    for i in range(delta.size):
        magnitude = abs(delta[i])
        if magnitude == threshold and ties_left > 0:
            ties_left -= 1
        elif magnitude <= threshold:
            delta[i] = 0.0


Histogram = tuple[np.ndarray, np.ndarray]
"""Buckets that are not empty, and the number of elements in each."""


def _histograms(pieces: Iterable[Piece], parameters: Parameters, _: Any) -> list[Histogram]:
    counts = np.zeros((len(parameters.density), _BUCKETS), np.int32)
    for piece in pieces:
        for model, of_model, density in zip(piece.models, counts, parameters.density, strict=True):
            if 0 < density < 1:
                _count_buckets(model, piece.base, of_model)
    filled = [np.flatnonzero(of_model) for of_model in counts]
    return [(buckets, of_model[buckets]) for buckets, of_model in zip(filled, counts, strict=True)]


@kernel
def _count_buckets(model, base, counts):
    for i in range(base.size):
        counts[bits_of_float64(abs(model[i] - base[i])) >> _SHIFT] += 1


def _find_buckets(
    histograms: Sequence[list[Histogram]], numel: int, parameters: Parameters, _: Any
) -> list[_Bucket | None]:
    found: list[_Bucket | None] = []
    for density, parts in zip(parameters.density, zip(*histograms, strict=True), strict=True):
        if not 0 < density < 1:
            found.append(None)
            continue
        counts = np.zeros(_BUCKETS, np.int64)
        for buckets, of_part in parts:
            counts[buckets] += of_part
        kept = max(1, int(density * numel))
        from_largest = np.cumsum(counts[::-1])
        place = int(np.searchsorted(from_largest, kept))
        found.append(_Bucket(_BUCKETS - 1 - place, kept - 1 - int(from_largest[place - 1] if place else 0)))
    return found


Magnitudes = list[tuple[int, np.ndarray, np.ndarray]]
"""For each piece its start, the magnitudes that lie in the bucket, and how often each occurs."""


def _values_in_buckets(
    pieces: Iterable[Piece], _: Parameters, buckets: Sequence[_Bucket | None]
) -> list[Magnitudes]:
    found: list[Magnitudes] = [[] for _ in buckets]
    for piece in pieces:
        for model, bucket, of_model in zip(piece.models, buckets, found, strict=True):
            if bucket is None:
                of_model.append((piece.start, np.empty(0), np.empty(0, np.int64)))
                continue
            inside = np.empty(model.size)
            count = _magnitudes_in_bucket(model, piece.base, bucket.number, inside)
            # Differences of 16-bit numbers take few values: this is small however many elements there are.
            values, counts = np.unique(inside[:count], return_counts=True)
            of_model.append((piece.start, values, counts))
    return found


@kernel
def _magnitudes_in_bucket(model, base, number, inside):
    count = 0
    for i in range(base.size):
        magnitude = abs(model[i] - base[i])
        if bits_of_float64(magnitude) >> _SHIFT == number:
            inside[count] = magnitude
            count += 1
    return count


def _find_trims(
    found: Sequence[list[Magnitudes]], _: int, parameters: Parameters, buckets: Sequence[_Bucket | None]
) -> list[Trim | None]:
    trims: list[Trim | None] = []
    for model, (bucket, density) in enumerate(zip(buckets, parameters.density, strict=True)):
        parts = [part for block in found for part in block[model]]
        if bucket is not None:
            trims.append(_trim(parts, bucket.rank))
        elif density >= 1:
            trims.append(None)
        else:
            trims.append(Trim(float("inf"), 0, dict.fromkeys((start for start, _, _ in parts), 0)))
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


TIES = Method(
    ties,
    shared={"normalize": True, "lambda": 1.0},
    per_model={"weight": REQUIRED, "density": 1.0},
    needs_base=True,
    passes=(Pass(_histograms, _find_buckets), Pass(_values_in_buckets, _find_trims)),
    drops=True,
)
