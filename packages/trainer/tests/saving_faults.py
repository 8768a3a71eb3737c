"""Runs small trainings in a process of their own, each with one failure at a chosen step of saving."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training_jobs import prepare_process, read_events

# Raised by Python itself for what is written; the first argument is the path.
AUDITED = {"open", "os.mkdir", "os.rename", "os.remove", "shutil.rmtree"}


class Faults:
    """Counts the steps of saving that touch ``folder``, and makes one fail.

    A step is a file that is opened to be written, another change of the disk, or a call of a library that saves. Steps
    count from the first one behind ``begin``.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._folder = ""
        self._fails: Callable[[int, str], bool] = lambda number, name: False
        self._error: Exception = OSError()
        self._on = False
        sys.addaudithook(self._audited)

    @contextmanager
    def injected(self, folder: Path, fails: Callable[[int, str], bool], error: Exception) -> Iterator[None]:
        self.seen, self._folder, self._fails, self._error, self._on = [], str(folder), fails, error, True
        try:
            yield
        finally:
            self._on = False

    def step(self, name: str) -> None:
        if not self._on:
            return
        self.seen.append(name)
        if self._fails(len(self.seen) - 1, name):
            raise self._error

    def _audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on or event not in AUDITED:
            return
        if event == "open" and not _writes(arguments):
            return
        path = str(arguments[1] if event == "os.rename" else arguments[0])
        if path.startswith(self._folder) and "/rows/" not in path:
            self.step(f"{event} {path.removeprefix(self._folder)}")


def run_with_faults(job: Path, plan: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs the job once for each entry of ``plan``, in one process; what each left.

    An entry has ``at``, the number of a step, or ``every``, a part of a step's name, with ``after_training_began``; and
    ``error``, the exception's class. None of them: nothing fails. What is left: ``steps``, the names of the steps;
    ``trained``, whether a step of training was taken; ``ended``, the error or "done"; ``output`` and ``checkpoint``,
    the digests of the weights' bytes, with ``last_step`` that of the checkpoint; ``files``, the digests of all in the
    output; ``elsewhere``, those of weights in a temporary folder; ``warnings``.
    """
    result = job.parent / "results.json"
    process = multiprocessing.get_context("forkserver").Process(
        target=_run_all, args=(str(job), json.dumps(plan), str(result))
    )
    process.start()
    process.join(600)
    assert process.exitcode == 0, (job.parent / "output-0.log").read_text()[-3000:]
    return json.loads(result.read_text())


def _run_all(job: str, plan: str, result: str) -> None:
    import torch

    prepare_process(Path(job), rank=0)
    tempfile.tempdir = str(Path(job).parent / "temporary")
    Path(tempfile.tempdir).mkdir(exist_ok=True)
    torch.set_num_threads(1)
    faults = Faults()
    _watch_calls(faults)
    Path(result).write_text(json.dumps([_run(Path(job), entry, faults) for entry in json.loads(plan)]))


def _watch_calls(faults: Faults) -> None:
    import safetensors.torch
    import torch
    from peft import PeftModel
    from peft.config import PeftConfigMixin
    from transformers import GenerationConfig, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    for owner, method in (
        (PreTrainedModel, "save_pretrained"),
        (PreTrainedConfig, "save_pretrained"),
        (GenerationConfig, "save_pretrained"),
        (PreTrainedTokenizerBase, "save_pretrained"),
        (PeftModel, "save_pretrained"),
        (PeftModel, "create_or_update_model_card"),
        (PeftConfigMixin, "save_pretrained"),
        (safetensors.torch, "serialize_file"),
        (torch, "save"),
        (os, "fsync"),
    ):
        setattr(owner, method, _watched(getattr(owner, method), f"{owner.__name__}.{method}", faults))


def _watched(call: Callable[..., Any], name: str, faults: Faults) -> Callable[..., Any]:
    def watched(*arguments: Any, **options: Any) -> Any:
        faults.step(name)
        return call(*arguments, **options)

    return watched


def _run(job_file: Path, entry: dict[str, Any], faults: Faults) -> dict[str, Any]:
    from prometheus_trainer.checkpoint_digests import digest
    from prometheus_trainer.checkpoints import last_complete_checkpoint
    from prometheus_trainer.events import Events
    from prometheus_trainer.sft_train import sft_train

    folder = job_file.parent / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for left in Path(tempfile.gettempdir()).glob("prometheus-weights-*"):
        shutil.rmtree(left)
    job = json.loads(job_file.read_text())
    job |= {
        "checkpoints_dir": str(folder / "checkpoints"),
        "output_dir": str(folder / "output"),
        "training_log": str(folder / "log.json"),
    }
    events = Events(folder / "events.jsonl")

    def trained() -> bool:
        return bool(read_events(folder, "train"))

    def fails(number: int, name: str) -> bool:
        if "at" in entry:
            return number == entry["at"]
        return (
            "every" in entry and entry["every"] in name and (trained() or not entry["after_training_began"])
        )

    error = {"OSError": OSError(errno.EIO, "Input/output error"), "ValueError": ValueError("refused")}
    ended = "done"
    with faults.injected(folder, fails, error[entry.get("error", "OSError")]):
        try:
            sft_train(job, events)
        except Exception as found:
            ended = f"{type(found).__name__}: {found}"
    last = last_complete_checkpoint(folder / "checkpoints")
    return {
        "steps": faults.seen,
        "trained": trained(),
        "ended": ended,
        "warnings": [event["message"] for event in read_events(folder, "warning")],
        "output": _digest(folder / "output"),
        "checkpoint": last and _digest(last.folder),
        "last_step": last and last.step,
        "elsewhere": [_digest(found) for found in Path(tempfile.gettempdir()).glob("prometheus-weights-*")],
        "files": {path.name: digest(path) for path in sorted((folder / "output").glob("*"))},
    }


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def _digest(folder: Path) -> str | None:
    from prometheus_trainer.checkpoint_digests import digest

    files = sorted(folder.glob("*.safetensors"))
    return " ".join(map(digest, files)) or None
