"""A checkpoint whose bytes are those that were saved, and which does not load all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from prometheus_trainer.checkpoints import last_complete_checkpoint, set_aside
from prometheus_trainer.errors import ConfigurationError, described


@contextmanager
def loading(checkpoint: str | None) -> Iterator[None]:
    """Sets ``checkpoint`` aside if loading within fails, and raises ConfigurationError: the next run takes another.

    Too little memory and faults of a device or of the network do not blame the checkpoint, and are raised as they are.
    """
    try:
        yield
    except Exception as error:
        if checkpoint is None or isinstance(error, MemoryError) or _is_devices_fault(error):
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


def _is_devices_fault(error: Exception) -> bool:
    faults = (torch.OutOfMemoryError, torch.distributed.DistError, getattr(torch, "AcceleratorError", ()))
    return isinstance(error, faults) or any(name in str(error) for name in ("CUDA", "NCCL"))
