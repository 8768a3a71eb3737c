"""Progress of a merge, counted in tensors."""

from __future__ import annotations

import time

from prometheus_trainer.events import Events
from prometheus_trainer.merging.plan import OutputTensor


class TensorProgress:
    """Emits ``progress`` at most twice a second, and for the last tensor."""

    def __init__(self, events: Events, total: int) -> None:
        self._events = events
        self._total = total
        self._done = 0
        self._emitted = float("-inf")

    def advance(self, _: OutputTensor) -> None:
        """One more tensor is written."""
        self._done += 1
        now = time.monotonic()
        if self._done == self._total or now - self._emitted >= 0.5:
            self._emitted = now
            self._events.emit("progress", done=self._done, total=self._total, unit="tensors")
