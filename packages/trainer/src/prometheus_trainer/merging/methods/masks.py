"""Random masks that depend on nothing but a seed, a tensor's name and an element's place."""

from __future__ import annotations

import hashlib

import numpy as np

from prometheus_trainer.merging.compiler import kernel

# Philox makes four 32-bit numbers from one value of its counter: four elements.
ALIGNMENT = 4
_FIRST_FACTOR, _SECOND_FACTOR = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_FIRST_STEP, _SECOND_STEP = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_LOWER, _WIDTH = np.uint64(0xFFFFFFFF), np.uint64(32)


def keep_mask(seed: int, tensor: str, model: int, start: int, count: int, probability: float) -> np.ndarray:
    """Booleans, each true with ``probability``, for the elements ``start`` to ``start + count`` of a tensor.

    Element ``i`` has word ``i mod 4`` of the counter-based generator Philox4x32-10 at counter ``i // 4``, whose key is
    the start of ``SHA-256("seed/model/tensor")``, and is kept where that number is below ``probability · 2³²``. So any
    part of a mask can be made anew, in any order; ``start`` must be a multiple of 4. The generator is the one of cuRAND
    and PyTorch's CUDA kernels: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Its
    multiplications of 32 bits become vector instructions; those of its sibling with 64 bits, which numpy has, do not.
    """
    if start % ALIGNMENT:
        raise AssertionError(f"a mask can start at multiples of {ALIGNMENT} only, not at {start}")
    keep = np.empty(-(-count // ALIGNMENT) * ALIGNMENT, np.bool_)
    fill_mask(mask_key(seed, tensor, model), start, probability, keep)
    return keep[:count]


def mask_key(seed: int, tensor: str, model: int) -> np.ndarray:
    """The two numbers of 32 bits that a mask begins with."""
    digest = hashlib.sha256(f"{seed}/{model}/{tensor}".encode()).digest()
    return np.frombuffer(digest[:8], "<u4")


@kernel
def fill_mask(key, start, probability, keep):
    """Fills ``keep`` (a multiple of 4 long) with the mask from element ``start`` on."""
    limit = np.int64(round(probability * 4294967296.0))
    if limit == 0:
        keep[:] = False
    else:
        _fill(key[0], key[1], np.uint64(start // ALIGNMENT), np.uint32(limit - 1), keep)


@kernel
def _fill(first_key, second_key, counter, highest, keep):
    """Philox4x32-10; an element is kept where its number is at most ``highest``."""
    for j in range(keep.size // ALIGNMENT):
        place = counter + np.uint64(j)
        a, b, c, d = np.uint32(place & _LOWER), np.uint32(place >> _WIDTH), np.uint32(0), np.uint32(0)
        key, other_key = first_key, second_key
        for _ in range(10):
            first, second = np.uint64(a) * _FIRST_FACTOR, np.uint64(c) * _SECOND_FACTOR
            a, b = np.uint32(second >> _WIDTH) ^ b ^ key, np.uint32(second & _LOWER)
            c, d = np.uint32(first >> _WIDTH) ^ d ^ other_key, np.uint32(first & _LOWER)
            key, other_key = np.uint32(key + _FIRST_STEP), np.uint32(other_key + _SECOND_STEP)
        keep[4 * j] = a <= highest
        keep[4 * j + 1] = b <= highest
        keep[4 * j + 2] = c <= highest
        keep[4 * j + 3] = d <= highest
