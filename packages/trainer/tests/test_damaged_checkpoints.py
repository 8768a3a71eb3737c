"""A checkpoint whose bytes have changed, or which does not load: named, set aside, and the one before it taken."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from training_jobs import (
    DDP,
    SINGLE,
    Mode,
    Run,
    read_events,
    run_to_end,
    write_job,
)

from prometheus_trainer.checkpoints import checkpoint_damage, complete_checkpoints, seal_checkpoint

STEPS = 6
ARGUMENTS: dict[str, Any] = {
    "max_steps": STEPS,
    "eval_strategy": "no",
    "save_strategy": "steps",
    "save_steps": 1,
    "save_total_limit": 1,
}


def zeros(file: Path) -> None:
    """Blocks of zeros, as a machine leaves that lost power."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    file.write_bytes(content)


def one_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


DAMAGES: list[tuple[str, Callable[[Path], None]]] = [
    ("optimizer.pt", zeros),
    ("model.safetensors", one_bit),
    ("trainer_state.json", zeros),
    ("rng_state.pth", one_bit),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
@pytest.mark.parametrize("has_digests", [True, False])
def test_the_damaged_file_is_named(
    name: str, damage: Callable[[Path], None], has_digests: bool, tmp_path: Path
) -> None:
    folder = _write(tmp_path)
    if not has_digests:  # as an earlier version sealed it
        marker = json.loads((folder / "complete.json").read_text())
        del marker["digests"]
        (folder / "complete.json").write_text(json.dumps(marker))
    assert checkpoint_damage(folder) is None
    damage(folder / name)
    assert len(complete_checkpoints(tmp_path)) == 1  # by the sizes alone
    found = checkpoint_damage(folder)
    if not has_digests and damage is one_bit:
        return  # formats do not tell every bit
    assert found is not None and found.startswith(name)


@pytest.mark.parametrize("mode", [pytest.param(SINGLE, id="single"), pytest.param(DDP, id="ddp")])
def test_a_run_resumes_from_the_checkpoint_before(
    mode: Mode, inputs: dict[str, Path], tmp_path: Path
) -> None:
    whole = write_job(tmp_path / "whole", **inputs, arguments=ARGUMENTS)
    run_to_end(whole, mode)
    job, checkpoints = _stopped(tmp_path, inputs, mode)
    before, newest = complete_checkpoints(checkpoints)  # two, though save_total_limit is 1
    zeros(newest.folder / "optimizer.pt")
    earlier = len(read_events(job.parent))
    run_to_end(job, mode)
    events = read_events(job.parent)[earlier:]
    (warning,) = (event["message"] for event in events if event["event"] == "warning")
    assert f"{newest.folder} is damaged: optimizer.pt does not hold the bytes that were saved" in warning
    assert f"the one before it, of step {before.step}" in warning
    assert next(event["step"] for event in events if event["event"] == "train") == before.step + 1
    assert (checkpoints / f"damaged-{newest.folder.name}").is_dir()
    files = [tmp_path / name / "output/model.safetensors" for name in ("whole", "run")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_run_starts_over_where_no_checkpoint_is_whole(inputs: dict[str, Path], tmp_path: Path) -> None:
    job, checkpoints = _stopped(tmp_path, inputs, SINGLE)
    for checkpoint in complete_checkpoints(checkpoints):
        one_bit(checkpoint.folder / "model.safetensors")
    earlier = len(read_events(job.parent))
    run_to_end(job)
    events = read_events(job.parent)[earlier:]
    warnings = [event["message"] for event in events if event["event"] == "warning"]
    assert len(warnings) == 2 and warnings[1].count("training starts over") == 1
    assert next(event["step"] for event in events if event["event"] == "train") == 1


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "rng_state.pth"])
def test_one_that_does_not_load_with_the_right_bytes_is_no_dead_end(
    name: str, inputs: dict[str, Path], tmp_path: Path
) -> None:
    job, checkpoints = _stopped(tmp_path, inputs, SINGLE)
    before, newest = complete_checkpoints(checkpoints)
    marker = json.loads((newest.folder / "complete.json").read_text())
    (newest.folder / name).write_bytes(b"of another version")
    options = {key: marker[key] for key in ("step", "processes", "seconds")}
    seal_checkpoint(newest.folder, **options)
    run = Run(job)
    assert run.finish() == [2], run.log()
    (error,) = (event for event in run.events() if event["event"] == "error")
    assert error["kind"] == "configuration"
    assert f"{newest.folder} does not load" in error["message"]
    assert f"training resumes from {before.folder}" in error["hint"]
    earlier = len(read_events(job.parent))
    run_to_end(job)
    events = read_events(job.parent)[earlier:]
    assert next(event["step"] for event in events if event["event"] == "train") == before.step + 1


def test_an_old_one_that_can_not_be_deleted_is_a_warning(inputs: dict[str, Path], tmp_path: Path) -> None:
    job, checkpoints = _stopped(tmp_path, inputs, SINGLE)
    oldest = complete_checkpoints(checkpoints)[0].folder
    oldest.rename(tmp_path / "elsewhere")
    oldest.symlink_to(tmp_path / "elsewhere")  # which rmtree refuses
    run_to_end(job)
    (warning,) = (event["message"] for event in read_events(job.parent, "warning"))
    assert warning.startswith("an old checkpoint can't be deleted (OSError")


def _stopped(tmp_path: Path, inputs: dict[str, Path], mode: Mode) -> tuple[Path, Path]:
    job = write_job(tmp_path / "run", **inputs, arguments=ARGUMENTS)
    run = Run(job, mode)
    run.wait_for(lambda event: event["event"] == "checkpoint" and event["step"] == 2)
    run.send(signal.SIGTERM)
    assert set(run.finish()) == {0}, run.log()
    assert read_events(job.parent, "stopped")
    return job, tmp_path / "run/checkpoints"


def _write(checkpoints_dir: Path) -> Path:
    folder = checkpoints_dir / "checkpoint-5"
    folder.mkdir()
    save_file({"w": torch.rand(1000)}, folder / "model.safetensors")
    torch.save({"state": torch.rand(1000)}, folder / "optimizer.pt")
    torch.save({"cpu": torch.rand(1000)}, folder / "rng_state.pth")
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": ["x" * 1000]}))
    seal_checkpoint(folder, step=5, processes=1, seconds=1)
    return folder
