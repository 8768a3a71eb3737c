"""Merges models with mergekit itself (``engine: mergekit``), for what our own engine does not do.

``python -m prometheus_trainer.mergekit_merge --job JOB.json``; the job has the keys of
:mod:`prometheus_trainer.model_merge`. mergekit is an install of its own (the extra ``mergekit``) and runs as a child
process: it is under the LGPL, and its memory is given back before its output is checked.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from prometheus_trainer.entry import run_stage
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.mergekit_models import ModelName, with_models
from prometheus_trainer.merging.adapter import read_adapter
from prometheus_trainer.merging.blocks import split_in_blocks
from prometheus_trainer.merging.companions import (
    check_config,
    copy_generation_config,
    copy_tokenizer,
    portable_config,
)
from prometheus_trainer.merging.kernels import all_finite
from prometheus_trainer.merging.layout import check_output_layer, read_layout
from prometheus_trainer.merging.mergekit_config import ModelSource
from prometheus_trainer.merging.model import Files, Model, TensorReader, read_all
from prometheus_trainer.merging.parameter_settings import unused_filter
from prometheus_trainer.merging.plan import OutputTensor, checked_shard_size, layer_count, layer_of
from prometheus_trainer.merging.progress import TensorProgress
from prometheus_trainer.merging.reading import StoredTensor, check_headers, index_any_file, read_json
from prometheus_trainer.merging.sources import Sources
from prometheus_trainer.merging.tied import UNTIED, same_heads, tied_head, untied_config, with_own_head
from prometheus_trainer.merging.writing import sync_folder, write_json, write_text

_UNFINISHED = "mergekit.part"
# Of a config.json, what mergekit works out; a donor that the job names decides on the rest.
_FROM_MERGE = (
    "dtype",
    "torch_dtype",
    "vocab_size",
    "num_hidden_layers",
    "num_layers",
    "n_layer",
    "layer_types",
)
# All that it needs is in folders by then: what it would fetch is in no fingerprint.
_WITHOUT_NETWORK = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
}
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "GITHUB_TOKEN")


def merge_with_mergekit(job: dict[str, Any], events: Events) -> dict[str, Any]:
    """Runs mergekit, and lets nothing into the output folder that does not pass the checks of our own merges.

    Every tensor that the donor has in a layer must be there in every layer, with its shape and finite values, and the
    vocabulary must be that of the config. ConfigurationError where mergekit is missing or refuses the configuration.
    """
    started = time.monotonic()
    release = _mergekit_version()
    sources = Sources(job.get("models") or {})
    models: dict[str, ModelSource] = {}
    config = _filled(job.get("config"), sources, models)
    donor = _donor(job.get("donor"), sources, models)
    layout_of_donor, untied, notices = _check_inputs(models.values(), donor)
    for notice in notices:
        events.emit("notice", message=notice)
    for warning in _unused_filters(config, list(layout_of_donor)):
        events.emit("warning", message=warning)
    output_dir = Path(job["output_dir"])
    unfinished = output_dir / _UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    merged = unfinished / "model"
    merged.mkdir(parents=True)

    makes_tokenizer = any(config.get(key) for key in ("tokenizer", "tokenizer_source", "chat_template"))
    events.emit("notice", message=f"mergekit {release} makes this merge")
    events.emit("phase", name=f"merging with mergekit ({config.get('merge_method')})")
    write_text(unfinished / "config.yml", yaml.safe_dump(config, sort_keys=False))
    options = ["--random-seed", str(job.get("seed") or 0)]
    options += ["--out-shard-size", str(checked_shard_size(job.get("max_shard_bytes")))]
    options += ["--copy-tokenizer" if makes_tokenizer else "--no-copy-tokenizer"]
    _run_mergekit(unfinished, merged, options)

    events.emit("phase", name="checking what mergekit wrote")
    named_donor = None if job.get("donor") is None else donor
    write_json(merged / "config.json", _config_of(merged, named_donor, untied))
    tensors = read_layout(merged).tensors
    planned = [OutputTensor(name, stored.shape, stored.dtype) for name, stored in tensors.items()]
    _check_names_and_shapes(planned, layout_of_donor, donor.folder)
    check_config(merged, planned)
    progress = TensorProgress(events, len(planned))
    with Files() as files:
        for tensor in planned:
            _check_finite(tensors[tensor.name], files)
            progress.advance(tensor)

    copy_generation_config(merged, donor.folder)
    if not makes_tokenizer:
        copy_tokenizer(merged, donor.tokenizer_folder)
    write_text(merged / "mergekit_config.yml", yaml.safe_dump(job["config"], sort_keys=False))
    written = 0
    for file in sorted(merged.iterdir()):
        written += file.stat().st_size
        _sync(file)
        file.replace(output_dir / file.name)
    shutil.rmtree(unfinished)
    sync_folder(output_dir)
    return {
        "engine": f"mergekit {release}",
        "method": config.get("merge_method"),
        "models": list(models),
        "donor": donor.name,
        "tensors": len(tensors),
        "parameters": sum(tensor.count for tensor in planned),
        "bytes_read": sum(file.stat().st_size for model in models.values() for file in _weights(model)),
        "bytes_written": written,
        "shards_kept": 0,
        "seconds": round(time.monotonic() - started, 3),
        "comparison": None,
    }


def _mergekit_version() -> str:
    try:
        return version("mergekit")
    except PackageNotFoundError:
        raise ConfigurationError(
            "engine: mergekit: mergekit is not installed in this Python environment",
            f"{sys.executable} -m pip install 'mergekit>=0.1.5', or leave engine out of the recipe",
        ) from None


def _filled(config: Any, sources: Sources, models: dict[str, ModelSource]) -> dict[str, Any]:
    """The configuration with folders for the names of models; ``models`` collects those to be merged."""
    if not isinstance(config, dict):
        raise ConfigurationError(f"merge configuration: found {config!r}, not a mapping of keys")

    def folders(name: ModelName) -> Any:
        source = sources.resolve(name.written)
        _check_adapter(source)
        places = [source.folder.resolve(), *([source.adapter.resolve()] if source.adapter else [])]
        for folder in places:
            if "+" in str(folder) or "@" in str(folder):
                raise ConfigurationError(
                    f"{folder}: mergekit takes + in a name for an adapter and @ for a revision",
                    "rename the folder",
                )
        if name.architecture is None:
            return "+".join(map(str, places))
        long_form = dict(zip(("model", "lora"), map(str, places), strict=False))
        return {**long_form, "override_architecture": name.architecture}

    def merged(name: ModelName) -> Any:
        models.setdefault(name.written, sources.resolve(name.written))
        return folders(name)

    _check_template(config.get("chat_template"))
    return with_models(config, merged, folders)


def _check_template(template: Any) -> None:
    """mergekit takes a short text for the name of a template of its own, and joins it to its folder as a path."""
    if isinstance(template, str) and "{" not in template and not re.fullmatch(r"[\w.-]*", template):
        raise ConfigurationError(
            "merge configuration: chat_template is neither a Jinja text nor the name of a template that mergekit has",
            "write the text, auto, or a name such as chatml",
        )


def _check_adapter(source: ModelSource) -> None:
    """mergekit lets PEFT merge adapters, which adds to a tied weight what only one of its two users should have."""
    if source.adapter is None:
        return
    weights = source.adapter / "adapter_model.safetensors"
    if not weights.is_file():
        raise ConfigurationError(
            f"{weights}: not found, and PEFT would look for pickled weights",
            "save the adapter in safetensors format",
        )
    index_any_file(weights)
    read_json(source.adapter / "adapter_config.json")
    layout = read_layout(source.folder).tensors
    try:
        adapter = read_adapter(source.adapter, layout, source.folder)
    except ConfigurationError:
        return  # what our own engine does not merge, mergekit may
    if adapter.unties:
        raise ConfigurationError(
            f"{source.adapter}: changes one of the tied weights of {source.folder}, and mergekit would change both",
            "merge the adapter with lora-merge first, or leave engine out of the recipe",
        )


def _donor(named: str | None, sources: Sources, models: Mapping[str, ModelSource]) -> ModelSource:
    if not models:
        raise ConfigurationError("merge configuration: it names no model", "list models, slices or modules")
    if named is not None:
        return sources.resolve(named)
    # The base model is the first of them, where there is one; else mergekit takes the first that is listed, too.
    return next(iter(models.values()))


def _values_of(key: str, value: Any) -> Iterator[str]:
    """The texts under a key, wherever it is in the configuration, in the order of the file."""
    if isinstance(value, dict):
        if isinstance(value.get(key), str):
            yield value[key]
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _values_of(key, entry)


def _check_inputs(
    models: Iterable[ModelSource], donor: ModelSource
) -> tuple[Mapping[str, StoredTensor], bool, list[str]]:
    """The layout that the output must have, the donor's; whether its output layer is untied; notices of the models.

    ConfigurationError where the models can't be merged, or not to the donor's config. mergekit itself would pass over
    most of that, or fail after the work. It also reads other formats than safetensors, which are refused here.
    """
    folders = {source.folder for source in models}
    for folder in sorted(folders):
        check_headers(folder)
        index = folder / "model.safetensors.index.json"
        if (folder / "model.safetensors").is_file() and index.is_file():
            raise ConfigurationError(
                f"{folder}: has a model.safetensors and an {index.name}, of which mergekit reads the index",
                "remove the one that is not the model",
            )
    layouts = {folder: read_layout(folder) for folder in sorted(folders | {donor.folder})}
    merged = [Model(str(folder), folder, layouts[folder].tensors) for folder in sorted(folders)]
    untied = same_heads(merged)[1]
    of_donor = layouts[donor.folder].tensors
    if untied:
        of_donor = with_own_head(of_donor, tied_head(donor.folder, of_donor))
    file = donor.folder / "config.json"
    config = read_json(file)
    names = {name for layout in layouts.values() for name in layout.tensors}
    check_output_layer(file, untied_config(config) if untied else config, names)
    notices = [notice for layout in layouts.values() for notice in layout.notices]
    return of_donor, untied, notices + ([UNTIED] if untied else [])


def _config_of(merged: Path, donor: ModelSource | None, untied: bool) -> dict[str, Any]:
    """mergekit's config, or that of a donor that the job names with what mergekit worked out."""
    config = portable_config(read_json(merged / "config.json"))
    if donor is not None:
        of_merge = {key: config[key] for key in _FROM_MERGE if key in config}
        config = {**portable_config(read_json(donor.folder / "config.json")), **of_merge}
    if "dtype" in config:  # the name that transformers 4 knows
        config["torch_dtype"] = config["dtype"]
    return untied_config(config) if untied else config


def _unused_filters(config: Any, tensors: Sequence[str]) -> list[str]:
    filters = dict.fromkeys(_values_of("filter", config))
    return [
        unused_filter("merge configuration", chosen, tensors)
        for chosen in filters
        if chosen != "*" and not any(chosen in name for name in tensors)
    ]


def _run_mergekit(unfinished: Path, merged: Path, options: Sequence[str]) -> None:
    """Its log lines pass through; the last ones stand in the error where it fails."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "prometheus_trainer.mergekit_command",
        str(unfinished / "config.yml"),
        str(merged),
    ]
    command += [
        "--lora-merge-cache",
        str(unfinished / "adapters"),
        "--no-write-model-card",
        "--quiet",
        "-v",
        *options,
    ]
    environment = {name: value for name, value in os.environ.items() if name not in _TOKENS}
    environment |= _WITHOUT_NETWORK
    environment["PYTHONHASHSEED"] = "0"  # the order of its sets, so that it does the same on every run
    last: deque[str] = deque(maxlen=5)
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as child:
        for line in child.stdout or ():
            print(line, end="", flush=True)
            if line.strip():
                last.append(line.rstrip())
    if child.returncode < 0:
        raise RuntimeError(f"mergekit was killed by signal {-child.returncode}")
    if child.returncode:
        raise ConfigurationError(
            f"mergekit ended with exit code {child.returncode}:\n    " + "\n    ".join(last),
            "see its messages in the log above",
        )


def _check_names_and_shapes(
    planned: Sequence[OutputTensor], of_donor: Mapping[str, StoredTensor], donor: Path
) -> None:
    """Each layer as one of the donor's, however many there are; the vocabulary may have another size."""
    expected = dict(_expected(of_donor, layer_count(planned)))
    names = {tensor.name for tensor in planned}
    missing, others = sorted(expected.keys() - names), sorted(names - expected.keys())
    if missing or others:
        found = f"lacks {', '.join(missing[:3])}" if missing else f"has {', '.join(others[:3])}"
        raise ConfigurationError(
            f"mergekit's output {found}, unlike {donor}", "name as donor a model of the output's architecture"
        )
    for tensor in planned:
        shape = expected[tensor.name]
        # Embeddings and lm_head: a row for each token.
        rows_differ = not layer_of(tensor.name).isdigit() and len(shape) == 2
        if tensor.shape[rows_differ:] != shape[rows_differ:]:
            raise ConfigurationError(
                f"mergekit's output: tensor {tensor.name} is {list(tensor.shape)}, in {donor} {list(shape)}",
                "name as donor a model of the output's size",
            )


def _expected(of_donor: Mapping[str, StoredTensor], layers: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name, stored in of_donor.items():
        number = layer_of(name)
        if not number.isdigit():
            yield name, stored.shape
        elif number == "0":
            for layer in range(layers):
                yield name.replace(".0.", f".{layer}.", 1), stored.shape


def _check_finite(stored: StoredTensor, files: Files) -> None:
    reader, scratch = TensorReader(stored, files), {}
    for block in split_in_blocks(stored.shape):
        if not all_finite(read_all([reader], block, scratch)[0]):
            raise ConfigurationError(
                f"mergekit's output: tensor {stored.name} has values that are NaN or infinite",
                "check the weights, and whether dtype has the range for them",
            )


def _weights(model: ModelSource) -> Iterator[Path]:
    for folder in filter(None, (model.folder, model.adapter)):
        yield from folder.glob("*.safetensors")


def _sync(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


if __name__ == "__main__":
    run_stage(merge_with_mergekit)
