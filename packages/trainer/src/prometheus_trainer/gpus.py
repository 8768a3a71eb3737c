"""Whether this machine's GPUs can train, as far as ``nvidia-smi`` and PyTorch's version file tell."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUSY_SHARE = 0.5  # of a GPU's memory in use by others: no model that needs the GPU fits beside it


@dataclass(frozen=True)
class Gpu:
    """One GPU; memory in MiB, ``holders`` are the processes that hold memory, as ``pid (name)``."""

    index: str
    uuid: str
    name: str
    total: int
    used: int
    holders: tuple[str, ...]


def gpu_problem(processes: int) -> tuple[str, str] | None:
    """What keeps ``processes`` of this machine from training, one a GPU, and what to do; None where nothing does.

    GPUs hidden by ``CUDA_VISIBLE_DEVICES`` do not count.
    """
    cpu = "Or train without GPU: the launch config cpu."
    listing = _nvidia_smi("--query-gpu=index,uuid,name,memory.total,memory.used")
    if listing is None:
        return "there is no nvidia-smi", f"Install NVIDIA's driver. {cpu}"
    if isinstance(listing, str):
        return f"nvidia-smi fails: {listing}", f"Does NVIDIA's driver run? {cpu}"
    problem = _torch_problem(torch_cuda(), driver_cuda())
    if problem:
        return problem
    present = _gpus(listing)
    visible = _visible(present, os.environ.get("CUDA_VISIBLE_DEVICES"))
    if len(visible) < processes:
        hidden = len(present) - len(visible)
        seen = f"{len(visible)} GPUs" + (f" ({hidden} hidden by CUDA_VISIBLE_DEVICES)" if hidden > 0 else "")
        return (
            f"{processes} processes are to train here, one a GPU, and there are {seen}",
            "State the processes (--processes, or launch.processes in recipe.yaml), or use the launch config cpu.",
        )
    busy = [gpu for gpu in visible[:processes] if isinstance(gpu, Gpu) and gpu.used > BUSY_SHARE * gpu.total]
    if busy:
        told = "; ".join(
            f"GPU {gpu.index} ({gpu.name}): {gpu.used:,} of {gpu.total:,} MiB are in use by "
            + (", ".join(gpu.holders) or "a process that is not visible from here")
            for gpu in busy
        )
        return f"busy: {told}", "End what runs there, or choose other GPUs with CUDA_VISIBLE_DEVICES."
    return None


def torch_cuda() -> str | None:
    """The CUDA version that the installed PyTorch was built for; None without. PyTorch is not imported."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return None
    version: dict[str, Any] = runpy.run_path(str(Path(found.origin).with_name("version.py")))
    return version.get("cuda")


def driver_cuda() -> str | None:
    """The newest CUDA version that the driver runs; None where it does not say."""
    printed = subprocess.run(["nvidia-smi", "-q"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"CUDA Version\s*:\s*(\d+\.\d+)", printed)
    return found[1] if found else None


def _torch_problem(torch: str | None, driver: str | None) -> tuple[str, str] | None:
    if torch is None:
        return (
            "the installed PyTorch is built without CUDA",
            "Unset PROMETHEUS_PYTHON, or install a PyTorch for CUDA there.",
        )
    # Within a major version a program runs on an older driver (CUDA's minor version compatibility).
    if driver is not None and int(torch.split(".")[0]) > int(driver.split(".")[0]):
        return (
            f"the installed PyTorch is built for CUDA {torch}, and the driver knows CUDA up to {driver}",
            f"Install a newer driver, or set PROMETHEUS_PYTHON to a Python whose PyTorch is built for CUDA {driver}.",
        )
    return None


def _visible(gpus: list[Gpu], asked: str | None) -> list[Gpu | str]:
    """The GPUs in the order of ``CUDA_VISIBLE_DEVICES``; what can't be looked up, a MIG slice, as its name."""
    if asked is None:
        return list(gpus)
    visible: list[Gpu | str] = []
    for name in (part.strip() for part in asked.split(",")):
        if name.startswith("MIG-"):
            visible.append(name)
            continue
        match = [gpu for gpu in gpus if name and (gpu.index == name or gpu.uuid.startswith(name))]
        if len(match) != 1:
            break  # as CUDA reads it: nothing from the first wrong name on
        visible.append(match[0])
    return visible


def _gpus(listing: list[list[str]]) -> list[Gpu]:
    holders: dict[str, list[str]] = {}
    for uuid, pid, name in _rows(_nvidia_smi("--query-compute-apps=gpu_uuid,pid,process_name")):
        holders.setdefault(uuid, []).append(f"process {pid} ({name})")
    return [
        Gpu(index, uuid, name, _mebibytes(total), _mebibytes(used), tuple(holders.get(uuid, ())))
        for index, uuid, name, total, used in listing
    ]


def _mebibytes(number: str) -> int:
    return int(number) if number.isdigit() else 0  # "[N/A]" where memory is the system's


def _nvidia_smi(query: str) -> list[list[str]] | str | None:
    """Rows of cells; what it said where it failed; None where there is no such program."""
    try:
        ended = subprocess.run(
            ["nvidia-smi", query, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    if ended.returncode != 0:
        return (ended.stdout + ended.stderr).strip() or f"exit code {ended.returncode}"
    return [[cell.strip() for cell in line.split(",")] for line in ended.stdout.splitlines() if line.strip()]


def _rows(found: list[list[str]] | str | None) -> list[list[str]]:
    return found if isinstance(found, list) else []
