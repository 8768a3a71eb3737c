"""Whether this process has been asked to stop by SIGTERM or SIGINT."""

from __future__ import annotations

import signal
from types import FrameType


class StoppedBeforeTraining(BaseException):
    """Asked to stop while the model or the data was being prepared: there is nothing to save yet."""


class StopRequest:
    """Whether this process has been asked to stop.

    Until :meth:`training_begins` a signal ends the preparation by raising StoppedBeforeTraining in the main thread;
    from then on it only sets ``requested``, and whoever can stop safely looks there.
    """

    def __init__(self) -> None:
        self.requested = False
        self._preparing = True

    def install(self) -> None:
        """Handles SIGTERM and SIGINT from now on; call it in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def training_begins(self) -> None:
        self._preparing = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # A launcher may pass on a signal that all have had: the second must not break into the end by the first.
        again, self.requested = self.requested, True
        if self._preparing and not again:
            raise StoppedBeforeTraining
