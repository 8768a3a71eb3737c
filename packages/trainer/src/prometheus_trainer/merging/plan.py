"""What a merge will read and write, made and checked before any tensor is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.dtypes import DType
from prometheus_trainer.merging.reading import StoredTensor

_LAYER = re.compile(r"\.(?:layers|h)\.(\d+)\.")

MAX_SHARD_BYTES = 5_000_000_000
"""The size at which ``save_pretrained`` starts another shard."""


@dataclass(frozen=True)
class OutputTensor:
    """A tensor to be written."""

    name: str
    shape: tuple[int, ...]
    dtype: DType

    @property
    def count(self) -> int:
        """Of elements."""
        return prod(self.shape)

    @property
    def size(self) -> int:
        """In bytes."""
        return self.count * self.dtype.width


@dataclass(frozen=True)
class Shard:
    """A file to be written, and what goes into it, in order."""

    file_name: str
    tensors: tuple[OutputTensor, ...]

    @property
    def size(self) -> int:
        """Bytes of its tensors."""
        return sum(tensor.size for tensor in self.tensors)


def plan_tensors(
    models: Sequence[tuple[Path, Mapping[str, StoredTensor]]], dtype: DType | None
) -> list[OutputTensor]:
    """The output's tensors, named, shaped and ordered as in the first model; each model with its folder.

    ``dtype`` ``None`` keeps each tensor's own. ConfigurationError where the models do not have the same
    names, shapes and (with ``None``) dtypes.
    """
    first_folder, first = models[0]
    for folder, model in models[1:]:
        _check_names(first, first_folder, model, folder)
        for name, stored in model.items():
            if stored.shape != first[name].shape:
                raise _shapes_differ(name, first[name], first_folder, stored, folder)
            if dtype is None and stored.dtype != first[name].dtype:
                raise ConfigurationError(
                    f"{stored.file}: tensor {name} is {stored.dtype.name}, in {first_folder} "
                    f"{first[name].dtype.name}",
                    "give the merge configuration a dtype, so that it is clear what to write",
                )
    return [OutputTensor(name, stored.shape, dtype or stored.dtype) for name, stored in first.items()]


def layer_count(tensors: Sequence[OutputTensor]) -> int:
    """The number of layers, by the tensors' names."""
    layers = [int(number) for tensor in tensors if (number := layer_of(tensor.name)).isdigit()]
    return max(layers, default=-1) + 1


def plan_shards(tensors: Sequence[OutputTensor], max_shard_bytes: int) -> list[Shard]:
    """Fills files in order up to ``max_shard_bytes``; a tensor that is larger has a file of its own."""
    groups: list[list[OutputTensor]] = []
    filled = 0
    for tensor in tensors:
        if not groups or filled + tensor.size > max_shard_bytes:
            groups.append([])
            filled = 0
        groups[-1].append(tensor)
        filled += tensor.size
    if len(groups) == 1:
        return [Shard("model.safetensors", tuple(groups[0]))]
    return [
        Shard(f"model-{number:05d}-of-{len(groups):05d}.safetensors", tuple(group))
        for number, group in enumerate(groups, start=1)
    ]


def checked_shard_size(value: object) -> int:
    """The job's ``max_shard_bytes``; where it has none, that of ``save_pretrained``."""
    if value is None:
        return MAX_SHARD_BYTES
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"max_shard_bytes: {value!r}", "give a whole number of bytes above 0")
    return value


def layer_of(tensor: str) -> str:
    """``embeddings``, the number of a layer, or ``head`` (final norm and output)."""
    match = _LAYER.search(tensor)
    if match:
        return match[1]
    return "embeddings" if "embed" in tensor or "wte" in tensor else "head"


def _check_names(
    first: Mapping[str, StoredTensor], first_folder: Path, model: Mapping[str, StoredTensor], folder: Path
) -> None:
    for here, there, missing in (
        (first_folder, folder, first.keys() - model.keys()),
        (folder, first_folder, model.keys() - first.keys()),
    ):
        if missing:
            names = sorted(missing)
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ConfigurationError(
                f"{there}: lacks {', '.join(names[:3])}{more}, which {here} has",
                "merge models of one architecture, saved in one layout",
            )


def _shapes_differ(
    name: str, first: StoredTensor, first_folder: Path, stored: StoredTensor, folder: Path
) -> ConfigurationError:
    shapes = f"{list(first.shape)} in {first_folder}, {list(stored.shape)} in {folder}"
    if "embed_tokens" in name or "lm_head" in name:
        return ConfigurationError(
            f"tensor {name}: the vocabularies differ in size: {shapes}",
            "train both experts from the same base model, with no tokens added",
        )
    return ConfigurationError(f"tensor {name}: the shapes differ: {shapes}", "merge models of one size")
