"""Merges a LoRA adapter into its base model, tensor by tensor.

``python -m prometheus_trainer.lora_merge --job JOB.json``; keys of the job:

===================  ==========================================================================
``base``             the base model: ``{"path"}`` or ``{"id", "revision"}``
``adapter``          folder of the adapter, as PEFT writes it
``dtype``            of the output: bfloat16, float16, float32; null for the base model's own
``output_dir``       empty folder to write to
``max_shard_bytes``  largest size of an output file, optional
``events``           file to append events to
===================  ==========================================================================
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from prometheus_trainer.entry import run_stage
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.merging.adapter import add_delta, check_copy, read_adapter
from prometheus_trainer.merging.companions import check_vocabulary, write_companions
from prometheus_trainer.merging.dtypes import dtype_named
from prometheus_trainer.merging.finite import all_finite
from prometheus_trainer.merging.plan import OutputTensor, checked_shard_size, plan_shards, plan_tensors
from prometheus_trainer.merging.progress import TensorProgress
from prometheus_trainer.merging.reading import index_model, read_tensor
from prometheus_trainer.merging.writing import write_model
from prometheus_trainer.model_source import resolve_model


def merge_lora(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Writes base + adapter as a model, equal to PEFT's ``merge_and_unload`` in every element.

    The delta is added in float32 and rounded once. Every tensor of the adapter must find its place, or
    nothing is written. Config and generation config come from the base model; so do tokenizer and chat
    template, unless the adapter's folder has its own, which are those it was trained with.
    """
    started = time.monotonic()
    dtype = None if job.get("dtype") is None else dtype_named(job["dtype"], "dtype")
    events.emit("phase", name="reading the layout of base model and adapter")
    base_folder, output_dir = resolve_model(job["base"]), Path(job["output_dir"])
    base = index_model(base_folder)
    adapter = read_adapter(Path(job["adapter"]), base, base_folder)
    tensors = plan_tensors([base], [base_folder], dtype)
    shards = plan_shards(tensors, checked_shard_size(job.get("max_shard_bytes")))
    check_vocabulary(base_folder, tensors)

    def merged(tensor: OutputTensor) -> torch.Tensor:
        replacement = adapter.replacements.get(tensor.name)
        values = read_tensor(replacement or base[tensor.name])
        if tensor.name in adapter.copies:
            check_copy(adapter.copies[tensor.name], base[tensor.name], base_folder)
        if tensor.name in adapter.pairs:
            values = add_delta(values, adapter.pairs[tensor.name])
        values = values.to(tensor.dtype.torch)
        if not all_finite(values):
            raise ConfigurationError(
                f"tensor {tensor.name}: NaN or infinity in the sum of {base_folder} and {adapter.folder}",
                "look for where training diverged, or for a base model that is damaged",
            )
        return values

    events.emit("phase", name="merging the adapter into the base model")
    progress = TensorProgress(events, len(tensors))
    written = write_model(output_dir, shards, merged, progress.advance)
    tokenizer_donor = adapter.folder if (adapter.folder / "tokenizer_config.json").is_file() else base_folder
    written += write_companions(output_dir, base_folder, tokenizer_donor, dtype or tensors[0].dtype)
    sources = [*base.values(), *adapter.replacements.values(), *adapter.copies.values()]
    sources += [half for pair in adapter.pairs.values() for half in (pair.a, pair.b)]
    return {
        "tensors": len(tensors),
        "tensors_changed": len(adapter.pairs) + len(adapter.replacements),
        "bytes_read": sum(stored.end - stored.start for stored in sources),
        "bytes_written": written,
        "seconds": round(time.monotonic() - started, 3),
    }


if __name__ == "__main__":
    run_stage(merge_lora)
