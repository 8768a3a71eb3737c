"""The synthetic judgements: what is committed, its layout, and that it can be learnt from."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "generate_judgements.py"
RECIPES = SCRIPT.parents[3] / "recipes"
ROWS = {"smoke-7b": 320, "smoke-8x7b": 160}

FEEDBACK_COLUMNS = {
    "instruction",
    "output",
    "orig_instruction",
    "orig_response",
    "orig_reference_answer",
    "orig_criteria",
    *(f"orig_score{score}_description" for score in range(1, 6)),
    "orig_feedback",
    "orig_score",
}
PREFERENCE_COLUMNS = {
    "orig_criteria",
    "orig_feedback_A",
    "orig_feedback_B",
    "orig_instruction",
    "orig_reference_answer",
    "orig_response_A",
    "orig_response_B",
    "orig_score_A",
    "orig_score_B",
    "orig_preference",
    "instruction",
    "output",
    "input",
    "orig_feedback",
}

Rows = list[dict[str, str]]


def feedback(recipe: str) -> Rows:
    return json.loads((RECIPES / recipe / "data" / "feedback.json").read_text())


def preference(recipe: str) -> Rows:
    return pq.read_table(RECIPES / recipe / "data" / "preference.parquet").to_pylist()


def test_the_committed_files_are_what_the_script_writes() -> None:
    assert subprocess.run([sys.executable, SCRIPT, "--check"], timeout=60).returncode == 0


def test_check_notices_a_change(tmp_path: Path) -> None:
    """On a copy of the repository's folders, with one character changed in one file."""
    scripts = tmp_path / "packages" / "trainer" / "scripts"
    scripts.mkdir(parents=True)
    for file in SCRIPT.parent.glob("*judgement*.py"):
        (scripts / file.name).write_bytes(file.read_bytes())
    command = [sys.executable, scripts / SCRIPT.name]
    assert subprocess.run(command, timeout=60).returncode == 0
    assert subprocess.run([*command, "--check"], timeout=60).returncode == 0
    file = tmp_path / "recipes" / "smoke-7b" / "data" / "feedback.json"
    file.write_text(file.read_text().replace("score", "scorn", 1))
    (tmp_path / "recipes" / "smoke-8x7b" / "data" / "preference.parquet").unlink()
    checked = subprocess.run([*command, "--check"], timeout=60, capture_output=True, text=True)
    assert checked.returncode == 1
    assert [line.split(":")[0] for line in checked.stderr.splitlines()] == [
        str(file),
        str(tmp_path / "recipes" / "smoke-8x7b" / "data" / "preference.parquet"),
    ]


@pytest.mark.parametrize("recipe", ROWS)
def test_feedback_rows(recipe: str) -> None:
    rows = feedback(recipe)
    assert len(rows) == ROWS[recipe]
    assert Counter(row["orig_score"] for row in rows) == {str(s): ROWS[recipe] // 5 for s in range(1, 6)}
    assert len({row["instruction"] for row in rows}) == len(rows)
    for row in rows:
        assert row.keys() == FEEDBACK_COLUMNS
        assert all(isinstance(value, str) and value for value in row.values())
        assert row["instruction"].startswith("###Task Description:\n")
        assert row["instruction"].endswith("\n\n###Feedback: ")
        assert row["output"] == f"Feedback: {row['orig_feedback']} [RESULT] {row['orig_score']}"
        for column in FEEDBACK_COLUMNS - {"instruction", "output", "orig_feedback", "orig_score"}:
            assert row[column] in row["instruction"], column


@pytest.mark.parametrize("recipe", ROWS)
def test_preference_rows(recipe: str) -> None:
    rows = preference(recipe)
    assert len(rows) == ROWS[recipe]
    assert Counter(row["orig_preference"] for row in rows) == dict.fromkeys("AB", ROWS[recipe] // 2)
    assert len({row["instruction"] for row in rows}) == len(rows)
    for row in rows:
        assert row.keys() == PREFERENCE_COLUMNS
        assert row["input"] == ""
        better = "A" if int(row["orig_score_A"]) > int(row["orig_score_B"]) else "B"
        assert row["orig_score_A"] != row["orig_score_B"]
        assert row["orig_preference"] == better
        assert row["output"] == f"Feedback: {row['orig_feedback']} [RESULT] {better}"
        for column in ("orig_criteria", "orig_instruction", "orig_response_A", "orig_response_B"):
            assert row[column] in row["instruction"], column


@pytest.mark.parametrize("recipe", ROWS)
def test_the_score_follows_from_the_response(recipe: str) -> None:
    """A response has one more of the reference's sentences for each score, so a judge can get it right."""
    for row in feedback(recipe):
        points = re.findall(r"[^.]+\.", row["orig_reference_answer"])
        made = sum(point.strip() in row["orig_response"] for point in points)
        assert int(row["orig_score"]) == made + 1


def test_recipes_differ_and_stay_small() -> None:
    instructions = [{row["instruction"] for row in feedback(recipe)} for recipe in ROWS]
    assert not instructions[0] & instructions[1]
    files = [file for recipe in ROWS for file in (RECIPES / recipe / "data").iterdir()]
    assert sum(file.stat().st_size for file in files) < 2_500_000


def test_lengths_in_tokens(tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    from prometheus_trainer.mistral_tokenizer import write_mistral_tokenizer

    write_mistral_tokenizer(tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for row in [*feedback("smoke-7b"), *preference("smoke-7b")]:
        assert 250 <= len(tokenizer.encode(row["instruction"] + row["output"]).ids) <= 450
