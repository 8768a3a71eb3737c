"""From which checkpoint a run resumes, and what becomes of the others."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from accelerate import PartialState
from training_jobs import read_events

from prometheus_trainer.checkpoint_loading import loading
from prometheus_trainer.checkpoints import complete_checkpoints, seal_checkpoint
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.resume_point import resume_point

PLAN = {"rows": 4}


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def empty(folder: Path) -> None:
    (folder / "optimizer.pt").write_bytes(b"")


def gone(folder: Path) -> None:
    (folder / "rng_state.pth").unlink()


def marker_of_zeros(folder: Path) -> None:
    marker = folder / "complete.json"
    marker.write_bytes(bytes(marker.stat().st_size))


def other_bytes(folder: Path) -> None:
    file = folder / "training.json"
    file.write_bytes(file.read_bytes().replace(b"4", b"5"))


def digest_flipped(folder: Path) -> None:
    marker = folder / "complete.json"
    content = json.loads(marker.read_text())
    digest = content["digests"]["optimizer.pt"]
    content["digests"]["optimizer.pt"] = f"{'0' if digest[0] != '0' else '1'}{digest[1:]}"
    marker.write_text(json.dumps(content))


DAMAGES = [cut, empty, gone, marker_of_zeros, other_bytes, digest_flipped]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_set_aside_and_the_one_before_it_taken(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    for step in (1, 2):
        _write(tmp_path, step)
    damage(tmp_path / "checkpoint-2")
    there = {file.name: file.read_bytes() for file in (tmp_path / "checkpoint-2").iterdir()}
    assert _resumed(tmp_path) == 1
    (warning,) = _said(tmp_path, "warning")
    assert f"the checkpoint {tmp_path}/checkpoint-2 is damaged: " in warning
    assert (
        "set aside as damaged-checkpoint-2, and training resumes from the one before it, of step 1" in warning
    )
    assert {file.name: file.read_bytes() for file in (tmp_path / "damaged-checkpoint-2").iterdir()} == there
    assert _resumed(tmp_path) == 1
    assert len(_said(tmp_path, "warning")) == 1


@pytest.mark.parametrize("damage", DAMAGES)
def test_without_a_whole_one_training_starts_over(damage: Callable[[Path], None], tmp_path: Path) -> None:
    for step in (1, 2):
        _write(tmp_path, step)
        damage(tmp_path / f"checkpoint-{step}")
    assert _resumed(tmp_path) is None
    warnings = _said(tmp_path, "warning")
    assert len(warnings) == 2 and "training starts over" in warnings[-1]
    assert sorted(folder.name for folder in tmp_path.iterdir() if folder.is_dir()) == [
        "damaged-checkpoint-1",
        "damaged-checkpoint-2",
    ]


def test_an_older_one_that_has_changed_does_not_hide_the_newest(tmp_path: Path) -> None:
    for step in (1, 2):
        _write(tmp_path, step)
    gone(tmp_path / "checkpoint-1")
    assert _resumed(tmp_path) == 2
    (warning,) = _said(tmp_path, "warning")
    assert "rng_state.pth is not there" in warning and "resumes from the newest, of step 2" in warning


def test_a_torn_one_that_can_not_be_deleted_is_no_dead_end(tmp_path: Path) -> None:
    _write(tmp_path, 1)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "checkpoint-2").symlink_to(tmp_path / "elsewhere")  # which rmtree refuses
    assert _resumed(tmp_path) == 1
    (warning,) = _said(tmp_path, "warning")
    assert f"{tmp_path}/checkpoint-2 is not a complete checkpoint and can't be deleted" in warning
    (tmp_path / "checkpoint-2").unlink()
    (tmp_path / "checkpoint-3").mkdir()
    assert _resumed(tmp_path) == 1
    assert not (tmp_path / "checkpoint-3").exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_a_fault_of_the_machine_does_not_blame_the_checkpoint(error: Exception, tmp_path: Path) -> None:
    folder = _write(tmp_path, 1)
    with pytest.raises(type(error)), loading(str(folder)):
        raise error
    assert folder.is_dir()


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory", "scaler.pt"),
        OSError("Error no file named model.safetensors found"),
        EOFError(),
        RuntimeError("PytorchStreamReader failed reading zip archive"),
        ValueError("loaded state dict contains a parameter group that doesn't match"),
    ],
)
def test_one_that_does_not_load_is_set_aside(error: Exception, tmp_path: Path) -> None:
    folder = _write(tmp_path, 1)
    with pytest.raises(ConfigurationError, match="does not load"), loading(str(folder)):
        raise error
    assert (tmp_path / "damaged-checkpoint-1").is_dir() and not folder.exists()


def _write(checkpoints_dir: Path, step: int) -> Path:
    folder = checkpoints_dir / f"checkpoint-{step}"
    folder.mkdir()
    for name in ("model.safetensors", "optimizer.pt", "rng_state.pth"):
        (folder / name).write_bytes(f"{name} of step {step}".encode())
    (folder / "training.json").write_text(json.dumps({"plan": PLAN, "parameters": {}}))
    seal_checkpoint(folder, step=step, processes=1, seconds=step)
    assert [checkpoint.step for checkpoint in complete_checkpoints(checkpoints_dir)][-1] == step
    return folder


def _resumed(checkpoints_dir: Path) -> int | None:
    config: Any = SimpleNamespace(deepspeed_plugin=None)
    state, events = PartialState(cpu=True), Events(checkpoints_dir / "events.jsonl")
    found = resume_point(checkpoints_dir, PLAN, config, state, events)
    return found and found.step


def _said(folder: Path, event: str) -> list[str]:
    return [found["message"] for found in read_events(folder, event)]
