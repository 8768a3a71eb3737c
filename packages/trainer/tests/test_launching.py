"""Training as it is really started: accelerate launch, two processes, a pipe as lifeline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training_jobs import read_events, write_job, write_small_model, write_small_rows

from prometheus_trainer.checkpoints import complete_checkpoints

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_job(
        tmp_path / "run",
        model=write_small_model(tmp_path / "model", "mixtral"),
        dataset=write_small_rows(tmp_path / "rows"),
        arguments={"max_steps": 100_000, "save_strategy": "no"},
    )


@pytest.mark.parametrize("end", ["terminated", "starter dies"])
def test_two_processes_save_and_end_together(end: str, job: Path) -> None:
    folder = job.parent
    with (folder / "console.log").open("w") as console:
        launcher = subprocess.Popen(
            [
                *(sys.executable, "-m", "accelerate.commands.launch"),
                *("--config_file", str(ROOT / "recipes/accelerate/cpu.yaml"), "--num_processes", "2"),
                *("-m", "prometheus_trainer.sft_train", "--job", str(job)),
            ],
            stdin=subprocess.PIPE,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT / "packages/trainer/src"),
                "PROMETHEUS_LIFELINE": "stdin",
                "OMP_NUM_THREADS": "1",
            },
        )
    try:
        _wait(lambda: len(read_events(folder, "train")) >= 2 or launcher.poll() is not None, folder, 200)
        workers = _worker_processes(launcher.pid)
        assert len(workers) == 2
        if end == "terminated":
            os.killpg(launcher.pid, signal.SIGTERM)
        else:
            launcher.kill()
            assert launcher.stdin is not None
            launcher.stdin.close()
        _wait(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), folder, 60)
    finally:
        launcher.kill()
        launcher.wait()
    (stopped,) = read_events(folder, "stopped")
    (checkpoint,) = complete_checkpoints(folder / "checkpoints")
    assert (checkpoint.step, checkpoint.processes) == (stopped["step"], 2)


def _wait(condition: object, folder: Path, timeout: float) -> None:
    assert callable(condition)
    limit = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < limit, (folder / "console.log").read_text()[-4000:]
        time.sleep(0.05)


def _worker_processes(launcher: int) -> list[int]:
    """The children of the launcher that train."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            command = (status.parent / "cmdline").read_text()
        except OSError:
            continue  # ended meanwhile
        if parent == launcher and "prometheus_trainer.sft_train" in command:
            found.append(int(status.parent.name))
    return found
