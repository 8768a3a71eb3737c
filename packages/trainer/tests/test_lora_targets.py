"""LoRA targets that are a text: ``all-linear`` and patterns as PEFT takes them, by the names of the checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from other_models import MARKED_TEMPLATE, write_qwen
from safetensors import safe_open
from training_jobs import run_to_end, write_job, write_small_model, write_small_rows

from prometheus_trainer.adapter_check import check_adapter
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.fast_profile import count_parameters

LORA: dict[str, Any] = {"use_peft": True, "lora_r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "max_steps": 1}
LAYERS = r"model\.layers\.\d+\."


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    small = {name: write_small_model(folder / name, name) for name in ("mistral", "mixtral")}
    return {**small, "qwen": write_qwen(folder / "qwen")}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_rows(tmp_path_factory.mktemp("rows") / "rows")


@pytest.mark.parametrize("targets", ["all-linear", ["all-linear"], LAYERS + r"(self_attn\.v|mlp\.up)_proj"])
@pytest.mark.parametrize("family", ["mistral", "qwen"])
def test_a_training_adapts_the_layers_that_peft_adapts(
    family: str, targets: str | list[str], models: dict[str, Path], rows: Path, tmp_path: Path
) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    template = {"chat_template": MARKED_TEMPLATE} if family == "qwen" else {}
    arguments = {**LORA, "lora_target_modules": targets}
    run_to_end(write_job(tmp_path, model=models[family], dataset=rows, arguments=arguments, **template))
    text = targets if isinstance(targets, str) else targets[0]
    config = LoraConfig(r=4, task_type="CAUSAL_LM", target_modules=text)
    peft = get_peft_model(AutoModelForCausalLM.from_pretrained(models[family]), config)
    expected = {
        name.replace(".default.", ".") for name, tensor in peft.named_parameters() if tensor.requires_grad
    }
    with safe_open(tmp_path / "output/adapter_model.safetensors", framework="pt") as tensors:
        assert set(tensors.keys()) == expected
        trained = sum(tensors.get_tensor(key).numel() for key in tensors.keys())  # noqa: SIM118
    assert not any("lm_head" in name for name in expected)
    assert count_parameters(models[family], _settings(targets))[1] == trained


def _settings(targets: str | list[str]) -> Any:
    from trl.trainer.model_config import ModelConfig

    return ModelConfig(use_peft=True, lora_r=4, lora_target_modules=targets)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("targets", "problem"),
    [
        ("gate", "is a MixtralTopKRouter"),
        (["q_proj", "gate"], "is a MixtralTopKRouter"),
        (r".*\.(gate|q_proj)", "is a MixtralTopKRouter"),
        (r".*\.gate_proj", "matches no layer of"),
        (r"model\.layers\.0\.mlp\..*", "matches no layer of"),
    ],
)
def test_a_mixtral_is_not_trained_on_its_router_or_by_names_of_training(
    targets: str | list[str], problem: str, models: dict[str, Path]
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        check_adapter(models["mixtral"], _settings(targets), "nll")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("targets", "layers"),
    [
        ("all-linear", {"q_proj", "k_proj", "v_proj", "o_proj", "w1", "w2", "w3"}),
        (["all-linear"], {"q_proj", "k_proj", "v_proj", "o_proj", "w1", "w2", "w3"}),
        ("ALL-LINEAR", {"q_proj", "k_proj", "v_proj", "o_proj", "w1", "w2", "w3"}),
        ("w1", {"w1"}),
        (r".*\.(q_proj|w1)", {"q_proj", "w1"}),
        (LAYERS + r"self_attn\.[qkvo]_proj", {"q_proj", "k_proj", "v_proj", "o_proj"}),
    ],
)
def test_a_mixtral_is_trained_by_the_names_of_its_checkpoint(
    targets: str | list[str], layers: set[str], models: dict[str, Path], rows: Path, tmp_path: Path
) -> None:
    """PEFT itself would take a pattern for the names inside, and adapt the fused experts of transformers 5."""
    arguments = {**LORA, "lora_target_modules": targets}
    run_to_end(write_job(tmp_path, model=models["mixtral"], dataset=rows, arguments=arguments))
    with safe_open(tmp_path / "output/adapter_model.safetensors", framework="pt") as tensors:
        assert {key.split(".")[-3] for key in tensors.keys()} == layers  # noqa: SIM118
        trained = sum(tensors.get_tensor(key).numel() for key in tensors.keys())  # noqa: SIM118
    assert count_parameters(models["mixtral"], _settings(targets))[1] == trained


@pytest.mark.parametrize(
    ("targets", "problem"),
    [
        ("q_proj,v_proj", "as a pattern, q_proj,v_proj matches no layer"),
        (r".*\.k_porj", "matches no layer"),
        ("(q_proj", "can't be read"),
        ("q_porj", "has no layer q_porj"),
        (["all-linear", "lm_head"], "has no layer all-linear"),
    ],
)
def test_a_text_that_names_no_layer(targets: str | list[str], problem: str, models: dict[str, Path]) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        check_adapter(models["mistral"], _settings(targets), "nll")
    assert caught.value.hint


def test_the_adapter_of_all_linear_is_merged(models: dict[str, Path], rows: Path, tmp_path: Path) -> None:
    from prometheus_trainer.events import Events
    from prometheus_trainer.lora_merge import merge_lora

    arguments = {**LORA, "lora_target_modules": "all-linear"}
    run_to_end(write_job(tmp_path, model=models["mistral"], dataset=rows, arguments=arguments))
    job = {"base": {"path": str(models["mistral"])}, "adapter": str(tmp_path / "output")}
    metrics = merge_lora({**job, "output_dir": str(tmp_path / "merged")}, Events(None))
    assert metrics["tensors_changed"] == 14  # seven layers in each of two blocks
    assert json.loads((tmp_path / "output/adapter_config.json").read_text())["target_modules"]
