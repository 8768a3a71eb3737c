"""Prints what prepared data holds, as JSON: for train and test the rows, and a sha256 over all of them in order.

Usage: digest_prepared.py OUTPUT_FOLDER

Rows are read through ``datasets.load_from_disk``, and hashed as JSON with sorted keys, one a line: how the Arrow data
is cut into files and batches does not matter.
"""

import hashlib
import json
import sys
from pathlib import Path

from datasets import load_from_disk

ROWS_AT_A_TIME = 1000


def digest(folder: Path) -> dict:
    dataset = load_from_disk(str(folder))
    sha256 = hashlib.sha256()
    for batch in dataset.data.table.to_batches(max_chunksize=ROWS_AT_A_TIME):
        for row in batch.to_pylist():
            sha256.update(json.dumps(row, sort_keys=True).encode())
            sha256.update(b"\n")
    return {"rows": len(dataset), "sha256": sha256.hexdigest()}


print(json.dumps({part: digest(Path(sys.argv[1]) / part) for part in ("train", "test")}))
