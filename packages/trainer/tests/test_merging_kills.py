"""``kill -9`` at random moments of a merge of twenty shards, each followed by another run on the same folder.

``PROMETHEUS_TEST_KILLS`` is the number of kills of each stage, 4 by default.
"""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from merge_processes import STAGES, start_merge
from merging_models import merge_config
from safetensors.torch import save_file
from tiny_models import MISTRAL, write_model, write_tensors

from prometheus_trainer.events import Events

KILLS = int(os.environ.get("PROMETHEUS_TEST_KILLS", "4"))
LAYERS = 20
CONFIG = {**MISTRAL, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": LAYERS}
# A layer has 1.2 MB of bfloat16.
SHARD_BYTES = 1_250_000


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model, two experts of it, and an adapter."""
    folder = tmp_path_factory.mktemp("inputs")
    base = write_model(folder / "base", CONFIG, 1, torch.bfloat16)
    generator = torch.Generator().manual_seed(2)
    for name in ("a", "b"):
        expert = {
            key: values + 0.1 * torch.randn(values.shape, generator=generator).to(values.dtype)
            for key, values in base.items()
        }
        write_tensors(folder / name, CONFIG, expert)
    adapter = {}
    for key, values in base.items():
        if key.endswith("_proj.weight"):
            module = f"base_model.model.{key.removesuffix('.weight')}"
            rows, columns = values.shape
            adapter[f"{module}.lora_A.weight"] = torch.randn(8, columns, generator=generator)
            adapter[f"{module}.lora_B.weight"] = torch.randn(rows, 8, generator=generator)
    (folder / "adapter").mkdir()
    save_file(adapter, folder / "adapter/adapter_model.safetensors")
    settings = {"peft_type": "LORA", "r": 8, "lora_alpha": 16}
    (folder / "adapter/adapter_config.json").write_text(json.dumps(settings))
    return folder


def job_of(stage: str, inputs: Path, output_dir: Path, **keys: Any) -> dict[str, Any]:
    """A job of twenty shards or more."""
    job: dict[str, Any] = {"output_dir": str(output_dir), "max_shard_bytes": SHARD_BYTES, **keys}
    if stage == "lora_merge":
        paths = {"base": {"path": str(inputs / "base")}, "adapter": str(inputs / "adapter")}
        return {**paths, "dtype": None, **job}
    models = [{"weight": 0.6, "density": 0.5}, {"weight": 0.4, "density": 0.4}]
    config = merge_config(
        "dare_ties", [inputs / "a", inputs / "b"], base=inputs / "base", models=models, dtype="bfloat16"
    )
    return {"config": config, "models": {}, "donor": None, "seed": 3, **job}


def contents(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob(pattern)}


def run(stage: str, inputs: Path, output_dir: Path, **keys: Any) -> dict[str, Any]:
    return STAGES[stage](job_of(stage, inputs, output_dir, **keys), Events(None))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stage", STAGES)
def test_kills_leave_no_trace(stage: str, inputs: Path, tmp_path: Path) -> None:
    job, report = job_of(stage, inputs, tmp_path / "whole"), tmp_path / "report.json"
    process = start_merge(stage, job, report)
    process.join()
    # The first start is also that of the server; the second is like all others.
    job = job_of(stage, inputs, tmp_path / "again")
    started = time.monotonic()
    process = start_merge(stage, job, report)
    process.join()
    seconds = time.monotonic() - started
    expected = contents(tmp_path / "whole")
    assert contents(tmp_path / "again") == expected
    shards = {name: content for name, content in expected.items() if name.endswith(".safetensors")}
    assert len(shards) >= 20

    draw = random.Random(stage)
    kills, runs, found = 0, 0, []
    while kills < KILLS:
        runs += 1
        out = tmp_path / f"killed-{runs}"
        job = job_of(stage, inputs, out)
        whole = 0
        while True:
            process = start_merge(stage, job, report)
            # Only the last one of a run may end by itself.
            process.join(draw.uniform(0, 1.2 * seconds) if kills < KILLS else None)
            process.kill()
            process.join()
            for name, content in contents(out, "*.safetensors").items():
                assert content == shards[name], f"{name} is torn after kill {kills} of run {runs}"
            if process.exitcode == 0:
                # A shard whose name was not noted yet when the run was killed is written again.
                assert whole - 1 <= json.loads(report.read_text())["shards_kept"] <= whole
                break
            assert process.exitcode == -9
            kills += 1
            if contents(out) == expected:
                break  # all was done but the process's end
            whole = len(list(out.glob("*.safetensors")))
            found.append(whole)
        assert contents(out) == expected
    print(f"\n{stage}: {kills} kills in {runs} merges of {seconds:.2f} s and {len(shards)} shards;", end=" ")
    print(f"shards whole at a kill: {sorted(found)}")
    if KILLS >= 50:
        assert len(set(found)) > 2


@pytest.mark.parametrize("stage", STAGES)
def test_damaged_leftovers_are_not_kept(stage: str, inputs: Path, tmp_path: Path) -> None:
    run(stage, inputs, tmp_path / "whole")
    expected = contents(tmp_path / "whole")
    out, report = tmp_path / "out", tmp_path / "report.json"
    shards = _killed_half_way(stage, inputs, out, report)
    shards[0].write_bytes(shards[0].read_bytes()[:-8])
    header = shards[1].read_bytes()
    shards[1].write_bytes(header.replace(b'"BF16"', b'"FP16"'))
    (out / "model-00019-of-00001.safetensors.part").write_bytes(b"left by an earlier plan")
    metrics = run(stage, inputs, out)
    # The newest of them may not have been noted as done yet.
    assert metrics["shards_kept"] - (len(shards) - 2) in (-1, 0)
    assert contents(out) == expected


@pytest.mark.parametrize(
    "change",
    [{"max_shard_bytes": 900_000}, {"seed": 4}, {"config": {"dtype": "float16"}}, {"weights": 0.7}],
    ids=["layout", "seed", "dtype", "weights"],
)
def test_shards_of_another_plan_are_not_kept(change: dict[str, Any], inputs: Path, tmp_path: Path) -> None:
    def changed(output_dir: Path) -> dict[str, Any]:
        job = job_of("model_merge", inputs, output_dir)
        job["config"].update(change.get("config", {}))
        if "weights" in change:
            job["config"]["models"][0]["parameters"]["weight"] = change["weights"]
        return {**job, **{key: change[key] for key in change if key in ("max_shard_bytes", "seed")}}

    STAGES["model_merge"](changed(tmp_path / "whole"), Events(None))
    _killed_half_way("model_merge", inputs, tmp_path / "out", tmp_path / "report.json")
    metrics = STAGES["model_merge"](changed(tmp_path / "out"), Events(None))
    assert metrics["shards_kept"] == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_shards_of_a_model_that_changed_meanwhile_are_not_kept(inputs: Path, tmp_path: Path) -> None:
    for name in ("base", "a", "b"):
        (tmp_path / "inputs" / name).mkdir(parents=True)
        for file in (inputs / name).iterdir():
            (tmp_path / "inputs" / name / file.name).write_bytes(file.read_bytes())
    _killed_half_way("model_merge", tmp_path / "inputs", tmp_path / "out", tmp_path / "report.json")
    (tmp_path / "inputs/a/model.safetensors").write_bytes((inputs / "b/model.safetensors").read_bytes())
    (tmp_path / "inputs/b/model.safetensors").write_bytes((inputs / "a/model.safetensors").read_bytes())
    assert run("model_merge", tmp_path / "inputs", tmp_path / "out")["shards_kept"] == 0
    run("model_merge", tmp_path / "inputs", tmp_path / "whole")
    assert contents(tmp_path / "out", "model*") == contents(tmp_path / "whole", "model*")


def test_files_of_a_finished_merge_are_not_overwritten(inputs: Path, tmp_path: Path) -> None:
    from prometheus_trainer.errors import ConfigurationError

    run("model_merge", inputs, tmp_path / "out")
    before = contents(tmp_path / "out")
    with pytest.raises(
        ConfigurationError, match=r"out: already holds model-00001-of-.*\n  write to an empty"
    ):
        run("model_merge", inputs, tmp_path / "out")
    assert contents(tmp_path / "out") == before


def _killed_half_way(stage: str, inputs: Path, out: Path, report: Path) -> list[Path]:
    """Kills a merge when it has some shards; returns those."""
    process = start_merge(stage, job_of(stage, inputs, out), report)
    deadline = time.monotonic() + 60
    while len(list(out.glob("*.safetensors"))) < 5:
        assert process.is_alive() and time.monotonic() < deadline, "it ended before it could be killed"
        time.sleep(0.001)
    process.kill()
    process.join()
    return sorted(out.glob("*.safetensors"))
