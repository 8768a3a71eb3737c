"""TRL's SFTTrainer with the original's loss, sealed checkpoints, and an end at any step that can be resumed exactly."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from prometheus_trainer.checkpoints import (
    CompleteCheckpoint,
    delete_old_checkpoints,
    last_complete_checkpoint,
    seal_checkpoint,
)
from prometheus_trainer.disk_space import FREE_SPACE, folder_bytes, full_disk
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.parity_tokens import IGNORED
from prometheus_trainer.process_group import anywhere
from prometheus_trainer.stopping import EvaluationStopped, StopCallback
from prometheus_trainer.training_plan import write_plan


class ResumableTrainer(SFTTrainer):
    """SFTTrainer for the profile ``parity``.

    Loss: the mean over a micro-batch's labels, then over the micro-batches of a step and over devices, as
    transformers did before it counted the labels of a whole step.

    Checkpoints: sealed (see :mod:`~prometheus_trainer.checkpoints`) before older ones are deleted, saved before an
    evaluation of the same step, and written once per step. Evaluation leaves the random numbers of training alone, so
    that a run that resumes behind it goes on as one that evaluated.

    A checkpoint that finds no room on the disk is deleted again, and ConfigurationError names the last good one.

    ``resumed`` is the checkpoint that :meth:`train` will be resumed from; ``plan`` is kept in every checkpoint.
    ``earlier_processes`` tells how many there were before, where there are others now.
    """

    args: SFTConfig

    def __init__(
        self,
        *,
        events: Events,
        stop: StopCallback,
        keep_checkpoints: int | None,
        resumed: CompleteCheckpoint | None,
        plan: dict[str, Any],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        # Makes transformers pass no count of labels to the model: the loss is then the mean of each micro-batch.
        self.model_accepts_loss_kwargs = False
        self.add_callback(stop)
        self._events = events
        self._stop = stop
        self._keep_checkpoints = keep_checkpoints
        self._plan = plan
        self.earlier_processes: list[int] = []
        if resumed:
            same = resumed.processes == self.accelerator.num_processes
            self.earlier_processes = [*resumed.earlier_processes, *([] if same else [resumed.processes])]
        self._sealed_step = resumed.step if resumed else None
        self._seconds_before = resumed.seconds if resumed else 0.0
        self._started = time.monotonic()

    def seconds(self) -> float:
        """Time that training has taken, earlier runs up to the checkpoint they left included."""
        return self._seconds_before + time.monotonic() - self._started

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            self._stop.loss_is_finite = False
        return loss

    def compute_loss(
        self, model: nn.Module, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        if self.args.loss_type != "nll":
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        # Past TRL's own, which adds the entropy at every position, prompt and padding included.
        inputs.pop("_prediction_loss_only", None)
        inputs["use_cache"] = False
        return super(SFTTrainer, self).compute_loss(
            model, without_leading_logits(inputs), return_outputs, num_items_in_batch
        )

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        devices = [self.args.device] if self.args.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            return super().evaluate(*args, **kwargs)

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        # Resumed at the last step of a run that max_steps ends within an epoch, transformers would take one more.
        if self.state.global_step >= self.state.max_steps:
            self.control.should_training_stop = True
            return
        super()._run_epoch(*args, **kwargs)

    def _evaluate(
        self, trial: Any, ignore_keys_for_eval: Any, skip_scheduler: bool = False
    ) -> dict[str, float]:
        # An evaluation takes minutes: save first, unless what it finds decides what is saved.
        if self.control.should_save and self.args.metric_for_best_model is None:
            self._save_checkpoint(self.model_wrapped, trial)  # type: ignore[arg-type]
            self.control = self.callback_handler.on_save(self.args, self.state, self.control)
        try:
            return super()._evaluate(trial, ignore_keys_for_eval, skip_scheduler)
        except EvaluationStopped:
            self._stop.evaluation_stopped(self.control)
            return {}

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        step = self.state.global_step
        if step == self._sealed_step:
            return
        began = time.monotonic()
        checkpoints_dir = Path(self._get_output_dir(trial))
        folder = checkpoints_dir / f"checkpoint-{step}"
        self._require_room(checkpoints_dir, step)
        try:
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()
            if self.is_world_process_zero():
                write_plan(folder, self._plan, self.accelerator.unwrap_model(self.model))
                seal_checkpoint(
                    folder,
                    step=step,
                    processes=self.accelerator.num_processes,
                    earlier_processes=self.earlier_processes,
                    seconds=round(self.seconds(), 3),
                )
        except Exception as error:
            problem = full_disk(error, [checkpoints_dir])
            if problem is None:
                raise
            shutil.rmtree(folder, ignore_errors=True)
            raise self._no_room(problem, checkpoints_dir, step) from error
        if self.is_world_process_zero():
            self._events.emit("checkpoint", step=step)
            best = self.state.best_model_checkpoint
            delete_old_checkpoints(checkpoints_dir, self._keep_checkpoints, [Path(best)] if best else [])
        self.accelerator.wait_for_everyone()
        self._sealed_step = step
        self._stop.limits.checkpoint_saved(time.monotonic() - began)

    def _require_room(self, checkpoints_dir: Path, step: int) -> None:
        """Raises in every process where there is less room than the last checkpoint took, which stays till then."""
        last = last_complete_checkpoint(checkpoints_dir)
        lacking = last is not None and shutil.disk_usage(checkpoints_dir).free < folder_bytes(last.folder)
        (lacking,) = anywhere(self.args.device, lacking)
        if lacking:
            problem = f"the disk of {checkpoints_dir} has no room for another checkpoint"
            raise self._no_room(problem, checkpoints_dir, step)

    def _no_room(self, problem: str, checkpoints_dir: Path, step: int) -> ConfigurationError:
        last = last_complete_checkpoint(checkpoints_dir)
        kept = f"the last good one is {last.folder}" if last else "there is no earlier one"
        return ConfigurationError(
            f"{problem}: the checkpoint of step {step} is not saved; {kept}", FREE_SPACE
        )


def without_leading_logits(inputs: dict[str, Any]) -> dict[str, Any]:
    """``inputs`` of a causal language model such that it computes no logits before the first that has a label.

    Most of a judge's sequence is prompt: leaving its logits out changes no bit of what is averaged, and spares most
    of the output layer's time and memory. Without any label all are kept.
    """
    labels = inputs["labels"]  # (rows, positions); the logits at a position predict the label of the next one
    labelled = labels.ne(IGNORED).any(dim=0).nonzero()
    start = max(int(labelled[0]) - 1, 0) if len(labelled) else 0
    return {**inputs, "labels": labels[:, start:], "logits_to_keep": labels.shape[1] - start}
