"""What the processes of one training share, beside what the trainer does itself."""

from __future__ import annotations

import ctypes

import torch


def keep_process_group() -> None:
    """Keeps the process group in memory until this process has ended; does nothing where there is only one process.

    Without it a process may hang at its end (torch 2.13): the last owner of the group is then DistributedDataParallel's
    reducer, whose destructor waits, holding Python's global lock, for Gloo's threads to end, and one of those waits for
    the lock to drop the tensors of its last collective. ``destroy_process_group`` still closes the connections.
    """
    if torch.distributed.is_initialized():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(torch.distributed.group.WORLD))


def anywhere(device: torch.device, *flags: bool) -> list[bool]:
    """For each flag, whether it is set in any process; a collective call."""
    if not torch.distributed.is_initialized():
        return list(flags)
    values = torch.tensor(flags, dtype=torch.int32, device=device)
    torch.distributed.all_reduce(values, op=torch.distributed.ReduceOp.MAX)
    return [bool(value) for value in values.tolist()]
