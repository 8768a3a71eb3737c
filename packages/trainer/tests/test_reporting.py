"""``report_to``: files that hold the curve, and clear errors for what can't be reported to."""

from __future__ import annotations

import json
import math
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from training_jobs import read_events, write_job, write_small_model, write_small_rows

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.reporting import check_reporting, place_reports

BLOCK = 32 * 1024


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WANDB_DIR", "WANDB_RUN_ID", "WANDB_RESUME", "TENSORBOARD_LOGGING_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    return write_job(
        tmp_path / "run",
        model=write_small_model(tmp_path / "model", "mistral"),
        dataset=write_small_rows(tmp_path / "rows"),
        reports=str(tmp_path / "artifacts/absolute.tensorboard"),
        arguments={
            "report_to": ["tensorboard", "wandb"],
            "save_strategy": "steps",
            "save_steps": 1,
            "max_steps": 8,
        },
    )


def test_both_hold_the_curve_of_a_run_that_was_killed_and_went_on(job: Path, tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    # As it is really started: Weights & Biases writes its last when the interpreter ends.
    command = [sys.executable, "-m", "prometheus_trainer.sft_train", "--job", str(job)]
    with (job.parent / "console.log").open("w") as console:
        run = subprocess.Popen(command, stdout=console, stderr=console)
        while not any(event["step"] == 3 for event in read_events(job.parent, "checkpoint")):
            assert run.poll() is None, (job.parent / "console.log").read_text()[-4000:]
            time.sleep(0.02)
        run.kill()
        run.wait()
        subprocess.run(command, stdout=console, stderr=console, check=True)
    losses = {event["step"]: event["loss"] for event in read_events(job.parent, "train")}
    assert sorted(losses) == list(range(1, 9))

    from_tensorboard = _tensorboard(tmp_path / "artifacts/absolute.tensorboard")
    from_wandb, run_ids = _wandb(tmp_path / "artifacts/wandb")
    assert len(run_ids) == 1  # both went to one run
    # What had not been written when it was killed is lost; what the second run did is all there.
    for step in range(4, 9):
        assert math.isclose(from_tensorboard[step], losses[step], rel_tol=1e-6)
        assert math.isclose(from_wandb[step], losses[step], rel_tol=1e-6)
    assert not list(job.parent.glob("checkpoints/runs"))


def test_what_can_not_be_reported_to_is_the_users_mistake() -> None:
    check_reporting(["tensorboard", "wandb"])
    with pytest.raises(ConfigurationError, match="tensorbord is not known") as caught:
        check_reporting(["tensorbord"])
    assert caught.value.hint == "Did you mean tensorboard?"
    with pytest.raises(
        ConfigurationError, match="comet_ml needs the package comet-ml, which is not installed"
    ):
        check_reporting(["comet_ml"])


@pytest.mark.parametrize("made", ["a file", "a file above"])
def test_a_folder_of_tensorboard_that_can_not_be_written_is_told_at_the_start(
    made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    (tmp_path / "taken").write_text("")
    folder = tmp_path / "taken" if made == "a file" else tmp_path / "taken/absolute.tensorboard"
    place_reports(["wandb"], folder, tmp_path, first=False)
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR")
    with pytest.raises(
        ConfigurationError, match=f"TensorBoard's files can't be written to {folder}"
    ) as error:
        place_reports(["tensorboard"], folder, tmp_path, first=True)
    assert "remove tensorboard from report_to" in str(error.value)


def _tensorboard(folder: Path) -> dict[int, float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: Any = EventAccumulator(str(folder))
    found.Reload()
    return {event.step: event.value for event in found.Scalars("train/loss")}


def _wandb(folder: Path) -> tuple[dict[int, float], set[str]]:
    """Losses by step, and the ids of the runs."""
    from wandb.proto import wandb_internal_pb2

    losses: dict[int, float] = {}
    ids = set()
    for file in sorted(folder.glob("offline-run-*/*.wandb")):
        ids.add(file.stem.removeprefix("run-"))
        for data in _log_records(file.read_bytes()[7:]):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            values = {
                item.key or "/".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }
            if "train/loss" in values:
                losses[int(values["train/global_step"])] = values["train/loss"]
    return losses, ids


def _log_records(data: bytes) -> Iterator[bytes]:
    """The records of a log in LevelDB's format, whose first block lacks the 7 bytes of the file's own header.

    Blocks of 32 KiB. A piece of a record: 4 bytes of checksum, 2 of length, 1 of kind (whole, first, middle, last).
    """
    at, record = 0, b""
    while at + 7 <= len(data):
        left = BLOCK - (at + 7) % BLOCK
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        piece = data[at + 7 : at + 7 + length]
        if kind == 0 or len(piece) < length:
            return  # cut off by the kill
        record = piece if kind in (1, 2) else record + piece
        if kind in (1, 4):
            yield record
        at += 7 + length
