"""Files that are written beside the weights: a failure there is kept for a warning, and the next one is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_trainer.errors import described


@dataclass(frozen=True)
class Step:
    """Writes ``what``, a file's name or a thing for people. ``remedy`` says what to do where that fails."""

    what: str
    write: Callable[[], object]
    remedy: str = ""


@dataclass(frozen=True)
class Unwritten:
    """A step that failed."""

    what: str
    error: Exception
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} ({described(self.error)})"


def attempt(steps: Iterable[Step]) -> list[Unwritten]:
    """Takes every step, in order, and returns those that failed."""
    unwritten = []
    for step in steps:
        try:
            step.write()
        except Exception as error:
            unwritten.append(Unwritten(step.what, error, step.remedy))
    return unwritten
