"""Writes a trained expert: its weights, and beside them what a reader of the model needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peft import PeftModel

from prometheus_trainer.portable_layout import finish_adapter, finish_model
from prometheus_trainer.resumable_trainer import ResumableTrainer
from prometheus_trainer.tokenisation import Tokenisation, without_marks
from prometheus_trainer.training import save_final_weights
from prometheus_trainer.unfused_mixtral import is_mixtral


def save_expert(
    trainer: ResumableTrainer,
    output_dir: Path,
    job: dict[str, Any],
    base_model: Path,
    tokenisation: Tokenisation,
) -> None:
    """Writes the trained model or adapter to ``output_dir``, in the portable layout. A collective call."""
    state, tokenizer = trainer.accelerator, tokenisation.tokenizer
    if state.is_main_process:
        output_dir.mkdir(parents=True, exist_ok=True)
        for left in [*output_dir.glob("*.safetensors"), *output_dir.glob("*.index.json")]:
            left.unlink()  # of a run that was killed while it saved
    state.wait_for_everyone()
    save_final_weights(trainer, output_dir)
    state.wait_for_everyone()
    if not state.is_main_process:
        return
    names = {
        "chat_template": without_marks(job["chat_template"]) if job.get("chat_template") else None,
        # The end of a text as padding would teach whoever trains further to leave it out of the loss.
        "pad_token": None
        if tokenisation.pad_token_id == tokenizer.eos_token_id
        else str(tokenizer.convert_ids_to_tokens(tokenisation.pad_token_id)),
    }
    if isinstance(trainer.accelerator.unwrap_model(trainer.model), PeftModel):
        finish_adapter(
            output_dir,
            base_model,
            base_model_name=job["model"].get("id") or str(base_model),
            revision=job["model"].get("revision"),
            unfused_mixtral=is_mixtral(base_model),
            **names,
        )
    else:
        finish_model(output_dir, base_model, **names)
