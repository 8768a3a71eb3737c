"""Merges models of one architecture into one, tensor by tensor, as a mergekit configuration says.

``python -m prometheus_trainer.model_merge --job JOB.json``; keys of the job:

===================  ===============================================================================
``config``           a mergekit configuration as an object; a model is named by its folder, by
                     ``FOLDER+ADAPTER`` (a LoRA adapter on its base model) or by ``${name}``
``models``           what the names stand for: name → ``{"path"}`` or ``{"id", "revision"}``, and
                     ``"adapter"`` where it is one; ``base``: the base model of all, where known
``donor``            model, named as in the configuration, that config, tokenizer, chat template and
                     generation config come from; null: ``base_model``, else the first model
``seed``             of the random masks, 0 by default
``output_dir``       empty folder to write to, or one that a killed run of the same job left
``work_dir``         folder for the notes of a restart, optional: ``output_dir``
``max_shard_bytes``  largest size of an output file, optional
``events``           file to append events to
===================  ===============================================================================
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from prometheus_trainer.entry import run_stage
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.merging.combining import OpenTensor
from prometheus_trainer.merging.companions import (
    TOKENIZER_FILES,
    check_config,
    config_differences,
    write_companions,
)
from prometheus_trainer.merging.comparison import identical_pair, summarise, unchanged_model
from prometheus_trainer.merging.distinct import check_distinct, same_as_base, same_model
from prometheus_trainer.merging.engine import write_merged
from prometheus_trainer.merging.journal import Journal, plan_digest
from prometheus_trainer.merging.mergekit_config import MergeConfig, ModelSource, parse_merge_config
from prometheus_trainer.merging.mergekit_template import template_in
from prometheus_trainer.merging.model import Files, Model, bytes_read
from prometheus_trainer.merging.plan import (
    OutputTensor,
    checked_shard_size,
    layer_count,
    plan_shards,
    plan_tensors,
)
from prometheus_trainer.merging.progress import TensorProgress
from prometheus_trainer.merging.sources import Sources
from prometheus_trainer.merging.tied import UNTIED, same_heads
from prometheus_trainer.merging.writing import write_text
from prometheus_trainer.model_files import text_content


def merge_models(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Writes the merged model; each element is the method's float64 result, rounded once to the dtype.

    Names, shapes and order of the tensors are those of the first model. Everything that can be checked
    without reading all weights is checked before anything is written.
    """
    started = time.monotonic()
    sources = Sources(job.get("models") or {})
    config = parse_merge_config(job.get("config"), sources.resolve)
    donor = _donor(job.get("donor"), config, sources)
    output_dir, seed = Path(job["output_dir"]), _seed(job.get("seed"))

    events.emit("phase", name="reading the layout of the models")
    models = [sources.open(source) for source in config.models]
    base = None if config.base is None or not config.method.needs_base else sources.open(config.base)
    inputs, untied = same_heads([*models, *([base] if base else [])])
    models, base = inputs[: len(models)], inputs[-1] if base else None
    tensors = plan_tensors([(model.place, model.tensors) for model in inputs], config.dtype)
    shards = plan_shards(tensors, checked_shard_size(job.get("max_shard_bytes")))
    layers = layer_count(tensors)
    parameters = {tensor.name: config.parameters(tensor.name, layers) for tensor in tensors}
    check_config(donor.folder, tensors, untied=untied)
    for notice in [*sources.notices(), *([UNTIED] if untied else [])]:
        events.emit("notice", message=notice)
    for warning in config.unused_filters(list(parameters)):
        events.emit("warning", message=warning)
    # For slerp the base is one of two equals.
    equals = [base, *models] if base and config.method.base_is_equal else models
    reference = _reference(sources, inputs, tensors, events) if base is None or equals is not models else None
    compared_base = reference if base is None or equals is not models else base
    check_distinct(equals, compared_base)
    tokenizer = config.tokenizer_source or donor
    _warn_of_companions(config, donor, tokenizer, events)

    events.emit("notice", message=f"config and tokenizer come from {donor.name}")
    events.emit("phase", name=f"merging {len(inputs)} models ({config.method_name})")
    used = set().union(*(model.files() for model in inputs))
    journal = Journal(
        output_dir, plan_digest({"config": job["config"], "seed": seed}, used, shards), job.get("work_dir")
    )
    progress = TensorProgress(events, len(tensors))
    with Files() as files, closing(journal):

        def open_tensor(tensor: OutputTensor) -> OpenTensor:
            return OpenTensor(
                tensor=tensor,
                method=config.method,
                parameters=parameters[tensor.name],
                seed=seed,
                models=[(model, model.open(tensor.name, files)) for model in models],
                base=None if base is None else (base, base.open(tensor.name, files)),
                reference=None if reference is None else reference.open(tensor.name, files),
            )

        written = write_merged(output_dir, shards, journal, open_tensor, progress.advance)
    _check_adapters(written.sums, equals, compared_base)
    dtype = config.dtype or tensors[0].dtype
    size = write_companions(
        output_dir, donor.folder, tokenizer.tokenizer_folder, dtype, config.chat_template, untied=untied
    )
    size += write_text(output_dir / "mergekit_config.yml", yaml.safe_dump(job["config"], sort_keys=False))
    journal.remove()
    passes = 1 + len(config.method.passes)
    return {
        "method": config.method_name,
        "models": [source.name for source in config.models],
        "donor": donor.name,
        "tensors": len(tensors),
        "parameters": sum(tensor.count for tensor in tensors),
        "bytes_read": sum(bytes_read(inputs, tensor.name, passes) for tensor in tensors),
        "bytes_written": written.bytes + size,
        "shards_kept": written.shards_kept,
        "seconds": round(time.monotonic() - started, 3),
        "comparison": summarise(written.sums, [model.name for model in equals], compared_base is not None),
    }


def _donor(named: str | None, config: MergeConfig, sources: Sources) -> ModelSource:
    # As in mergekit.
    donor = (config.base or config.models[0]) if named is None else sources.resolve(named)
    if not (donor.folder / "config.json").is_file():
        raise ConfigurationError(
            f"{donor.folder}: no config.json, so config and tokenizer can't be taken from there",
            "name as donor a folder with config.json and the tokenizer's files",
        )
    return donor


def _seed(value: object) -> int:
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise ConfigurationError(f"seed: {value!r}", "give a whole number from 0 on")
    return value


def _reference(
    sources: Sources, inputs: Sequence[Model], tensors: Sequence[OutputTensor], events: Events
) -> Model | None:
    """The recipe's base model for the comparison, where it is at hand and none of the inputs."""
    source = sources.base_on_this_machine()
    if source is None or any(source.folder.resolve() == model.place.resolve() for model in inputs):
        return None
    try:
        model = same_heads([inputs[0], sources.open(source)])[0][1]
        plan_tensors([(inputs[0].place, inputs[0].tensors), (model.place, model.tensors)], tensors[0].dtype)
    except ConfigurationError as error:
        events.emit("notice", message=f"not compared with the base model: {error.problem}")
        return None
    return model


def _check_adapters(sums: Any, models: Sequence[Model], base: Model | None) -> None:
    """Adapters are compared by what they do to the weights, which is known only now; nothing is published yet."""
    if all(model.adapter is None for model in models):
        return
    pair = identical_pair(sums, len(models))
    if pair:
        i, j = pair
        raise same_model(
            i, j, f"{models[i].place} and {models[j].place} are equal in every element looked at"
        )
    unchanged = unchanged_model(sums, len(models)) if base else None
    if unchanged is not None:
        raise same_as_base(unchanged, f"{models[unchanged].place} changes none of the elements looked at")


def _warn_of_companions(
    config: MergeConfig, donor: ModelSource, tokenizer: ModelSource, events: Events
) -> None:
    """Warns of what a model has otherwise than the merged model will: config, tokenizer files, chat template."""
    theirs = tokenizer.tokenizer_folder
    base = [config.base] if config.base else []
    for source in dict.fromkeys([*config.models, *base]):
        differences = config_differences(donor.folder, source.folder)
        if differences:
            events.emit(
                "warning",
                message=f"{source.folder / 'config.json'} differs from the donor's, {donor.folder / 'config.json'}, "
                f"which the merged model gets: {', '.join(differences)}",
            )
    for source in [*config.models, *(base if config.method.base_is_equal else [])]:
        ours = source.tokenizer_folder
        for name in TOKENIZER_FILES:
            mine, other = ours / name, theirs / name
            if name == "chat_template.jinja":
                continue  # Compared below, wherever it is.
            if mine.is_file() and other.is_file() and text_content(mine) != text_content(other):
                events.emit("warning", message=f"{mine} differs from the donor's, {other}")
        if config.chat_template is None and template_in(ours) not in (None, template_in(theirs)):
            events.emit(
                "warning",
                message=f"{ours}: its chat template is not the merged model's, which comes from {theirs}: where the "
                "models were trained with it, name a donor that has it, or write chat_template",
            )


if __name__ == "__main__":
    run_stage(merge_models)
