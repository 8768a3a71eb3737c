"""What is found before a training starts, with an ``nvidia-smi`` that prints what real ones print."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from prometheus_trainer import gpus
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.gpus import gpu_problem
from prometheus_trainer.launch_check import check_launch
from prometheus_trainer.node_check import folder_problem, meeting_problem


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts an ``nvidia-smi`` on the PATH: GPUs with so many MiB of 81,559 in use, and a driver for a CUDA version."""

    def set_up(*used: int, cuda: str = "13.0") -> None:
        queries = {
            "--query-gpu=index,uuid,name,memory.total,memory.used": [
                f"{index}, GPU-{index}af3, NVIDIA H100 80GB HBM3, 81559, {mebibytes}"
                for index, mebibytes in enumerate(used)
            ],
            "--query-compute-apps=gpu_uuid,pid,process_name": [
                f"GPU-{index}af3, 4{index}4, python3" for index, mebibytes in enumerate(used) if mebibytes
            ],
            "-q": [f"CUDA Version                                           : {cuda}"],
        }
        program = tmp_path / "nvidia-smi"
        answers = json.dumps({query: "\n".join(lines) for query, lines in queries.items()})
        program.write_text(f"#!/usr/bin/env python3\nimport sys\nprint({answers}[sys.argv[1]])\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr(gpus, "torch_cuda", lambda: "13.0")

    return set_up


def test_enough_free_gpus_are_no_problem(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(0, 500, 60_000)
    assert gpu_problem(2) is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,GPU-0af3")
    assert gpu_problem(2) is None


def test_too_few_gpus(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(0, 0)
    assert "4 processes are to train here, one a GPU, and there are 2 GPUs" in gpu_problem(4)[0]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert "there are 1 GPUs (1 hidden by CUDA_VISIBLE_DEVICES)" in gpu_problem(2)[0]


def test_a_busy_gpu_is_named_with_its_process(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(0, 51_819)
    assert gpu_problem(2)[0] == (
        "busy: GPU 1 (NVIDIA H100 80GB HBM3): 51,819 of 81,559 MiB are in use by process 414 (python3)"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert gpu_problem(1) is None


def test_a_pytorch_that_the_driver_can_not_run(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(0, cuda="12.8")
    assert "built for CUDA 13.0, and the driver knows CUDA up to 12.8" in gpu_problem(1)[0]
    monkeypatch.setattr(gpus, "torch_cuda", lambda: "12.9")
    assert gpu_problem(1) is None
    monkeypatch.setattr(gpus, "torch_cuda", lambda: None)
    assert gpu_problem(1)[0] == "the installed PyTorch is built without CUDA"


def test_no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_problem(1)[0] == "there is no nvidia-smi"


def test_the_cuda_version_of_pytorch_is_that_of_torch_itself() -> None:
    import torch

    assert gpus.torch_cuda() == torch.version.cuda


def test_a_folder_that_is_not_shared(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    assert "can't be read" in folder_problem(file)[0]
    file.touch()
    assert folder_problem(file) is None


def test_nodes_that_meet_and_nodes_that_do_not() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        server.listen()
        assert f"port taken: {port}" in meeting_problem(0, 2, "127.0.0.1", port)[0]
    found: list[object] = []
    first = threading.Thread(target=lambda: found.append(meeting_problem(0, 2, "127.0.0.1", port)))
    first.start()
    assert meeting_problem(1, 2, "127.0.0.1", port) is None
    first.join()
    assert found == [None]
    assert "can't be reached within 0 s" in meeting_problem(1, 2, "127.0.0.1", port, seconds=0.3)[0]


def test_a_launch_that_is_not_the_job_s(monkeypatch: pytest.MonkeyPatch) -> None:
    launch = {"processes": 4, "deepspeed": False, "mixed_precision": "bf16"}
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigurationError, match=r"2 processes were launched .*, and the job is made for 4"):
        check_launch(launch)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    check_launch(launch)
    with pytest.raises(ConfigurationError, match="to be trained with DeepSpeed, and was launched without"):
        check_launch({**launch, "deepspeed": True})
