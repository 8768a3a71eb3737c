"""All that a training has logged so far, over all its runs, as a file."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from prometheus_trainer.events import Events

SECONDS_BETWEEN_WRITES = 10.0


class TrainingLog(TrainerCallback):
    """Keeps ``path`` up to date, in the first process; None keeps nothing.

    The file is JSON: ``train``, a list of ``step``, ``loss``, ``learning_rate``, ``grad_norm`` and ``tokens``, and
    ``evaluation``, a list of ``step`` and ``loss``. A number that is not finite is null. No times: but for the steps
    around an interruption, whose losses are a mean over fewer steps, a run that was resumed writes what an undisturbed
    one does.
    """

    def __init__(self, path: Path | None, events: Events) -> None:
        self._path = path
        self._events = events
        self._has_failed = False
        self._written = -math.inf

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.write(state)  # what lies there may be another training's

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES:
            self.write(state)

    def write(self, state: TrainerState) -> None:
        if self._path is None or not state.is_world_process_zero:
            return
        self._written = time.monotonic()
        partial = self._path.with_name(f"{self._path.name}.partial")
        try:
            partial.write_text(f"{json.dumps(logged(state))}\n", encoding="utf-8")
            partial.replace(self._path)
        except Exception as error:  # no reason to lose a training
            if not self._has_failed:
                self._events.emit(
                    "warning", message=f"the training log can't be written: {error}. Training goes on."
                )
            self._has_failed = True


def logged(state: TrainerState) -> dict[str, list[dict[str, Any]]]:
    """The content of the file."""
    train = [
        {
            "step": entry["step"],
            "loss": _finite(entry["loss"]),
            "learning_rate": _finite(entry.get("learning_rate")),
            "grad_norm": _finite(entry.get("grad_norm")),
            "tokens": int(entry["num_input_tokens_seen"]),
        }
        for entry in state.log_history
        if "loss" in entry
    ]
    evaluation = [
        {"step": entry["step"], "loss": _finite(entry["eval_loss"])}
        for entry in state.log_history
        if "eval_loss" in entry
    ]
    return {"train": train, "evaluation": evaluation}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
