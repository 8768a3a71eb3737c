"""Merges models of one architecture into one, tensor by tensor, as a mergekit configuration says.

``python -m prometheus_trainer.model_merge --job JOB.json``; keys of the job:

===================  ===============================================================================
``config``           a mergekit configuration as an object, its models named by local folders
``output_dir``       empty folder to write to
``donor``            folder that config, tokenizer, chat template and generation config come from; null:
                     the configuration's base_model, or else its first model
``max_shard_bytes``  largest size of an output file, optional
``events``           file to append events to
===================  ===============================================================================
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from prometheus_trainer.entry import run_stage
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.merging.combining import Combiner
from prometheus_trainer.merging.companions import TOKENIZER_FILES, check_vocabulary, write_companions
from prometheus_trainer.merging.distinct import check_distinct_folders, check_distinct_weights
from prometheus_trainer.merging.mergekit_config import parse_merge_config
from prometheus_trainer.merging.plan import checked_shard_size, plan_shards, plan_tensors
from prometheus_trainer.merging.progress import TensorProgress
from prometheus_trainer.merging.reading import index_model
from prometheus_trainer.merging.writing import write_model


def merge_models(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Writes the merged model; each element is the method's float64 result, rounded once to the dtype.

    Names, shapes and order of the tensors are those of the first model. Everything that can be checked
    without reading weights is checked before anything is written.
    """
    started = time.monotonic()
    config = parse_merge_config(job.get("config"))
    donor = _donor(job.get("donor"), config.base_model or config.folders[0])
    output_dir = Path(job["output_dir"])

    events.emit("phase", name="reading the layout of the models")
    check_distinct_folders(config.folders)
    models = [index_model(folder) for folder in config.folders]
    tensors = plan_tensors(models, config.folders, config.dtype)
    shards = plan_shards(tensors, checked_shard_size(job.get("max_shard_bytes")))
    check_vocabulary(donor, tensors)
    check_distinct_weights(models, config.folders)
    for folder in config.folders:
        for name in _tokenizer_differences(folder, donor):
            events.emit("warning", message=f"{folder / name} differs from the donor's, {donor / name}")

    events.emit("phase", name=f"merging {len(models)} models ({config.method_name})")
    progress = TensorProgress(events, len(tensors))
    with Combiner(config, models) as combiner:
        written = write_model(output_dir, shards, combiner.combine, progress.advance)
    written += write_companions(output_dir, donor, donor, config.dtype or tensors[0].dtype)
    return {
        "tensors": len(tensors),
        "bytes_read": sum(stored.end - stored.start for model in models for stored in model.values()),
        "bytes_written": written,
        "mean_relative_distance": combiner.mean_relative_distance(),
        "seconds": round(time.monotonic() - started, 3),
    }


def _donor(named: str | None, default: Path) -> Path:
    donor = default if named is None else Path(named)
    if not (donor / "config.json").is_file():
        raise ConfigurationError(
            f"{donor}: no config.json, so config and tokenizer can't be taken from there",
            "name as donor a folder with config.json and the tokenizer's files",
        )
    return donor


def _tokenizer_differences(folder: Path, donor: Path) -> list[str]:
    """The tokenizer's files that both folders have, with other content."""
    return [
        name
        for name in TOKENIZER_FILES
        if (folder / name).is_file()
        and (donor / name).is_file()
        and (folder / name).read_bytes() != (donor / name).read_bytes()
    ]


if __name__ == "__main__":
    run_stage(merge_models)
