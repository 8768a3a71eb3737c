"""A merge onto a disk that is too small, or that fills up meanwhile: one clear error, nothing half written."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from merge_processes import STAGES
from merging_models import merge_config
from safetensors.torch import save_file
from small_disk import Mount
from tiny_models import MISTRAL, read_model, write_model

from prometheus_trainer.entry import _users_mistake
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events

# 18 MB of float32 in layers of 2.1 MB.
CONFIG = {**MISTRAL, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 8}
MIB = 2**20


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Two models, and an adapter of the first."""
    folder = tmp_path / "inputs"
    for seed, name in enumerate(("base", "other")):
        write_model(folder / name, CONFIG, seed)
    (folder / "adapter").mkdir()
    module = "base_model.model.model.layers.0.self_attn.q_proj"
    halves = {f"{module}.lora_{half}.weight": values for half, values in lora_halves().items()}
    save_file(halves, folder / "adapter/adapter_model.safetensors")
    (folder / "adapter/adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 4}')
    return folder


def lora_halves() -> dict[str, torch.Tensor]:
    return {"A": torch.ones(2, 256), "B": torch.ones(256, 2)}


def job_of(stage: str, inputs: Path, output_dir: Path) -> dict[str, Any]:
    job: dict[str, Any] = {"output_dir": str(output_dir), "max_shard_bytes": 4 * MIB}
    if stage == "lora_merge":
        return {
            "base": {"path": str(inputs / "base")},
            "adapter": str(inputs / "adapter"),
            "dtype": None,
            **job,
        }
    models = [{"weight": 1.0}, {"weight": 1.0}]
    config = merge_config("linear", [inputs / "base", inputs / "other"], models=models)
    return {"config": config, "models": {}, "donor": None, **job}


def digests(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize("stage", STAGES)
def test_a_disk_too_small_is_told_before_anything_is_written(
    stage: str,
    inputs: Path,
    mount: Mount,
) -> None:
    before, disk = digests(inputs), mount(6 * MIB)
    with pytest.raises(ConfigurationError) as caught:
        STAGES[stage](job_of(stage, inputs, disk / "out"), Events(None))
    needed = sum(tensor.nbytes for tensor in read_model(inputs / "base").values())
    assert f"takes {needed / 1e6:.1f} MB, and the disk of {disk / 'out'} has" in caught.value.problem
    assert "Free space" in (caught.value.hint or "")
    assert list((disk / "out").glob("*.safetensors*")) == []
    assert digests(inputs) == before


@pytest.mark.parametrize("stage", STAGES)
def test_a_disk_that_fills_up(
    stage: str,
    inputs: Path,
    mount: Mount,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There was room beforehand, which another process takes: here, by not asking."""
    monkeypatch.setattr("prometheus_trainer.merging.engine.require_space", lambda *_: None)
    STAGES[stage](job_of(stage, inputs, tmp_path / "whole"), Events(None))
    whole, before, disk = digests(tmp_path / "whole"), digests(inputs), mount(10 * MIB)
    problem = run_until_full(stage, job_of(stage, inputs, disk / "out"))
    assert "the disk is full" in problem
    assert str(disk / "out") in problem
    named = {name: digest for name, digest in digests(disk / "out").items() if name.endswith(".safetensors")}
    assert named.items() <= whole.items()
    assert digests(inputs) == before


def run_until_full(stage: str, job: dict[str, Any]) -> str:
    """What the stage's command would say."""
    with pytest.raises((OSError, ConfigurationError)) as caught:
        STAGES[stage](job, Events(None))
    mistake = _users_mistake(caught.value, job)
    assert mistake is not None
    return str(mistake)
