"""round_once against exact rounding by numpy's float64 arithmetic on scaled values."""

import numpy as np
import pytest
import torch

from prometheus_trainer.merging.rounding import round_once

# Significant bits, exponent of the smallest positive value, largest value.
FORMATS = {
    torch.bfloat16: (8, -133, float(torch.finfo(torch.bfloat16).max)),
    torch.float16: (11, -24, 65504.0),
    torch.float32: (24, -149, float(np.finfo(np.float32).max)),
}


def exactly_rounded(values: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    """To nearest, ties to even, once: in units of each value's last place, to a whole number, and back."""
    bits, smallest, largest = FORMATS[dtype]
    exponents = np.maximum(np.frexp(values)[1] - bits, smallest)
    rounded = np.ldexp(np.rint(np.ldexp(values, -exponents)), exponents)
    return np.where(np.abs(rounded) > largest, np.copysign(np.inf, rounded), rounded)


def difficult_values(dtype: torch.dtype, count: int = 200_000) -> np.ndarray:
    """Values over the whole range, ties between neighbours, and what lies one float64 step beside a tie."""
    bits, smallest, largest = FORMATS[dtype]
    generator = np.random.default_rng(0)
    scale = np.exp2(generator.integers(smallest - 6, int(np.log2(largest)), count).astype(float))
    spread = generator.standard_normal(count) * scale
    below = exactly_rounded(spread, dtype)
    below = below[np.isfinite(below)]
    ties = below + np.exp2(np.maximum(np.frexp(below)[1] - bits, smallest) - 1.0)
    beside = [ties, np.nextafter(ties, np.inf), np.nextafter(ties, -np.inf), -ties, ties * (1 + 2.0**-30)]
    limits = np.array([0.0, -0.0, largest, -largest, largest * (1 + 2.0**-12), 1e300, 5e-324, -5e-324])
    return np.concatenate([spread, *beside, limits])


@pytest.mark.parametrize("dtype", FORMATS)
def test_every_value_is_rounded_once(dtype: torch.dtype) -> None:
    values = difficult_values(dtype)
    rounded = round_once(torch.from_numpy(values), dtype)
    assert rounded.dtype == dtype
    np.testing.assert_array_equal(rounded.to(torch.float64).numpy(), exactly_rounded(values, dtype))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_plain_conversion_would_round_twice(dtype: torch.dtype) -> None:
    """The values are difficult enough: torch's own conversion gets many of them wrong."""
    values = difficult_values(dtype)
    converted = torch.from_numpy(values).to(dtype).to(torch.float64).numpy()
    assert (converted != exactly_rounded(values, dtype)).sum() > 1000


@pytest.mark.parametrize("dtype", FORMATS)
def test_nan_and_infinity_stay(dtype: torch.dtype) -> None:
    rounded = round_once(
        torch.tensor([float("nan"), float("inf"), float("-inf")], dtype=torch.float64), dtype
    )
    assert rounded.isnan().tolist() == [True, False, False]
    assert rounded[1:].tolist() == [float("inf"), float("-inf")]
