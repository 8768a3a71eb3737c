"""A checkpoint whose bytes are those that were saved, and which does not load all the same."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from prometheus_trainer.checkpoints import last_complete_checkpoint, set_aside
from prometheus_trainer.errors import ConfigurationError, described


@contextmanager
def loading(checkpoint: str | None) -> Iterator[None]:
    """Sets ``checkpoint`` aside if loading within fails, and raises ConfigurationError: the next run takes another.

    Too little memory and faults of a device, of a disk or of the network do not blame the checkpoint, whose bytes have
    just been compared: they are raised as they are.
    """
    try:
        yield
    except Exception as error:
        if checkpoint is None or _is_machines_fault(error):
            raise
        folder = Path(checkpoint)
        with suppress(OSError):  # another process may have been first
            set_aside(folder, "damaged")
        last = last_complete_checkpoint(folder.parent)
        raise ConfigurationError(
            f"{folder} does not load ({described(error)}) and is set aside as {folder.parent}/damaged-{folder.name}",
            f"Run again: training resumes from {last.folder}."
            if last
            else "Run again: there is no earlier checkpoint, so training starts over. If another version of a package "
            "made this one, install that version and give the folder its name back.",
        ) from error


def _is_machines_fault(error: Exception) -> bool:
    faults = (
        MemoryError,
        torch.OutOfMemoryError,
        torch.distributed.DistError,
        getattr(torch, "AcceleratorError", ()),
    )
    # The system's errors have a number; transformers' own for what a folder lacks have none.
    by_system = isinstance(error, OSError) and error.errno not in (None, errno.ENOENT)
    # torch raises a plain RuntimeError where the machine has too little memory.
    said = ("CUDA", "NCCL", "allocate memory", "out of memory")
    return by_system or isinstance(error, faults) or any(text in str(error) for text in said)
