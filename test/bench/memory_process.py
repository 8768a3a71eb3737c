"""Trains a job of prometheus_trainer.sft_train, tells the memory it took in an event ``peaks``, and saves no model.

Usage: memory_process.py --job JOB.json. Keys of the event, in bytes:

==========================  ==================================================================================
``peak_allocated_bytes``    most that tensors took, over all steps
``peak_reserved_bytes``     most that PyTorch's allocator held of the device
``backward_peak_bytes``     most that tensors took in forward and backward passes, once the optimizer has a state
``update_peak_bytes``       most that they took while the optimizer stepped
``before_update_bytes``     what they took before its last step: weights, gradients, its state
``after_update_bytes``      what they took after it
``device_bytes``            memory of the device
``outside_bytes``           what the device had in use beyond what the allocator held: CUDA itself and its libraries
==========================  ==================================================================================

Of several processes it is the most that one of them took. Under DeepSpeed the optimizer's step is that of its engine,
which makes gradients in float32 before it has torch's optimizer step. On a CPU there is ``peak_allocated_bytes`` alone,
the peak of the process.
"""

from __future__ import annotations

import contextlib
import os
import resource
from typing import Any

import torch
from prometheus_trainer.entry import run_stage
from prometheus_trainer.events import Events
from prometheus_trainer.sft_train import sft_train
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook


class TrainingMeasured(Exception):
    """Ends the training before its model is saved: that takes longer than the steps."""


class Peaks:
    """The peaks of the passes and of the optimizer's steps, told apart by what is called around each step."""

    def __init__(self) -> None:
        self._steps = 0
        self._peaks = {"backward_peak_bytes": 0, "update_peak_bytes": 0}
        self._first_backward = 0
        self._most_held = 0
        self._around: dict[str, int] = {}

    def before_step(self, *_: Any) -> None:
        peak = self._take_peak()
        if self._steps:
            self._raise("backward_peak_bytes", peak)
        else:
            self._first_backward = peak
        self._around["before_update_bytes"] = torch.cuda.memory_allocated()

    def after_step(self, *_: Any) -> None:
        self._steps += 1
        self._raise("update_peak_bytes", self._take_peak())
        self._around["after_update_bytes"] = torch.cuda.memory_allocated()

    def report(self) -> dict[str, int]:
        last = self._take_peak()
        free, total = torch.cuda.mem_get_info()
        held = torch.cuda.memory_reserved()
        return {
            "peak_allocated_bytes": max(*self._peaks.values(), self._first_backward, last),
            "peak_reserved_bytes": self._most_held,
            **self._peaks,
            **self._around,
            "device_bytes": total,
            "outside_bytes": total - free - held,
        }

    def _take_peak(self) -> int:
        """The peak since the last one was taken. The reset would lose what the allocator held at most: it is kept."""
        peak = torch.cuda.max_memory_allocated()
        self._most_held = max(self._most_held, torch.cuda.max_memory_reserved())
        torch.cuda.reset_peak_memory_stats()
        return peak

    def _raise(self, name: str, peak: int) -> None:
        self._peaks[name] = max(self._peaks[name], peak)


def measured(job: dict[str, Any], events: Events) -> None:
    """Trains, and tells what it took."""
    from prometheus_trainer import expert_saving

    def nothing_saved(*_: Any) -> None:
        raise TrainingMeasured

    expert_saving.save_expert = nothing_saved
    on_gpu = torch.cuda.is_available()
    peaks = Peaks()
    if on_gpu:
        watch_steps(peaks)
    with contextlib.suppress(TrainingMeasured):
        sft_train(job, events)
    report = most_of_all(peaks.report()) if on_gpu else {}
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    events.emit("peaks", **(report or {"peak_allocated_bytes": resident}))


def watch_steps(peaks: Peaks) -> None:
    """Calls ``peaks`` before and after each step of the optimizer.

    DeepSpeed steps torch's optimizer many times in one step of its own, each for some of the parameters.
    """
    if os.environ.get("ACCELERATE_USE_DEEPSPEED") != "true":
        register_optimizer_step_pre_hook(peaks.before_step)
        register_optimizer_step_post_hook(peaks.after_step)
        return
    from deepspeed import DeepSpeedEngine

    step = DeepSpeedEngine.step

    def watched(*arguments: Any, **options: Any) -> None:
        peaks.before_step()
        step(*arguments, **options)
        peaks.after_step()

    DeepSpeedEngine.step = watched


def most_of_all(report: dict[str, int]) -> dict[str, int]:
    """The largest of each figure over all processes; a collective call."""
    if not torch.distributed.is_initialized():
        return report
    figures = torch.tensor(list(report.values()), device="cuda")
    torch.distributed.all_reduce(figures, op=torch.distributed.ReduceOp.MAX)
    return dict(zip(report, figures.tolist(), strict=True))


if __name__ == "__main__":
    run_stage(measured)
