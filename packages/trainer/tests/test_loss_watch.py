"""Spikes and losses that are not numbers: told, and where the user asked for it the end of the run."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_jobs import Run, read_events, run_to_end, write_job, write_rows, write_small_model

from prometheus_trainer.checkpoints import complete_checkpoints
from prometheus_trainer.loss_watch import is_spike


def _noisy(count: int, level: float, noise: float, seed: int = 1) -> list[float]:
    generator = random.Random(seed)
    return [level + generator.gauss(0, noise) for _ in range(count)]


def test_a_loss_is_a_spike_from_exactly_the_threshold_on() -> None:
    for seed in range(20):
        earlier = _noisy(80, level=0.5, noise=0.1, seed=seed)
        recent = np.array(earlier[-50:])
        deviation = np.median(np.abs(recent - np.median(recent)))
        threshold = max(np.median(recent) + 6 * deviation, 1.5 * np.median(recent))
        assert not is_spike(float(threshold) - 1e-9, earlier)
        assert is_spike(float(threshold) + 1e-9, earlier)


def test_twenty_losses_are_needed_to_know_what_is_usual() -> None:
    assert not is_spike(100.0, _noisy(19, 1.0, 0.01))
    assert is_spike(100.0, _noisy(20, 1.0, 0.01))
    assert not is_spike(100.0, [*_noisy(19, 1.0, 0.01), float("nan")])


def test_small_changes_of_a_loss_that_hardly_varies_are_no_spikes() -> None:
    assert not is_spike(1.4, _noisy(50, 1.0, 1e-6))


def test_one_spike_does_not_hide_the_next() -> None:
    assert is_spike(10.0, [*_noisy(40, 1.0, 0.05), 10.0, 12.0, 9.0])


def test_a_usual_training_has_no_spikes() -> None:
    generator = random.Random(5)
    losses = [0.6 + 9.8 * 0.95**step + generator.gauss(0, 0.08) for step in range(2000)]
    assert not any(is_spike(loss, losses[:step]) for step, loss in enumerate(losses))


ROWS = 100
ODD = 88  # of the rows: the 95th that the epoch brings


def _spiky_job(folder: Path, **changes: Any) -> Path:
    """A job that learns one row by heart, and then comes to another one."""
    rows = [("Grade it.", "Feedback: clear [RESULT] 5")] * ROWS
    rows[ODD] = ("What?", "nothing of this was ever said")
    return write_job(
        folder / "run",
        model=write_small_model(folder / "model", "mistral"),
        dataset=write_rows(folder / "rows", rows, 0),
        arguments={
            "per_device_train_batch_size": 1,
            "learning_rate": 3e-2,
            "eval_strategy": "no",
            "save_strategy": "steps",
            "save_steps": 10,
        },
        **changes,
    )


def test_a_spike_is_a_warning_that_names_the_step(tmp_path: Path) -> None:
    job = _spiky_job(tmp_path)
    assert run_to_end(job)["steps"] == ROWS
    losses = {event["step"]: event["loss"] for event in read_events(job.parent, "train")}
    (warning,) = read_events(job.parent, "warning")
    assert warning["step"] > 20
    assert losses[warning["step"]] == max(loss for step, loss in losses.items() if step > 20)
    assert f"the loss of step {warning['step']} is {losses[warning['step']]:.4g}" in warning["message"]


@pytest.mark.parametrize("processes", [1, 2])
def test_stop_on_spike_ends_with_an_error_and_keeps_the_checkpoint_before(
    processes: int, tmp_path: Path
) -> None:
    job = _spiky_job(tmp_path, stop_on=["spike"])
    run = Run(job, processes)
    assert run.finish() == [1] * processes, run.log()
    (error,) = read_events(job.parent, "error")
    (warning,) = read_events(job.parent, "warning")
    assert error["kind"] == "diverged"
    assert error["message"] == warning["message"]
    assert "stop_on: spike" in error["hint"]
    assert not (job.parent / "output").exists()
    kept = complete_checkpoints(job.parent / "checkpoints")[-1].step
    assert kept == (warning["step"] - 1) // 10 * 10

    # The same once more, deterministically; without stop_on it goes on from the checkpoint that was kept.
    run = Run(job, processes)
    assert run.finish() == [1] * processes, run.log()
    job.write_text(json.dumps(json.loads(job.read_text()) | {"stop_on": []}))
    before = len(read_events(job.parent))
    assert run_to_end(job, processes)["steps"] == ROWS // processes
    assert (
        next(event for event in read_events(job.parent)[before:] if event["event"] == "train")["step"]
        == kept + 1
    )


def test_stop_on_nan_ends_with_an_error_at_the_first_such_step(tmp_path: Path) -> None:
    long = ("A long question. " * 30, "answer")  # its marker is cut off: no label, and so no loss
    job = write_job(
        tmp_path / "run",
        model=write_small_model(tmp_path / "model", "mistral"),
        dataset=write_rows(tmp_path / "rows", [("Short.", "answer")] * 6 + [long] * 2, 0),
        arguments={
            "max_length": 64,
            "per_device_train_batch_size": 1,
            "save_strategy": "steps",
            "save_steps": 1,
            "eval_strategy": "no",
        },
        stop_on=["nan"],
    )
    run = Run(job)
    assert run.finish() == [1], run.log()
    (error,) = read_events(job.parent, "error")
    unlabelled, warning = read_events(job.parent, "warning")
    assert "label" in unlabelled["message"]
    assert error["kind"] == "diverged"
    assert error["message"] == warning["message"]
    assert "not a number" in error["message"]
    assert [event["step"] for event in read_events(job.parent, "checkpoint")] == list(
        range(1, warning["step"])
    )
