"""The metrics that a finished training ends with."""

from __future__ import annotations

import resource
from typing import Any

import torch
from transformers.trainer_pt_utils import get_model_param_count

from prometheus_trainer.learnt_rows import LearntReport

FIRST_AND_LAST = 5  # logged losses that a metric is the mean of


def training_metrics(trainer: Any, learnt: LearntReport) -> dict[str, Any]:
    """The metrics of ``done``; ``tokens`` counts no padding, ``seconds`` includes earlier runs."""
    state = trainer.state
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    count = max(1, min(FIRST_AND_LAST, len(losses) // 2))
    metrics: dict[str, Any] = {"steps": state.global_step, "epochs": round(state.epoch or 0.0, 4)}
    if losses:
        metrics["train_loss_first"] = sum(losses[:count]) / count
        metrics["train_loss_last"] = sum(losses[-count:]) / count
    found = evaluation_loss(state)
    if found is not None:
        metrics["eval_loss"] = found
    if trainer.earlier_processes:
        counts = [*trainer.earlier_processes, trainer.accelerator.num_processes]
        metrics["processes"] = ", then ".join(map(str, counts))
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated()
        metrics["gpu"] = torch.cuda.get_device_name()
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return (
        metrics
        | learnt.metrics
        | {
            "tokens": int(state.num_input_tokens_seen),
            "seconds": round(trainer.seconds(), 1),
            "trainable_parameters": get_model_param_count(trainer.model, trainable_only=True),
            "peak_memory_bytes": peak,
        }
    )


def evaluation_loss(state: Any) -> float | None:
    """The evaluation loss of the last step; None where that step was not evaluated."""
    found = [entry for entry in state.log_history if "eval_loss" in entry]
    return found[-1]["eval_loss"] if found and found[-1]["step"] == state.global_step else None
