"""Random masks: what is documented, made again by other means; their shares; no two alike."""

import merging_references as reference
import numpy as np
import pytest

from prometheus_trainer.merging.methods.masks import keep_mask, mask_key

TENSOR = "model.layers.3.mlp.up_proj.weight"
SIZE = 400_000


def mask(seed: int = 0, tensor: str = TENSOR, model: int = 0, probability: float = 0.5) -> np.ndarray:
    return keep_mask(seed, tensor, model, 0, SIZE, probability)


@pytest.mark.parametrize("probability", [0.0, 1e-5, 0.1, 0.53, 1.0])
def test_masks_are_what_is_documented(probability: float) -> None:
    for seed, tensor, model in ((0, TENSOR, 0), (12345678901234567890, "ü", 3)):
        expected = reference.mask_of(seed, tensor, model, SIZE, probability)
        np.testing.assert_array_equal(mask(seed, tensor, model, probability), expected)


@pytest.mark.parametrize(
    ("start", "count"), [(0, 1), (8, 7), (32_000, 32_000), (399_992, 8), (4, 3), (16, 0)]
)
def test_any_part_can_be_made_alone(start: int, count: int) -> None:
    part = keep_mask(1, TENSOR, 2, start, count, 0.3)
    np.testing.assert_array_equal(part, mask(1, TENSOR, 2, 0.3)[start : start + count])


def test_a_part_that_starts_within_a_value_of_the_counter() -> None:
    with pytest.raises(AssertionError, match="multiples of 4"):
        keep_mask(0, TENSOR, 0, 2, 8, 0.5)


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


# Published with the generator (Random123, "kat_vectors"): counter, key, numbers.
KNOWN = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "numbers"), KNOWN)
def test_the_reference_is_philox(counter: list[int], key: list[int], numbers: list[int]) -> None:
    words = reference.philox([np.array([word], dtype=np.uint64) for word in counter], key)
    assert [int(word[0]) for word in words] == numbers


def test_a_tensor_longer_than_32_bits_count() -> None:
    """The counter goes on in its second word: the mask does not begin again."""
    key = mask_key(0, TENSOR, 0)
    start = 4 * (2**32 - 2)
    kept = keep_mask(0, TENSOR, 0, start, 16, 0.5)
    counters = np.arange(2**32 - 2, 2**32 + 2, dtype=np.uint64)
    zeros = np.zeros_like(counters)
    lower = np.uint64(2**32 - 1)
    words = reference.philox(
        [counters & lower, counters >> np.uint64(32), zeros, zeros], [int(k) for k in key]
    )
    np.testing.assert_array_equal(kept, np.stack(words, axis=1).reshape(-1) < 2**31)
