"""Prepares the data as the original did: json, a pandas frame, scikit-learn's split, and datasets.

Usage: prepare_reference.py SETTINGS_JSON OUTPUT_FOLDER, or prepare_reference.py --versions

The settings are those of ``prepareDataset``, with one JSON array as the source. Where there is a choice it is the
faster one: the messages come from a plain loop, not from ``DataFrame.apply``, and nothing draws a progress bar. Like
the other ways, it ends with a flush of the data to the disk.
"""

import json
import os
import sys
import warnings
from importlib import metadata
from pathlib import Path

PACKAGES = ("pandas", "scikit-learn", "datasets", "pyarrow")


def main() -> None:
    if sys.argv[1] == "--versions":
        print(json.dumps({name: metadata.version(name) for name in PACKAGES}))
        return
    prepare(json.loads(sys.argv[1]), Path(sys.argv[2]))


def prepare(settings: dict, output: Path) -> None:
    import pandas as pd
    from datasets import Dataset, disable_progress_bars
    from sklearn.model_selection import train_test_split

    disable_progress_bars()
    # Text as Python strings, as in the pandas 2 of the original.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pd.set_option("future.infer_string", False)

    (source,) = settings["source"]["files"]
    with Path(source).open(encoding="utf-8") as file:
        frame = pd.DataFrame(json.load(file))
    columns, prompt = settings["columns"], settings["system_prompt"]
    frame["messages"] = [
        [{"content": f"{prompt}\n\n{user}", "role": "user"}, {"content": assistant, "role": "assistant"}]
        for user, assistant in zip(frame[columns["user"]], frame[columns["assistant"]], strict=True)
    ]
    split = settings["split"]
    train, test = train_test_split(frame, test_size=split["test_size"], random_state=split["seed"])
    for name, part in (("train", train), ("test", test)):
        Dataset.from_pandas(part).save_to_disk(output / name)
    for path in output.glob("*/*.arrow"):
        with path.open("rb") as file:
            os.fsync(file.fileno())


main()
