"""A linear merge as scripts do it: ``safe_open``, arithmetic in the models' dtype, ``save_file`` for each shard.

Usage: merge_naive.py OUTPUT_FOLDER MODEL_FOLDER MODEL_FOLDER. Weights 0.6 and 0.4. Flushed to the disk, as the other
ways are.
"""

import os
import shutil
import sys
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file


def main() -> None:
    output, *models = map(Path, sys.argv[1:])
    output.mkdir(parents=True)
    for file in sorted(models[0].glob("*.safetensors")):
        merged = {}
        with safe_open(file, "pt") as first, safe_open(models[1] / file.name, "pt") as second:
            for name in first.keys():  # noqa: SIM118, not a mapping
                merged[name] = first.get_tensor(name) * 0.6 + second.get_tensor(name) * 0.4
        save_file(merged, output / file.name, {"format": "pt"})
        with (output / file.name).open("rb") as written:
            os.fsync(written.fileno())
    for name in ("config.json", "model.safetensors.index.json"):
        shutil.copy(models[0] / name, output / name)


main()
