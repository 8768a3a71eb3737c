"""The prepared data of the golden records, made with pandas and scikit-learn as the original made it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from shared_records import shared_path

PROMPTS = {
    "absolute": "You are a fair judge assistant tasked with providing clear, objective feedback based on specific "
    "criteria, ensuring each assessment reflects the absolute standards set for performance.",
    "relative": "You are a fair judge assistant assigned to deliver insightful feedback that compares individual "
    "performances, highlighting how each stands relative to others within the same cohort.",
}


def write_golden_dataset(name: str, folder: Path) -> Path:
    """Writes ``train/`` and ``test/`` of ``absolute`` or ``relative`` and checks them with the record of their rows."""
    import pandas as pd
    from datasets import Dataset, DatasetDict
    from sklearn.model_selection import train_test_split

    if name == "absolute":
        frame = pd.DataFrame(json.loads(shared_path("data/feedback-sample.json").read_text()))
    else:
        frame = pd.read_parquet(shared_path("data/preference-sample.parquet"))
    frame["messages"] = [
        [
            {"content": f"{PROMPTS[name]}\n\n{instruction}", "role": "user"},
            {"content": output, "role": "assistant"},
        ]
        for instruction, output in zip(frame["instruction"], frame["output"], strict=True)
    ]
    train, test = train_test_split(frame, test_size=0.01, random_state=42)
    splits = DatasetDict({"train": Dataset.from_pandas(train), "test": Dataset.from_pandas(test)})
    record: dict[str, Any] = json.loads(shared_path(f"golden/{name}-dataset.json").read_text())
    for split, rows in splits.items():
        assert rows["__index_level_0__"][:] == record[split]["original_row"]
        lines = "\n".join(json.dumps(row, sort_keys=True) for row in rows)
        assert hashlib.sha256(lines.encode()).hexdigest() == record[split]["rows_sha256"]
    splits.save_to_disk(str(folder))
    return folder
