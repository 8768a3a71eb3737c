"""A failure at each step of saving: the trained weights are there afterwards, or training had not begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from saving_faults import run_with_faults
from training_jobs import write_job

STEPS = 1
LORA: dict[str, Any] = {"use_peft": True, "lora_r": 4, "lora_target_modules": ["q_proj", "v_proj"]}
WAYS: dict[str, dict[str, Any]] = {
    "full": {"save_strategy": "steps", "save_steps": 1},
    "lora": {**LORA, "save_strategy": "steps", "save_steps": 1},
    "full-without-checkpoints": {"save_strategy": "no"},
    "lora-without-checkpoints": {**LORA, "save_strategy": "no"},
}
# What a library may refuse at the end though it did not at the beginning.
KINDS = [
    "PreTrainedModel.save_pretrained",
    "PreTrainedConfig.save_pretrained",
    "GenerationConfig.save_pretrained",
    "PreTrainedTokenizerBase.save_pretrained",
    "PeftModel.save_pretrained",
    "PeftModel.create_or_update_model_card",
    "PeftConfigMixin.save_pretrained",
    "torch.save",
    "os.fsync",
    "json",
    "log.json",
    "os.mkdir",
    "os.remove",
    "open /output/",
    "open /checkpoints/",
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", ["full", "lora-without-checkpoints"])
def test_a_failure_at_each_step(way: str, few_inputs: dict[str, Path], tmp_path: Path) -> None:
    job = _job(tmp_path, few_inputs, way)
    # The first run of a process fills caches; the second is the one to compare with.
    _, whole = run_with_faults(job, [{}, {}])
    assert whole["ended"] == "done" and whole["output"], whole
    places = _first_and_last(whole["steps"])
    assert any("rehearsal" in whole["steps"][place] for place in places)
    assert any("/output/" in whole["steps"][place] for place in places)
    for place, run in zip(places, run_with_faults(job, [{"at": place} for place in places]), strict=True):
        assert run["steps"][place] == whole["steps"][place]
        _assert_nothing_lost(whole, run, f"{place}: {whole['steps'][place]}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", WAYS)
def test_a_kind_of_step_that_fails_from_the_first_step_of_training_on(
    way: str, few_inputs: dict[str, Path], tmp_path: Path
) -> None:
    job = _job(tmp_path, few_inputs, way)
    _, whole = run_with_faults(job, [{}, {}])
    plan = [
        {"every": kind, "after_training_began": True, "error": error}
        for kind in KINDS
        if any(kind in step for step in whole["steps"])
        for error in ("OSError", "ValueError")
    ]
    for entry, run in zip(plan, run_with_faults(job, plan), strict=True):
        assert run["trained"]
        _assert_nothing_lost(whole, run, str(entry))


@pytest.mark.parametrize("way", ["full", "lora-without-checkpoints"])
def test_what_always_fails_is_refused_before_training_or_not_needed(
    way: str, few_inputs: dict[str, Path], tmp_path: Path
) -> None:
    job = _job(tmp_path, few_inputs, way)
    _, whole = run_with_faults(job, [{}, {}])
    kinds = [*KINDS, "serialize_file"]
    plan = [
        {"every": kind, "after_training_began": False, "error": "ValueError"}
        for kind in kinds
        if any(kind in step for step in whole["steps"])
    ]
    runs = {entry["every"]: run for entry, run in zip(plan, run_with_faults(job, plan), strict=True)}
    for kind, run in runs.items():
        _assert_nothing_lost(whole, run, kind)
        assert run["trained"] == (run["ended"] == "done"), f"{kind}: {run['ended']}"
    assert not runs["serialize_file"]["trained"]
    assert "training has not begun" in runs["serialize_file"]["ended"]


def _job(folder: Path, few_inputs: dict[str, Path], way: str) -> Path:
    arguments = {"max_steps": STEPS, "eval_strategy": "no", "use_cpu": True, **WAYS[way]}
    return write_job(folder, **few_inputs, arguments=arguments)


def _first_and_last(steps: list[str]) -> list[int]:
    """Of steps with the same name, such as the flushing of each file, the first and the last, from the rehearsal on."""
    begins = next(number for number, name in enumerate(steps) if "rehearsal" in name)
    numbered = list(enumerate(steps))[begins:]
    first = {name: number for number, name in reversed(numbered)}
    last = {name: number for number, name in numbered if "mkdir" not in name}  # of a folder that is there
    return sorted({*first.values(), *last.values()})


def _assert_nothing_lost(whole: dict[str, Any], run: dict[str, Any], where: str) -> None:
    told = f"{where}: {run['ended']}; {run['warnings']}"
    if not run["trained"]:
        assert run["ended"] != "done", told
        return
    if run["ended"] != "done":
        at_end = run["checkpoint"] == whole["checkpoint"] and run["last_step"] == STEPS
        elsewhere = "its weights are in" in run["ended"] and run["elsewhere"] == [whole["output"]]
        assert at_end or elsewhere or run["output"] == whole["output"], told
        return
    assert run["output"] == whole["output"], told
    for name in {*whole["files"], *run["files"]}:
        if whole["files"].get(name) != run["files"].get(name):
            assert any(name in warning for warning in run["warnings"]), f"{name}, {told}"
