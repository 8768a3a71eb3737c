"""Compares prepared data with what pandas, scikit-learn and datasets make of the same files, order of rows included.

Usage: check_dataset.py FEEDBACK.json PREFERENCE.parquet DATA_FOLDER
"""

import json
import sys
from pathlib import Path

import pandas as pd
from datasets import Dataset, load_from_disk
from sklearn.model_selection import train_test_split

PROMPTS = {
    "feedback-collection": "You are a fair judge assistant tasked with providing clear, objective feedback based on "
    "specific criteria, ensuring each assessment reflects the absolute standards set for performance.",
    "preference-collection": "You are a fair judge assistant assigned to deliver insightful feedback that compares "
    "individual performances, highlighting how each stands relative to others within the same cohort.",
}


def reference(frame: pd.DataFrame, prompt: str, target: Path) -> dict[str, Dataset]:
    frame = frame.assign(
        messages=[
            [
                {"content": f"{prompt}\n\n{instruction}", "role": "user"},
                {"content": output, "role": "assistant"},
            ]
            for instruction, output in zip(frame["instruction"], frame["output"], strict=True)
        ]
    )
    train, test = train_test_split(frame, test_size=0.01, random_state=42)
    for name, part in (("train", train), ("test", test)):
        Dataset.from_pandas(part).save_to_disk(str(target / name))
    return {name: load_from_disk(str(target / name)) for name in ("train", "test")}


def difference(expected: Dataset, found: Dataset) -> str | None:
    if set(expected.column_names) != set(found.column_names):
        return f"columns {found.column_names} instead of {expected.column_names}"
    if len(expected) != len(found):
        return f"{len(found)} rows instead of {len(expected)}"
    for name in expected.column_names:
        if expected[name][:] != found[name][:]:
            return f"column {name} differs"
    return None


def main() -> None:
    feedback, preference, data = sys.argv[1:]
    frames = {
        "feedback-collection": pd.read_json(feedback, dtype=False),
        "preference-collection": pd.read_parquet(preference),
    }
    result = {}
    for name, frame in frames.items():
        expected = reference(frame, PROMPTS[name], Path(data).parent / "reference" / name)
        found = {part: load_from_disk(str(Path(data) / name / part)) for part in ("train", "test")}
        differences = [
            f"{part}: {text}" for part in expected if (text := difference(expected[part], found[part]))
        ]
        result[name] = "; ".join(differences) or "equal"
    print(json.dumps(result))


main()
