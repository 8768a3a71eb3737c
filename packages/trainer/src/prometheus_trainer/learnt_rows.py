"""How much of its answer a row teaches, and how many rows teach less than all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events

DEFAULT_LIMIT = 0.01


class Learnt(IntEnum):
    """What has labels of the answer of a row."""

    WHOLE = 0
    CUT = 1  # max_length cut the end off
    MISPLACED = 2  # by the original's rule, which a quoted marker misleads
    NOTHING_LEFT = 3  # max_length cut it off
    NO_MARKER = 4  # by the original's rule, which looks for the marker among the ids
    NO_ANSWER = 5  # there is none where it is looked for
    LEFT_OUT = 6  # the chat template does not write all of it, or not where it is learnt


CUT = (Learnt.CUT, Learnt.MISPLACED, Learnt.LEFT_OUT)
WITHOUT_LABEL = (Learnt.NOTHING_LEFT, Learnt.NO_MARKER, Learnt.NO_ANSWER)


@dataclass(frozen=True)
class LearntRows:
    """The rows of one split, counted; ``first`` is the first that is not learnt whole, its place in the split."""

    split: str
    rows: int
    counts: dict[Learnt, int]
    first: int | None

    @property
    def cut(self) -> int:
        return sum(self.counts.get(kind, 0) for kind in CUT)

    @property
    def without_label(self) -> int:
        return sum(self.counts.get(kind, 0) for kind in WITHOUT_LABEL)

    def metrics(self) -> dict[str, int]:
        """For the manifest; those of the training rows without a prefix."""
        prefix = "" if self.split == "train" else f"{self.split}_"
        return {
            f"{prefix}rows_without_label": self.without_label,
            f"{prefix}rows_with_cut_answer": self.cut,
        }

    def problem(self, max_length: int | None, learns: str) -> str | None:
        """What is not learnt and why, for people; None where all is."""
        parts = [
            f"{self.counts[kind]} {text}"
            for kind, text in _causes(max_length, learns).items()
            if self.counts.get(kind)
        ]
        if not parts:
            return None
        return (
            f"dataset, {self.split}: {self.without_label} of {self.rows} rows have no label, and {self.cut} have a cut "
            f"answer: {'; '.join(parts)}. The first of them is row {self.first} of {self.split}, counted from 0"
        )

    def remedy(self) -> str:
        """What to change, for people; a clause."""
        by_length = any(self.counts.get(kind) for kind in (Learnt.CUT, Learnt.NOTHING_LEFT))
        by_template = any(kind not in (Learnt.WHOLE, Learnt.CUT, Learnt.NOTHING_LEFT) for kind in self.counts)
        parts = ["raise max_length"] * by_length + ["check chat_template and response_marker"] * by_template
        return ", ".join(parts).capitalize()


class LearntReport:
    """Reports the rows of each split as they are counted, and refuses training rows of which too few are whole.

    ``limit`` is the largest share of training rows without a label or with a cut answer; None has them warned about.
    """

    def __init__(self, events: Events, limit: float | None) -> None:
        self._events = events
        self._limit = limit
        self.metrics: dict[str, int] = {}

    def add(self, counted: LearntRows, max_length: int | None, learns: str) -> None:
        """Raises ConfigurationError where more than the limit are not learnt whole."""
        self.metrics |= counted.metrics()
        self._events.emit(
            "rows",
            split=counted.split,
            rows=counted.rows,
            without_label=counted.without_label,
            cut_answer=counted.cut,
        )
        problem = counted.problem(max_length, learns)
        if problem is None:
            return
        lost = (counted.without_label + counted.cut) / counted.rows
        if counted.split == "train" and self._limit is not None and lost > self._limit:
            raise ConfigurationError(
                f"{problem}. That is {lost:.2%} of the rows, more than the {self._limit:.2%} allowed",
                f"{counted.remedy()}, leave these rows out, or allow more with max_incomplete_share.",
            )
        self._events.emit("warning", message=problem)


def limit_of(share: float | None, profile: str) -> float | None:
    """The limit for a job's ``max_incomplete_share``; ``parity`` has none of its own, as the original had none."""
    if share is not None:
        return share
    return None if profile == "parity" else DEFAULT_LIMIT


def count_rows(kinds: Any, split: str, places: Sequence[int] | None) -> LearntRows:
    """Counts a column of :class:`Learnt`, an Arrow array; ``places`` are the rows' in the split, None as they come."""
    found = kinds.to_pylist()
    counts = {Learnt(kind): count for kind, count in Counter(found).items()}
    first = min(
        (place for place, kind in zip(places or range(len(found)), found, strict=True) if kind), default=None
    )
    return LearntRows(split, len(found), counts, first)


def _causes(max_length: int | None, learns: str) -> dict[Learnt, str]:
    return {
        Learnt.CUT: f"end beyond max_length, {max_length} tokens",
        Learnt.NOTHING_LEFT: f"begin beyond max_length, {max_length} tokens",
        Learnt.MISPLACED: "quote [/INST] or begin with a bracket, and the profile parity learns what follows the last "
        "[/INST] that it finds among the tokens",
        Learnt.LEFT_OUT: "have an answer of which the chat template leaves a part out, or writes it where no loss is "
        "taken",
        Learnt.NO_MARKER: "have nothing behind the last [/INST] that the profile parity finds among the tokens",
        Learnt.NO_ANSWER: f"have no answer where it is looked for, {learns}",
    }
