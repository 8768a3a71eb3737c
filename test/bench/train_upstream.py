"""Trains as the original's script does with today's TRL: padded batches, every layer recomputed, logits everywhere.

Usage: train_upstream.py --job JOB.json, with the keys of prometheus_trainer.sft_train. Nothing is saved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prometheus_trainer.entry import run_stage
from prometheus_trainer.events import Events


def train(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Trains with TRL's own trainer and collator on the rows of ``parity``, and tells the same events."""
    import torch
    from prometheus_trainer.master_weights import split_adamw
    from prometheus_trainer.prepared_rows import open_split, prepare_rows
    from prometheus_trainer.tokenisation import choose_tokenisation
    from prometheus_trainer.training import (
        is_mixtral,
        load_base_model,
        load_tokenizer,
        lora_config,
    )
    from prometheus_trainer.training_arguments import parse_training_arguments
    from prometheus_trainer.training_events import TrainingEvents
    from transformers import PrinterCallback, set_seed
    from trl.trainer.sft_trainer import SFTTrainer

    config, model_config = parse_training_arguments(
        job["arguments"], profile="parity", checkpoints_dir=job["checkpoints_dir"], has_test_rows=False
    )
    base_model = Path(job["model"]["path"])
    tokenizer = load_tokenizer(base_model)
    tokenisation = choose_tokenisation(
        tokenizer,
        max_length=config.max_length,
        chat_template=job["chat_template"],
        response_marker=None,
    )
    rows: Any = open_split(Path(job["dataset"]), "train")
    rows = prepare_rows(
        rows, "train", tokenisation, Path(job["checkpoints_dir"]) / "rows", shuffle_seed=config.seed
    )
    set_seed(config.seed)
    trainer: Any = SFTTrainer(
        model=load_base_model(base_model, model_config),
        args=config,
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=lora_config(model_config, mixtral=is_mixtral(base_model)),
        callbacks=[TrainingEvents(events)],
        optimizer_cls_and_kwargs=split_adamw(config)
        if job.get("master_weights", True) and not model_config.use_peft
        else None,
    )
    trainer.remove_callback(PrinterCallback)
    # The mean of each micro-batch's mean, as transformers had it then; this makes the losses comparable.
    trainer.model_accepts_loss_kwargs = False
    trainer.train()
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return {"steps": trainer.state.global_step, "peak_memory_bytes": peak}


if __name__ == "__main__":
    run_stage(train)
