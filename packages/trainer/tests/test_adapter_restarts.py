"""Adapters with embeddings and modules in full: started from a folder, and resumed after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from other_models import MARKED_TEMPLATE, write_qwen
from safetensors.torch import load_file
from training_jobs import Run, run_in_turn, run_to_end, write_job, write_small_model, write_small_rows

SETTINGS: dict[str, Any] = {
    "use_peft": True,
    "lora_r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.1,
    "eval_strategy": "no",
    "learning_rate": 2e-2,
    "max_steps": 3,
}
# On a tied model, and on a mixture of experts.
ADAPTERS: dict[str, dict[str, Any]] = {
    "qwen": {"lora_target_modules": ["q_proj", "embed_tokens"], "lora_modules_to_save": ["lm_head", "norm"]},
    "mixtral": {
        "lora_target_modules": ["w1", "block_sparse_moe.experts.0.w2"],
        "lora_modules_to_save": ["embed_tokens", "gate"],
        "use_dora": True,
    },
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("inputs")
    rows = write_small_rows(folder / "rows", 8, 0)
    return {
        "qwen": {
            "model": write_qwen(folder / "qwen"),
            "dataset": rows,
            "chat_template": MARKED_TEMPLATE,
        },
        "mixtral": {"model": write_small_model(folder / "mixtral", "mixtral"), "dataset": rows},
    }


def adapter_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "output/adapter_model.safetensors")


def assert_equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        assert torch.equal(tensor, expected[name]), name


@pytest.mark.parametrize("model", ADAPTERS)
def test_it_starts_from_an_adapter(model: str, inputs: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    arguments = {**SETTINGS, **ADAPTERS[model], "save_strategy": "no"}
    first = write_job(tmp_path / "first", **inputs[model], arguments=arguments)
    second = write_job(
        tmp_path / "second",
        **inputs[model],
        arguments={**arguments, "learning_rate": 0.0, "seed": 7},
        adapter=str(tmp_path / "first/output"),
    )
    third = write_job(
        tmp_path / "third",
        **inputs[model],
        arguments={**arguments, "lora_modules_to_save": None},
        adapter=str(tmp_path / "first/output"),
    )
    done, again, refused = run_in_turn([first, second, third])
    assert (done, again) == ("done", "done")
    assert_equal(adapter_of(tmp_path / "second"), adapter_of(tmp_path / "first"))
    assert "does not fit the LoRA settings: 0 tensors are missing" in refused
    assert "lora_modules_to_save" in refused


@pytest.mark.parametrize("model", ADAPTERS)
def test_it_resumes_bit_for_bit(model: str, inputs: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    arguments = {**SETTINGS, **ADAPTERS[model], "save_strategy": "steps", "save_steps": 1}
    whole = write_job(tmp_path / "whole", **inputs[model], arguments={**arguments, "save_strategy": "no"})
    killed = write_job(tmp_path / "killed", **inputs[model], arguments=arguments)
    run = Run(killed)
    run.wait_for(lambda event: event["event"] == "checkpoint")
    run.kill()
    run_to_end(whole)
    run_to_end(killed)
    assert_equal(adapter_of(tmp_path / "killed"), adapter_of(tmp_path / "whole"))
