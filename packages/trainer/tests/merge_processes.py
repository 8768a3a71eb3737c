"""Merges in processes of their own that are forked after torch is imported: a start takes milliseconds, not seconds."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import prometheus_trainer
from prometheus_trainer.events import Events
from prometheus_trainer.lora_merge import merge_lora
from prometheus_trainer.model_merge import merge_models

Stage = Callable[[dict[str, Any], Events], dict[str, Any]]
STAGES: dict[str, Stage] = {"lora_merge": merge_lora, "model_merge": merge_models}


def start_merge(stage: str, job: dict[str, Any], report: Path) -> multiprocessing.process.BaseProcess:
    """Starts a merge; when it ends well, its metrics are in ``report``."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["merge_processes"])
    with pytest.MonkeyPatch.context() as patch:
        # The server of the forks is a new Python, which does not get pytest's paths.
        source, tests = Path(prometheus_trainer.__file__).parents[1], Path(__file__).parent
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, [source, tests])))
        report.unlink(missing_ok=True)
        process = context.Process(target=_merge, args=(stage, job, report), daemon=True)
        process.start()
    return process


def _merge(stage: str, job: dict[str, Any], report: Path) -> None:
    metrics = STAGES[stage](job, Events(report.with_suffix(".events")))
    report.write_text(json.dumps(metrics))
