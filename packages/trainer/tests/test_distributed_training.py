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
    file = "adapter_model.safetensors" if kind == "lora" else "model.safetensors"
    trained = load_file(two / "output" / file)
    for name, tensor in load_file(one / "output" / file).items():
        torch.testing.assert_close(trained[name], tensor, rtol=0, atol=1e-6, msg=name)


def _train(folder: Path, inputs: dict[str, Path], kind: str, mode: Mode, profile: str) -> Path:
    arguments = {
        "gradient_accumulation_steps": GLOBAL_BATCH // (BATCH * mode.processes),
        "per_device_train_batch_size": BATCH,
        "num_train_epochs": 2,
        "save_strategy": "no",
        **KINDS[kind],
        **mode.arguments,
    }
    job = write_job(folder, **inputs, arguments=arguments, profile=profile, micro_batch_tokens=150)
    run_to_end(job, mode)
    return folder
