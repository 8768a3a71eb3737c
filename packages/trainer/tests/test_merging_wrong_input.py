"""Inputs that a merge must refuse, through the stages: what the error names, and that nothing is left half written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from merging_models import merge_config, run_merge
from safetensors.torch import save_file
from tiny_models import MISTRAL, read_model, write_model, write_tensors

from prometheus_trainer.errors import ConfigurationError

NORM, QUERY = "model.norm.weight", "model.layers.1.self_attn.q_proj.weight"
PREFIX = "base_model.model."
# With a density so small that a mask or the trimming drops nearly everything.
METHODS: dict[str, dict[str, Any]] = {
    "linear": {"weight": 1.0},
    "slerp": {},
    "task_arithmetic": {"weight": 1.0},
    "ties": {"weight": 1.0, "density": 0.01},
    "dare_linear": {"weight": 1.0, "density": 0.01},
    "dare_ties": {"weight": 1.0, "density": 0.01},
    "supermario": {},
}


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    for seed, name in enumerate(("base", "a", "b")):
        write_model(tmp_path / name, MISTRAL, seed)
    return {name: tmp_path / name for name in ("base", "a", "b")}


def config_of(method: str, models: dict[str, Path]) -> dict[str, Any]:
    if method == "linear":
        return merge_config(method, [models["a"], models["b"]], models=[METHODS[method]] * 2)
    if method == "slerp":
        both = [models["base"], models["a"]]
        return merge_config(method, both, base=models["base"], parameters={"t": 0.5})
    own = [METHODS[method]] * 2 if METHODS[method] else None
    return merge_config(method, [models["a"], models["b"]], base=models["base"], models=own)


def problem(folder: Path, config: dict[str, Any], **keys: Any) -> str:
    """What the refused merge says; there must be no weights under their name."""
    with pytest.raises(ConfigurationError) as caught:
        run_merge(folder / "out", config, **keys)
    assert caught.value.hint
    assert list((folder / "out").glob("*.safetensors")) == []
    return str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("method", METHODS)
def test_values_that_are_not_finite(
    method: str, value: float, models: dict[str, Path], tmp_path: Path
) -> None:
    """In each input of each method, where what the method drops would hide it too."""
    config = config_of(method, models)
    inputs = {"linear": ("a", "b"), "slerp": ("base", "a")}.get(method, ("base", "a", "b"))
    for name in inputs:
        whole = read_model(models[name])
        write_tensors(models[name], MISTRAL, {**whole, QUERY: _with(whole[QUERY], value)})
        message = problem(tmp_path, config)
        assert f"{models[name]}: tensor {QUERY}: 1 of 256 values are NaN or infinite" in message
        write_tensors(models[name], MISTRAL, whole)


def _with(values: torch.Tensor, value: float) -> torch.Tensor:
    changed = values.clone()
    changed[7, 5] = value
    return changed


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("linear", "slerp")])
def test_an_expert_that_is_the_base(method: str, models: dict[str, Path], tmp_path: Path) -> None:
    write_tensors(models["b"], MISTRAL, read_model(models["base"]))
    assert "models[1] is the base model, not an expert: every tensor of" in problem(
        tmp_path, config_of(method, models)
    )


def test_an_expert_that_is_the_recipes_base(models: dict[str, Path], tmp_path: Path) -> None:
    """A linear merge reads no base; the recipe names it all the same."""
    write_tensors(models["b"], MISTRAL, read_model(models["base"]))
    named = {"base": {"path": str(models["base"])}}
    assert "models[1] is the base model" in problem(tmp_path, config_of("linear", models), models=named)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_model_twice(method: str, models: dict[str, Path], tmp_path: Path) -> None:
    first, second = ("base", "a") if method == "slerp" else ("a", "b")
    write_tensors(models[second], MISTRAL, read_model(models[first]))
    message = problem(tmp_path, config_of(method, models))
    assert "models[0] and models[1] are the same model: every tensor of" in message
    assert "name the other expert" in message


@pytest.mark.parametrize("method", METHODS)
def test_a_file_that_was_cut_off(method: str, models: dict[str, Path], tmp_path: Path) -> None:
    file = models["a"] / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    message = problem(tmp_path, config_of(method, models))
    assert f"{file}: " in message
    assert "the file was cut off\n  download or write the file again" in message


def test_a_shard_that_is_missing(models: dict[str, Path], tmp_path: Path) -> None:
    (models["b"] / "model.safetensors").unlink()
    index = {"weight_map": dict.fromkeys(read_model(models["a"]), "model-00001-of-00001.safetensors")}
    (models["b"] / "model.safetensors.index.json").write_text(json.dumps(index))
    message = problem(tmp_path, config_of("ties", models))
    assert f"{models['b'] / 'model-00001-of-00001.safetensors'}: the shard is missing" in message


@pytest.mark.parametrize("wrong", ["base", "b"])
def test_shapes_that_differ(wrong: str, models: dict[str, Path], tmp_path: Path) -> None:
    write_model(models[wrong], {**MISTRAL, "intermediate_size": 32}, 3)
    message = problem(tmp_path, config_of("task_arithmetic", models))
    assert "mlp.down_proj.weight: the shapes differ: [16, 24] in" in message
    assert str(models[wrong]) in message


def write_adapter(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    folder.mkdir()
    generator = torch.Generator().manual_seed(len(folder.name))
    module = PREFIX + QUERY.removesuffix(".weight")
    pair = {f"{module}.lora_{half}.weight": torch.randn(4, 16, generator=generator) for half in "AB"}
    pair[f"{module}.lora_B.weight"] = pair[f"{module}.lora_B.weight"].T.contiguous()
    save_file({**pair, **tensors}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4, "lora_alpha": 8}')
    return folder


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        (
            "lm_head.base_layer.weight",
            (48, 16),
            "lm_head.base_layer.weight is not equal to lm_head.weight of",
        ),
        ("lm_head.base_layer.weight", (50, 16), "is [50, 16], in the base [48, 16]"),
        ("model.layers.9.self_attn.q_proj.lora_A.weight", (4, 16), "1 of its tensors have no place in"),
    ],
    ids=["copy", "vocabulary", "unused"],
)
def test_an_adapter_of_another_base(
    name: str, shape: tuple[int, ...], expected: str, models: dict[str, Path], tmp_path: Path
) -> None:
    """On the fly, within a merge."""
    good = write_adapter(tmp_path / "good", {})
    wrong = write_adapter(tmp_path / "other", {PREFIX + name: torch.ones(shape)})
    pair = [f"{models['base']}+{adapter}" for adapter in (good, wrong)]
    config = merge_config("linear", [Path(one) for one in pair], models=[{"weight": 1.0}] * 2)
    message = problem(tmp_path, config)
    assert f"{wrong / 'adapter_model.safetensors'}: " in message
    assert expected in message
    assert str(models["base"]) in message or "in the base" in message


def test_an_unknown_method_and_a_missing_weight(models: dict[str, Path], tmp_path: Path) -> None:
    config = config_of("ties", models)
    assert "merge_method: 'tise'" in problem(tmp_path, {**config, "merge_method": "tise"})
    del config["models"][1]["parameters"]["weight"]
    assert "weight" in problem(tmp_path, config)
    assert not (tmp_path / "out").exists()
