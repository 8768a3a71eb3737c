"""Runs a merging stage and tells how many bytes it read and wrote, by itself and by the system.

Usage: merge_bytes.py STAGE JOB.json REPORT.json. The system's count is of all reads and writes of the process
(``rchar`` and ``wchar`` of proc(5)) while the stage ran, from the page cache too, without what its start took.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packages/trainer/src"))

from prometheus_trainer.events import Events

STAGES = {"lora_merge": "merge_lora", "model_merge": "merge_models"}


def main() -> None:
    stage, job, report = sys.argv[1:]
    run = getattr(importlib.import_module(f"prometheus_trainer.{stage}"), STAGES[stage])
    before = counters()
    metrics = run(json.loads(Path(job).read_text(encoding="utf-8")), Events(None))
    after = counters()
    told = {
        "read": metrics["bytes_read"],
        "written": metrics["bytes_written"],
        "systemRead": after["rchar"] - before["rchar"],
        "systemWritten": after["wchar"] - before["wchar"],
    }
    Path(report).write_text(json.dumps(told), encoding="utf-8")


def counters() -> dict[str, int]:
    lines = Path("/proc/self/io").read_text().splitlines()
    return {name: int(value) for name, value in (line.split(": ") for line in lines)}


main()
