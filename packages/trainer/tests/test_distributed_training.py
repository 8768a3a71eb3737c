"""Two processes train what one does, under DDP and under ZeRO-3, where the global batch is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
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

GLOBAL_BATCH = 8
BATCH = 2
KINDS: dict[str, dict[str, Any]] = {
    "full": {},
    "lora": {
        "use_peft": True,
        "lora_r": 4,
        "lora_alpha": 8,
        "lora_dropout": 0.0,  # each process draws its own
        "lora_target_modules": EIGHT_TARGETS,
    },
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    return {
        "model": write_small_model(folder / "mixtral", "mixtral"),
        # As many as fill the steps: accelerate repeats rows where a process would get fewer than another.
        "dataset": write_small_rows(folder / "rows", train=3 * GLOBAL_BATCH),
    }


@pytest.fixture(scope="module")
def by_one_process(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: _train(tmp_path_factory.mktemp(kind), inputs, kind, SINGLE, "parity") for kind in KINDS}


@pytest.mark.parametrize("profile", ["parity", "fast"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", [pytest.param(DDP, id="ddp"), pytest.param(ZERO3, id="zero3")])
def test_two_processes_train_as_one(
    mode: Mode,
    kind: str,
    profile: str,
    inputs: dict[str, Path],
    by_one_process: dict[str, Path],
    tmp_path: Path,
) -> None:
    one, two = by_one_process[kind], _train(tmp_path, inputs, kind, mode, profile)
    for event in ("train", "evaluation"):
        expected, found = ([each["loss"] for each in read_events(run, event)] for run in (one, two))
        assert len(expected) > 0
        assert found == pytest.approx(expected, rel=1e-6)
    (done,), (expected_done,) = read_events(two, "done"), read_events(one, "done")
    for key in ("tokens", "trainable_parameters", "steps"):
        assert done["metrics"][key] == expected_done["metrics"][key], key
    _assert_close(two, one, "adapter_model.safetensors" if kind == "lora" else "model.safetensors")


@pytest.mark.parametrize("profile", ["parity", "fast"])
@pytest.mark.parametrize(("first", "then"), [(DDP, SINGLE), (SINGLE, DDP)])
def test_another_number_of_processes_goes_on_with_the_same_batches(
    first: Mode,
    then: Mode,
    profile: str,
    inputs: dict[str, Path],
    by_one_process: dict[str, Path],
    tmp_path: Path,
) -> None:
    run = Run(_job(tmp_path, inputs, "lora", first, profile), first)
    run.wait_for(lambda event: event["event"] == "checkpoint" and event["step"] == 2)  # within an epoch
    run.kill()
    resumed = Run(_job(tmp_path, inputs, "lora", then, profile), then)
    assert set(resumed.finish()) == {0}, resumed.log()
    notices = [event["message"] for event in resumed.events() if event["event"] == "notice"]
    change = f"made by {first.processes} processes, and there are {then.processes} now"
    assert any(change in notice and "not be those of an undisturbed run" in notice for notice in notices)
    steps = [event["step"] for event in read_events(by_one_process["lora"], "train")]
    assert [event["step"] for event in resumed.events() if event["event"] == "train"][-2:] == steps[-2:]
    (done,) = read_events(tmp_path, "done")
    assert done["metrics"]["processes"] == f"{first.processes}, then {then.processes}"
    _assert_close(tmp_path, by_one_process["lora"], "adapter_model.safetensors")


def test_zero3_refuses_another_number_of_processes(inputs: dict[str, Path], tmp_path: Path) -> None:
    run = Run(_job(tmp_path, inputs, "lora", ZERO3, "parity"), ZERO3)
    run.wait_for(lambda event: event["event"] == "checkpoint")
    run.kill()
    one = Mode(1, zero3=True)
    run = Run(_job(tmp_path, inputs, "lora", one, "parity"), one)
    assert run.finish() == [2], run.log()
    (error,) = read_events(tmp_path, "error")
    assert "made by 2 processes, and there are 1 now" in error["message"]
    assert "Train with 2 processes" in error["hint"]


def _assert_close(folder: Path, expected: Path, file: str) -> None:
    trained = load_file(folder / "output" / file)
    for name, tensor in load_file(expected / "output" / file).items():
        torch.testing.assert_close(trained[name], tensor, rtol=0, atol=1e-6, msg=name)


def _train(folder: Path, inputs: dict[str, Path], kind: str, mode: Mode, profile: str) -> Path:
    run_to_end(_job(folder, inputs, kind, mode, profile), mode)
    return folder


def _job(folder: Path, inputs: dict[str, Path], kind: str, mode: Mode, profile: str) -> Path:
    arguments = {
        "gradient_accumulation_steps": GLOBAL_BATCH // (BATCH * mode.processes),
        "per_device_train_batch_size": BATCH,
        "num_train_epochs": 2,
        "save_strategy": "steps",
        "save_steps": 2,
        "save_total_limit": 1,
        **KINDS[kind],
        **mode.arguments,
    }
    return write_job(folder, **inputs, arguments=arguments, profile=profile, micro_batch_tokens=150)
