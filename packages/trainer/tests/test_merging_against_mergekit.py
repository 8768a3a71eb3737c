"""Our engine and mergekit on the same configuration: within one step of bfloat16, and why they differ at all.

Our values are the float64 ones rounded once. mergekit rounds on its way, in float32 or in the configuration's dtype:
where it ends up elsewhere, the float64 value must lie so near a rounding boundary that those roundings can have crossed
it. That is not rare: with inputs of 8 bits, 0.6·x + 0.3·y is often half-way between two results.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_merging_rounding import exactly_rounded
from tiny_models import MISTRAL, read_model, write_tensors

from prometheus_trainer.base_model import tensor_shapes
from prometheus_trainer.events import Events
from prometheus_trainer.merging.mergekit_config import ModelSource, parse_merge_config
from prometheus_trainer.merging.methods.method import Parameters
from prometheus_trainer.model_merge import merge_models

pytest.importorskip(
    "mergekit", reason="mergekit is an install of its own: the extra mergekit of pyproject.toml"
)

CONFIG = {**MISTRAL, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4, "vocab_size": 160}
FLOAT64, FLOAT32, BFLOAT16 = 2.0**-53, 2.0**-24, 2.0**-9
"""Largest relative errors of one rounding."""

Candidates = Callable[[list[np.ndarray], Parameters, float], tuple[list[np.ndarray], np.ndarray]]
"""From the models (the base first, if any), the parameters and the rounding error: the exact value, then those with
another choice where a choice hangs on a rounding; and a bound of what mergekit's roundings add up to."""


def linear(
    models: list[np.ndarray], parameters: Parameters, error: float
) -> tuple[list[np.ndarray], np.ndarray]:
    terms = [x * w for x, w in zip(models, parameters.weight, strict=True)]
    total = sum(parameters.weight) if parameters.normalize else 1.0
    return [sum(terms) / total], 8 * min(error, FLOAT32) * sum(map(np.abs, terms)) / abs(total)


def slerp(
    models: list[np.ndarray], parameters: Parameters, error: float
) -> tuple[list[np.ndarray], np.ndarray]:
    a, b = models
    t = parameters.t
    cosine = (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
    angle = np.arccos(cosine)
    parts = (
        ((1 - t) * a, t * b)
        if abs(cosine) > 0.9995
        else (np.sin((1 - t) * angle) / np.sin(angle) * a, np.sin(t * angle) / np.sin(angle) * b)
    )
    # The angle comes from sums over the whole tensor, and arccos magnifies their error where it is small.
    bound = 64 * min(error, FLOAT32) / max(np.sin(angle), 0.03) * (np.abs(parts[0]) + np.abs(parts[1]))
    return [parts[0] + parts[1]], bound


def task_arithmetic(
    models: list[np.ndarray], parameters: Parameters, error: float
) -> tuple[list[np.ndarray], np.ndarray]:
    base, *others = models
    terms = [(x - base) * w for x, w in zip(others, parameters.weight, strict=True)]
    total = sum(parameters.weight) if parameters.normalize else 1.0
    mixed = parameters.lambda_ * sum(terms) / total
    bound = error * (8 * abs(parameters.lambda_ / total) * sum(map(np.abs, terms)) + np.abs(base + mixed))
    return [base + mixed], bound


def ties(
    models: list[np.ndarray], parameters: Parameters, error: float
) -> tuple[list[np.ndarray], np.ndarray]:
    base, *others = models
    deltas = [x - base for x in others]
    kept, undecided = [], []
    for delta, density in zip(deltas, parameters.density, strict=True):
        size = np.abs(delta).reshape(-1)
        order = np.argsort(-size, kind="stable")[: max(1, int(density * size.size))]
        keep = np.zeros(size.size, bool)
        keep[order] = True
        # Of equal magnitudes we keep the first, mergekit whichever its sort puts first.
        undecided.append((np.abs(size - size[order[-1]]) <= 2 * error * size[order[-1]]).reshape(delta.shape))
        kept.append(keep.reshape(delta.shape))
    values = []
    for flips in product([False, True], repeat=len(deltas)):
        masks = [keep ^ (flip & either) for keep, flip, either in zip(kept, flips, undecided, strict=True)]
        weighted = [w * d * mask for w, d, mask in zip(parameters.weight, deltas, masks, strict=True)]
        votes = sum(weighted)
        unsure = np.abs(votes) <= 4 * error * sum(map(np.abs, weighted))
        for other_sign in (False, True):
            sign = np.where((votes >= 0) ^ (other_sign & unsure), 1, -1)
            agree = [np.sign(v) == sign for v in weighted]
            divisor = sum(w * a for w, a in zip(parameters.weight, agree, strict=True))
            divisor = np.where(divisor == 0, 1, divisor) if parameters.normalize else 1.0
            values.append(
                base + parameters.lambda_ * sum(v * a for v, a in zip(weighted, agree, strict=True)) / divisor
            )
    largest = sum(abs(w) * np.abs(d) for w, d in zip(parameters.weight, deltas, strict=True))
    divisor = min(map(abs, parameters.weight)) if parameters.normalize else 1.0
    return values, error * (8 * abs(parameters.lambda_) * largest / divisor + np.abs(values[0]))


def weighted(*weights: float, **parameters: Any) -> list[dict[str, Any]]:
    return [
        {"model": name, "parameters": {"weight": weight, **parameters}}
        for name, weight in zip(("absolute", "relative"), weights, strict=True)
    ]


T = [
    {"filter": "self_attn", "value": [0, 0.5, 0.3, 0.7, 1]},
    {"filter": "mlp", "value": [1, 0.5, 0.7, 0.3, 0]},
    {"value": 0.5},
]
CASES: dict[str, tuple[dict[str, Any], Candidates]] = {
    "linear": ({"merge_method": "linear", "models": weighted(0.6, 0.4)}, linear),
    "linear-sum": (
        {"merge_method": "linear", "models": weighted(0.6, 0.3), "parameters": {"normalize": False}},
        linear,
    ),
    "linear-mean": ({"merge_method": "linear", "models": weighted(1.0, 0.7)}, linear),
    "slerp": (
        {
            "merge_method": "slerp",
            "base_model": "absolute",
            "models": [{"model": "relative"}],
            "parameters": {"t": T},
        },
        slerp,
    ),
    "task_arithmetic": (
        {"merge_method": "task_arithmetic", "base_model": "base", "models": weighted(0.6, 0.4)},
        task_arithmetic,
    ),
    "ties": ({"merge_method": "ties", "base_model": "base", "models": weighted(0.6, 0.4, density=0.5)}, ties),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base and two experts, a tenth of its size away from it, in bfloat16."""
    root = tmp_path_factory.mktemp("models")
    generator = torch.Generator().manual_seed(0)
    shapes = tensor_shapes(CONFIG)
    base = {
        name: torch.randn(shape, generator=generator).to(torch.bfloat16) for name, shape in shapes.items()
    }
    write_tensors(root / "base", CONFIG, base)
    for name in ("absolute", "relative"):
        tensors = {
            key: (value + 0.1 * torch.randn(value.shape, generator=generator)).to(torch.bfloat16)
            for key, value in base.items()
        }
        write_tensors(root / name, CONFIG, tensors)
    return root


@pytest.mark.parametrize("computing", ["float32", "bfloat16"])
@pytest.mark.parametrize("case", CASES)
def test_the_same_but_for_their_roundings(models: Path, tmp_path: Path, case: str, computing: str) -> None:
    config, candidates = CASES[case]
    config = with_folders({**config, "dtype": computing, "out_dtype": "bfloat16"}, models)
    merge_models(
        {"config": config, "output_dir": str(tmp_path / "ours"), "donor": str(models / "absolute")},
        Events(tmp_path / "events.jsonl"),
    )
    run_mergekit(config, tmp_path / "theirs")
    parsed = parse_merge_config(config, lambda name: ModelSource(Path(name), None, name))
    ours, theirs = read_model(tmp_path / "ours"), read_model(tmp_path / "theirs")
    sources = [*([parsed.base] if parsed.base else []), *parsed.models]
    inputs = [read_model(source.folder) for source in sources]
    assert ours.keys() == theirs.keys()
    error = BFLOAT16 if computing == "bfloat16" else FLOAT32
    elements = sum(tensor.numel() for tensor in ours.values())
    differing = chosen_otherwise = most = lost = 0
    for name, tensor in ours.items():
        parameters = parsed.parameters(name, CONFIG["num_hidden_layers"])
        exact = [float64(model[name]) for model in inputs]
        values, noise = candidates(exact, parameters, FLOAT64)
        assert within(tensor, values[:1], noise).all(), name
        values, bound = candidates(exact, parameters, error)
        explained = within(theirs[name], values, bound)
        assert explained.all(), f"{name}: {(~explained).sum()} elements are not explained"
        differing += int((tensor != theirs[name]).sum())
        chosen_otherwise += int((~within(theirs[name], values[:1], bound)).sum())
        # Where terms cancel out, mergekit's roundings are larger than a step of what is left.
        cancelled = np.abs(values[0]) < bound * 2**9
        rounded = [
            torch.from_numpy(exactly_rounded(value, torch.bfloat16)).to(torch.bfloat16) for value in values
        ]
        apart = torch.stack([steps(value, theirs[name]) for value in rounded]).amin(dim=0).numpy()
        lost += int((cancelled & (apart > 1)).sum())
        most = max(most, int(np.where(cancelled, 0, apart).max()))
    print(
        f"{case}, mergekit in {computing}: {differing} of {elements} elements differ, {chosen_otherwise} by another "
        f"choice among equals, {lost} by more than a step as terms cancel out, none without explanation"
    )
    if computing == "float32":
        assert most <= 1


def within(found: torch.Tensor, values: list[np.ndarray], bound: np.ndarray) -> np.ndarray:
    """Where one of the values can have been rounded to what was found, if it was wrong by ``bound`` at most."""
    result = np.zeros(found.shape, bool)
    for value in values:
        low, high = (exactly_rounded(value + side * bound, torch.bfloat16) for side in (-1, 1))
        result |= (low <= float64(found)) & (float64(found) <= high)
    return result


def with_folders(value: Any, root: Path) -> Any:
    if isinstance(value, dict):
        return {
            key: str(root / entry) if key in ("model", "base_model") else with_folders(entry, root)
            for key, entry in value.items()
        }
    return [with_folders(entry, root) for entry in value] if isinstance(value, list) else value


def run_mergekit(config: dict[str, Any], output_dir: Path) -> None:
    from mergekit.config import MergeConfiguration  # type: ignore[import-not-found]
    from mergekit.merge import MergeOptions, run_merge  # type: ignore[import-not-found]

    options = MergeOptions(copy_tokenizer=False, write_model_card=False, quiet=True)
    run_merge(MergeConfiguration.model_validate(config), str(output_dir), options)


def float64(tensor: torch.Tensor) -> np.ndarray:
    return tensor.to(torch.float64).numpy()


def steps(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """How many numbers of bfloat16 lie between two of them."""

    def place(tensor: torch.Tensor) -> torch.Tensor:
        bits = tensor.view(torch.int16).to(torch.int32)
        return torch.where(bits < 0, -(bits & 0x7FFF), bits)

    return (place(a) - place(b)).abs()
