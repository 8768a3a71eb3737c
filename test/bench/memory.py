"""Measures the GPU memory that our trainer takes, one configuration after the other, each a process of its own.

Usage: memory.py --dir DIR [--shape smoke] [CONFIGURATION ...]. All configurations unless some are named. Prints a JSON
line for each as soon as it is measured; progress goes to standard error. ``--shape smoke`` trains tiny models, on a CPU
too, where the peak is that of the process and shows only that all runs. On GPUs it takes some 15 minutes, 40 GB in DIR
and cards of 80 GB (fast-8192 needs 100); what needs more GPUs than there are is skipped. The measurements are what
packages/estimate is tested against.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import sys
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from train_job import TRAINER, run_training, training_job

sys.path.insert(0, str(TRAINER))
STEPS = 3  # the first lacks the optimizer's state, the second has it all


@dataclass(frozen=True)
class Configuration:
    """What is trained: ``rows`` of ``length`` tokens at a time, ``accumulation`` times a step.

    ``model`` is a name in MODELS; ``arguments`` are the trainer's, ``job`` further keys of its job. ``launch`` is a
    file of recipes/accelerate that starts ``processes``, one a GPU; without it Python starts the only one.
    """

    model: str
    rows: int
    length: int
    accumulation: int = 1
    arguments: dict[str, Any] = field(default_factory=dict)
    job: dict[str, Any] = field(default_factory=dict)
    launch: str | None = None
    processes: int = 1


# What is measured first matters most, should time be short.
KEPT = {"gradient_checkpointing": False}
FAST = {"profile": "fast"}
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
DENSE = {
    "use_peft": True,
    "lora_dropout": 0.1,
    "lora_target_modules": [*ATTENTION, "gate_proj", "up_proj", "down_proj"],
}
R64 = {**DENSE, "lora_r": 64, "lora_alpha": 128}
R256 = {
    **DENSE,
    "lora_r": 256,
    "lora_alpha": 512,
    "lora_target_modules": [*DENSE["lora_target_modules"], "lm_head"],
}
ZERO3: dict[str, Any] = {"launch": "zero3", "processes": 2}
DDP: dict[str, Any] = {"launch": "ddp", "processes": 2}
CONFIGURATIONS = {
    "full-1x4096": Configuration("7b", 1, 4096),
    "full-4x4096": Configuration("7b", 4, 4096),
    "full-1x4096-kept": Configuration("7b", 1, 4096, arguments=KEPT),
    "full-4x1024-kept": Configuration("7b", 4, 1024, arguments=KEPT),
    "full-2x2048-accumulated": Configuration("7b", 2, 2048, accumulation=2),
    "full-2x4096-chunked": Configuration("7b", 2, 4096, arguments={"loss_type": "chunked_nll"}),
    "fast-4096": Configuration("7b", 4, 1024, 2, job={**FAST, "micro_batch_tokens": 4096}),
    "fast-8192": Configuration("7b", 8, 1024, 2, job={**FAST, "micro_batch_tokens": 8192}),
    "lora64-1x4096": Configuration("7b", 1, 4096, arguments=R64),
    "lora64-1x2048-kept": Configuration("7b", 1, 2048, arguments={**R64, **KEPT}),
    "lora256-4x4096": Configuration("7b", 4, 4096, arguments=R256),
    "lora256-1x2048-kept": Configuration("7b", 1, 2048, arguments={**R256, **KEPT}),
    "3b-fast-kept-4096": Configuration("3b", 4, 1024, 2, KEPT, {**FAST, "micro_batch_tokens": 4096}),
    "3b-fast-kept-8192": Configuration("3b", 8, 1024, 2, KEPT, {**FAST, "micro_batch_tokens": 8192}),
    "3b-master-1x4096": Configuration("3b", 1, 4096, job={"master_weights": True}),
    "3b-fast-master-8192": Configuration(
        "3b", 8, 1024, 2, KEPT, {**FAST, "micro_batch_tokens": 8192, "master_weights": True}
    ),
    "3b-float32-1x4096": Configuration("3b", 1, 4096, arguments={"dtype": "float32"}),
    "3b-zero3-1x4096": Configuration("3b", 1, 4096, launch="zero3"),
    "moe-lora256-1x4096": Configuration("moe", 1, 4096),
    "moe-lora256-4x4096": Configuration("moe", 4, 4096),
    "3b-2x4096-kept": Configuration("3b", 2, 4096, arguments=KEPT),
    "fast-8192-recomputed": Configuration(
        "7b", 8, 1024, 2, {"gradient_checkpointing": True}, {**FAST, "micro_batch_tokens": 8192}
    ),
    "full-zero3-1x4096-2gpus": Configuration("7b", 1, 4096, **ZERO3),
    "full-zero3-2x2048-accumulated-2gpus": Configuration("7b", 2, 2048, 2, **ZERO3),
    "3b-zero3-2x4096-kept-2gpus": Configuration("3b", 2, 4096, arguments=KEPT, **ZERO3),
    "moe-lora256-zero3-1x4096-2gpus": Configuration("moe", 1, 4096, **ZERO3),
    "3b-ddp-1x4096-2gpus": Configuration("3b", 1, 4096, **DDP),
    "3b-fast-ddp-kept-8192-2gpus": Configuration(
        "3b", 8, 1024, 2, KEPT, {**FAST, "micro_batch_tokens": 8192}, **DDP
    ),
    "lora64-ddp-1x4096-2gpus": Configuration("7b", 1, 4096, arguments=R64, **DDP),
}


def main() -> int:
    options = read_options()
    import torch
    from train_shapes import EXPERTS, LORA, MISTRAL, SMALL, write_model, write_rows

    on_gpu = torch.cuda.is_available()
    smoke = options.shape == "smoke"
    if not on_gpu and not smoke:
        print("the shapes of 3 and 7 billion parameters need an NVIDIA GPU of 80 GB", file=sys.stderr)
        return 2
    models = {
        "7b": MISTRAL,
        "3b": {**MISTRAL, "num_hidden_layers": 12},
        "moe": {**MISTRAL, **EXPERTS, "num_hidden_layers": 3},
    }
    work = options.dir / "prometheus-bench-memory"
    shutil.rmtree(work, ignore_errors=True)
    try:
        for name in options.configurations:
            configuration = CONFIGURATIONS[name]
            shape = {**models[configuration.model], **({**SMALL, "num_hidden_layers": 2} if smoke else {})}
            length = max(128, configuration.length // 32) if smoke else configuration.length
            model = work / f"model-{configuration.model}"
            if not model.exists():
                say(f"writing a random model of the shape {configuration.model}")
                write_model(model, shape, "cuda" if on_gpu else "cpu")
            rows = STEPS * configuration.processes * configuration.accumulation * configuration.rows
            dataset = work / f"rows-{rows}-{length}"
            if not dataset.exists():
                # Each is cut at max_length, so all have exactly that many tokens.
                write_rows(dataset, rows, length + 16, sigma=0)
            say(f"measuring {name}")
            lora = LORA if configuration.model == "moe" else {}
            impossible = lacking(configuration, torch.cuda.device_count())
            measured = (
                {"skipped": impossible}
                if impossible
                else measure(work / name, model, dataset, length, configuration, lora, on_gpu)
            )
            report = {
                "configuration": name,
                **asdict(configuration),
                "length": length,
                "arguments": {**lora, **configuration.arguments},
                "config": shape,
                "device": torch.cuda.get_device_name() if on_gpu else "CPU",
                "versions": {each: version(each) for each in ("torch", "transformers", "trl", "peft")},
                **measured,
            }
            print(json.dumps(report), flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configurations", nargs="*", metavar="CONFIGURATION", default=list(CONFIGURATIONS))
    parser.add_argument("--shape", choices=("full", "smoke"), default="full")
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args()
    unknown = set(options.configurations) - set(CONFIGURATIONS)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))} is not known: there are {', '.join(CONFIGURATIONS)}")
    return options


def lacking(configuration: Configuration, gpus: int) -> str | None:
    """What a configuration lacks here, None where it can be measured."""
    needed = configuration.processes if configuration.launch else 0
    if gpus < needed:
        return f"it needs {needed} GPU{'s' if needed > 1 else ''}, and there {'is' if gpus == 1 else 'are'} {gpus}"
    if configuration.launch == "zero3" and importlib.util.find_spec("deepspeed") is None:
        return "DeepSpeed is not installed"
    return None


def measure(
    folder: Path,
    model: Path,
    dataset: Path,
    length: int,
    configuration: Configuration,
    lora: dict[str, Any],
    on_gpu: bool,
) -> dict[str, Any]:
    """The peaks of one training; ``skipped`` says why there are none."""
    # Every row is cut on purpose.
    job_keys = {"profile": "parity", "master_weights": False, "max_incomplete_share": 1, **configuration.job}
    job = training_job(
        folder,
        model,
        dataset,
        {
            **lora,
            **configuration.arguments,
            "per_device_train_batch_size": configuration.rows,
            "gradient_accumulation_steps": configuration.accumulation,
            "max_steps": STEPS,
            "max_length": length,
        },
        on_gpu=on_gpu,
        **job_keys,
    )
    program = [str(Path(__file__).with_name("memory_process.py"))]
    if configuration.launch:
        launch = TRAINER.parents[2] / f"recipes/accelerate/{configuration.launch}.yaml"
        launcher = ["-m", "accelerate.commands.launch", "--config_file", str(launch)]
        program = [*launcher, "--num_processes", str(configuration.processes), *program]
    began = time.monotonic()
    ended = run_training(program, folder, job, gpus=configuration.processes)
    peaks = ended.named("peaks")
    notices = [event["message"] for event in ended.named("notice")]
    seconds = round(time.monotonic() - began, 1)
    if ended.exit_code != 0 or not peaks:
        problems = [event["message"] for event in ended.named("error")]
        out_of_memory = any("out of memory" in problem for problem in problems)
        return {
            "skipped": "out of memory" if out_of_memory else f"it ended with {ended.exit_code}: {problems}",
            "notices": notices,
            "seconds": seconds,
        }
    return {
        "tokens": ended.named("train")[-1]["tokens"],
        **{key: value for key, value in peaks[-1].items() if key.endswith("bytes")},
        "notices": notices,
        "seconds": seconds,
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
