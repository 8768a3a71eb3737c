"""The levers that the profile ``fast`` chooses, and the memory that they are chosen by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from training_jobs import EIGHT_TARGETS, write_small_model
from trl.trainer.model_config import ModelConfig

from prometheus_trainer.fast_profile import count_parameters
from prometheus_trainer.levers import (
    Levers,
    Overrides,
    choose_levers,
    kept_bytes_per_token,
    recomputed_bytes_per_token,
    state_bytes,
    zero3_state_bytes,
)

MISTRAL_7B = {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "vocab_size": 32000}
MIXTRAL = {**MISTRAL_7B, "num_local_experts": 8, "num_experts_per_tok": 2}
NONE = Overrides(None, None, None)
GIB = 2**30


def _levers(
    monkeypatch: pytest.MonkeyPatch,
    gib: int,
    *,
    model: dict = MISTRAL_7B,
    overrides: Overrides = NONE,
    states: float = 54 * GIB,
) -> Levers:
    monkeypatch.setattr("prometheus_trainer.levers.torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("prometheus_trainer.levers._device_memory", lambda: gib * GIB)
    monkeypatch.setattr("prometheus_trainer.levers._attention", lambda fast: "varlen" if fast else "sdpa")
    return choose_levers(
        model, overrides=overrides, state_bytes=states, longest_row=2500, half_precision=True
    )


def test_memory_is_that_measured_of_a_7b_model() -> None:
    # 4.4 GiB for 1,000 tokens; states of 8 bytes a parameter, 54 GiB for 7.24 billion.
    assert kept_bytes_per_token(MISTRAL_7B) * 1000 == pytest.approx(4.4 * GIB, rel=0.1)
    assert recomputed_bytes_per_token(MISTRAL_7B) < 0.25 * kept_bytes_per_token(MISTRAL_7B)
    states = state_bytes(7_241_732_096, 7_241_732_096, parameter_bytes=2, processes=1)
    assert states == pytest.approx(54 * GIB, rel=0.01)
    assert state_bytes(8, 8, parameter_bytes=2, processes=2) == 80
    assert state_bytes(8, 8, parameter_bytes=2, processes=1, master_weights=True) == 112


def test_zero3_shares_the_states_out_and_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # 16 bytes a parameter over the devices, and a billion gathered ones of two bytes.
    assert zero3_state_bytes(8 * 10**9, 8 * 10**9, processes=8) == 18e9
    assert zero3_state_bytes(8 * 10**6, 10**6, processes=2) == 8e6 + 7e6 + 16e6
    monkeypatch.setattr("prometheus_trainer.levers.torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("prometheus_trainer.levers._device_memory", lambda: 140 * GIB)
    monkeypatch.setattr("prometheus_trainer.levers._attention", lambda fast: "varlen")
    chosen = choose_levers(
        MISTRAL_7B, overrides=NONE, state_bytes=18e9, longest_row=2500, half_precision=True, zero3=True
    )
    assert not chosen.compile_layers
    assert not chosen.recompute


def test_a_large_gpu_keeps_activations_in_large_micro_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = _levers(monkeypatch, 140)
    assert chosen.attention == "varlen"
    assert chosen.compile_layers
    assert not chosen.recompute
    assert 14_000 < chosen.micro_batch_tokens <= 16_384


def test_a_smaller_gpu_recomputes(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = _levers(monkeypatch, 75)
    assert chosen.recompute
    assert 4_096 < chosen.micro_batch_tokens <= 16_384


def test_what_the_recipe_says_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = _levers(monkeypatch, 140, overrides=Overrides("sdpa", True, 3_000))
    assert (chosen.attention, chosen.recompute, chosen.micro_batch_tokens) == ("sdpa", True, 3_000)


def test_layers_of_a_mixture_of_experts_are_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not _levers(monkeypatch, 140, model=MIXTRAL).compile_layers


@pytest.mark.skipif(torch.cuda.is_available(), reason="about a machine without a GPU")
def test_a_cpu_has_neither_kernel_nor_compiler() -> None:
    chosen = choose_levers(MISTRAL_7B, overrides=NONE, state_bytes=0, longest_row=5000, half_precision=True)
    assert chosen == Levers("sdpa", compile_layers=False, recompute=False, micro_batch_tokens=5000)


def test_parameters_are_counted_from_the_files(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    from prometheus_trainer.training import load_base_model, lora_config

    folder = write_small_model(tmp_path / "mixtral", "mixtral")
    total = sum(parameter.numel() for parameter in AutoModelForCausalLM.from_pretrained(folder).parameters())
    assert count_parameters(folder, ModelConfig()) == (total, total)
    settings = ModelConfig(use_peft=True, lora_r=4, lora_target_modules=EIGHT_TARGETS)
    from peft import get_peft_model

    config = lora_config(settings, mixtral=True)
    assert config is not None
    trainable, everything = get_peft_model(
        load_base_model(folder, settings), config
    ).get_nb_trainable_parameters()
    assert count_parameters(folder, settings) == (everything, trainable)


def test_models_that_would_mix_packed_rows_are_refused() -> None:
    from transformers import (
        AutoModelForCausalLM,
        Gemma2Config,
        GptOssConfig,
        MambaConfig,
        MistralConfig,
        PretrainedConfig,
    )

    from prometheus_trainer import varlen_attention
    from prometheus_trainer.errors import ConfigurationError
    from prometheus_trainer.packed_rows import check_packable

    def empty(config: PretrainedConfig, attention: str) -> Any:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        model.config._attn_implementation = attention
        return model

    varlen_attention.register()
    small: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 1, "vocab_size": 99}
    with pytest.raises(ConfigurationError, match="MambaForCausalLM carries a state"):
        check_packable(empty(MambaConfig(**small), "eager"))
    for config in (Gemma2Config(**small), GptOssConfig(**small)):
        with pytest.raises(ConfigurationError, match="neither sinks nor capped scores"):
            check_packable(empty(config, varlen_attention.NAME))
        check_packable(empty(config, "eager"))
    check_packable(empty(MistralConfig(**small), varlen_attention.NAME))
