"""Writes a trained expert: its weights, and beside them what a reader of the model needs."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from peft import PeftModel

from prometheus_trainer.checkpoints import delete_old_checkpoints, last_complete_checkpoint
from prometheus_trainer.disk_space import FREE_SPACE, full_disk
from prometheus_trainer.errors import ConfigurationError, described
from prometheus_trainer.events import Events
from prometheus_trainer.portable_layout import finish_adapter, finish_model
from prometheus_trainer.process_group import anywhere
from prometheus_trainer.resumable_trainer import ResumableTrainer
from prometheus_trainer.saving_steps import Unwritten
from prometheus_trainer.tokenisation import Tokenisation, without_marks
from prometheus_trainer.training import save_final_weights
from prometheus_trainer.weights_first import flush_weights


class WeightsNotSaved(Exception):
    """The weights could not be written; raised in every process. ``cause`` is the error, in the process that had it."""

    def __init__(self, cause: Exception | None) -> None:
        super().__init__(described(cause) if cause else "the first process could not write the weights")
        self.cause = cause


def save_expert(
    trainer: ResumableTrainer,
    output_dir: Path,
    job: dict[str, Any],
    base_model: Path,
    tokenisation: Tokenisation,
    events: Events,
) -> None:
    """Writes the trained model or adapter to ``output_dir``, in the portable layout. A collective call.

    The weights come first. If anything else can't be written, a warning says what to do. If the weights themselves
    can't be, they are kept elsewhere, and the error names the place.
    """
    write = partial(write_expert, trainer, output_dir, job, base_model, tokenisation)
    try:
        unwritten = write()
    except WeightsNotSaved as first:
        _make_room(trainer, output_dir, first.cause)
        try:
            unwritten = write()
        except WeightsNotSaved as error:
            _keep_elsewhere(trainer, output_dir, error.cause)
            raise  # where another process names the place
    for each in unwritten:
        events.emit(
            "warning",
            message=f"the trained weights are saved, and beside them {each} could not be written. {each.remedy}",
        )


def write_expert(
    trainer: ResumableTrainer,
    output_dir: Path,
    job: dict[str, Any],
    base_model: Path,
    tokenisation: Tokenisation,
) -> list[Unwritten]:
    """As :func:`save_expert`, once: returns what could not be written, and raises WeightsNotSaved."""
    fault: Exception | None = None
    is_first = trainer.accelerator.is_main_process
    if is_first:
        try:
            output_dir.mkdir(parents=True, exist_ok=True)
            for left in [*output_dir.glob("*.safetensors"), *output_dir.glob("*.index.json")]:
                left.unlink()  # of a run that was killed while it saved
        except Exception as error:
            fault = error
    trainer.accelerator.wait_for_everyone()
    save_final_weights(trainer, output_dir)
    unwritten: list[Unwritten] = []
    if is_first:
        fault = fault or trainer.weights_fault
        try:
            if fault is None:
                unwritten = [
                    *_replaced_by_the_bases(trainer.unwritten),
                    *_finish(trainer, output_dir, job, base_model, tokenisation),
                ]
                flush_weights(output_dir)
        except Exception as error:
            fault = error
    (failed,) = anywhere(trainer.args.device, fault is not None)
    if failed:
        raise WeightsNotSaved(fault) from fault
    return unwritten


def _replaced_by_the_bases(unwritten: list[Unwritten]) -> list[Unwritten]:
    """Of what transformers could not write, the file that it would have made from more than the base model's."""
    remedy = "The base model's own is there instead, with the type of the weights: compare it with what you expect."
    return [Unwritten(each.what, each.error, remedy) for each in unwritten if each.what == "config.json"]


def _finish(
    trainer: ResumableTrainer,
    output_dir: Path,
    job: dict[str, Any],
    base_model: Path,
    tokenisation: Tokenisation,
) -> list[Unwritten]:
    tokenizer = tokenisation.tokenizer
    names = {
        "chat_template": without_marks(job["chat_template"]) if job.get("chat_template") else None,
        # The end of a text as padding would teach whoever trains further to leave it out of the loss.
        "pad_token": None
        if tokenisation.pad_token_id == tokenizer.eos_token_id
        else str(tokenizer.convert_ids_to_tokens(tokenisation.pad_token_id)),
    }
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    if isinstance(model, PeftModel):
        base_config: Any = model.get_base_model().config
        return finish_adapter(
            output_dir,
            base_model,
            base_model_name=job["model"].get("id") or str(base_model),
            revision=job["model"].get("revision"),
            unfused_mixtral=base_config.model_type == "mixtral",
            **names,
        )
    return finish_model(output_dir, base_model, **names)


def _make_room(trainer: ResumableTrainer, output_dir: Path, error: Exception | None) -> None:
    """On a full disk deletes all checkpoints before the one of the last step, which has the model's weights."""
    checkpoints_dir = Path(str(trainer.args.output_dir))
    last = last_complete_checkpoint(checkpoints_dir)
    is_full = error is not None and full_disk(error, [output_dir]) is not None
    if is_full and last and last.step == trainer.state.global_step:
        best = trainer.state.best_model_checkpoint
        delete_old_checkpoints(checkpoints_dir, 1, [Path(best)] if best else [])
    trainer.accelerator.wait_for_everyone()


def _keep_elsewhere(trainer: ResumableTrainer, output_dir: Path, error: Exception | None) -> None:
    """Keeps the weights in a checkpoint, or else in a temporary folder, and raises an error that says where."""
    step, checkpoints_dir = trainer.state.global_step, Path(str(trainer.args.output_dir))
    last = last_complete_checkpoint(checkpoints_dir)
    if last is None or last.step != step:
        try:
            trainer._save_checkpoint(trainer.model_wrapped, None)  # type: ignore[arg-type]
        except Exception as another:
            if trainer.is_deepspeed_enabled:
                raise another from error
        last = last_complete_checkpoint(checkpoints_dir)
    if last and last.step == step:
        place, then = (
            f"are in the checkpoint {last.folder}",
            "run again: the model is saved from it without training",
        )
    else:
        spare = (
            Path(tempfile.mkdtemp(prefix="prometheus-weights-"))
            if trainer.accelerator.is_main_process
            else output_dir
        )
        save_final_weights(trainer, spare)
        if trainer.weights_fault or error is None:
            return
        place, then = f"are in {spare}", "keep that folder before anything else"
    if error is None:
        return
    problem = full_disk(error, [output_dir, checkpoints_dir]) or described(error)
    message = f"the trained model could not be written to {output_dir} ({problem}); its weights {place}"
    if full_disk(error, [output_dir, checkpoints_dir]):
        raise ConfigurationError(message, f"{FREE_SPACE} Then {then}.") from error
    raise RuntimeError(f"{message}: {then}") from error
