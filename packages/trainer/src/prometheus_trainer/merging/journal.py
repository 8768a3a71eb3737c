"""Which shards of a merge are done, so that a killed merge goes on behind them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.plan import Shard
from prometheus_trainer.merging.writing import UNFINISHED, is_whole

_FILE = "merge-journal.jsonl"
# Raised when the same plan gives other bytes.
_REVISION = 2

Sums = dict[str, np.ndarray]


class Journal:
    """A file that is there while the merge is not done: the plan's digest, then a line for each shard.

    A line is written after its shard is on disk under its name, so what is listed is whole; the line carries what the
    shard adds to the comparison of the models. It lies in ``work_dir``, or else in the output folder, from where it is
    removed at the end. A caller that moves the output away when it is done keeps a ``work_dir`` until then: a merge
    that ended and was not moved is whole for the next run.
    """

    def __init__(self, folder: Path, plan: str, work_dir: str | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._keep = work_dir is not None
        self._file = (folder if work_dir is None else Path(work_dir)) / _FILE
        self._folder = folder
        self._done = self._read(plan)
        self._stream = self._file.open("ab")
        if not self._done:
            self._stream.truncate(0)
            self._append({"plan": plan})

    def kept(self, shard: Shard) -> Sums | None:
        """The sums of a shard that is done and whole; None for one that is to be written."""
        sums = self._done.get(shard.file_name)
        return sums if sums is not None and is_whole(self._folder, shard) else None

    def finish(self, shard: Shard, sums: Sums) -> None:
        """Notes that the shard is on disk."""
        self._append({"shard": shard.file_name, "sums": {key: list(value) for key, value in sums.items()}})

    def close(self) -> None:
        """Lets go of the file and leaves it there, for the next run."""
        self._stream.close()

    def remove(self) -> None:
        """The merge is done."""
        self._stream.close()
        if not self._keep:
            self._file.unlink()

    def _read(self, plan: str) -> dict[str, Sums]:
        """What an earlier run of the same plan finished; what is left of anything unfinished is removed."""
        weights = sorted(self._folder.glob("*.safetensors*"))
        if not self._file.is_file():
            if weights:
                raise ConfigurationError(
                    f"{self._folder}: already holds {weights[0].name}", "write to an empty folder"
                )
            return {}
        lines = _whole_lines(self._file)
        done: dict[str, Sums] = {}
        if lines and lines[0].get("plan") == plan:
            for line in lines[1:]:
                done[line["shard"]] = {key: np.array(value) for key, value in line["sums"].items()}
        for file in weights:
            if file.name.endswith(UNFINISHED) or file.name not in done:
                file.unlink()
        return done

    def _append(self, line: dict[str, Any]) -> None:
        self._stream.write((json.dumps(line) + "\n").encode())
        self._stream.flush()
        os.fsync(self._stream.fileno())


def plan_digest(settings: Mapping[str, Any], files: Iterable[Path], shards: Sequence[Shard]) -> str:
    """A digest of all that decides the output's bytes: settings, the models' files (by size and time), the layout."""
    inputs = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in sorted(files)]
    layout = [
        [shard.file_name, [[tensor.name, tensor.dtype.code, tensor.shape] for tensor in shard.tensors]]
        for shard in shards
    ]
    text = json.dumps([_REVISION, settings, inputs, layout], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _whole_lines(file: Path) -> list[dict[str, Any]]:
    lines = []
    for line in file.read_bytes().split(b"\n"):
        try:
            lines.append(json.loads(line))
        except ValueError:
            # A line that was cut off: the run died while it wrote it.
            break
    return lines
