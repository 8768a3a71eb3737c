"""When a run saves and ends by the clock: the rule with a clock of the test's own, then real runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training_jobs import DDP, Run, read_events, run_to_end, write_job, write_small_model, write_small_rows

from prometheus_trainer.checkpoints import complete_checkpoints
from prometheus_trainer.time_limits import TimeLimits


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _step(limits: TimeLimits, clock: Clock, seconds: float) -> None:
    limits.step_begins()
    clock.now += seconds
    limits.step_ends()


def _save(limits: TimeLimits, clock: Clock, seconds: float) -> None:
    clock.now += seconds
    limits.checkpoint_saved(seconds)


def test_no_limit_asks_for_nothing() -> None:
    clock = Clock()
    limits = TimeLimits(save_minutes=None, max_minutes=None, started=0.0, clock=clock)
    for _ in range(3):
        _step(limits, clock, 1e6)
        assert not limits.save_due()
        assert not limits.over()


def test_a_save_is_due_before_more_than_save_minutes_of_work_could_be_lost() -> None:
    clock = Clock()
    limits = TimeLimits(save_minutes=1.5, max_minutes=None, started=clock.now, clock=clock)
    clock.now += 500  # loading
    saved_at, unsaved_since = [], clock.now
    for step in range(1, 31):
        _step(limits, clock, 20)
        assert clock.now - unsaved_since <= 90
        if limits.save_due():
            unsaved_since = clock.now
            _save(limits, clock, 30)
            saved_at.append(step)
    assert saved_at[:3] == [4, 7, 10]  # after 80 s of steps; then after 30 s of saving and 60 s of steps


def test_a_run_ends_within_max_minutes_with_room_for_a_checkpoint_twice_as_slow() -> None:
    clock = Clock()
    limits = TimeLimits(save_minutes=None, max_minutes=10, started=clock.now, clock=clock)
    clock.now += 120  # loading
    assert not limits.save_due()
    assert not limits.over()
    _step(limits, clock, 50)
    assert limits.save_due()  # the first, so that it is known how long a checkpoint takes
    _save(limits, clock, 40)
    for _ in range(9):
        assert not limits.save_due()
        assert not limits.over()
        _step(limits, clock, 20)
    # 120 + 50 + 40 + 180 = 390 s; with the longest step, 50 s, and twice 40 s: 520 s of 600 s.
    for _ in range(4):
        assert not limits.over()
        _step(limits, clock, 20)
    # 470 s. The first step is more than ten steps ago: 470 + 20 + 80 = 570 s.
    assert not limits.over()
    _step(limits, clock, 20)
    assert not limits.over()
    _step(limits, clock, 20)
    assert limits.over()  # 510 + 20 + 80 = 610 s
    _save(limits, clock, 80)
    assert clock.now - 1000 <= 600


def test_one_step_is_taken_however_long_loading_took() -> None:
    clock = Clock()
    limits = TimeLimits(save_minutes=None, max_minutes=1, started=clock.now, clock=clock)
    clock.now += 3600
    assert not limits.over()
    _step(limits, clock, 1)
    assert limits.over()


STEPS = 5


def _job(folder: Path, inputs: Path, *, arguments: dict[str, Any] | None = None, **changes: Any) -> Path:
    inputs.mkdir(exist_ok=True)
    model, rows = inputs / "model", inputs / "rows"
    return write_job(
        folder,
        model=model if model.exists() else write_small_model(model, "mixtral"),
        dataset=rows if rows.exists() else write_small_rows(rows),
        arguments={"max_steps": STEPS, "save_strategy": "no", "eval_strategy": "no", **(arguments or {})},
        **changes,
    )


def test_a_run_in_many_parts_by_max_minutes_ends_with_the_same_weights(tmp_path: Path) -> None:
    run_to_end(_job(tmp_path / "whole", tmp_path / "inputs"))
    job = _job(tmp_path / "parts", tmp_path / "inputs", max_minutes=0.0005)
    for part in range(1, STEPS):
        run = Run(job)
        assert run.finish() == [0], run.log()
        assert [event["step"] for event in read_events(job.parent, "stopped")][-1] == part
        assert complete_checkpoints(job.parent / "checkpoints")[-1].step == part
        assert "max_minutes: 0.0005" in read_events(job.parent, "notice")[-1]["message"]
        assert not read_events(job.parent, "done")
    assert run_to_end(job)["steps"] == STEPS
    file = "output/model.safetensors"
    assert (job.parent / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_the_evaluation_behind_the_last_step_is_made_by_the_next_run(tmp_path: Path) -> None:
    job = _job(
        tmp_path / "run",
        tmp_path / "inputs",
        arguments={"eval_strategy": "epoch", "max_steps": 1},
        max_minutes=0.0005,
    )
    run = Run(job)
    assert run.finish() == [0], run.log()
    (stopped,) = read_events(job.parent, "stopped")
    assert stopped["step"] == 1
    assert not read_events(job.parent, "evaluation")
    assert "eval_loss" in run_to_end(job)


def test_two_processes_stop_together_when_the_time_of_the_first_is_over(tmp_path: Path) -> None:
    # Nothing but a stop ends this job: processes that disagreed about its step would wait for each other for ever.
    job = _job(
        tmp_path / "run",
        tmp_path / "inputs",
        arguments={"max_steps": 1_000_000, "logging_steps": 10},
        max_minutes=0.35,
        save_minutes=0.02,
    )
    run = Run(job, DDP)
    assert run.finish(120) == [0, 0], run.log()
    (stopped,) = read_events(job.parent, "stopped")
    assert stopped["step"] > 10
    checkpoints = complete_checkpoints(job.parent / "checkpoints")
    assert (checkpoints[-1].step, checkpoints[-1].processes) == (stopped["step"], 2)
    saved = [event["step"] for event in read_events(job.parent, "checkpoint")]
    assert len(saved) > 3  # save_minutes, with save_strategy "no"
    assert saved[0] == 1
    assert saved[-1] == stopped["step"]
