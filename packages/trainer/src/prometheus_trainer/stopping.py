"""Stopping: finish the step, save, end; every process at the same step."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from prometheus_trainer.events import Events
from prometheus_trainer.process_group import anywhere
from prometheus_trainer.stop_request import StopRequest


class EvaluationStopped(Exception):
    """Asked to stop while evaluating; raised in every process at the same batch."""


class StopCallback(TrainerCallback):
    """Brings the stop request of any process to all of them, and reports losses that are not numbers.

    ``stopped`` tells afterwards whether training was broken off. The trainer sets ``loss_is_finite`` to False when
    a micro-batch of this process had a loss that is NaN or infinite.
    """

    def __init__(self, request: StopRequest, events: Events) -> None:
        self.stopped = False
        self.loss_is_finite = True
        self._request = request
        self._events = events

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        stop, not_finite = anywhere(args.device, self._request.requested, not self.loss_is_finite)
        self.loss_is_finite = True
        if not_finite:
            self._events.emit(
                "warning",
                message=f"the loss of step {state.global_step} is not a number: either a micro-batch has no row with "
                "a label (all its answers were cut off), or training has diverged",
                step=state.global_step,
            )
        if stop and state.global_step < state.max_steps:
            self._stop(control)

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if anywhere(args.device, self._request.requested)[0]:
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
