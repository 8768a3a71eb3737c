"""Random masks that depend on nothing but a seed, a tensor's name and an element's place."""

from __future__ import annotations

import hashlib

import numpy as np

from prometheus_trainer.merging.kernels import kernel, upper_half_of_product

# Philox makes four 64-bit numbers from one value of its counter: eight elements.
ALIGNMENT = 8
_FIRST_FACTOR, _SECOND_FACTOR = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_FIRST_STEP, _SECOND_STEP = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_COUNTERS = 256
_LOWER, _WIDTH = np.uint64(0xFFFFFFFF), np.uint64(32)


def keep_mask(seed: int, tensor: str, model: int, start: int, count: int, probability: float) -> np.ndarray:
    """Booleans, each true with ``probability``, for the elements ``start`` to ``start + count`` of a tensor.

    Element ``i`` has the ``i``-th 32-bit number of the counter-based generator Philox4x64-10
    (``numpy.random.Philox``) whose key is the start of ``SHA-256("seed/model/tensor")``, and is kept where that number
    is below ``probability · 2³²``. So any part of a mask can be made anew by anyone with numpy, in any order; ``start``
    must be a multiple of 8. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    if start % ALIGNMENT:
        raise AssertionError(f"a mask can start at multiples of {ALIGNMENT} only, not at {start}")
    keep = np.empty(-(-count // ALIGNMENT) * ALIGNMENT, np.bool_)
    fill_mask(mask_key(seed, tensor, model), start, probability, keep)
    return keep[:count]


def mask_key(seed: int, tensor: str, model: int) -> np.ndarray:
    """The two numbers of 64 bits that a mask begins with."""
    digest = hashlib.sha256(f"{seed}/{model}/{tensor}".encode()).digest()
    return np.frombuffer(digest[:16], "<u8")


@kernel
def fill_mask(key, start, probability, keep):
    """Fills ``keep`` (a multiple of 8 long) with the mask from element ``start`` on."""
    _fill(key[0], key[1], np.uint64(start // ALIGNMENT), np.uint64(round(probability * 4294967296.0)), keep)


@kernel
def _fill(first_key, second_key, counter, limit, keep):
    """Philox4x64-10, with numpy's way of counting: the counter is raised before it is used."""
    state = np.empty((4, _COUNTERS), np.uint64)
    for begin in range(0, keep.size // ALIGNMENT, _COUNTERS):
        count = min(_COUNTERS, keep.size // ALIGNMENT - begin)
        for j in range(count):
            state[0, j] = counter + np.uint64(begin + j) + np.uint64(1)
            state[1, j] = state[2, j] = state[3, j] = np.uint64(0)
        key, other_key = first_key, second_key
        for _ in range(10):
            # One round of many counters after the other: their multiplications do not wait for each other.
            for j in range(count):
                a, b, c, d = state[0, j], state[1, j], state[2, j], state[3, j]
                state[0, j] = upper_half_of_product(_SECOND_FACTOR, c) ^ b ^ key
                state[1, j] = c * _SECOND_FACTOR
                state[2, j] = upper_half_of_product(_FIRST_FACTOR, a) ^ d ^ other_key
                state[3, j] = a * _FIRST_FACTOR
            key += _FIRST_STEP
            other_key += _SECOND_STEP
        for j in range(count):
            place = (begin + j) * ALIGNMENT
            for k in range(4):
                keep[place + 2 * k] = (state[k, j] & _LOWER) < limit
                keep[place + 2 * k + 1] = (state[k, j] >> _WIDTH) < limit
