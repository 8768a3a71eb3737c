"""What a user may get wrong: one clear error each, before the model is loaded where that is possible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from training_jobs import (
    EIGHT_TARGETS,
    Run,
    read_events,
    run_to_end,
    write_job,
    write_rows,
    write_small_model,
    write_small_rows,
)

from prometheus_trainer.position_limit import position_limit

LORA: dict[str, Any] = {"use_peft": True, "lora_r": 4, "lora_alpha": 8, "lora_target_modules": EIGHT_TARGETS}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_model(tmp_path_factory.mktemp("model") / "mixtral", "mixtral")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_rows(tmp_path_factory.mktemp("rows") / "rows")


def test_rows_without_messages(model: Path, tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    dataset = DatasetDict({"train": Dataset.from_dict({"instruction": ["a"], "output": ["b"]})})
    dataset.save_to_disk(str(tmp_path / "rows"))
    error = _refused(write_job(tmp_path / "run", model=model, dataset=tmp_path / "rows"))
    assert error["message"] == f"{tmp_path}/rows/train has no column messages (columns: instruction, output)"


def test_rows_without_any_label(model: Path, tmp_path: Path) -> None:
    dataset = write_rows(tmp_path / "rows", [("A long question. " * 30, "answer")] * 3, 0)
    error = _refused(write_job(tmp_path / "run", model=model, dataset=dataset, arguments={"max_length": 64}))
    assert "none of the 3 rows has a label" in error["message"]
    assert "max_length" in error["hint"]


@pytest.mark.parametrize("max_length", [4096, None])
def test_rows_longer_than_the_positions(max_length: int | None, model: Path, tmp_path: Path) -> None:
    dataset = write_rows(tmp_path / "rows", [("word " * 1100, "answer"), ("Short.", "answer")], 0)
    arguments = {"max_length": max_length}
    error = _refused(write_job(tmp_path / "run", model=model, dataset=dataset, arguments=arguments))
    assert "train: 1 of 2 rows are longer than the 1024 positions" in error["message"]
    assert error["hint"] == "Set max_length to at most 1024: longer rows are cut there."


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        ({"max_position_embeddings": 32768, "sliding_window": 4096}, 32768),
        (
            {
                "max_position_embeddings": 131072,
                "rope_scaling": {
                    "rope_type": "llama3",
                    "factor": 8.0,
                    "original_max_position_embeddings": 8192,
                },
            },
            131072,
        ),
        (
            {
                "max_position_embeddings": 32768,
                "rope_scaling": {
                    "type": "yarn",
                    "factor": 4.0,
                    "original_max_position_embeddings": 32768,
                },
            },
            131072,
        ),
        ({"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 2.0}}, 8192),
        (
            {
                "max_position_embeddings": 4096,
                "rope_parameters": {"full_attention": {"factor": 8.0}, "sliding_attention": {}},
            },
            32768,
        ),
        ({"max_position_embeddings": 4096, "rope_parameters": {"rope_theta": 1e6}}, 4096),
        ({"hidden_size": 8}, None),
    ],
)
def test_positions_reach_as_far_as_they_are_scaled(config: dict[str, Any], limit: int | None) -> None:
    assert position_limit(config) == limit


def test_an_unknown_target_of_lora(model: Path, rows: Path, tmp_path: Path) -> None:
    arguments = {**LORA, "lora_target_modules": ["q_proj", "k_porj", "w4"]}
    error = _refused(write_job(tmp_path, model=model, dataset=rows, arguments=arguments))
    assert f"lora_target_modules: {model} has no layer k_porj, w4" in error["message"]
    assert error["hint"].startswith("Did you mean k_proj")
    assert "It has embed_tokens, k_proj, lm_head, o_proj, q_proj, v_proj, w1, w2, w3" in error["hint"]


def test_one_target_of_lora_is_a_name_and_no_pattern(rows: Path, tmp_path: Path) -> None:
    mistral = write_small_model(tmp_path / "mistral", "mistral")
    arguments = {**LORA, "lora_target_modules": ["q_proj"], "max_steps": 1}
    run_to_end(write_job(tmp_path / "run", model=mistral, dataset=rows, arguments=arguments))
    names = load_file(tmp_path / "run/output/adapter_model.safetensors")
    assert names
    assert all("q_proj" in name for name in names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 5e-4}, "learning_rate is 0.0005 now and was 0.001"),
        ({"gradient_accumulation_steps": 2}, "global_batch_size is 4 now and was 2"),
        ({"lora_r": 8}, "lora_A.default.weight is [4, 32] there and [8, 32] here"),
        ({"lora_target_modules": ["q_proj"]}, "is trained there alone"),
    ],
)
def test_a_checkpoint_of_another_recipe(
    change: dict[str, Any], message: str, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    checkpoints, inputs = trained
    job = write_job(
        tmp_path,
        **inputs,
        arguments={**LORA, "max_steps": 4, "save_steps": 2, **change},
        checkpoints_dir=str(checkpoints),
    )
    error = _refused(job, before_loading="lora" not in next(iter(change)))
    assert error["message"].startswith(f"{checkpoints}/checkpoint-2 is of another training: ")
    assert message in error["message"]
    assert "checkpoints_dir" in error["hint"]


@pytest.fixture(scope="module")
def trained(model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The checkpoints of a training that was killed behind its second step, and what it trained on."""
    folder = tmp_path_factory.mktemp("trained")
    inputs = {"model": model, "dataset": rows}
    arguments = {**LORA, "max_steps": 4, "save_strategy": "steps", "save_steps": 2}
    run = Run(write_job(folder, **inputs, arguments=arguments))
    run.wait_for(lambda event: event["event"] == "checkpoint")
    run.kill()
    return folder / "checkpoints", inputs


def _refused(job: Path, *, before_loading: bool = True) -> dict[str, Any]:
    """The one error of a job that is the user's mistake."""
    run = Run(job)
    assert run.finish() == [2], run.log()
    (error,) = read_events(job.parent, "error")
    assert error["kind"] == "configuration"
    assert error["hint"]
    phases = [event["name"] for event in read_events(job.parent, "phase")]
    assert ("loading the base model" in phases) != before_loading
    return error
