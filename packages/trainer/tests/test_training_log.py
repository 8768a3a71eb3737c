"""What a training logs: its file, and the events of one that was stopped on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from training_jobs import Run, read_events, run_to_end, write_job, write_small_model, write_small_rows
from transformers import TrainerState

from prometheus_trainer.training_log import logged


def _job(folder: Path, inputs: dict[str, Path], **changes: object) -> Path:
    return write_job(
        folder,
        **inputs,
        arguments={"max_steps": 6, "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "no"},
        training_log=str(folder / "training-log.json"),
        **changes,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of an undisturbed run, and of one that was killed, stopped, and then ended."""
    folder = tmp_path_factory.mktemp("log")
    inputs = {
        "model": write_small_model(folder / "model", "mistral"),
        "dataset": write_small_rows(folder / "rows"),
    }
    run_to_end(_job(folder / "whole", inputs))
    job = _job(folder / "parts", inputs, save_minutes=1e-6)  # after every step
    run = Run(job)
    run.wait_for(lambda event: event["event"] == "checkpoint" and event["step"] == 3)
    run.kill()
    job = _job(folder / "parts", inputs, max_minutes=0.0005)
    run = Run(job)
    assert run.finish() == [0], run.log()
    run_to_end(_job(folder / "parts", inputs))
    return folder / "whole", folder / "parts"


def test_the_log_of_a_disturbed_run_is_that_of_an_undisturbed_one(runs: tuple[Path, Path]) -> None:
    whole, parts = (json.loads((run / "training-log.json").read_text()) for run in runs)
    assert parts["train"] == whole["train"]
    # An evaluation that the end of a run cut short is not made again, but for the last.
    assert parts["evaluation"][-1] == whole["evaluation"][-1]
    assert all(entry in whole["evaluation"] for entry in parts["evaluation"])


def test_the_log_has_what_was_told(runs: tuple[Path, Path]) -> None:
    log = json.loads((runs[0] / "training-log.json").read_text())
    told = read_events(runs[0], "train")
    assert [entry["step"] for entry in log["train"]] == [1, 2, 3, 4, 5, 6]
    for key in ("step", "loss", "learning_rate", "grad_norm", "tokens"):
        assert [entry[key] for entry in log["train"]] == [event[key] for event in told]
    evaluations = read_events(runs[0], "evaluation")
    assert log["evaluation"] == [{"step": event["step"], "loss": event["loss"]} for event in evaluations]


def test_speed_and_time_left_are_told_with_each_loss(runs: tuple[Path, Path]) -> None:
    told = read_events(runs[0], "train")
    assert all(event["tokens_per_second"] > 0 for event in told)
    assert told[0]["seconds_left"] > 0
    assert told[-1]["seconds_left"] == 0
    assert "mfu" not in told[0]  # nobody knows the peak of this processor
    assert "memory_bytes" not in told[0]


def test_a_number_that_is_not_finite_is_null() -> None:
    state = TrainerState()
    state.log_history = [
        {"step": 1, "loss": float("nan"), "grad_norm": float("inf"), "num_input_tokens_seen": 7},
        {"step": 1, "eval_loss": float("nan")},
    ]
    assert logged(state) == {
        "train": [{"step": 1, "loss": None, "learning_rate": None, "grad_norm": None, "tokens": 7}],
        "evaluation": [{"step": 1, "loss": None}],
    }
