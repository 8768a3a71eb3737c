"""``kill -9`` at random moments of a run, each followed by another run: the weights are those of an undisturbed one.

``PROMETHEUS_TEST_KILLS`` is the number of kills in each mode, 5 by default.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from training_jobs import (
    DDP,
    EIGHT_TARGETS,
    SINGLE,
    ZERO3,
    Mode,
    Run,
    read_events,
    run_to_end,
    write_job,
    write_small_model,
    write_small_rows,
)

from prometheus_trainer.checkpoints import torn_checkpoints

KILLS = int(os.environ.get("PROMETHEUS_TEST_KILLS", "5"))
STEPS_AN_EPOCH = 6
LORA: dict[str, Any] = {
    "use_peft": True,
    "lora_r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.1,
    "lora_target_modules": EIGHT_TARGETS,
}

# How the beginning of each part of a run is seen. What ends a run is last: nothing comes after it.
Seen = Callable[[Path, list[dict[str, Any]]], bool]
PARTS: dict[str, Seen] = {
    "start-up": lambda folder, events: bool(events),
    "steps": lambda folder, events: any(event["event"] == "train" for event in events),
    "checkpoint": lambda folder, events: (  # and not the one that an earlier kill left
        any(event["event"] == "train" for event in events) and bool(torn_checkpoints(folder / "checkpoints"))
    ),
    "evaluation": lambda folder, events: _evaluates(events),
    "final save": lambda folder, events: any(event.get("name") == "saving" for event in events),
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("mode", "tuning"),
    [
        pytest.param(SINGLE, {}, id="single-full"),
        pytest.param(DDP, LORA, id="ddp-lora"),
        pytest.param(ZERO3, LORA, id="zero3-lora"),
    ],
)
def test_kills_leave_no_trace_in_the_weights(mode: Mode, tuning: dict[str, Any], tmp_path: Path) -> None:
    inputs = {
        "model": write_small_model(tmp_path / "mixtral", "mixtral"),
        "dataset": write_small_rows(tmp_path / "rows"),
    }
    arguments = {
        # A kill costs up to an epoch's progress, and the run must last for all of them.
        "num_train_epochs": 2 + KILLS // 2,
        "gradient_accumulation_steps": 2 // mode.processes,
        "save_strategy": "steps",
        "save_steps": 2,
        "save_total_limit": 1,
        **tuning,
        **mode.arguments,
    }
    whole = write_job(tmp_path / "whole", **inputs, arguments=arguments)
    run_to_end(whole, mode)
    seconds = _seconds(read_events(whole.parent))
    killed = write_job(tmp_path / "killed", **inputs, arguments=arguments)

    draw = random.Random(f"{mode}")
    parts = [list(PARTS)[number % len(PARTS)] for number in range(KILLS)]
    draw.shuffle(parts)
    told = []
    for part in sorted(parts, key=lambda part: part == "final save"):
        for attempt in range(1, 11):
            run = Run(killed, mode)
            run.wait_until(PARTS[part])
            moment = time.monotonic() + draw.uniform(0, seconds[part] / attempt)
            # A resumed run starts faster than the first one, and must not end here.
            while time.monotonic() < moment and not (
                part == "start-up" and PARTS["steps"](killed, run.events())
            ):
                time.sleep(0.002)
            run.kill(draw)
            if not any(event["event"] == "done" for event in run.events()):
                break  # otherwise it came too late
        else:
            raise AssertionError(f"no kill fell into {part}")
        told.append(f"{part}: the last that it told was {_last(run.events())}")
    print(f"\n{mode}: killed {len(told)} times", *told, sep="\n  ")
    run_to_end(killed, mode)
    (file,) = (path.name for path in (tmp_path / "whole/output").glob("*.safetensors"))
    assert (tmp_path / "killed/output" / file).read_bytes() == (tmp_path / "whole/output" / file).read_bytes()


def _seconds(events: list[dict[str, Any]]) -> dict[str, float]:
    """How long each part of an undisturbed run took; of the steps, two."""
    times = {
        name: [event["time"] for event in events if name in (event["event"], event.get("name"))]
        for name in ("train", "checkpoint", "evaluation", "saving", "done")
    }
    first, last = times["train"][0], times["train"][-1]
    two_steps = 2 * (last - first) / len(times["train"])
    saved = max(time for time in times["checkpoint"] if time <= times["evaluation"][0])
    return {
        "start-up": first - events[0]["time"],
        "steps": two_steps,
        "checkpoint": two_steps / 2,
        "evaluation": times["evaluation"][0] - saved,
        "final save": times["done"][0] - times["saving"][0],
    }


def _evaluates(events: list[dict[str, Any]]) -> bool:
    """Whether the checkpoint of an epoch's end is saved and not evaluated yet."""
    steps = [event for event in events if event["event"] in ("checkpoint", "evaluation")]
    return bool(steps) and steps[-1]["event"] == "checkpoint" and steps[-1]["step"] % STEPS_AN_EPOCH == 0


def _last(events: list[dict[str, Any]]) -> str:
    known = [event for event in events if event["event"] in ("phase", "train", "checkpoint", "evaluation")]
    last = known[-1] if known else {"event": "nothing"}
    return f"{last['event']} {last.get('name', last.get('step', ''))}".strip()
