"""Which checkpoints are whole, and which are the torn remains of a run that was killed while it saved.

A checkpoint is a folder ``checkpoint-STEP`` as transformers writes it. It is complete when it carries
``complete.json``, written last, after every process has saved its part and all of it is on the disk, and when the
files named there have their sizes still. ``complete.json`` also has the digest of each file: see
:mod:`~prometheus_trainer.checkpoint_digests`.

A checkpoint that was complete and has changed, or does not load, is set aside: its folder becomes
``damaged-checkpoint-STEP``. One that was not saved to
the end, but whose weights may be needed, becomes ``incomplete-checkpoint-STEP``.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prometheus_trainer.checkpoint_digests import damage, flush, flush_and_digest
from prometheus_trainer.errors import described

MARKER = "complete.json"


@dataclass(frozen=True)
class CompleteCheckpoint:
    """A complete checkpoint: its folder, its step, and what the run had used up to there.

    ``earlier_processes``: how many there were before, where a run went on with another number.
    """

    folder: Path
    step: int
    processes: int
    seconds: float
    earlier_processes: tuple[int, ...] = ()


def last_complete_checkpoint(checkpoints_dir: Path) -> CompleteCheckpoint | None:
    """The complete checkpoint of the highest step; None where there is none."""
    checkpoints = complete_checkpoints(checkpoints_dir)
    return checkpoints[-1] if checkpoints else None


def complete_checkpoints(checkpoints_dir: Path) -> list[CompleteCheckpoint]:
    """The complete checkpoints, lowest step first."""
    found = [_read_marker(folder) for folder in _checkpoint_folders(checkpoints_dir)]
    return sorted((checkpoint for checkpoint in found if checkpoint), key=lambda checkpoint: checkpoint.step)


def torn_checkpoints(checkpoints_dir: Path) -> list[Path]:
    """Folders of checkpoints that were not saved, or not deleted, to the end."""
    return [folder for folder in _checkpoint_folders(checkpoints_dir) if not (folder / MARKER).exists()]


def changed_checkpoints(checkpoints_dir: Path) -> list[tuple[Path, str]]:
    """Folders of checkpoints that were complete and are not any more, each with what is wrong."""
    found = [(folder, _change(folder)) for folder in _checkpoint_folders(checkpoints_dir)]
    return [(folder, change) for folder, change in found if change is not None]


def seal_checkpoint(
    folder: Path, *, step: int, processes: int, seconds: float, earlier_processes: Sequence[int] = ()
) -> None:
    """Puts all of a checkpoint's files on the disk, then marks it complete.

    Call it in one process, after a barrier that every process reaches with its part saved. ``seconds`` is the time
    that training has taken up to this step, over all its runs.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MARKER)
    names = [path.relative_to(folder).as_posix() for path in paths]
    digests = flush_and_digest(paths)
    for directory in [*(path for path in folder.rglob("*") if path.is_dir()), folder]:
        flush(directory)
    marker = {
        "step": step,
        "processes": processes,
        "earlier_processes": list(earlier_processes),
        "seconds": seconds,
        "files": {name: path.stat().st_size for name, path in zip(names, paths, strict=True)},
        "digests": dict(zip(names, digests, strict=True)),
    }
    partial = folder / f"{MARKER}.partial"
    partial.write_text(json.dumps(marker, indent=1), encoding="utf-8")
    flush(partial)
    partial.replace(folder / MARKER)
    flush(folder)
    flush(folder.parent)


def checkpoint_damage(folder: Path) -> str | None:
    """What is wrong with a complete checkpoint, by the name of a file; None where all its bytes are as they were saved.

    Reads all of it.
    """
    marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    return damage(folder, list(marker["files"]), marker.get("digests", {}))


def set_aside(folder: Path, why: Literal["damaged", "incomplete"]) -> Path:
    """Renames a checkpoint so that no run takes it, and returns its new folder, which replaces an earlier one."""
    aside = folder.with_name(f"{why}-{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    return aside


def delete_old_checkpoints(checkpoints_dir: Path, keep: int | None, protected: Iterable[Path] = ()) -> None:
    """Deletes complete checkpoints beyond the ``keep`` newest; torn ones do not count and stay.

    None or 0 keeps all. ``protected`` folders are never deleted.
    """
    if not keep or keep < 0:
        return
    spared = {folder.resolve() for folder in protected}
    for checkpoint in complete_checkpoints(checkpoints_dir)[:-keep]:
        if checkpoint.folder.resolve() not in spared:
            delete_checkpoint(checkpoint.folder)


def delete_checkpoint(folder: Path) -> None:
    """Deletes a checkpoint, its marker first: what is left after a kill in between is torn, not complete."""
    (folder / MARKER).unlink(missing_ok=True)
    shutil.rmtree(folder)


def _checkpoint_folders(checkpoints_dir: Path) -> list[Path]:
    if not checkpoints_dir.is_dir():
        return []
    return sorted(
        path
        for path in checkpoints_dir.iterdir()
        if path.is_dir() and re.fullmatch(r"checkpoint-\d+", path.name)
    )


def _change(folder: Path) -> str | None:
    if not (folder / MARKER).exists() or _read_marker(folder) is not None:
        return None
    try:
        for name, size in json.loads((folder / MARKER).read_text(encoding="utf-8"))["files"].items():
            if not (folder / name).is_file():
                return f"{name} is not there"
            if (there := (folder / name).stat().st_size) != size:
                return f"{name} has {there} of {size} bytes"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{MARKER} can't be read ({described(error)})"
    return f"{MARKER} is not of this checkpoint"


def _read_marker(folder: Path) -> CompleteCheckpoint | None:
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == size for name, size in marker["files"].items())
        checkpoint = CompleteCheckpoint(
            folder,
            marker["step"],
            marker["processes"],
            marker["seconds"],
            tuple(marker.get("earlier_processes", ())),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return checkpoint if whole and folder.name == f"checkpoint-{checkpoint.step}" else None
