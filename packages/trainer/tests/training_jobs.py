"""Small training jobs: models, rows and job files, and running a job in a process of its own that can be killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_trainer.base_model import write_base_model
from prometheus_trainer.events import Events

EIGHT_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "w1", "w2", "w3", "lm_head"]
# The chat template of Mistral in spring 2024, without its checks.
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% else %}{{ message['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
)

# Each run is a fork of one server that has imported the libraries, which takes most of the time of a short run.
# The server finds modules by PYTHONPATH only, and passes over those that it does not find.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(__file__).parents[1] / "src"), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
)
# Giving freed memory back to the system and taking it again is half the time of a step on a CPU.
os.environ |= {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(16 * 2**30)}
# Without a GPU, DeepSpeed goes by this when it is imported.
os.environ["DS_ACCELERATOR"] = "cpu"
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "prometheus_trainer.training",
        "prometheus_trainer.training_arguments",
        "prometheus_trainer.prepared_rows",
        "prometheus_trainer.portable_layout",
        "prometheus_trainer.sft_train",
        "deepspeed",
        "torch._inductor.kernel.mm",  # which DeepSpeed comes to import
        "training_jobs",
    ]
)


@dataclass(frozen=True)
class Mode:
    """How a job is spread over processes of this machine: with gloo, and perhaps under DeepSpeed ZeRO-3."""

    processes: int
    zero3: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """Training arguments that it needs."""
        return {"use_cpu": False, "ddp_backend": "gloo", "bf16": False} if self.zero3 else {}


SINGLE, DDP, ZERO3 = Mode(1), Mode(2), Mode(2, zero3=True)


def write_small_model(folder: Path, model_type: str) -> Path:
    """A random model with the real vocabulary: hidden size 32, 2 layers; Mixtral with 4 experts, 2 per token."""
    experts = {"num_local_experts": 4, "num_experts_per_tok": 2} if model_type == "mixtral" else {}
    config = {
        "architectures": ["MixtralForCausalLM" if experts else "MistralForCausalLM"],
        "model_type": model_type,
        "vocab_size": 32000,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_act": "silu",
        "max_position_embeddings": 1024,
        "initializer_range": 0.02,
        "rms_norm_eps": 1e-5,
        "rope_theta": 1000000.0,
        "sliding_window": None,
        "attention_dropout": 0.0,
        "tie_word_embeddings": False,
        "use_cache": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        **experts,
    }
    job = {
        "config": config,
        "seed": 7,
        "dtype": "float32",
        "tokenizer": "mistral-v1",
        "output_dir": str(folder),
    }
    write_base_model(job, Events(None))
    return folder


def write_rows(folder: Path, conversations: list[tuple[str, str]], test_rows: int) -> Path:
    """A dataset folder; the last ``test_rows`` conversations (question, answer) are ``test``."""
    from datasets import Dataset, DatasetDict

    messages = [
        [{"content": question, "role": "user"}, {"content": answer, "role": "assistant"}]
        for question, answer in conversations
    ]
    cut = len(messages) - test_rows
    splits = {"train": Dataset.from_dict({"messages": messages[:cut]})}
    if test_rows:
        splits["test"] = Dataset.from_dict({"messages": messages[cut:]})
    DatasetDict(splits).save_to_disk(str(folder))
    return folder


def write_small_rows(folder: Path, train: int = 22, test: int = 4) -> Path:
    """Short judgements of differing length."""
    conversations = [
        (
            f"Grade response number {index}. " + "It says a little more. " * (index % 5),
            f"Feedback: it is {'clear ' * (1 + index % 4)}[RESULT] {1 + index % 5}",
        )
        for index in range(train + test)
    ]
    return write_rows(folder, conversations, test)


def write_job(folder: Path, *, model: Path, dataset: Path, **changes: Any) -> Path:
    """A job file in ``folder``, with everything that the run writes beside it; ``changes`` are keys of the job.

    The key ``arguments`` of ``changes`` is added to small settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arguments = {
        "per_device_train_batch_size": 2,
        "per_device_eval_batch_size": 2,
        "num_train_epochs": 1,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "dataloader_pin_memory": False,
        "max_length": 256,
        "eval_strategy": "epoch",
        **changes.pop("arguments", {}),
    }
    job = {
        "model": {"path": str(model)},
        "dataset": str(dataset),
        "arguments": arguments,
        "chat_template": TEMPLATE,
        "profile": "parity",
        "adapter": None,
        "checkpoints_dir": str(folder / "checkpoints"),
        "output_dir": str(folder / "output"),
        "events": str(folder / "events.jsonl"),
        **changes,
    }
    path = folder / "job.json"
    path.write_text(json.dumps(job))
    return path


def read_events(folder: Path, *names: str) -> list[dict[str, Any]]:
    """The events of a run so far, of the given names or all; a last line that is being written is left out."""
    path = folder / "events.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    events = [json.loads(line) for line in lines]
    return [event for event in events if not names or event["event"] in names]


class Run:
    """A job that runs in one process, or in several as ``mode`` says (a number: so many under DDP)."""

    def __init__(self, job: Path, mode: Mode | int = SINGLE) -> None:
        self.folder = job.parent
        mode = Mode(mode) if isinstance(mode, int) else mode
        port = _free_port() if mode.processes > 1 or mode.zero3 else None
        self._processes = [
            _context.Process(target=_run_job, args=(str(job), rank, mode, port))
            for rank in range(mode.processes)
        ]
        self._events_before = len(read_events(self.folder))
        for process in self._processes:
            process.start()

    def wait_for(self, found: Callable[[dict[str, Any]], bool], timeout: float = 120) -> None:
        """Waits until an event of this run satisfies ``found``."""
        self.wait_until(lambda _, events: any(map(found, events)), timeout)

    def wait_until(self, seen: Callable[[Path, list[dict[str, Any]]], bool], timeout: float = 120) -> None:
        """Waits until ``seen(folder of the job, events of this run so far)``."""
        limit = time.monotonic() + timeout
        while not seen(self.folder, self.events()):
            assert all(process.exitcode in (None, 0) for process in self._processes), self.log()
            assert time.monotonic() < limit, f"not seen within {timeout} s\n{self.log()}"
            time.sleep(0.005)

    def events(self) -> list[dict[str, Any]]:
        """The events of this run so far."""
        return read_events(self.folder)[self._events_before :]

    def send(self, number: signal.Signals, rank: int = 0) -> None:
        process_id = self._processes[rank].pid
        assert process_id is not None
        os.kill(process_id, number)

    def kill(self, draw: random.Random | None = None) -> None:
        """kill -9, all of its processes, in an order drawn."""
        order = self._processes[:]
        if draw:
            draw.shuffle(order)
        for process in order:
            process.kill()
        for process in self._processes:
            process.join()

    def finish(self, timeout: float = 200) -> list[int | None]:
        """Waits for the end; the exit codes."""
        for process in self._processes:
            process.join(timeout)
        if any(process.exitcode is None for process in self._processes):
            self.kill()
            raise AssertionError(f"not finished within {timeout} s\n{self.log()}")
        return [process.exitcode for process in self._processes]

    def log(self) -> str:
        return "\n".join(path.read_text()[-4000:] for path in sorted(self.folder.glob("output-*.log")))


def run_to_end(job: Path, mode: Mode | int = SINGLE) -> dict[str, Any]:
    """Runs a job that must succeed; the metrics of ``done``."""
    run = Run(job, mode)
    codes = run.finish()
    assert set(codes) == {0}, run.log()
    done = read_events(job.parent, "done")
    assert done, run.log()
    return done[-1]["metrics"]


def run_in_turn(jobs: list[Path], timeout: float = 400) -> list[str]:
    """Runs jobs one after the other in one process; of each "done", or the message of its ConfigurationError."""
    process = _context.Process(target=_run_in_turn, args=([str(job) for job in jobs],))
    process.start()
    process.join(timeout)
    log = (jobs[0].parent / "output-0.log").read_text()
    assert process.exitcode == 0, log[-4000:]
    return [(job.parent / "end.txt").read_text() for job in jobs]


def _run_in_turn(jobs: list[str]) -> None:
    from prometheus_trainer.errors import ConfigurationError
    from prometheus_trainer.sft_train import sft_train

    _set_up_process(Path(jobs[0]), rank=0, mode=SINGLE, port=None)
    for job in map(Path, jobs):
        content, end = json.loads(job.read_text()), "done"
        try:
            sft_train(content, Events(Path(content["events"])))
        except ConfigurationError as error:
            end = str(error)
        (job.parent / "end.txt").write_text(end)


def prepare_process(job: Path, rank: int) -> None:
    """Sends what a process prints to a file beside its job, and has accelerate start plainly."""
    log = os.open(job.parent / f"output-{rank}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ |= {"ACCELERATE_MIXED_PRECISION": "no", "OMP_NUM_THREADS": "1"}


def _run_job(job: str, rank: int, mode: Mode, port: int | None) -> None:
    from prometheus_trainer.entry import run_stage
    from prometheus_trainer.sft_train import sft_train

    _set_up_process(Path(job), rank, mode, port)
    sys.argv = ["sft_train", "--job", job]
    run_stage(sft_train)


def _set_up_process(job: Path, rank: int, mode: Mode, port: int | None) -> None:
    prepare_process(job, rank)
    if mode.zero3:
        _use_zero3()
    else:
        os.environ["ACCELERATE_USE_CPU"] = "true"
    if port is not None:
        os.environ |= {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(mode.processes),
            "LOCAL_WORLD_SIZE": str(mode.processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    import torch

    torch.set_num_threads(1)


def _use_zero3() -> None:
    """What accelerate's launcher makes of recipes/accelerate/zero3.yaml, without its bfloat16."""
    import deepspeed.ops

    os.environ |= {
        "ACCELERATE_USE_DEEPSPEED": "true",
        "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3",
        "ACCELERATE_DEEPSPEED_ZERO3_INIT": "true",
        "ACCELERATE_DEEPSPEED_ZERO3_SAVE_16BIT_MODEL": "true",
        "ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE": "none",
        "ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE": "none",
    }
    # No compiled extensions: the one that it would take without a GPU, for minutes, serves inference.
    deepspeed.ops.__compatible_ops__ = {}


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]
