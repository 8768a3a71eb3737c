"""Saves everything once before the first step, from the real objects: what would be refused later is refused now."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from prometheus_trainer.disk_space import FREE_SPACE, folder_bytes, full_disk, require_space
from prometheus_trainer.errors import ConfigurationError, described
from prometheus_trainer.events import Events
from prometheus_trainer.expert_saving import WeightsNotSaved
from prometheus_trainer.process_group import anywhere
from prometheus_trainer.resumable_trainer import ResumableTrainer
from prometheus_trainer.saving_steps import Unwritten
from prometheus_trainer.training_plan import write_plan
from prometheus_trainer.weights_first import weight_files


class SavingRehearsal(TrainerCallback):
    """Raises ConfigurationError, before training, where saving fails; in every process.

    ``write`` writes the expert to a folder, as at the end. Nothing is tried where a run resumes: the checkpoint that it
    resumes from was saved. Under DeepSpeed the optimizer's state is not tried, which is several times as large as the
    weights.
    """

    def __init__(
        self,
        trainer: ResumableTrainer,
        write: Callable[[Path], list[Unwritten]],
        output_dir: Path,
        events: Events,
    ) -> None:
        self._trainer = trainer
        self._write = write
        self._output_dir = output_dir
        self._events = events

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if state.global_step == 0:
            self._rehearse(args, state)
        self._events.emit("phase", name="training")

    def _rehearse(self, args: TrainingArguments, state: TrainerState) -> None:
        self._events.emit("phase", name="trying whether all can be saved")
        scratch = Path(str(args.output_dir)) / "rehearsal"
        problem: ConfigurationError | None = None
        unwritten: list[Unwritten] = []
        try:
            unwritten = self._write(scratch)
        except WeightsNotSaved as error:
            problem = _refused(str(error), error.cause, scratch)
        if problem is None and state.is_world_process_zero:
            problem = self._problem(scratch, unwritten)
        (failed,) = anywhere(args.device, problem is not None)
        if state.is_world_process_zero:
            shutil.rmtree(scratch, ignore_errors=True)
        if failed:
            raise problem or _refused("the first process says why", None, scratch)

    def _problem(self, scratch: Path, unwritten: list[Unwritten]) -> ConfigurationError | None:
        if unwritten:
            first = unwritten[0]
            return _refused(str(first), first.error, scratch, first.remedy)
        try:
            for file in weight_files(scratch):
                with safe_open(file, framework="pt") as tensors:
                    if not tensors.keys():
                        raise FileNotFoundError(f"{file.name} has no tensors")
            size = folder_bytes(scratch)
            self._save_state(scratch)
            shutil.rmtree(scratch)
            self._check_output(size)
        except ConfigurationError as error:
            return error
        except FileNotFoundError as error:
            return _refused(
                described(error), error, scratch, "Under DeepSpeed set zero3_save_16bit_model: true."
            )
        except Exception as error:
            return _refused(described(error), error, scratch)
        return None

    def _save_state(self, scratch: Path) -> None:
        trainer = self._trainer
        if not (trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled):  # a collective call there
            trainer._save_optimizer_and_scheduler(str(scratch))
        trainer._save_rng_state(str(scratch))
        trainer.state.save_to_json(str(scratch / "trainer_state.json"))
        write_plan(scratch, trainer.plan, trainer.accelerator.unwrap_model(trainer.model))

    def _check_output(self, size: int) -> None:
        """Whether the output's folder can be written to and has room; leaves it as it was."""
        folder, made = self._output_dir, not self._output_dir.exists()
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / "rehearsal"
        probe.write_bytes(b"")
        probe.unlink()
        require_space(folder, size, "the trained model")
        if made:
            folder.rmdir()


def _refused(problem: str, error: Exception | None, folder: Path, hint: str = "") -> ConfigurationError:
    full = full_disk(error, [folder.parent]) if error else None
    return ConfigurationError(
        f"training has not begun, since the trained model could not be saved: {full or problem}",
        FREE_SPACE
        if full
        else hint or "Correct it in the base model's files or the training file, and run again.",
    )
