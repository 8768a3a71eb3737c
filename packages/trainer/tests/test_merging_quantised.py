"""Configs and weights of quantised models: full-precision weights get a config that says so, others are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from merging_models import merge_config, run_merge
from safetensors.torch import load_file, save_file
from tiny_models import MISTRAL, read_model, write_model, write_tensors
from transformers import AutoModelForCausalLM

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.lora_merge import merge_lora
from prometheus_trainer.portable_layout import portable_config

QUERY = "model.layers.1.self_attn.q_proj"
CONFIGS: dict[str, dict[str, Any]] = {
    "bitsandbytes": {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
    "gptq": {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}},
    "sparse": {"compression_config": {"format": "dense", "quantization_status": "frozen"}},
}
_FP8 = {"quantization_config": {"quant_method": "fp8"}}
# Of models of several parts, whose text model is quantised by itself, and in a part of a part.
NESTED: dict[str, dict[str, Any]] = {
    "text_config.quantization_config": {"text_config": {"hidden_size": 16, **_FP8}},
    "thinker_config.text_config.quantization_config": {"thinker_config": {"text_config": _FP8}},
}
_BYTES, _WORDS = torch.zeros(128, 1, dtype=torch.uint8), torch.zeros(2, 16, dtype=torch.int32)
# Of one linear layer, as each method saves it; the last two keep the weight in full precision.
WEIGHTS: dict[str, dict[str, torch.Tensor]] = {
    "bitsandbytes": {"weight": _BYTES, "weight.absmax": torch.zeros(4), "weight.quant_map": torch.zeros(16)},
    "gptq": {"qweight": _WORDS, "qzeros": _WORDS.clone(), "scales": torch.zeros(1, 16).half()},
    "fp8": {"weight": torch.zeros(16, 16).to(torch.float8_e4m3fn), "weight_scale_inv": torch.zeros(1, 1)},
    "compressed-tensors": {"weight_packed": _WORDS, "weight_scale": torch.zeros(16, 1).bfloat16()},
    "int8": {"weight": torch.zeros(16, 16, dtype=torch.int8), "SCB": torch.zeros(16)},
    "calibrated": {"weight": torch.zeros(16, 16), "input_scale": torch.zeros(1)},
    "double": {"weight": torch.zeros(16, 16, dtype=torch.float64)},
}


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    for seed, name in enumerate("ab"):
        write_model(tmp_path / name, MISTRAL, seed)
    return [tmp_path / name for name in "ab"]


def linear(folders: list[Path]) -> dict[str, Any]:
    return merge_config("linear", folders, models=[{"weight": 0.5}] * 2, dtype="bfloat16")


def set_config(folder: Path, keys: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps({**MISTRAL, **keys}))


def config_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("place", [0, 1])
def test_the_config_of_full_weights(kind: str, place: int, models: list[Path], tmp_path: Path) -> None:
    set_config(models[place], CONFIGS[kind])
    run_merge(tmp_path / "out", linear(models))
    key = next(iter(CONFIGS[kind]))
    assert key not in config_of(tmp_path / "out")
    assert f"{models[place] / 'config.json'}: {key} is left out" in (tmp_path / "events.jsonl").read_text()
    AutoModelForCausalLM.from_pretrained(tmp_path / "out")


@pytest.mark.parametrize("place", NESTED)
def test_the_config_of_a_part(place: str, models: list[Path], tmp_path: Path) -> None:
    set_config(models[0], NESTED[place])
    run_merge(tmp_path / "out", linear(models))
    assert "quantization_config" not in json.dumps(config_of(tmp_path / "out"))
    assert f"{models[0] / 'config.json'}: {place} is left out" in (tmp_path / "events.jsonl").read_text()
    trained = portable_config({**MISTRAL, **NESTED[place]}, MISTRAL)
    assert "quantization_config" not in json.dumps(trained)
    assert trained.keys() >= NESTED[place].keys()


def test_the_config_of_a_donor(models: list[Path], tmp_path: Path) -> None:
    write_model(tmp_path / "donor", MISTRAL, 3)
    set_config(tmp_path / "donor", CONFIGS["gptq"])
    run_merge(tmp_path / "out", linear(models), donor=str(tmp_path / "donor"))
    assert "quantization_config" not in config_of(tmp_path / "out")


def adapter_on(base: Path, folder: Path) -> Path:
    folder.mkdir()
    halves = {"A": torch.full((2, 16), 0.25), "B": torch.full((16, 2), 0.5)}
    tensors = {f"base_model.model.{QUERY}.lora_{half}.weight": values for half, values in halves.items()}
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": str(base)}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def test_the_config_of_an_adapters_base(models: list[Path], tmp_path: Path) -> None:
    """An adapter is often trained on a quantised base, and merged into the same one in full precision."""
    set_config(models[0], CONFIGS["bitsandbytes"])
    adapter = adapter_on(models[0], tmp_path / "adapter")
    job = {"base": {"path": str(models[0])}, "adapter": str(adapter), "output_dir": str(tmp_path / "out")}
    merge_lora(job, Events(tmp_path / "events.jsonl"))
    assert "quantization_config" not in config_of(tmp_path / "out")
    assert "quantization_config is left out" in (tmp_path / "events.jsonl").read_text()


def test_the_config_of_a_trained_base() -> None:
    saved = {**MISTRAL, **CONFIGS["gptq"]}
    assert "quantization_config" not in portable_config(saved, saved)
    assert "quantization_config" not in portable_config(MISTRAL, saved)
    assert "compression_config" not in portable_config(MISTRAL, {**MISTRAL, **CONFIGS["sparse"]})


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("method", WEIGHTS)
def test_quantised_weights(method: str, place: int, models: list[Path], tmp_path: Path) -> None:
    tensors = {
        name: values for name, values in read_model(models[place]).items() if name != f"{QUERY}.weight"
    }
    tensors |= {f"{QUERY}.{name}": values for name, values in WEIGHTS[method].items()}
    config = {} if method == "double" else {"quantization_config": {"quant_method": method}}
    write_tensors(models[place], {**MISTRAL, **config}, tensors)
    with pytest.raises(ConfigurationError) as caught:
        run_merge(tmp_path / "out", linear(models))
    message = str(caught.value)
    assert f"{models[place] / 'model.safetensors'}: tensor {QUERY}." in message
    assert "only BF16, F16 and F32 can be merged" in message
    assert (f"quantised by {method}" in message) == (method != "double")
    assert "name the model before it was quantised" in message
    assert not list(tmp_path.glob("out/*.safetensors"))


def test_a_quantised_base_of_an_adapter(models: list[Path], tmp_path: Path) -> None:
    tensors = {**load_file(models[0] / "model.safetensors"), f"{QUERY}.weight": _BYTES}
    write_tensors(models[0], MISTRAL, tensors)
    adapter = adapter_on(models[0], tmp_path / "adapter")
    job = {"base": {"path": str(models[0])}, "adapter": str(adapter), "output_dir": str(tmp_path / "out")}
    with pytest.raises(ConfigurationError, match=rf"tensor {QUERY}.weight is U8: only BF16"):
        merge_lora(job, Events(tmp_path / "events.jsonl"))
