"""Training as it is really started: accelerate launch, two processes, a pipe as lifeline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
    with _launched(job) as launcher:
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
    (stopped,) = read_events(folder, "stopped")
    (checkpoint,) = complete_checkpoints(folder / "checkpoints")
    assert (checkpoint.step, checkpoint.processes) == (stopped["step"], 2)


def test_a_signal_to_one_process_before_training_ends_both(job: Path) -> None:
    folder = job.parent
    with _launched(job) as launcher:
        _wait(lambda: len(_worker_processes(launcher.pid)) == 2, folder, 200)
        _wait(lambda: bool(read_events(folder, "phase")), folder, 200)
        workers = _worker_processes(launcher.pid)
        (second,) = (worker for worker in workers if b"\0RANK=1\0" in _environment(worker))
        os.kill(second, signal.SIGTERM)
        # The launcher leaves a process that waits for another one 30 s after it has asked it to end.
        _wait(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), folder, 45)
        _wait(lambda: launcher.poll() is not None, folder, 10)
    assert not read_events(folder, "done")


@contextmanager
def _launched(job: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The job in two processes under accelerate's launcher, which gets a pipe as lifeline."""
    with (job.parent / "console.log").open("w") as console:
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
        yield launcher
    finally:
        launcher.kill()
        launcher.wait()


def _environment(process: int) -> bytes:
    return b"\0" + Path(f"/proc/{process}/environ").read_bytes()


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
