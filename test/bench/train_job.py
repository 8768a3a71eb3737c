"""One training of a benchmark: its job file, its process and what that told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TRAINER = Path(__file__).resolve().parents[2] / "packages/trainer/src"


@dataclass(frozen=True)
class Ended:
    """How a training ended: its exit code and the events that it told."""

    exit_code: int
    events: list[dict[str, Any]]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]


def training_job(
    folder: Path, model: Path, dataset: Path, arguments: dict[str, Any], *, on_gpu: bool, **others: Any
) -> dict[str, Any]:
    """A job of ``prometheus_trainer.sft_train`` that trains as the original did and saves nothing on the way.

    ``arguments`` go before what is set here; ``others`` are further keys of the job.
    """
    from train_shapes import TEMPLATE  # which imports torch

    return {
        "model": {"path": str(model)},
        "dataset": str(dataset),
        "arguments": {
            "learning_rate": 1e-5,
            "warmup_steps": 0,
            "max_length": 4096,
            "dtype": "bfloat16",
            "bf16": on_gpu,
            "loss_type": "nll",
            "average_tokens_across_devices": False,
            "logging_steps": 1,
            "save_strategy": "no",
            "eval_strategy": "no",
            **arguments,
        },
        "chat_template": TEMPLATE,
        "checkpoints_dir": str(folder / "checkpoints"),
        "output_dir": str(folder / "output"),
        "events": str(folder / "events.jsonl"),
        **others,
    }


def run_training(program: list[str], folder: Path, job: dict[str, Any], *, gpus: int = 1) -> Ended:
    """Runs Python with ``program`` on the job in a process of its own; what it prints goes to standard error.

    It sees so many of the ``gpus`` that are visible here: one process that sees several splits its batches over all.
    The model that it wrote is removed again.
    """
    folder.mkdir()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(gpus)))
    (folder / "job.json").write_text(json.dumps(job))
    environment = {
        "PYTHONPATH": os.pathsep.join([str(TRAINER), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "CUDA_VISIBLE_DEVICES": ",".join(visible.split(",")[:gpus]),
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
        "TOKENIZERS_PARALLELISM": "false",
    }
    result = subprocess.run(
        [sys.executable, *program, "--job", str(folder / "job.json")],
        env=os.environ | environment,
        stdout=sys.stderr,
        check=False,
    )
    shutil.rmtree(folder / "output", ignore_errors=True)
    events = Path(job["events"])
    lines = events.read_text().splitlines() if events.exists() else []
    return Ended(result.returncode, [json.loads(line) for line in lines])
