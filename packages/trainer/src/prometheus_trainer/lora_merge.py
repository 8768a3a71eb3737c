"""Merges a LoRA adapter into its base model, tensor by tensor.

``python -m prometheus_trainer.lora_merge --job JOB.json``; keys of the job:

===================  ==========================================================================
``base``             the base model: ``{"path"}`` or ``{"id", "revision"}``
``adapter``          folder of the adapter, as PEFT writes it
``dtype``            of the output: bfloat16, float16, float32; null for the base model's own
``output_dir``       empty folder to write to, or one that a killed run of the same job left
``work_dir``         folder for the notes of a restart, optional: ``output_dir``
``max_shard_bytes``  largest size of an output file, optional
``events``           file to append events to
===================  ==========================================================================
"""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from prometheus_trainer.entry import run_stage
from prometheus_trainer.events import Events
from prometheus_trainer.merging.adapter import read_adapter
from prometheus_trainer.merging.combining import OpenTensor
from prometheus_trainer.merging.companions import check_config, write_companions
from prometheus_trainer.merging.compiler import kernel
from prometheus_trainer.merging.dtypes import dtype_named
from prometheus_trainer.merging.engine import write_merged
from prometheus_trainer.merging.journal import Journal, plan_digest
from prometheus_trainer.merging.kernels import PIECE, load, store
from prometheus_trainer.merging.layout import read_layout
from prometheus_trainer.merging.mergekit_config import ModelSource
from prometheus_trainer.merging.methods.method import Inputs, Method, Parameters
from prometheus_trainer.merging.model import Files, Model, bytes_read
from prometheus_trainer.merging.plan import OutputTensor, checked_shard_size, plan_shards, plan_tensors
from prometheus_trainer.merging.progress import TensorProgress
from prometheus_trainer.merging.tied import UNTIED
from prometheus_trainer.model_source import resolve_model


def _copy(inputs: Inputs, _: Parameters, __: Any, out: np.ndarray) -> bool:
    return _round_block(inputs.models[0], out)


@kernel
def _round_block(stored, out):
    finite, values = True, np.empty(PIECE)
    for begin in range(0, out.size, PIECE):
        load(stored[begin : begin + PIECE], values)
        finite &= store(values, out[begin : begin + PIECE])
    return finite


_AS_IT_IS = Method(_copy, shared={}, per_model={})


def merge_lora(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Writes base + adapter as a model, equal to PEFT's ``merge_and_unload`` in every element.

    Where the adapter changes one of two tied weights, embeddings and output layer, each has a tensor of its own, so
    that the logits are those of PEFT's model.

    The delta is added in float32 and rounded once. Every tensor of the adapter must find its place, or
    nothing is written. Config and generation config come from the base model; so do tokenizer and chat
    template, unless the adapter's folder has its own, which are those it was trained with.
    """
    started = time.monotonic()
    dtype = None if job.get("dtype") is None else dtype_named(job["dtype"], "dtype")
    events.emit("phase", name="reading the layout of base model and adapter")
    base_folder, output_dir = resolve_model(job["base"]), Path(job["output_dir"])
    layout = read_layout(base_folder)
    for notice in layout.notices:
        events.emit("notice", message=notice)
    base = layout.tensors
    adapter = read_adapter(Path(job["adapter"]), base, base_folder)
    model = Model(str(adapter.folder), base_folder, adapter.base, adapter)
    tensors = plan_tensors([(base_folder, adapter.base)], dtype)
    shards = plan_shards(tensors, checked_shard_size(job.get("max_shard_bytes")))
    check_config(base_folder, tensors, untied=adapter.unties)
    if adapter.unties:
        events.emit("notice", message=UNTIED)

    events.emit("phase", name="merging the adapter into the base model")
    journal = Journal(
        output_dir, plan_digest({"dtype": job.get("dtype")}, model.files(), shards), job.get("work_dir")
    )
    progress = TensorProgress(events, len(tensors))
    with Files() as files, closing(journal):

        def open_tensor(tensor: OutputTensor) -> OpenTensor:
            inputs = [(model, model.open(tensor.name, files))]
            return OpenTensor(tensor, _AS_IT_IS, Parameters(), 0, inputs, base=None, reference=None)

        written = write_merged(output_dir, shards, journal, open_tensor, progress.advance)
    tokenizer = ModelSource(base_folder, adapter.folder, model.name).tokenizer_folder
    size = write_companions(
        output_dir, base_folder, tokenizer, dtype or tensors[0].dtype, untied=adapter.unties
    )
    journal.remove()
    return {
        "tensors": len(tensors),
        "tensors_changed": len(adapter.pairs) + len(adapter.replacements),
        "bytes_read": sum(bytes_read([model], tensor.name, 1) for tensor in tensors),
        "bytes_written": written.bytes + size,
        "shards_kept": written.shards_kept,
        "seconds": round(time.monotonic() - started, 3),
    }


if __name__ == "__main__":
    run_stage(merge_lora)
