"""A disk that fills up while a checkpoint is saved, or has too little room to begin with: a small one is mounted."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
from small_disk import Mount
from training_jobs import (
    DDP,
    SINGLE,
    Mode,
    Run,
    read_events,
    run_to_end,
    write_job,
)

from prometheus_trainer.checkpoints import complete_checkpoints, torn_checkpoints
from prometheus_trainer.disk_space import full_disk
from prometheus_trainer.events import Events

MIB = 2**20
# A checkpoint of the model: 2.1 million parameters with their moments, 12 bytes each, and 1.8 MB of tokenizer.
ARGUMENTS: dict[str, Any] = {
    "num_train_epochs": 1,
    "save_strategy": "steps",
    "save_steps": 2,
    "save_total_limit": 1,
    "eval_strategy": "no",
}


def test_a_folder_that_can_not_be_looked_at_hides_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / ("e" * 300), tmp_path / "file/folder", tmp_path / "nowhere"):
        assert full_disk(OSError(errno.EIO, "Input/output error"), [folder]) is None
        assert full_disk(OSError(errno.ENOSPC, "No space left on device"), [folder]) == "the disk is full"


@pytest.mark.parametrize("mode", [pytest.param(SINGLE, id="single"), pytest.param(DDP, id="ddp")])
def test_the_last_good_checkpoint_is_kept_and_named(
    mode: Mode, inputs: dict[str, Path], mount: Mount, tmp_path: Path
) -> None:
    whole = write_job(tmp_path / "whole", **inputs, arguments=ARGUMENTS)
    run_to_end(whole, mode)
    checkpoints = mount(64 * MIB) / "checkpoints"  # two, and not the model beside
    job = write_job(tmp_path / "run", **inputs, arguments=ARGUMENTS, checkpoints_dir=str(checkpoints))
    run = Run(job, mode)
    run.wait_for(lambda event: event["event"] == "checkpoint" and event["step"] == 2)
    filler = checkpoints.parent / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(b"x" * MIB)
        except OSError:
            pass
    assert run.finish()[0] == 2, run.log()
    (error,) = read_events(job.parent, "error")
    assert error["kind"] == "configuration"
    (kept,) = complete_checkpoints(checkpoints)
    assert f"the last good one is {kept.folder}" in error["message"]
    assert "disk" in error["message"]
    assert "Free space" in error["hint"]
    assert torn_checkpoints(checkpoints) == []

    # Still full: told at once, not after the steps up to the next checkpoint.
    run = Run(job, mode)
    assert run.finish() == [2] * mode.processes, run.log()
    assert not any(event["event"] == "train" for event in run.events())
    filler.unlink()
    run_to_end(job, mode)
    files = [tmp_path / name / "output/model.safetensors" for name in ("whole", "run")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_disk_that_fills_up_within_a_checkpoint(
    inputs: dict[str, Path], mount: Mount, tmp_path: Path
) -> None:
    # Room for what is reckoned beforehand, not for the tokenizer besides.
    checkpoints = mount(26 * MIB) / "checkpoints"
    job = write_job(tmp_path / "run", **inputs, arguments=ARGUMENTS, checkpoints_dir=str(checkpoints))
    run = Run(job)
    assert run.finish() == [2], run.log()
    (error,) = read_events(job.parent, "error")
    assert "is full: the checkpoint of step 2 is not saved; there is no earlier one" in error["message"]
    assert list(checkpoints.glob("checkpoint-*")) == []


def test_an_event_that_finds_no_room_ends_nothing() -> None:
    events = Events("/dev/full")
    events.emit("train", step=1, loss=2.0)
    events.emit("warning", message="after it")
    with pytest.raises(OSError, match="No space left"):
        events.emit("done", metrics={})


def test_the_one_before_is_kept_while_there_is_room_and_makes_room_for_the_next(
    inputs: dict[str, Path], mount: Mount, tmp_path: Path
) -> None:
    checkpoints = mount(100 * MIB) / "checkpoints"
    job = write_job(tmp_path / "run", **inputs, arguments=ARGUMENTS, checkpoints_dir=str(checkpoints))
    run = Run(job)
    run.wait_for(lambda event: event["event"] == "checkpoint" and event["step"] == 4)
    assert run.finish() == [0], run.log()
    roomy = [checkpoint.step for checkpoint in complete_checkpoints(checkpoints)]
    last = complete_checkpoints(checkpoints)[-1].step
    assert len(roomy) == 2
    for checkpoint in checkpoints.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    (checkpoints.parent / "filler").write_bytes(
        b"x" * 38 * MIB
    )  # two checkpoints have room, and not the model beside
    run_to_end(job)
    assert [checkpoint.step for checkpoint in complete_checkpoints(checkpoints)] == [last]


def test_a_disk_too_small_for_any_checkpoint(inputs: dict[str, Path], mount: Mount, tmp_path: Path) -> None:
    checkpoints = mount(16 * MIB) / "checkpoints"
    job = write_job(tmp_path / "run", **inputs, arguments=ARGUMENTS, checkpoints_dir=str(checkpoints))
    run = Run(job)
    assert run.finish() == [2], run.log()
    (error,) = read_events(job.parent, "error")
    assert "a checkpoint takes 24.8 MB, and the disk of" in error["message"]
    assert not any(event.get("name") == "loading the base model" for event in run.events())


def test_a_disk_too_small_for_the_model(inputs: dict[str, Path], mount: Mount, tmp_path: Path) -> None:
    output = mount(4 * MIB) / "output"
    arguments = {**ARGUMENTS, "save_strategy": "no"}
    job = write_job(tmp_path / "run", **inputs, arguments=arguments, output_dir=str(output))
    run = Run(job)
    assert run.finish() == [2], run.log()
    (error,) = read_events(job.parent, "error")
    assert "the trained model takes 10." in error["message"] and "MB free" in error["message"]
    assert not read_events(job.parent, "train")


def test_a_disk_that_fills_up_before_the_model_is_saved(
    inputs: dict[str, Path], mount: Mount, tmp_path: Path
) -> None:
    output = mount(16 * MIB) / "output"
    arguments = {**ARGUMENTS, "save_strategy": "no"}
    job = write_job(tmp_path / "run", **inputs, arguments=arguments, output_dir=str(output))
    run = Run(job)
    run.wait_for(lambda event: event["event"] == "train" and event["step"] == 1)
    (output.parent / "filler").write_bytes(b"x" * 12 * MIB)
    assert run.finish() == [2], run.log()
    (error,) = read_events(job.parent, "error")
    (kept,) = complete_checkpoints(tmp_path / "run/checkpoints")
    assert f"its weights are in the checkpoint {kept.folder}" in error["message"]
    assert "run again" in error["hint"]
    (output.parent / "filler").unlink()
    before = len(read_events(job.parent))
    run_to_end(job)
    assert not [event for event in read_events(job.parent)[before:] if event["event"] == "train"]
    weights = [folder / "model.safetensors" for folder in (kept.folder, output)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
