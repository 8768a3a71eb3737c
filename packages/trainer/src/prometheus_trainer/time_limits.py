"""When a run has to save and when it has to end, by the clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

RECENT_STEPS = 10  # the first step of a run, which warms everything up, is soon forgotten
ROOM_FOR_CHECKPOINTS = (
    2  # disks are not equally fast at all times, and a planned checkpoint may lie before the last one
)


class TimeLimits:
    """Says when a run has to save and when it has to end. Times are seconds of ``clock``.

    ``save_minutes``: a checkpoint at least that often. ``max_minutes``: the run ends within that time, counted from
    ``started``; None is no limit. What comes next is counted in: a step as long as the longest of the last ten, and
    for the end a checkpoint twice as long as the longest so far. So that this is known, a run with ``max_minutes``
    saves after its first step. That first step is always taken, so that run after run gets somewhere.
    """

    def __init__(
        self,
        *,
        save_minutes: float | None,
        max_minutes: float | None,
        started: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_minutes = max_minutes
        self._save_minutes = save_minutes
        self._clock = clock
        self._started = started
        self._saved = clock()
        self._step_began = 0.0
        self._steps: deque[float] = deque(maxlen=RECENT_STEPS)
        self._longest_checkpoint: float | None = None

    def step_begins(self) -> None:
        if not self._steps:
            self._saved = self._clock()  # before its first step a run has nothing to lose
        self._step_began = self._clock()

    def step_ends(self) -> None:
        self._steps.append(self._clock() - self._step_began)

    def checkpoint_saved(self, seconds: float) -> None:
        """Tells that a checkpoint has just been written, and how long that took."""
        self._longest_checkpoint = max(seconds, self._longest_checkpoint or 0.0)
        self._saved = self._clock() - seconds

    def save_due(self) -> bool:
        """Whether to save now: after one more step it would be too late."""
        if not self._steps:
            return False
        if self.max_minutes is not None and self._longest_checkpoint is None:
            return True
        if self._save_minutes is None:
            return False
        return self._clock() - self._saved + max(self._steps) > 60 * self._save_minutes

    def over(self) -> bool:
        """Whether to save and end now: after one more step it would be too late."""
        if self.max_minutes is None or not self._steps:
            return False
        room = max(self._steps) + ROOM_FOR_CHECKPOINTS * (self._longest_checkpoint or 0.0)
        return self._clock() - self._started + room > 60 * self.max_minutes
