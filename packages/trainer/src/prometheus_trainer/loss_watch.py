"""Watches the logged losses for spikes, and gives a training up where the user asked for that."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from statistics import median
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from prometheus_trainer.events import Events

NAN, SPIKE = "nan", "spike"
WINDOW = 50  # logged losses that a new one is compared with
LEAST_LOSSES = 20  # with fewer nobody can say what is usual
DEVIATIONS = 6
LEAST_FACTOR = 1.5


class TrainingDiverged(Exception):
    """A loss that ``stop_on`` names; raised in every process at the same step, before anything of it is saved."""

    def __init__(self, problem: str, kind: str) -> None:
        super().__init__(problem)
        self.hint = (
            f"The training file says stop_on: {kind}. The last checkpoint is kept: look at the rows, the learning rate "
            f"and the gradient norm before this step. Without {kind} in stop_on, running again goes on through it."
        )


class LossWatch(TrainerCallback):
    """Warns of spikes of the training loss; with "spike" in ``stop_on`` it raises TrainingDiverged."""

    def __init__(self, events: Events, stop_on: Collection[str]) -> None:
        self._events = events
        self._stop_on = stop_on

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        # The loss is the mean over all processes, the history comes with the checkpoint: all processes agree, and a
        # run that was resumed sees what an undisturbed one would.
        losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
        if "loss" not in (logs or {}) or not is_spike(losses[-1], losses[:-1]):
            return
        usual = median(_finite(losses[:-1])[-WINDOW:])
        problem = (
            f"the loss of step {state.global_step} is {losses[-1]:.4g}, a spike: the median was {usual:.4g}"
        )
        self._events.emit("warning", message=problem, step=state.global_step)
        if SPIKE in self._stop_on:
            raise TrainingDiverged(problem, SPIKE)


def is_spike(loss: float, earlier: Sequence[float]) -> bool:
    """Whether ``loss`` stands out from the last 50 of the ``earlier`` ones, of which it takes at least 20.

    It does when it is more than six median absolute deviations above their median, and more than 1.5 times the
    median. Medians, since one spike must not hide the next. For normal noise six such deviations are four standard
    deviations, which chance exceeds once in 30,000 losses. The factor is for losses that hardly vary, where six
    deviations are nothing to speak of. A loss that falls, as at the start, is below the median and never stands out.
    """
    recent = _finite(earlier)[-WINDOW:]
    if len(recent) < LEAST_LOSSES or not math.isfinite(loss):
        return False
    usual = median(recent)
    deviation = median(abs(value - usual) for value in recent)
    return loss > max(usual + DEVIATIONS * deviation, LEAST_FACTOR * usual)


def _finite(losses: Sequence[float]) -> list[float]:
    return [loss for loss in losses if math.isfinite(loss)]
