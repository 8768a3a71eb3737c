"""Where a training begins: at the start, or at a checkpoint that an earlier run left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prometheus_trainer.checkpoints import (
    CompleteCheckpoint,
    changed_checkpoints,
    checkpoint_damage,
    complete_checkpoints,
    delete_checkpoint,
    last_complete_checkpoint,
    set_aside,
    torn_checkpoints,
)
from prometheus_trainer.disk_space import checkpoint_bytes, folder_bytes, require_space
from prometheus_trainer.errors import ConfigurationError, described
from prometheus_trainer.events import Events
from prometheus_trainer.training_plan import check_plan


def plan_of(sft_config: Any, rows: int, processes: int) -> dict[str, Any]:
    """What a checkpoint must have been trained for: see :mod:`~prometheus_trainer.training_plan`."""
    batch = sft_config.per_device_train_batch_size * sft_config.gradient_accumulation_steps * processes
    keys = ("num_train_epochs", "max_steps", "learning_rate", "seed")
    return {"rows": rows, "global_batch_size": batch, **{key: getattr(sft_config, key) for key in keys}}


def resume_point(
    checkpoints_dir: Path, plan: dict[str, Any], sft_config: Any, state: Any, events: Events
) -> CompleteCheckpoint | None:
    """The checkpoint to resume from; torn ones are deleted, with a notice each. A collective call.

    A checkpoint that was complete and whose files do not hold what was saved is set aside with a warning, and the one
    before it is taken.

    Raises ConfigurationError for a checkpoint of another training, and for one that DeepSpeed can't spread over the
    processes of this run.
    """
    state.wait_for_everyone()
    if state.is_main_process:
        for folder in torn_checkpoints(checkpoints_dir):
            _delete_torn(folder, events)
        for folder, change in changed_checkpoints(checkpoints_dir):
            _set_damaged_aside(folder, change, events)
        for checkpoint in reversed(complete_checkpoints(checkpoints_dir)):
            damage = checkpoint_damage(checkpoint.folder)
            if damage is None:
                break
            _set_damaged_aside(checkpoint.folder, damage, events)
    state.wait_for_everyone()
    resumed = last_complete_checkpoint(checkpoints_dir)
    if resumed is None:
        return None
    check_plan(resumed.folder, plan)
    events.emit("notice", message=f"going on from the checkpoint of step {resumed.step}")
    if resumed.processes != state.num_processes:
        change = f"the checkpoint was made by {resumed.processes} processes, and there are {state.num_processes} now"
        if sft_config.deepspeed_plugin is not None:
            raise ConfigurationError(
                f"{change}: DeepSpeed can't redistribute its optimizer state",
                f"Train with {resumed.processes} processes, or remove {checkpoints_dir} to start again.",
            )
        events.emit(
            "notice",
            message=f"{change}: the global batch and the order of the rows stay, but sums are rounded in another "
            "order, and dropout begins other random numbers: the weights will not be those of an undisturbed run "
            "bit for bit",
        )
    return resumed


def _delete_torn(folder: Path, events: Events) -> None:
    try:
        delete_checkpoint(folder)
    except OSError as error:
        events.emit(
            "warning",
            message=f"{folder} is not a complete checkpoint and can't be deleted ({described(error)}). It is not used; "
            "delete it yourself.",
        )
    else:
        events.emit("notice", message=f"{folder} is not a complete checkpoint and is deleted")


def _set_damaged_aside(folder: Path, problem: str, events: Events) -> None:
    aside = set_aside(folder, "damaged")
    newest = last_complete_checkpoint(folder.parent)
    step = int(folder.name.rpartition("-")[2])
    if newest is None:
        then = "training starts over"
    elif newest.step < step:
        then = f"training resumes from the one before it, of step {newest.step}"
    else:
        then = f"training resumes from the newest, of step {newest.step}"
    events.emit(
        "warning",
        message=f"the checkpoint {folder} is damaged: {problem}. It is set aside as {aside.name}, and {then}. Check "
        "the disk; delete the folder when you have no use for it.",
    )


def require_room_for_checkpoints(
    checkpoints_dir: Path,
    resumed: CompleteCheckpoint | None,
    base_model: Path,
    sft_config: Any,
    model_config: Any,
    *,
    master_weights: bool,
) -> None:
    """Raises ConfigurationError where the disk has no room for the next checkpoint: rather now than after hours."""
    from prometheus_trainer.fast_profile import count_parameters

    if resumed:
        progress = json.loads((resumed.folder / "trainer_state.json").read_text(encoding="utf-8"))
        at_end = progress["global_step"] >= progress["max_steps"]
        size = 0 if at_end else folder_bytes(resumed.folder)
    elif sft_config.save_strategy == "no":
        return  # saved only where it is stopped
    else:
        size = checkpoint_bytes(
            count_parameters(base_model, model_config)[1],
            parameter_bytes=4 if model_config.use_peft or model_config.dtype == "float32" else 2,
            deepspeed=sft_config.deepspeed_plugin is not None,
            master_weights=master_weights,
        )
    require_space(checkpoints_dir, size, "a checkpoint")
