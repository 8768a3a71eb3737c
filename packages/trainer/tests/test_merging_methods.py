"""Each method through the stage: every element against a float64 reference in numpy, rounded once by other means."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import merging_references as reference
import numpy as np
import pytest
import torch
from merging_models import DTYPES, difficult_models, merge_config, run_merge
from test_merging_rounding import FORMATS, exactly_rounded
from tiny_models import MISTRAL, read_model, write_tensors

SEED = 7
NAMES = ("base", "a", "b", "c")
# Tensor's name and its values in base, a, b, c → the float64 result.
Reference = Callable[[str, list[np.ndarray]], np.ndarray]


@pytest.fixture(scope="module", params=DTYPES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four models of one dtype, the folder named after it."""
    folder = tmp_path_factory.mktemp("models") / request.param
    difficult_models(folder, NAMES, DTYPES[request.param])
    return folder


def check(folder: Path, out: Path, config: dict[str, Any], expected: Reference, output: str) -> None:
    """Merges, and compares every element of every tensor."""
    run_merge(out, {**config, "dtype": output}, seed=SEED)
    models = [read_model(folder / name) for name in NAMES]
    merged = read_model(out)
    assert merged.keys() == models[0].keys()
    for name, values in merged.items():
        assert values.dtype == DTYPES[output]
        inputs = [model[name].to(torch.float64).view(-1).numpy() for model in models]
        exact = exactly_rounded(expected(name, inputs), values.dtype)
        np.testing.assert_array_equal(values.to(torch.float64).view(-1).numpy(), exact, err_msg=name)


def outputs(folder: Path) -> list[str]:
    """The models' own dtype; of float32 models, bfloat16 as well."""
    return ["float32", "bfloat16"] if folder.name == "float32" else [folder.name]


def paths(folder: Path, count: int) -> list[Path]:
    return [folder / name for name in NAMES[1 : count + 1]]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("weights", [(0.6, 0.4), (0.5, 0.5), (1.0, 3.0, -0.7)])
def test_linear(folder: Path, tmp_path: Path, weights: tuple[float, ...], normalize: bool) -> None:
    config = merge_config(
        "linear",
        paths(folder, len(weights)),
        models=[{"weight": weight} for weight in weights],
        parameters={"normalize": normalize},
    )
    for output in outputs(folder):
        check(
            folder,
            tmp_path / output,
            config,
            lambda _, x: reference.linear(x[1 : len(weights) + 1], weights, normalize),
            output,
        )


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_task_arithmetic(folder: Path, tmp_path: Path, scale: float, normalize: bool) -> None:
    weights = (0.6, 0.4, -0.3)
    config = merge_config(
        "task_arithmetic",
        paths(folder, 3),
        base=folder / "base",
        models=[{"weight": weight} for weight in weights],
        parameters={"normalize": normalize, "lambda": scale},
    )

    def expected(_: str, x: list[np.ndarray]) -> np.ndarray:
        return reference.task_arithmetic(x[0], [model - x[0] for model in x[1:]], weights, scale, normalize)

    for output in outputs(folder):
        check(folder, tmp_path / output, config, expected, output)


@pytest.mark.parametrize(
    ("densities", "weights", "scale", "normalize"),
    [
        ((0.5, 0.5), (0.6, 0.4), 1.0, True),
        ((0.2, 0.9, 1.0), (1.0, 0.5, 0.25), 0.8, True),
        ((0.37, 0.61), (1.0, -0.5), 1.0, False),
        # One element of each tensor stays.
        ((1e-9, 1e-9), (1.0, 1.0), 1.0, True),
    ],
)
def test_ties(
    folder: Path,
    tmp_path: Path,
    densities: tuple[float, ...],
    weights: tuple[float, ...],
    scale: float,
    normalize: bool,
) -> None:
    config = merge_config(
        "ties",
        paths(folder, len(weights)),
        base=folder / "base",
        models=[{"weight": w, "density": d} for w, d in zip(weights, densities, strict=True)],
        parameters={"normalize": normalize, "lambda": scale},
    )

    def expected(_: str, x: list[np.ndarray]) -> np.ndarray:
        return reference.ties(x[0], x[1 : len(weights) + 1], weights, densities, scale, normalize)

    for output in outputs(folder):
        check(folder, tmp_path / output, config, expected, output)


def test_ties_where_magnitudes_equal_the_threshold(tmp_path: Path) -> None:
    """Task vectors of -1, 0 and 1 alone, one of zeros alone, and opposite ones: the first of equal magnitudes stay."""
    generator = torch.Generator().manual_seed(3)
    shapes = {
        "model.norm.weight": (100_003,),
        "lm_head.weight": (48, 11),
        "model.embed_tokens.weight": (48, 3),
    }
    base = {name: torch.randint(-4, 4, shape, generator=generator).float() for name, shape in shapes.items()}
    steps = {name: torch.randint(-1, 2, shape, generator=generator).float() for name, shape in shapes.items()}
    experts = {
        "a": {name: base[name] + steps[name] for name in base},
        "b": {name: base[name] - steps[name] for name in base},
        "c": {**base, "model.norm.weight": base["model.norm.weight"] + torch.eye(1, 100_003)[0]},
    }
    for name, tensors in {"base": base, **experts}.items():
        write_tensors(tmp_path / "float32" / name, MISTRAL, tensors)
    for number, density in enumerate((0.1, 0.5, 2 / 3, 0.999)):
        config = merge_config(
            "ties",
            paths(tmp_path / "float32", 3),
            base=tmp_path / "float32/base",
            models=[{"weight": 1.0, "density": density}] * 3,
        )

        def expected(_: str, x: list[np.ndarray], density: float = density) -> np.ndarray:
            return reference.ties(x[0], x[1:], (1.0, 1.0, 1.0), (density,) * 3, 1.0, True)

        check(tmp_path / "float32", tmp_path / str(number), config, expected, "float32")


@pytest.mark.parametrize("rescale", [True, False])
@pytest.mark.parametrize("method", ["dare_linear", "dare_ties"])
def test_dare(folder: Path, tmp_path: Path, method: str, rescale: bool) -> None:
    """The arithmetic given the masks, which are made again here."""
    densities, weights = (0.3, 0.53, 1.0), (0.6, 0.4, -0.2)
    config = merge_config(
        method,
        paths(folder, 3),
        base=folder / "base",
        models=[{"weight": w, "density": d} for w, d in zip(weights, densities, strict=True)],
        parameters={"rescale": rescale, "lambda": 0.9},
    )

    def expected(name: str, x: list[np.ndarray]) -> np.ndarray:
        deltas = [
            reference.dropped(
                model - x[0], reference.mask_of(SEED, name, place, x[0].size, density), density, rescale
            )
            for place, (model, density) in enumerate(zip(x[1:], densities, strict=True))
        ]
        combine = reference.task_arithmetic if method == "dare_linear" else reference.agreeing
        return combine(x[0], deltas, weights, 0.9, False)

    for output in outputs(folder):
        check(folder, tmp_path / output, config, expected, output)


@pytest.mark.parametrize("parameters", [{}, {"p": 0.4, "lambda": 0.8}], ids=["release", "others"])
def test_supermario(folder: Path, tmp_path: Path, parameters: dict[str, float]) -> None:
    p, scale = parameters.get("p", 0.1), parameters.get("lambda", 1.95)
    config = merge_config("supermario", paths(folder, 2), base=folder / "base", parameters=parameters)

    def expected(name: str, x: list[np.ndarray]) -> np.ndarray:
        if "gate" in name:
            return ((x[0] + x[1]) / 2 + x[2]) / 2
        masks = [reference.mask_of(SEED, name, place, x[0].size, p) for place in (0, 1)]
        return reference.supermario(x[0], x[1:3], masks, p, scale)

    for output in outputs(folder):
        check(folder, tmp_path / output, config, expected, output)


@pytest.mark.parametrize("t", [0.0, 0.3, 0.5, 1.0])
def test_slerp(folder: Path, tmp_path: Path, t: float) -> None:
    _check_slerp(folder, tmp_path / "out", t)


@pytest.mark.parametrize("t", [0.25, 0.5])
def test_slerp_of_tensors_that_are_nearly_collinear(tmp_path: Path, t: float) -> None:
    """On both sides of the limit, opposite to each other, and without length."""
    generator = torch.Generator().manual_seed(5)

    def normal(size: int) -> torch.Tensor:
        return torch.randn(size, generator=generator)

    base = {f"model.layers.{layer}.mlp.up_proj.weight": normal(40_001) for layer in range(5)}
    base |= {"model.embed_tokens.weight": normal(96).view(48, 2), "model.norm.weight": torch.zeros(70_000)}
    # The cosine is about 1 - s²/2: 0.9995 is where s is 0.0316.
    sizes = (0.01, 0.031, 0.0325, 0.1, 0.02)
    other = {name: values.clone() for name, values in base.items()}
    for (name, values), size in zip(list(base.items())[:5], sizes, strict=True):
        other[name] = values + size * normal(values.numel())
    other["model.layers.4.mlp.up_proj.weight"] *= -1
    other["model.norm.weight"] = normal(70_000)
    folder = tmp_path / "float32"
    tied = {**MISTRAL, "tie_word_embeddings": True}
    write_tensors(folder / "base", tied, base)
    write_tensors(folder / "a", tied, other)
    _check_slerp(folder, tmp_path / "out", t)


def _check_slerp(folder: Path, out: Path, t: float) -> None:
    """The products of whole tensors may differ in their last bits from those of ``math.fsum``.

    So an element may be on the other side of a rounding boundary, if it lies as near to it as that changes anything.
    """
    config = merge_config(
        "slerp", [folder / "base", folder / "a"], base=folder / "base", parameters={"t": t}, dtype=folder.name
    )
    run_merge(out, config)
    base, other = read_model(folder / "base"), read_model(folder / "a")
    for name, values in read_model(out).items():
        x, y = (tensors[name].to(torch.float64).view(-1).numpy() for tensors in (base, other))
        exact = reference.slerp(x, y, t)
        slack = 1e-12 * (np.abs(x) + np.abs(y))
        got = values.to(torch.float64).view(-1).numpy()
        np.testing.assert_array_less(
            exactly_rounded(exact - slack, values.dtype), np.nextafter(got, np.inf), err_msg=name
        )
        np.testing.assert_array_less(
            got, np.nextafter(exactly_rounded(exact + slack, values.dtype), np.inf), err_msg=name
        )
        wrong = int((got != exactly_rounded(exact, values.dtype)).sum())
        assert wrong <= 1e-4 * got.size, f"{name}: {wrong} of {got.size}"


def test_models_are_awkward_enough(folder: Path) -> None:
    """The means are often ties, plain arithmetic in the models' dtype is often wrong, and subnormals are among them."""
    models = [read_model(folder / name)["model.embed_tokens.weight"] for name in NAMES]
    base, a, b = (model.to(torch.float64).view(-1).numpy() for model in models[:3])
    smallest_normal = torch.finfo(models[0].dtype).smallest_normal
    assert np.mean((np.abs(a) < smallest_normal) & (a != 0)) > 0.03
    mean = 0.5 * base + 0.5 * a
    half = np.exp2(np.frexp(mean)[1] - 1.0 - FORMATS[models[0].dtype][0])
    assert np.mean(np.abs(mean - exactly_rounded(mean, models[0].dtype)) == half) > 0.05
    plain = (models[1] * 0.6 + models[2] * 0.4).to(torch.float64).view(-1).numpy()
    wrong = np.mean(plain != exactly_rounded((0.6 * a + 0.4 * b) / (0.6 + 0.4), models[0].dtype))
    assert wrong > 0.05


@pytest.mark.parametrize("dtype", FORMATS)
def test_rounding_of_the_reference_against_fractions(dtype: torch.dtype) -> None:
    """Known cases, and random ones by whole numbers of any size."""
    bits, smallest, largest = FORMATS[dtype]
    step = 2.0 ** (1 - bits)
    known = [(1 + step / 2, 1.0), (1 + 1.5 * step, 1 + 2 * step), (1 + step * (0.5 + 2**-20), 1 + step)]
    known += [(2.0**smallest / 2, 0.0), (2.0**smallest * 1.5, 2.0**smallest * 2), (largest, largest)]
    for value, rounded in known:
        assert exactly_rounded(np.array([value]), dtype)[0] == rounded
        assert exactly_rounded(np.array([-value]), dtype)[0] == -rounded
    generator = np.random.default_rng(1)
    for value in generator.standard_normal(500) * np.exp2(generator.integers(smallest - 2, 15, 500)):
        exact = Fraction(float(value))
        unit = Fraction(2) ** max(int(np.frexp(value)[1]) - bits, smallest)
        # Python's round of a fraction goes to even where two are equally near.
        assert exactly_rounded(np.array([value]), dtype)[0] == float(round(exact / unit) * unit)
