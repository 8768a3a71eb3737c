"""A run that is killed or stopped, and run again, ends with the very weights of an undisturbed run."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from training_jobs import (
    DDP,
    EIGHT_TARGETS,
    ZERO3,
    Mode,
    Run,
    read_events,
    run_to_end,
    write_job,
    write_small_model,
    write_small_rows,
)

from prometheus_trainer.checkpoints import complete_checkpoints

LORA: dict[str, Any] = {
    "use_peft": True,
    "lora_r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.1,
    "lora_target_modules": EIGHT_TARGETS,
}
# 22 rows, batches of 2, two micro-batches a step: 6 steps an epoch, the last of one micro-batch; 12 steps.
OFTEN: dict[str, Any] = {
    "num_train_epochs": 2,
    "gradient_accumulation_steps": 2,
    "save_strategy": "steps",
    "save_steps": 2,
    "save_total_limit": 2,
}
STEPS = 12
GRACE = 7.5  # seconds that a GitHub runner leaves between its first two signals


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    return {
        "mixtral": write_small_model(folder / "mixtral", "mixtral"),
        "dataset": write_small_rows(folder / "rows"),
    }


@pytest.fixture(scope="module")
def undisturbed(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of an undisturbed run of LoRA."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run_to_end(_job(folder, inputs, LORA))
    return folder / "output"


def test_sigterm_saves_the_step_and_running_again_goes_on(
    inputs: dict[str, Path], undisturbed: Path, tmp_path: Path
) -> None:
    job = _job(tmp_path, inputs, LORA)
    run = Run(job)
    run.wait_for(lambda event: event["event"] == "train" and event["step"] == 3)
    run.send(signal.SIGTERM)
    assert run.finish() == [0], run.log()
    (stopped,) = read_events(tmp_path, "stopped")
    assert 3 <= stopped["step"] < STEPS
    assert complete_checkpoints(tmp_path / "checkpoints")[-1].step == stopped["step"]
    assert not read_events(tmp_path, "done")
    assert not (tmp_path / "output").exists()

    before = len(read_events(tmp_path))
    metrics = run_to_end(job)
    steps = [event["step"] for event in read_events(tmp_path)[before:] if event["event"] == "train"]
    assert steps == list(range(stopped["step"] + 1, STEPS + 1))
    assert metrics["steps"] == STEPS
    assert metrics["epochs"] == 2
    _assert_same_weights(undisturbed, tmp_path / "output")


def test_sigint_while_preparing_ends_without_a_checkpoint(inputs: dict[str, Path], tmp_path: Path) -> None:
    run = Run(_job(tmp_path, inputs, LORA))
    run.wait_for(lambda event: event.get("name", "").startswith("loading the tokenizer"))
    run.send(signal.SIGINT)
    assert run.finish() == [0], run.log()
    (stopped,) = read_events(tmp_path, "stopped")
    assert stopped["step"] in (0, 1)  # 1 where training had begun by then


def test_a_torn_checkpoint_is_deleted_and_one_that_was_cut_set_aside(
    inputs: dict[str, Path], undisturbed: Path, tmp_path: Path
) -> None:
    job = _job(tmp_path, inputs, LORA)
    run = Run(job)
    run.wait_for(lambda event: event["event"] == "checkpoint" and event["step"] == 4)
    run.kill()
    checkpoints = tmp_path / "checkpoints"
    for later in (checkpoints / "checkpoint-6", checkpoints / "checkpoint-8"):
        shutil.rmtree(later, ignore_errors=True)
    torn, cut = checkpoints / "checkpoint-6", checkpoints / "checkpoint-8"
    shutil.copytree(checkpoints / "checkpoint-4", torn)
    (torn / "complete.json").unlink()
    shutil.copytree(checkpoints / "checkpoint-4", cut)
    marker = cut / "complete.json"
    marker.write_text(marker.read_text().replace('"step": 4', '"step": 8'))
    with (cut / "optimizer.pt").open("r+b") as file:
        file.truncate(100)

    before = len(read_events(tmp_path))
    run_to_end(job)
    events = read_events(tmp_path)[before:]
    notices = [event["message"] for event in events if event["event"] == "notice"]
    assert notices[0] == f"{torn} is not a complete checkpoint and is deleted"
    assert "step 4" in notices[1]
    (warning,) = (event["message"] for event in events if event["event"] == "warning")
    assert f"{cut} is damaged: optimizer.pt has 100 of " in warning
    assert "the one before it, of step 4" in warning
    assert (checkpoints / "damaged-checkpoint-8").is_dir()
    assert next(event["step"] for event in events if event["event"] == "train") == 5
    _assert_same_weights(undisturbed, tmp_path / "output")


def test_a_finished_run_run_again_takes_no_more_steps(inputs: dict[str, Path], tmp_path: Path) -> None:
    job = _job(tmp_path, inputs, {"max_steps": 4})  # ends within the first epoch
    first = run_to_end(job)
    kept = load_file(tmp_path / "output/model.safetensors")
    shutil.rmtree(tmp_path / "output")
    before = len(read_events(tmp_path))
    second = run_to_end(job)
    assert not [event for event in read_events(tmp_path)[before:] if event["event"] == "train"]
    again = load_file(tmp_path / "output/model.safetensors")
    assert all(torch.equal(kept[key], again[key]) for key in kept)
    for key in ("steps", "epochs", "train_loss_first", "train_loss_last", "eval_loss", "tokens"):
        assert second[key] == first[key], key
    assert second["seconds"] > first["seconds"] * 0.5


def test_only_the_newest_complete_checkpoints_are_kept(undisturbed: Path) -> None:
    checkpoints = undisturbed.parent / "checkpoints"
    assert [checkpoint.step for checkpoint in complete_checkpoints(checkpoints)] == [10, 12]
    assert sorted(path.name for path in checkpoints.glob("checkpoint-*")) == [
        "checkpoint-10",
        "checkpoint-12",
    ]


@pytest.mark.parametrize("profile", ["parity", "fast"])
@pytest.mark.parametrize("mode", [pytest.param(DDP, id="ddp"), pytest.param(ZERO3, id="zero3")])
def test_a_signal_to_one_process_stops_both_and_they_resume_exactly(
    mode: Mode, profile: str, inputs: dict[str, Path], tmp_path: Path
) -> None:
    def job(folder: Path) -> Path:
        options = {"profile": profile, "micro_batch_tokens": 100}
        return _job(folder, inputs, {**LORA, **mode.arguments}, **options)

    whole, stopped = job(tmp_path / "whole"), job(tmp_path / "stopped")
    run_to_end(whole, mode)
    run = Run(stopped, mode)
    run.wait_for(lambda event: event["event"] == "train" and event["step"] == 2)
    run.send(signal.SIGTERM, rank=1)  # not the one that writes
    signalled = time.monotonic()
    assert run.finish() == [0, 0], run.log()
    assert time.monotonic() - signalled < GRACE
    (event,) = read_events(stopped.parent, "stopped")
    assert 2 <= event["step"] < read_events(stopped.parent, "progress")[-1]["total"]
    (checkpoint,) = complete_checkpoints(stopped.parent / "checkpoints")[-1:]
    assert (checkpoint.step, checkpoint.processes) == (event["step"], 2)
    run_to_end(stopped, mode)
    _assert_same_weights(tmp_path / "whole/output", tmp_path / "stopped/output")


def _job(folder: Path, inputs: dict[str, Path], arguments: dict[str, Any], **options: Any) -> Path:
    return write_job(
        folder,
        model=inputs["mixtral"],
        dataset=inputs["dataset"],
        arguments={**OFTEN, **arguments},
        **options,
    )


def _assert_same_weights(one: Path, other: Path) -> None:
    files = sorted(path.name for path in one.glob("*.safetensors"))
    assert files == sorted(path.name for path in other.glob("*.safetensors")) != []
    for file in files:
        assert (one / file).read_bytes() == (other / file).read_bytes()
