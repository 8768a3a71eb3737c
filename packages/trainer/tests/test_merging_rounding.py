"""round_once against exact rounding by numpy's float64 arithmetic on scaled values."""

import numpy as np
import pytest
import torch

from prometheus_trainer.merging.dtypes import DTYPES
from prometheus_trainer.merging.rounding import round_once, to_float64

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


def rounded_by_engine(values: np.ndarray, dtype: torch.dtype) -> tuple[torch.Tensor, bool]:
    """What round_once makes of float64 values, as torch holds it; and whether it says that all are finite."""
    target = next(each for each in DTYPES if f"torch.{each.name}" == str(dtype))
    stored = np.empty(values.size, target.raw)
    finite = round_once(values, target, stored)
    return torch.from_numpy(stored.view(np.uint8)).view(dtype), finite


@pytest.mark.parametrize("dtype", FORMATS)
def test_every_value_is_rounded_once(dtype: torch.dtype) -> None:
    values = difficult_values(dtype)
    rounded, finite = rounded_by_engine(values, dtype)
    expected = exactly_rounded(values, dtype)
    np.testing.assert_array_equal(rounded.to(torch.float64).numpy(), expected)
    assert not finite
    kept = values[np.isfinite(expected)]
    assert rounded_by_engine(kept, dtype)[1]


@pytest.mark.parametrize("dtype", FORMATS)
def test_stored_numbers_are_read_exactly(dtype: torch.dtype) -> None:
    stored, _ = rounded_by_engine(difficult_values(dtype), dtype)
    source = next(each for each in DTYPES if f"torch.{each.name}" == str(dtype))
    values = np.empty(stored.numel())
    to_float64(stored.view(torch.uint8).numpy().view(source.raw), source, values)
    np.testing.assert_array_equal(values, stored.to(torch.float64).numpy())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_plain_conversion_would_round_twice(dtype: torch.dtype) -> None:
    """The values are difficult enough: torch's own conversion gets many of them wrong."""
    values = difficult_values(dtype)
    converted = torch.from_numpy(values).to(dtype).to(torch.float64).numpy()
    assert (converted != exactly_rounded(values, dtype)).sum() > 1000


@pytest.mark.parametrize("dtype", FORMATS)
def test_nan_and_infinity_stay(dtype: torch.dtype) -> None:
    values = np.array([np.nan, np.inf, -np.inf])
    rounded, finite = rounded_by_engine(values, dtype)
    assert rounded.isnan().tolist() == [True, False, False]
    assert rounded[1:].tolist() == [float("inf"), float("-inf")]
    assert not finite
    assert not any(rounded_by_engine(values[i : i + 1], dtype)[1] for i in range(3))
