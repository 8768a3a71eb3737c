"""What the trainer logs, as events."""

from __future__ import annotations

import time
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from prometheus_trainer.events import Events
from prometheus_trainer.model_flops import flops_per_token, peak_flops

# transformers' own timing counts evaluation and saving, and TRL's token count restarts when a run is resumed.
OWN_COUNTS = {"num_tokens", "total_flos", "num_input_tokens_seen"}
SECONDS_BETWEEN_PROGRESS = 1.0


class TrainingEvents(TrainerCallback):
    """Emits ``progress``, ``train`` and ``evaluation``.

    ``train`` carries, beside what the trainer logs:

    =====================  =====================================================================================
    ``tokens``             seen so far by all processes, padding not counted
    ``tokens_per_second``  over the steps since the last one, without the time of evaluating and saving
    ``mfu``                the share of the GPUs' bfloat16 peak that these tokens take, 0 to 1; absent where the peak
                           is not known (see :mod:`~prometheus_trainer.model_flops`)
    ``memory_bytes``       most that the first process had of its GPU so far; absent without CUDA
    ``seconds_left``       as the steps of this run took on the mean, evaluating and saving included
    =====================  =====================================================================================
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._step_began = 0.0
        self._stepping = 0.0
        self._tokens_logged = 0
        self._progressed = 0.0
        self._flops_per_token = 0.0
        self._training_began = 0.0
        self._first_step = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **objects: Any
    ) -> None:
        self._training_began, self._first_step = time.monotonic(), state.global_step
        self._flops_per_token = flops_per_token(objects["model"])
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
            values |= self._speed(args, tokens) | self._seconds_left(state)
            self._stepping, self._tokens_logged = 0.0, tokens
            self._events.emit("train", step=state.global_step, tokens=tokens, **values)
        elif "eval_loss" in logs:
            values = {
                key.removeprefix("eval_"): value
                for key, value in logs.items()
                if not key.startswith("train_")
            }
            self._events.emit("evaluation", step=state.global_step, **values)

    def _speed(self, args: TrainingArguments, tokens: int) -> dict[str, float]:
        if self._stepping == 0:
            return {}
        rate = (tokens - self._tokens_logged) / self._stepping
        speed = {"tokens_per_second": round(rate, 1)}
        if args.device.type == "cuda":
            speed["memory_bytes"] = torch.cuda.max_memory_allocated(args.device)
            peak = peak_flops(torch.cuda.get_device_name(args.device))
            if peak is not None:
                speed["mfu"] = round(rate * self._flops_per_token / (peak * args.world_size), 4)
        return speed

    def _seconds_left(self, state: TrainerState) -> dict[str, float]:
        steps = state.global_step - self._first_step
        if steps == 0:
            return {}
        seconds = (time.monotonic() - self._training_began) / steps
        return {"seconds_left": round(seconds * (state.max_steps - state.global_step), 1)}

    def _progress(self, state: TrainerState) -> None:
        self._progressed = time.monotonic()
        self._events.emit("progress", done=state.global_step, total=state.max_steps, unit="steps")
