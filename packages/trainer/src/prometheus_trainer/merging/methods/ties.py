"""TIES: trim the task vectors, elect a sign for each element, add those that agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prometheus_trainer.merging.kernels import PIECE, bits_of_float64, kernel, load, store
from prometheus_trainer.merging.methods.consensus import add_agreeing
from prometheus_trainer.merging.methods.method import REQUIRED, Inputs, Method, Parameters, Pass
from prometheus_trainer.merging.methods.task_arithmetic import load_delta

# A magnitude's bucket: its exponent and the first four bits of its mantissa.
_SHIFT = np.uint64(48)
_BUCKETS = 1 << 15


@dataclass(frozen=True)
class Trim:
    """Keep magnitudes above ``threshold``, and of those equal to it the first ``ties``; ``tied`` counts them by block.

    ``tied`` maps the start of a block to the number of equal ones before it. A negative threshold keeps all.
    """

    threshold: float
    ties: int
    tied: dict[int, int]


@dataclass(frozen=True)
class _Bucket:
    """The bucket that the threshold lies in, and which of its magnitudes it is, from the largest, counted from 0."""

    number: int
    rank: int


def ties(inputs: Inputs, parameters: Parameters, trims: Sequence[Trim], out: np.ndarray) -> bool:
    """``base + λ · Σ wᵢ·δᵢ`` over the trimmed task vectors that agree with the elected sign.

    A task vector is trimmed to the share ``density`` of its elements, those of the largest magnitude (at least one;
    of equal ones the first); ``normalize``, the default, divides by the weights of those that agree. Yadav et al.,
    "TIES-Merging", NeurIPS 2023 (arXiv 2306.01708); parameters as in mergekit.
    """
    thresholds = np.array([trim.threshold for trim in trims])
    ties_left = np.array([trim.ties - trim.tied.get(inputs.start, 0) for trim in trims])
    weights, scale = parameters.weights, float(parameters.lambda_)
    return _add_trimmed(
        inputs.base, inputs.models, thresholds, ties_left, weights, bool(parameters.normalize), scale, out
    )


@kernel
def _add_trimmed(base, models, thresholds, ties_left, weights, normalize, scale, out):
    finite, origin, deltas = True, np.empty(PIECE), np.empty((weights.size, PIECE))
    merged = np.empty(PIECE)
    for begin in range(0, out.size, PIECE):
        count = load(base, begin, origin)
        for m in range(weights.size):
            load_delta(models[m], begin, origin, deltas[m])
            if thresholds[m] >= 0.0:
                ties_left[m] = _trim_to(deltas[m], thresholds[m], ties_left[m], count)
        add_agreeing(origin, deltas, weights, normalize, scale, count, merged)
        finite &= store(merged, count, out, begin)
    return finite


@kernel
def _trim_to(delta, threshold, ties_left, count):
    for i in range(count):
        magnitude = abs(delta[i])
        if magnitude == threshold and ties_left > 0:
            ties_left -= 1
        elif magnitude <= threshold:
            delta[i] = 0.0
    return ties_left


Histogram = tuple[np.ndarray, np.ndarray]
"""Buckets that are not empty, and the number of elements in each."""


def _histograms(inputs: Inputs, parameters: Parameters, _: Any) -> list[Histogram]:
    counts = np.zeros((len(parameters.density), _BUCKETS), np.int32)
    for model, of_model, density in zip(inputs.models, counts, parameters.density, strict=True):
        if 0 < density < 1:
            _count_buckets(model, inputs.base, of_model)
    filled = [np.flatnonzero(of_model) for of_model in counts]
    return [(buckets, of_model[buckets]) for buckets, of_model in zip(filled, counts, strict=True)]


@kernel
def _count_buckets(model, base, counts):
    origin, delta = np.empty(PIECE), np.empty(PIECE)
    for begin in range(0, base.size, PIECE):
        count = load(base, begin, origin)
        load_delta(model, begin, origin, delta)
        for i in range(count):
            counts[bits_of_float64(abs(delta[i])) >> _SHIFT] += 1


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


Magnitudes = tuple[int, list[np.ndarray], list[np.ndarray]]
"""A block's start, and for each model the magnitudes that lie in the bucket, and how often each occurs."""


def _values_in_buckets(inputs: Inputs, _: Parameters, buckets: Sequence[_Bucket | None]) -> Magnitudes:
    values, counts = [], []
    for model, bucket in zip(inputs.models, buckets, strict=True):
        inside = np.empty(0 if bucket is None else model.size)
        found = 0 if bucket is None else _magnitudes_in_bucket(model, inputs.base, bucket.number, inside)
        # Differences of 16-bit numbers take few values: this is small however many elements there are.
        of_model, of_each = np.unique(inside[:found], return_counts=True)
        values.append(of_model)
        counts.append(of_each)
    return inputs.start, values, counts


@kernel
def _magnitudes_in_bucket(model, base, number, inside):
    origin, delta, found = np.empty(PIECE), np.empty(PIECE), 0
    for begin in range(0, base.size, PIECE):
        count = load(base, begin, origin)
        load_delta(model, begin, origin, delta)
        for i in range(count):
            magnitude = abs(delta[i])
            if bits_of_float64(magnitude) >> _SHIFT == number:
                inside[found] = magnitude
                found += 1
    return found


def _find_trims(
    found: Sequence[Magnitudes], _: int, parameters: Parameters, buckets: Sequence[_Bucket | None]
) -> list[Trim]:
    trims: list[Trim] = []
    for model, (bucket, density) in enumerate(zip(buckets, parameters.density, strict=True)):
        if bucket is not None:
            parts = [(start, values[model], counts[model]) for start, values, counts in found]
            trims.append(_trim(parts, bucket.rank))
        else:
            trims.append(Trim(-1.0 if density >= 1 else float("inf"), 0, {}))
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
