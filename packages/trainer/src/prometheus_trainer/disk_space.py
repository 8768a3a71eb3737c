"""Room on the disk for checkpoints: what they take, and errors that come of a full disk."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError

# torch does not say why it could not write: with less than this left the disk was full.
NOTHING_LEFT = 2**20
FREE_SPACE = "Free space there, or choose another folder for the artifacts."


def checkpoint_bytes(trainable: int, *, parameter_bytes: int, deepspeed: bool, master_weights: bool) -> int:
    """Bytes that a checkpoint takes at least: trained weights and the state of AdamW.

    DeepSpeed keeps float32 weights and two moments in float32, ``master_weights`` (see
    :mod:`~prometheus_trainer.split_adamw`) the lower halves of the weights and such moments; otherwise the moments are
    of the weights' type.
    """
    optimizer = 12 if deepspeed else 10 if master_weights else 2 * parameter_bytes
    return trainable * (parameter_bytes + optimizer)


def require_space(folder: Path, size: int, what: str) -> None:
    """Raises ConfigurationError where the disk of ``folder`` has less than ``size`` bytes free for ``what``."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise ConfigurationError(
            f"{what} takes {_gigabytes(size)}, and the disk of {folder} has {_gigabytes(free)} free",
            FREE_SPACE,
        )


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def full_disk(error: BaseException, folders: Iterable[Path]) -> str | None:
    """Says that a disk is full, if that is what ``error`` comes of; ``folders`` are those that were written to."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    for each in chain:
        if isinstance(each, OSError) and each.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"the disk is full{f': {each.filename}' if each.filename else ''}"
    for folder in folders:
        with suppress(OSError):  # of a folder that is not there, or whose disk is not
            if shutil.disk_usage(folder).free < NOTHING_LEFT:
                return f"the disk of {folder} is full"
    # safetensors gives the system's message and no number.
    return "the disk is full" if any("No space left on device" in str(each) for each in chain) else None


def job_folders(job: dict[str, Any]) -> list[Path]:
    """The folders that a job writes to."""
    return [Path(job[key]) for key in ("checkpoints_dir", "output_dir") if job.get(key)]


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
