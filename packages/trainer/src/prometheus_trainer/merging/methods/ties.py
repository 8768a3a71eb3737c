"""TIES: trim the task vectors, elect a sign for each element, add those that agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prometheus_trainer.merging.compiler import bits_of_float32, kernel
from prometheus_trainer.merging.kernels import PIECE, load, store
from prometheus_trainer.merging.methods.consensus import add_agreeing
from prometheus_trainer.merging.methods.method import REQUIRED, Inputs, Method, Parameters, Pass
from prometheus_trainer.merging.methods.task_arithmetic import load_delta, load_deltas

# A magnitude's bucket: as float32, its exponent and the first seven bits of its mantissa.
_SHIFT = np.uint32(16)
_BUCKETS = 1 << 15
# So few of the elements lie in one bucket that most groups of this size have none there.
_GROUP = 16


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
        count = load_deltas(base, models, begin, origin, deltas)
        for m in range(weights.size):
            if thresholds[m] >= 0.0:
                ties_left[m] = _trim_to(deltas[m], thresholds[m], ties_left[m], count)
        add_agreeing(origin, deltas, weights, normalize, scale, count, merged)
        finite &= store(merged, out[begin : begin + PIECE])
    return finite


@kernel
def _trim_to(delta, threshold, ties_left, count):
    """Sets to 0 what lies below the threshold, and what equals it once ``ties_left`` are kept; returns what is left."""
    if ties_left <= 0:
        for i in range(count):
            delta[i] = delta[i] if abs(delta[i]) > threshold else 0.0
        return 0
    equal = 0
    for i in range(count):
        equal += abs(delta[i]) == threshold
        delta[i] = delta[i] if abs(delta[i]) >= threshold else 0.0
    if equal > ties_left:
        _keep_first(delta, threshold, ties_left, count)
    return max(0, ties_left - equal)


@kernel
def _keep_first(delta, threshold, kept, count):
    """Sets to 0 what equals the threshold, but the first ``kept`` of them."""
    for i in range(count):
        if abs(delta[i]) == threshold:
            kept -= 1
            delta[i] = delta[i] if kept >= 0 else 0.0


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
    origin, delta, buckets = np.empty(PIECE), np.empty(PIECE), np.empty(PIECE, np.uint32)
    for begin in range(0, base.size, PIECE):
        count = load(base[begin : begin + PIECE], origin)
        load_delta(model[begin : begin + PIECE], origin, delta)
        _find_bucket_of_each(delta, count, buckets)
        for i in range(count):
            counts[np.uint64(buckets[i])] += 1


@kernel
def _find_bucket_of_each(delta, count, buckets):
    """Larger magnitudes never have a smaller bucket, since rounding to float32 keeps their order."""
    for i in range(count):
        buckets[i] = bits_of_float32(np.float32(abs(delta[i]))) >> _SHIFT


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
    origin, delta, buckets = np.empty(PIECE), np.empty(PIECE), np.empty(PIECE, np.uint32)
    found = 0
    for begin in range(0, base.size, PIECE):
        count = load(base[begin : begin + PIECE], origin)
        load_delta(model[begin : begin + PIECE], origin, delta)
        _find_bucket_of_each(delta, count, buckets)
        for place in range(0, count, _GROUP):
            group = buckets[place : min(place + _GROUP, count)]
            here = 0
            for i in range(group.size):
                here += group[i] == number
            for i in range(group.size if here else 0):
                if group[i] == number:
                    inside[found] = abs(delta[place + i])
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
