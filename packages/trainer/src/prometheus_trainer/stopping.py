"""Stopping: finish the step, save, end; every process at the same step."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from prometheus_trainer.events import Events
from prometheus_trainer.loss_watch import NAN, TrainingDiverged
from prometheus_trainer.process_group import anywhere
from prometheus_trainer.stop_request import StopRequest
from prometheus_trainer.time_limits import TimeLimits


class EvaluationStopped(Exception):
    """Asked to stop while evaluating, or the time is over; raised in every process at the same batch."""


class StopCallback(TrainerCallback):
    """Brings the stop request of any process, and the time limits of the first, to all of them; reports losses that
    are not numbers.

    ``stopped`` tells afterwards whether training was broken off. The trainer sets ``loss_is_finite`` to False when
    a micro-batch of this process had a loss that is NaN or infinite, and tells ``limits`` of its checkpoints. With
    "nan" in ``stop_on`` such a loss raises TrainingDiverged.
    """

    def __init__(
        self, request: StopRequest, limits: TimeLimits, stop_on: Collection[str], events: Events
    ) -> None:
        self.stopped = False
        self.loss_is_finite = True
        self.limits = limits
        self._request = request
        self._stop_on = stop_on
        self._events = events

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.limits.step_begins()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.limits.step_ends()
        first = state.is_world_process_zero
        asked, over, save_due, not_finite = anywhere(
            args.device,
            self._request.requested,
            first and self.limits.over(),
            first and self.limits.save_due(),
            not self.loss_is_finite,
        )
        self.loss_is_finite = True
        if not_finite:
            problem = (
                f"the loss of step {state.global_step} is not a number: either a micro-batch has no row with a label "
                "(all its answers were cut off), or training has diverged"
            )
            self._events.emit("warning", message=problem, step=state.global_step)
            if NAN in self._stop_on:
                raise TrainingDiverged(problem, NAN)
        if save_due:
            control.should_save = True
        if (asked or over) and state.global_step < state.max_steps:
            if over and not asked:
                self._tell_time_is_over(state)
            self._stop(control)

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        over = state.is_world_process_zero and self.limits.over()
        asked, over = anywhere(args.device, self._request.requested, over)
        if over and not asked:
            self._tell_time_is_over(state)
        if asked or over:
            raise EvaluationStopped

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if self.stopped:  # it has just been saved, and there is no time to evaluate
            control.should_save = control.should_evaluate = False

    def evaluation_stopped(self, control: TrainerControl) -> None:
        """Has the trainer save and end after an evaluation that was broken off."""
        self._stop(control)

    def _stop(self, control: TrainerControl) -> None:
        self.stopped = True
        control.should_evaluate = False
        control.should_save = control.should_training_stop = True

    def _tell_time_is_over(self, state: TrainerState) -> None:
        self._events.emit(
            "notice",
            message=f"the time of this run is over (max_minutes: {self.limits.max_minutes:g}): it stops at step "
            f"{state.global_step} of {state.max_steps}, and running again resumes from there",
        )
