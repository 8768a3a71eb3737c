"""The two merge stages as processes: exit codes, events, what they import, how much memory they take, how they end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import MISTRAL, write_model

SOURCE = Path(__file__).resolve().parents[1] / "src"


def run(
    stage: str, folder: Path, job: dict[str, Any], environment: dict[str, str] | None = None
) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """Runs a stage as its callers do; returns exit code, events, and the process's imports and peak memory."""
    (folder / "job.json").write_text(json.dumps({**job, "events": str(folder / "events.jsonl")}))
    program = (
        "import atexit, json, resource, runpy, sys\n"
        "def report():\n"
        "    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    print(json.dumps({'modules': sorted(sys.modules), 'kibibytes': memory}))\n"
        "atexit.register(report)\n"
        f"runpy.run_module('prometheus_trainer.{stage}', run_name='__main__')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "--job", str(folder / "job.json")],
        env={"PYTHONPATH": str(SOURCE), **(environment or {})},
        stdout=subprocess.PIPE,
        timeout=300,
    )
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return result.returncode, events, json.loads(result.stdout.splitlines()[-1])


def merge_job(folder: Path) -> dict[str, Any]:
    models = [{"model": str(folder / name), "parameters": {"weight": 1.0}} for name in ("a", "b")]
    config = {"merge_method": "linear", "models": models, "dtype": "bfloat16"}
    return {"config": config, "output_dir": str(folder / "out"), "donor": None}


def test_a_merge_takes_little_memory_and_no_transformers(tmp_path: Path) -> None:
    """Two models of 270 MB each, of sixteen layers, in less than 100 MB on top of what torch takes."""
    config = {**MISTRAL, "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 16}
    sizes = []
    for seed, name in enumerate(("a", "b")):
        write_model(tmp_path / name, config, seed)
        sizes.append((tmp_path / name / "model.safetensors").stat().st_size)
    assert sum(sizes) > 500_000_000
    code, events, process = run("model_merge", tmp_path, merge_job(tmp_path))
    assert code == 0
    assert events[-1]["event"] == "done"
    assert "transformers" not in process["modules"]
    code, _, idle = run("model_merge", tmp_path, {**merge_job(tmp_path), "config": None})
    assert code == 2
    assert (process["kibibytes"] - idle["kibibytes"]) * 1024 < 100_000_000


def test_where_compiled_loops_cannot_be_kept(tmp_path: Path) -> None:
    """No folder that can be written, neither the package's nor a home: compiled anew, with the same result."""
    for seed, name in enumerate(("a", "b")):
        write_model(tmp_path / name, MISTRAL, seed)
    written = []
    nowhere = {"HOME": "/dev/null", "NUMBA_CACHE_LOCATOR_CLASSES": "_UserWideCacheLocator"}
    for name, environment in (("kept", {}), ("not-kept", nowhere)):
        job = {**merge_job(tmp_path), "output_dir": str(tmp_path / name)}
        assert run("model_merge", tmp_path, job, environment)[0] == 0
        written.append((tmp_path / name / "model.safetensors").read_bytes())
    assert written[0] == written[1]


def test_a_users_mistake_ends_with_two(tmp_path: Path) -> None:
    write_model(tmp_path / "a", MISTRAL, 1)
    job = merge_job(tmp_path)
    job["config"]["models"][1]["model"] = str(tmp_path / "a")
    code, events, _ = run("model_merge", tmp_path, job)
    assert code == 2
    assert events[-1]["event"] == "error"
    assert events[-1]["kind"] == "configuration"
    assert "models[0] and models[1] are the same model" in events[-1]["message"]
    assert "name the other expert" in events[-1]["hint"]


@pytest.mark.parametrize("stage", ["base_model", "lora_merge", "model_merge", "mergekit_merge"])
def test_a_stage_ends_with_its_starter(stage: str, tmp_path: Path) -> None:
    """Otherwise it would write to a folder that the next run works in. Here it waits for a job that never comes."""
    os.mkfifo(tmp_path / "job.json")
    command = [sys.executable, "-m", f"prometheus_trainer.{stage}", "--job", str(tmp_path / "job.json")]
    environment = {"PYTHONPATH": str(SOURCE), "PROMETHEUS_LIFELINE": "stdin"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(60) == -signal.SIGTERM
        finally:
            process.kill()


@pytest.mark.parametrize("dtype", ["bfloat16", None])
def test_an_adapter_is_merged_without_transformers(tmp_path: Path, dtype: str | None) -> None:
    from safetensors.torch import save_file

    write_model(tmp_path / "base", MISTRAL, 1)
    (tmp_path / "adapter").mkdir()
    module = "base_model.model.model.layers.0.self_attn.q_proj"
    halves = {"A": torch.ones(2, 16), "B": torch.ones(16, 2)}
    save_file(
        {f"{module}.lora_{half}.weight": values for half, values in halves.items()},
        tmp_path / "adapter" / "adapter_model.safetensors",
    )
    (tmp_path / "adapter" / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4})
    )
    job = {
        "base": {"path": str(tmp_path / "base")},
        "adapter": str(tmp_path / "adapter"),
        "dtype": dtype,
        "output_dir": str(tmp_path / "out"),
    }
    code, events, process = run("lora_merge", tmp_path, job)
    assert code == 0
    assert events[-1]["metrics"]["tensors_changed"] == 1
    assert "transformers" not in process["modules"]
