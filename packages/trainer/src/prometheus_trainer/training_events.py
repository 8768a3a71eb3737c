"""What the trainer logs, as events."""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from prometheus_trainer.events import Events

# transformers' own timing counts evaluation and saving, and TRL's token count restarts when a run is resumed.
OWN_COUNTS = {"num_tokens", "total_flos", "num_input_tokens_seen"}
SECONDS_BETWEEN_PROGRESS = 1.0


class TrainingEvents(TrainerCallback):
    """Emits ``progress``, ``train`` and ``evaluation``.

    ``train`` carries ``tokens`` (seen so far, padding not counted) and ``tokens_per_second`` (over the steps since
    the last one, without the time of evaluating and saving).
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._step_began = 0.0
        self._stepping = 0.0
        self._tokens_logged = 0
        self._progressed = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._tokens_logged = int(state.num_input_tokens_seen)
        self._progress(state)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._step_began = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        now = time.monotonic()
        self._stepping += now - self._step_began
        if now - self._progressed >= SECONDS_BETWEEN_PROGRESS or state.global_step == state.max_steps:
            self._progress(state)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        logs = {key: value for key, value in (logs or {}).items() if key not in OWN_COUNTS}
        if "loss" in logs:
            values = {key: value for key, value in logs.items() if not key.startswith("train_")}
            tokens = int(state.num_input_tokens_seen)
            if self._stepping > 0:
                values["tokens_per_second"] = round((tokens - self._tokens_logged) / self._stepping, 1)
            self._stepping, self._tokens_logged = 0.0, tokens
            self._events.emit("train", step=state.global_step, tokens=tokens, **values)
        elif "eval_loss" in logs:
            values = {
                key.removeprefix("eval_"): value
                for key, value in logs.items()
                if not key.startswith("train_")
            }
            self._events.emit("evaluation", step=state.global_step, **values)

    def _progress(self, state: TrainerState) -> None:
        self._progressed = time.monotonic()
        self._events.emit("progress", done=state.global_step, total=state.max_steps, unit="steps")
