"""TRL's SFTTrainer with the original's loss, sealed checkpoints, and an end at any step that can be resumed exactly."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
from peft import PeftModel
from torch import nn
from transformers import PreTrainedModel
from transformers.trainer_utils import SaveStrategy
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from prometheus_trainer.checkpoint_loading import loading
from prometheus_trainer.checkpoints import (
    CompleteCheckpoint,
    checkpoint_damage,
    complete_checkpoints,
    delete_old_checkpoints,
    last_complete_checkpoint,
    seal_checkpoint,
    set_aside,
)
from prometheus_trainer.disk_space import FREE_SPACE, folder_bytes, full_disk
from prometheus_trainer.errors import ConfigurationError, described
from prometheus_trainer.events import Events
from prometheus_trainer.parity_tokens import IGNORED
from prometheus_trainer.process_group import anywhere
from prometheus_trainer.saving_steps import Step, Unwritten, attempt
from prometheus_trainer.stopping import EvaluationStopped, StopCallback
from prometheus_trainer.training_plan import write_plan
from prometheus_trainer.weights_first import save_weights_first


class ResumableTrainer(SFTTrainer):
    """SFTTrainer for the profile ``parity``.

    Loss: the mean over a micro-batch's labels, then over the micro-batches of a step and over devices, as
    transformers did before it counted the labels of a whole step.

    Checkpoints: sealed (see :mod:`~prometheus_trainer.checkpoints`) before older ones are deleted, saved before an
    evaluation of the same step, and written once per step. Evaluation leaves the random numbers of training alone, so
    that a run that resumes behind it goes on as one that evaluated.

    A checkpoint is written weights first. Files that it can resume without may fail: a warning says so. A checkpoint
    that fails otherwise is tried again; then training goes on with a warning, unless it was about to stop. One that
    finds no room on the disk is deleted again, and ConfigurationError names the last good one.

    With ``save_strategy: "no"`` the weights of the last step are kept in a checkpoint all the same, without the
    optimizer's state: whatever fails between the last step and the end of the run, they are there.

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
        self.plan = plan
        self.weights_fault: Exception | None = None
        self.unwritten: list[Unwritten] = []
        self.gave_up_evaluating = False
        self._warned: set[str] = set()
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

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        if self._is_last_step() and self.args.save_strategy == SaveStrategy.NO:
            self.control.should_save = (
                not self.is_deepspeed_enabled
            )  # whose checkpoints are never of the weights alone
        super()._maybe_log_save_evaluate(*args, **kwargs)

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
        except Exception as error:
            if not self._is_last_step() or self.args.metric_for_best_model is not None:
                raise
            self.evaluation_failed(error)
            return {}

    def evaluation_failed(self, error: Exception) -> None:
        """Gives up the evaluation behind the last step with a warning; raises where other processes wait in it."""
        if self.accelerator.num_processes > 1:
            raise error
        self.gave_up_evaluating = True
        self._events.emit(
            "warning",
            message=f"the evaluation behind the last step failed ({described(error)}): the trained weights are saved "
            "without it. A smaller per_device_eval_batch_size takes less memory.",
        )

    def _is_last_step(self) -> bool:
        return self.state.global_step >= self.state.max_steps

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """TRL writes a model card into the folder of all checkpoints: nobody reads it there, and it can fail."""

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Raises nothing, so that this process stays beside the others: see ``weights_fault`` and ``unwritten``."""
        folder = Path(output_dir or str(self.args.output_dir))
        model: Any = self.model
        tokenizer: Any = self.processing_class
        if not isinstance(model, PeftModel | PreTrainedModel):
            model = self.accelerator.unwrap_model(model, keep_torch_compile=False)
        self.weights_fault, self.unwritten = None, []
        try:
            self.unwritten = save_weights_first(model, folder, state_dict)
        except Exception as error:
            self.weights_fault = error
            return
        self.unwritten += attempt(
            [
                Step("the tokenizer", partial(tokenizer.save_pretrained, str(folder))),
                Step("training_args.bin", partial(torch.save, self.args, folder / "training_args.bin")),
            ]
        )

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        step = self.state.global_step
        if step == self._sealed_step:
            return
        began = time.monotonic()
        checkpoints_dir = Path(self._get_output_dir(trial))
        folder = checkpoints_dir / f"checkpoint-{step}"
        weights_alone = self.args.save_strategy == SaveStrategy.NO and self._is_last_step()
        if not weights_alone:
            self._require_room(checkpoints_dir, step)
        self.args.save_only_model, as_asked = (
            weights_alone or self.args.save_only_model,
            self.args.save_only_model,
        )
        try:
            fault = self._write_checkpoint(folder, model, trial)
            if (
                fault
                and not self.is_deepspeed_enabled
                and (self._delete_surplus(checkpoints_dir) or not fault.full)
            ):
                fault = self._write_checkpoint(folder, model, trial)
        finally:
            self.args.save_only_model = as_asked
        self._stop.limits.checkpoint_saved(time.monotonic() - began)
        if fault:
            self._checkpoint_failed(fault, folder, weights_alone)
            return
        if self.is_world_process_zero():
            self._events.emit("checkpoint", step=step)
            self._warn_of_unwritten()
            self._delete_old(checkpoints_dir)
        self.accelerator.wait_for_everyone()
        self._sealed_step = step

    def _write_checkpoint(self, folder: Path, model: nn.Module, trial: Any) -> Fault | None:
        """Writes and seals a checkpoint; what went wrong in any process is returned in all. A collective call."""
        error: Exception | None = None
        try:
            super()._save_checkpoint(model, trial)
            error = self.weights_fault if self.is_world_process_zero() else None
        except Exception as found:
            if (
                self.is_deepspeed_enabled
            ):  # within its collective calls: the others wait there, and end with this process
                self._raise_at_once(found, folder)
            error = found
        (failed,) = anywhere(self.args.device, error is not None)
        if not failed and self.is_world_process_zero():
            try:
                write_plan(folder, self.plan, self.accelerator.unwrap_model(self.model))
                seal_checkpoint(
                    folder,
                    step=self.state.global_step,
                    processes=self.accelerator.num_processes,
                    earlier_processes=self.earlier_processes,
                    seconds=round(self.seconds(), 3),
                )
            except Exception as found:
                error = found
        full = full_disk(error, [folder.parent]) if error else None
        failed, is_full = anywhere(self.args.device, error is not None, full is not None)
        if not failed:
            return None
        return Fault(
            full or (described(error) if error else "another process could not save its part"), is_full, error
        )

    def _raise_at_once(self, error: Exception, folder: Path) -> NoReturn:
        problem = full_disk(error, [folder.parent])
        if problem is None:
            raise error
        shutil.rmtree(folder, ignore_errors=True)
        raise self._no_room(problem, folder.parent, self.state.global_step) from error

    def _checkpoint_failed(self, fault: Fault, folder: Path, weights_alone: bool) -> None:
        """Warns if training can go on with the model in memory; raises otherwise, in all processes."""
        step, ends = self.state.global_step, self._stop.stopped or self.is_deepspeed_enabled
        aside = ""
        if self.is_world_process_zero() and folder.exists():
            if ends and not fault.full and self.weights_fault is None:
                aside = f"; its weights are in {set_aside(folder, 'incomplete')}"
            else:
                shutil.rmtree(folder, ignore_errors=True)
        if fault.full and not weights_alone:
            raise self._no_room(fault.problem, folder.parent, step) from fault.error
        kept = self._last_good(folder.parent)
        problem = f"the checkpoint of step {step} is not saved ({fault.problem}); {kept}{aside}"
        if ends:
            raise RuntimeError(problem) from fault.error
        if weights_alone:
            problem = f"the weights are not kept a second time until the run has ended ({fault.problem})"
        self._warn(f"{problem}. The run goes on.")

    def _warn_of_unwritten(self) -> None:
        if self.unwritten:
            unwritten = ", ".join(map(str, self.unwritten))
            self._warn(f"checkpoints lack what training can resume without: {unwritten}. The run goes on.")

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self._events.emit("warning", message=message)

    def _delete_old(self, checkpoints_dir: Path) -> None:
        """Keeps as many as asked; one more than the newest while the next one and the model have room beside both."""
        keep, last = self._keep_checkpoints, last_complete_checkpoint(checkpoints_dir)
        if keep == 1 and last is not None:
            weights = sum(file.stat().st_size for file in last.folder.glob("*.safetensors"))
            if shutil.disk_usage(checkpoints_dir).free >= folder_bytes(last.folder) + weights:
                keep = 2
        try:
            delete_old_checkpoints(checkpoints_dir, keep, self._best())
        except OSError as error:  # as NFS raises for a file that another process still has open
            self._warn(f"an old checkpoint can't be deleted ({described(error)}). The run goes on.")

    def _delete_surplus(self, checkpoints_dir: Path) -> bool:
        """Deletes what is kept beyond what was asked for, and tells whether there was any. A collective call."""
        before = len(complete_checkpoints(checkpoints_dir))
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            delete_old_checkpoints(checkpoints_dir, self._keep_checkpoints, self._best())
        self.accelerator.wait_for_everyone()
        (deleted,) = anywhere(self.args.device, len(complete_checkpoints(checkpoints_dir)) < before)
        return deleted

    def _best(self) -> list[Path]:
        best = self.state.best_model_checkpoint
        return [Path(best)] if best else []

    def _require_room(self, checkpoints_dir: Path, step: int) -> None:
        """Raises in every process where there is less room than the last checkpoint took, which stays till then."""
        for may_delete in (True, False):
            last = last_complete_checkpoint(checkpoints_dir)
            lacking = last is not None and shutil.disk_usage(checkpoints_dir).free < folder_bytes(last.folder)
            (lacking,) = anywhere(self.args.device, lacking)
            if not lacking:
                return
            if may_delete and not self._delete_surplus(checkpoints_dir):
                break
        problem = f"the disk of {checkpoints_dir} has no room for another checkpoint"
        raise self._no_room(problem, checkpoints_dir, step)

    def _no_room(self, problem: str, checkpoints_dir: Path, step: int) -> ConfigurationError:
        kept = self._last_good(checkpoints_dir)
        return ConfigurationError(
            f"{problem}: the checkpoint of step {step} is not saved; {kept}", FREE_SPACE
        )

    def _last_good(self, checkpoints_dir: Path) -> str:
        last = last_complete_checkpoint(checkpoints_dir)
        return f"the last good one is {last.folder}" if last else "there is no earlier one"

    def _load_best_model(self) -> None:
        """Loads the best checkpoint, or, where it is damaged, stays with the weights of the last step and warns."""
        best = self.state.best_model_checkpoint
        damaged = None
        if best and self.is_world_process_zero():
            try:
                damaged = checkpoint_damage(Path(best))
            except (OSError, ValueError, KeyError) as error:
                damaged = described(error)
        (is_damaged,) = anywhere(self.args.device, damaged is not None)
        if not is_damaged:
            super()._load_best_model()
            return
        self._events.emit(
            "warning",
            message=f"the best checkpoint, {best}, does not load ({damaged}): the weights of the last step are saved",
        )

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        with loading(resume_from_checkpoint):
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        with loading(checkpoint):
            super()._load_optimizer_and_scheduler(checkpoint)

    def _load_scaler(self, checkpoint: str | None) -> None:
        with loading(checkpoint):
            super()._load_scaler(checkpoint)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        with loading(checkpoint):
            super()._load_rng_state(checkpoint)


@dataclass(frozen=True)
class Fault:
    """Why a checkpoint was not saved, in words; whether for a full disk; and the error, in the process that had it."""

    problem: str
    full: bool
    error: Exception | None


def without_leading_logits(inputs: dict[str, Any]) -> dict[str, Any]:
    """``inputs`` of a causal language model such that it computes no logits before the first that has a label.

    Most of a judge's sequence is prompt: leaving its logits out changes no bit of what is averaged, and spares most
    of the output layer's time and memory. Without any label all are kept.
    """
    labels = inputs["labels"]  # (rows, positions); the logits at a position predict the label of the next one
    labelled = labels.ne(IGNORED).any(dim=0).nonzero()
    start = max(int(labelled[0]) - 1, 0) if len(labelled) else 0
    return {**inputs, "labels": labels[:, start:], "logits_to_keep": labels.shape[1] - start}
