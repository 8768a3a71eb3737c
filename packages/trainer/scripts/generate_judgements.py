"""Writes the synthetic judgements that the smoke recipes train on, laid out as the two real collections are.

``generate_judgements.py`` writes ``recipes/smoke-*/data/{feedback.json,preference.parquet}``; with
``--check`` it writes nothing and fails when the committed files differ from what it would write.

As in the real collections, a question and a criterion come with one response for each score (five rows of
feedback) and with every pair of these (ten rows of preference). How many of a topic's points a response makes
decides its score, so that there is something to learn.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from judgement_phrases import CRITERIA, FILLERS, OPENINGS, TOPICS, Criterion

RECIPES = Path(__file__).resolve().parents[3] / "recipes"
DATASETS = {"smoke-7b": (7, 320), "smoke-8x7b": (87, 160)}
"""Seed and number of rows of each recipe's two files."""

Row = dict[str, str]
Item = TypeVar("Item")


def main() -> int:
    """Writes or checks every file; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files, write nothing"
    )
    check = parser.parse_args().check
    stale = []
    for recipe, (seed, rows) in DATASETS.items():
        folder = RECIPES / recipe / "data"
        feedback, preference = feedback_rows(seed, rows), preference_rows(seed, rows)
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "feedback.json").write_bytes(feedback_json(feedback))
            (folder / "preference.parquet").write_bytes(preference_parquet(preference))
            continue
        if not _same_bytes(folder / "feedback.json", feedback_json(feedback)):
            stale.append(folder / "feedback.json")
        if not _same_table(folder / "preference.parquet", preference):
            stale.append(folder / "preference.parquet")
    for file in stale:
        print(
            f"{file}: missing, or not what generate_judgements.py writes; run it and commit", file=sys.stderr
        )
    return 1 if stale else 0


def feedback_rows(seed: int, count: int) -> list[Row]:
    """``count`` rows (a multiple of five) in the columns of the Feedback Collection."""
    rows = []
    for case in _cases(seed, count // 5):
        for response in case.responses:
            feedback = f"{_assessment('The response', response)} {_verdict(case.criterion, response.score)}"
            rows.append(
                {
                    "instruction": _absolute_prompt(case, response.text),
                    "output": f"Feedback: {feedback} [RESULT] {response.score}",
                    "orig_instruction": case.question,
                    "orig_response": response.text,
                    "orig_reference_answer": case.reference,
                    "orig_criteria": case.criterion.question,
                    **{
                        f"orig_score{score}_description": description
                        for score, description in enumerate(case.criterion.descriptions, start=1)
                    },
                    "orig_feedback": feedback,
                    "orig_score": str(response.score),
                }
            )
    return rows


def preference_rows(seed: int, count: int) -> list[Row]:
    """``count`` rows (a multiple of ten) in the columns of the Preference Collection; half are won by A."""
    rows = []
    for case in _cases(seed, count // 10):
        for i, pair in enumerate(combinations(case.responses, 2)):
            a, b = pair if i % 2 else reversed(pair)
            winner = "A" if a.score > b.score else "B"
            parts = [_assessment("Response A", a), _assessment("Response B", b)]
            feedback = f"{' '.join(parts)} {_comparison(winner, abs(a.score - b.score))}"
            rows.append(
                {
                    "orig_criteria": case.criterion.question,
                    "orig_feedback_A": f"{parts[0]} {_verdict(case.criterion, a.score)}",
                    "orig_feedback_B": f"{parts[1]} {_verdict(case.criterion, b.score)}",
                    "orig_instruction": case.question,
                    "orig_reference_answer": case.reference,
                    "orig_response_A": a.text,
                    "orig_response_B": b.text,
                    "orig_score_A": str(a.score),
                    "orig_score_B": str(b.score),
                    "orig_preference": winner,
                    "instruction": _relative_prompt(case, a.text, b.text),
                    "output": f"Feedback: {feedback} [RESULT] {winner}",
                    "input": "",
                    "orig_feedback": feedback,
                }
            )
    return rows


def feedback_json(rows: list[Row]) -> bytes:
    """One JSON array, one row a line."""
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f"[\n{lines}\n]\n".encode()


def preference_parquet(rows: list[Row]) -> bytes:
    """A Parquet file of string columns, in two row groups, so that readers meet more than one."""
    sink = io.BytesIO()
    pq.write_table(_table(rows), sink, compression="zstd", row_group_size=max(1, len(rows) // 2))
    return sink.getvalue()


@dataclass(frozen=True)
class _Response:
    score: int
    text: str
    made: tuple[str, ...]
    missed: tuple[str, ...]


@dataclass(frozen=True)
class _Case:
    question: str
    criterion: Criterion
    reference: str
    responses: tuple[_Response, ...]


def _cases(seed: int, count: int) -> Iterator[_Case]:
    """Questions with a criterion, each combination once."""
    generator = random.Random(seed)
    combined = [
        (topic, slot, criterion)
        for topic in TOPICS
        for slot in range(len(topic.slot))
        for criterion in CRITERIA
    ]
    for topic, slot, criterion in _shuffled(combined, generator)[:count]:
        points = tuple(_shuffled(list(topic.points), generator))
        yield _Case(
            question=topic.question.format(topic.slot[slot]),
            criterion=criterion,
            reference=" ".join(topic.points),
            responses=tuple(_response(score, points, generator) for score in range(1, 6)),
        )


def _response(score: int, points: tuple[str, ...], generator: random.Random) -> _Response:
    made, missed = points[: score - 1], points[score - 1 :]
    fillers = _shuffled(list(FILLERS), generator)[: (6 - score) // 2]
    opening = _shuffled(list(OPENINGS), generator)[0]
    return _Response(score, " ".join([opening, *_shuffled([*made, *fillers], generator)]), made, missed)


def _shuffled(items: list[Item], generator: random.Random) -> list[Item]:
    """A copy in random order by ``random()``, the one method whose sequence Python promises to keep."""
    return [
        item for _, item in sorted(((generator.random(), item) for item in items), key=lambda pair: pair[0])
    ]


def _assessment(subject: str, response: _Response) -> str:
    parts = []
    if response.made:
        parts.append(f"{subject} makes the point: {response.made[0]}")
    if response.missed:
        parts.append(f"{'It' if parts else subject} leaves out: {response.missed[0]}")
    count = ("none", "one", "two", "three", "all")[len(response.made)]
    parts.append(f"Of the four points it makes {count}.")
    return " ".join(parts)


def _verdict(criterion: Criterion, score: int) -> str:
    return f"{criterion.verdicts[score - 1]} So the overall score is {score}."


def _comparison(winner: str, distance: int) -> str:
    degree = "slightly" if distance == 1 else "clearly"
    return f"Judged by the rubric, Response {winner} is {degree} better."


def _absolute_prompt(case: _Case, response: str) -> str:
    rubric = "\n".join(f"Score {i}: {text}" for i, text in enumerate(case.criterion.descriptions, start=1))
    return (
        "###Task Description:\n"
        "You get an instruction, a response to evaluate, a reference answer of score 5 and a score rubric.\n"
        "1. Write feedback on the response that follows the rubric and nothing else.\n"
        "2. Then give a score, a whole number from 1 to 5.\n"
        '3. Answer in the form: "Feedback: (your feedback) [RESULT] (a number from 1 to 5)"\n\n'
        f"###The instruction to evaluate:\n{case.question}\n\n"
        f"###Response to evaluate:\n{response}\n\n"
        f"###Reference Answer (Score 5):\n{case.reference}\n\n"
        f"###Score Rubrics:\n[{case.criterion.question}]\n{rubric}\n\n"
        "###Feedback: "
    )


def _relative_prompt(case: _Case, a: str, b: str) -> str:
    return (
        "###Task Description:\n"
        "You get an instruction, two responses to evaluate, a reference answer and a score rubric.\n"
        "1. Write feedback that compares the responses by the rubric and by nothing else.\n"
        "2. Then name the better one, A or B.\n"
        '3. Answer in the form: "Feedback: (your feedback) [RESULT] (A or B)"\n\n'
        f"###Instruction:\n{case.question}\n\n"
        f"###Response A:\n{a}\n\n"
        f"###Response B:\n{b}\n\n"
        f"###Reference Answer:\n{case.reference}\n\n"
        f"###Score Rubric:\n{case.criterion.question}\n\n"
        "###Feedback: "
    )


def _table(rows: list[Row]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]})


def _same_bytes(file: Path, expected: bytes) -> bool:
    return file.is_file() and file.read_bytes() == expected


def _same_table(file: Path, rows: list[Row]) -> bool:
    # Not the bytes: another version of pyarrow writes another footer for the same table.
    return file.is_file() and pq.read_table(file).equals(_table(rows))


if __name__ == "__main__":
    raise SystemExit(main())
