"""Trains the same random model on the same rows in every way asked for, each a process of its own, one after the other.

Usage: train_contenders.py --shape 7b|8x7b|smoke [--states float32|bfloat16] [--steps N] [--batch N] [--dataset FOLDER]
[--contenders upstream,parity,fast] [--dir DIR]. Prints what it measured as JSON; progress goes to standard error.
Exit code 2 with a message where there is no GPU for a large shape.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from train_job import TRAINER, run_training, training_job

sys.path.insert(0, str(TRAINER))
CONTENDERS = ("upstream", "parity", "fast")
WARM_UP = 3  # steps that do not count: kernels are compiled and memory is taken in them


def main() -> int:
    options = read_options()
    import torch
    from train_shapes import SHAPES, write_model, write_rows

    on_gpu = torch.cuda.is_available()
    if not on_gpu and options.shape != "smoke":
        print(
            f"the shape {options.shape} needs an NVIDIA GPU that torch sees, of 80 GB or more; there is none here",
            file=sys.stderr,
        )
        return 2
    config, arguments, mean_tokens = SHAPES[options.shape]
    work = options.dir / "prometheus-bench-train"
    shutil.rmtree(work, ignore_errors=True)
    try:
        say(f"writing a random model of the shape {options.shape}")
        parameters = write_model(work / "model", config, "cuda" if on_gpu else "cpu")
        dataset = options.dataset
        if dataset is None:
            dataset = work / "rows"
            write_rows(dataset, options.steps * options.batch, mean_tokens)
        runs = {}
        for contender in options.contenders:
            say(f"training: {contender}")
            runs[contender] = train(contender, work, dataset, arguments, options, on_gpu)
    finally:
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)
    report = {
        "shape": options.shape,
        "parameters": parameters,
        "states": options.states,
        "device": torch.cuda.get_device_name() if on_gpu else "CPU",
        "steps": options.steps,
        "warm_up": WARM_UP,
        "batch": options.batch,
        "dataset": str(options.dataset) if options.dataset else None,
        "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft")},
        "runs": runs,
    }
    print(json.dumps(report))
    return 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=("7b", "8x7b", "smoke"), default="7b")
    parser.add_argument("--states", choices=("bfloat16", "float32"), default="float32")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--contenders", type=lambda text: text.split(","), default=list(CONTENDERS))
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if options.steps <= WARM_UP:
        parser.error(f"--steps {options.steps}: the first {WARM_UP} do not count, so give more")
    unknown = set(options.contenders) - set(CONTENDERS)
    if unknown:
        parser.error(f"--contenders {', '.join(sorted(unknown))}: there are {', '.join(CONTENDERS)}")
    return options


def train(
    contender: str,
    work: Path,
    dataset: Path,
    shape: dict[str, Any],
    options: argparse.Namespace,
    on_gpu: bool,
) -> dict[str, Any]:
    """One run: its speed over the steps that count, its memory and its losses."""
    folder = work / contender
    job = training_job(
        folder,
        work / "model",
        dataset,
        {
            **shape,
            "gradient_accumulation_steps": options.batch // shape["per_device_train_batch_size"],
            "max_steps": options.steps,
        },
        on_gpu=on_gpu,
        profile="fast" if contender == "fast" else "parity",
        # float32 master weights are the default of full fine-tuning.
        **({} if options.states == "float32" else {"master_weights": False}),
    )
    program = (
        [str(Path(__file__).with_name("train_upstream.py"))]
        if contender == "upstream"
        else ["-m", "prometheus_trainer.sft_train"]
    )
    began = time.monotonic()
    ended = run_training(program, folder, job)
    done = ended.named("done")
    if ended.exit_code != 0 or not done:
        problems = [event["message"] for event in ended.named("error")]
        raise SystemExit(f"{contender} ended with {ended.exit_code}: {problems}")
    steps = ended.named("train")
    counted = list(zip(steps[WARM_UP - 1 :], steps[WARM_UP:], strict=False))
    tokens = [later["tokens"] - earlier["tokens"] for earlier, later in counted]
    seconds = sum(
        count / later["tokens_per_second"] for count, (_, later) in zip(tokens, counted, strict=True)
    )
    shares = [
        later["mfu"] * count for count, (_, later) in zip(tokens, counted, strict=True) if "mfu" in later
    ]
    return {
        "tokens": sum(tokens),
        "tokens_per_second": sum(tokens) / seconds,
        "mfu": sum(shares) / sum(tokens) if shares else None,
        "peak_memory_bytes": done[-1]["metrics"]["peak_memory_bytes"],
        "losses": [step["loss"] for step in steps],
        "notices": [event["message"] for event in ended.named("notice")],
        "seconds_in_all": round(time.monotonic() - began, 1),
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
