"""What a stage tells its caller: one JSON object a line, appended to a file.

===============  ==========================================================================
``event``        other keys
===============  ==========================================================================
``phase``        ``name``: what is being done now, for a person ("loading the base model")
``progress``     ``done``, ``total``, ``unit`` ("steps", "tensors", "rows")
``rows``         ``split`` ("train", "test"), ``rows``, and of these ``without_label`` and ``cut_answer``: the ends, or
                 all, of how many answers are not learnt
``train``        ``step``, ``loss``, whatever the trainer logs (``learning_rate``, ``grad_norm`` …), and the
                 speed (see :mod:`~prometheus_trainer.training_events`)
``evaluation``   ``step``, ``loss`` …
``checkpoint``   ``step``: a complete checkpoint of that step is on disk
``notice``       ``message``: something the user should read, nothing is wrong
``warning``      ``message``
``error``        ``kind`` ("configuration", "diverged" or "internal"), ``message``, ``hint`` (or null)
``stopped``      ``step``: asked to stop or out of time, the state is saved, running again resumes from there
``done``         ``metrics``: an object of numbers and strings for the manifest
===============  ==========================================================================
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

ENDS = {"error", "stopped", "done"}


class Events:
    """Appends events to ``path``; a ``None`` path discards them (ranks other than the first)."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        # Open for as long as the process lives.
        self._file = None if path is None else Path(path).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def emit(self, event: str, **fields: Any) -> None:
        """Writes one event; a NaN or infinite number is written as a string, since JSON has none.

        If it can't be written, as on a full disk, it is left out: a training is not lost for a line of progress. An
        event that ends the run raises OSError.
        """
        if self._file is None:
            return
        record = {"event": event, "time": round(time.time(), 3), **fields}
        try:
            self._file.write(json.dumps(_finite(record), ensure_ascii=False) + "\n")
        except OSError:
            if event in ENDS:
                raise


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
