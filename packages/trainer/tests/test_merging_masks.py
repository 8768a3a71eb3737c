"""Random masks: what is documented, made again with numpy; their shares; no two alike."""

import merging_references as reference
import numpy as np
import pytest

from prometheus_trainer.merging.methods.masks import keep_mask

TENSOR = "model.layers.3.mlp.up_proj.weight"
SIZE = 400_000


def mask(seed: int = 0, tensor: str = TENSOR, model: int = 0, probability: float = 0.5) -> np.ndarray:
    return keep_mask(seed, tensor, model, 0, SIZE, probability)


@pytest.mark.parametrize("probability", [0.0, 1e-5, 0.1, 0.53, 1.0])
def test_masks_are_what_is_documented(probability: float) -> None:
    for seed, tensor, model in ((0, TENSOR, 0), (12345678901234567890, "ü", 3)):
        expected = reference.mask_of(seed, tensor, model, SIZE, probability)
        np.testing.assert_array_equal(mask(seed, tensor, model, probability), expected)


@pytest.mark.parametrize(("start", "count"), [(0, 1), (8, 7), (32_000, 32_000), (399_992, 8), (16, 0)])
def test_any_part_can_be_made_alone(start: int, count: int) -> None:
    part = keep_mask(1, TENSOR, 2, start, count, 0.3)
    np.testing.assert_array_equal(part, mask(1, TENSOR, 2, 0.3)[start : start + count])


def test_a_part_that_starts_within_a_value_of_the_counter() -> None:
    with pytest.raises(AssertionError, match="multiples of 8"):
        keep_mask(0, TENSOR, 0, 4, 8, 0.5)


@pytest.mark.parametrize("probability", [0.01, 0.1, 0.5, 0.9])
def test_the_share_kept(probability: float) -> None:
    kept = np.array([mask(seed, probability=probability).sum() for seed in range(20)])
    deviations = (kept - probability * SIZE) / np.sqrt(probability * (1 - probability) * SIZE)
    assert np.abs(deviations).max() < 4.5
    # Neither too far from the mean, nor too near to it for random numbers.
    assert 0.4 < deviations.std() < 1.7


def test_masks_are_independent_of_each_other() -> None:
    """Those of two models, tensors and seeds, and a mask and itself moved on: every correlation is that of chance."""
    first = mask()
    others = [mask(model=1), mask(tensor=TENSOR.replace("3", "4")), mask(seed=1), mask(1, model=1)]
    others += [np.roll(first, places) for places in (1, 2, 4, 8, 1000)]
    for other in others:
        assert abs(np.corrcoef(first, other)[0, 1]) < 4.5 / np.sqrt(SIZE)


def test_philox_itself() -> None:
    """The first numbers, by the definition of the paper in whole numbers: ten rounds, counter from 1."""
    import hashlib

    digest = hashlib.sha256(f"0/0/{TENSOR}".encode()).digest()
    key = [int.from_bytes(digest[place : place + 8], "little") for place in (0, 8)]
    words, limit = [], 1 << 64
    for counter in range(1, 5):
        x, k = [counter, 0, 0, 0], list(key)
        for _ in range(10):
            first, second = 0xD2E7470EE14C6C93 * x[0], 0xCA5A826395121157 * x[2]
            x = [second // limit ^ x[1] ^ k[0], second % limit, first // limit ^ x[3] ^ k[1], first % limit]
            k = [(k[0] + 0x9E3779B97F4A7C15) % limit, (k[1] + 0xBB67AE8584CAA73B) % limit]
        words += x
    numbers = [half for word in words for half in (word % 2**32, word >> 32)]
    np.testing.assert_array_equal(mask()[: len(numbers)], [number < 2**31 for number in numbers])
