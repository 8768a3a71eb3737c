"""The FLOPs of a token, against torch's own count of the operations that a step runs."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from training_jobs import read_events
from transformers import MistralConfig, MistralForCausalLM, MixtralConfig, TrainerControl, TrainerState
from transformers.models.mixtral import modeling_mixtral

from prometheus_trainer.events import Events
from prometheus_trainer.model_flops import flops_per_token, peak_flops
from prometheus_trainer.training_events import TrainingEvents
from prometheus_trainer.unfused_mixtral import UnfusedExperts

SIZES: dict[str, Any] = {
    "vocab_size": 500,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def _mistral() -> Any:
    return MistralForCausalLM(MistralConfig(**SIZES))


def _mixtral(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(modeling_mixtral, "MixtralExperts", UnfusedExperts)
    return modeling_mixtral.MixtralForCausalLM(
        MixtralConfig(**SIZES, num_local_experts=8, num_experts_per_tok=2)
    )


def _counted(model: Any, tokens: int) -> float:
    """Of a step on rows of two tokens, whose attention scores are next to nothing."""
    ids = torch.arange(tokens).reshape(-1, 2) % 500
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, labels=ids).loss.backward()
    return counter.get_total_flops() / tokens


@pytest.mark.parametrize("kind", ["mistral", "mixtral"])
@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_a_token_takes_what_torch_counts(kind: str, tuning: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = _mistral() if kind == "mistral" else _mixtral(monkeypatch)
    if tuning == "lora":
        targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"]
        model = get_peft_model(model, LoraConfig(r=8, target_modules=targets))
        model.enable_input_require_grads()  # as gradient checkpointing has it: the first layer's backward is whole
    assert flops_per_token(model) == pytest.approx(_counted(model, 400), rel=0.02)


def test_full_tuning_takes_six_times_the_parameters_but_for_the_input_embedding() -> None:
    model = _mistral()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert flops_per_token(model) == 6 * (parameters - 500 * 128)


@pytest.mark.parametrize(
    ("name", "teraflops"),
    [
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A100 80GB PCIe", 312),
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H200", 989.4),
        ("NVIDIA L4", 121),
        ("NVIDIA L40S", 362.05),
        ("NVIDIA A10", 125),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("NVIDIA A10G", 70),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA TITAN RTX", None),
    ],
)
def test_the_peak_of_a_gpu_goes_by_its_name(name: str, teraflops: float | None) -> None:
    assert peak_flops(name) == (None if teraflops is None else pytest.approx(teraflops * 1e12))


def test_utilisation_is_the_share_of_the_peak_of_all_gpus(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # What a machine without a GPU can't be asked: its name, its memory, and the time.
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA A100-SXM4-80GB")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 123)
    args: Any = types.SimpleNamespace(device=torch.device("cuda:0"), world_size=4)
    model, state, control = _mistral(), TrainerState(max_steps=10), TrainerControl()
    callback = TrainingEvents(Events(tmp_path / "events.jsonl"))
    callback.on_train_begin(args, state, control, model=model)
    callback.on_step_begin(args, state, control)
    now += 2.0
    state.global_step, state.num_input_tokens_seen = 1, 8_000_000_000
    callback.on_step_end(args, state, control)
    now += 1.0  # saving
    callback.on_log(args, state, control, logs={"loss": 1.0})
    (event,) = read_events(tmp_path, "train")
    assert event["tokens_per_second"] == 4e9
    assert event["mfu"] == pytest.approx(4e9 * flops_per_token(model) / (4 * 312e12), abs=1e-4)
    assert event["memory_bytes"] == 123
    assert event["seconds_left"] == 9 * 3.0
