"""From the names in a merge configuration to models that are ready to be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.adapter import read_adapter
from prometheus_trainer.merging.layout import Layout, read_layout
from prometheus_trainer.merging.mergekit_config import ModelSource
from prometheus_trainer.merging.model import Model
from prometheus_trainer.model_source import find_model, resolve_model

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


class Sources:
    """What the names of a job's ``models`` stand for, and what folders are named directly."""

    def __init__(self, models: Mapping[str, Mapping[str, str]]) -> None:
        self._models = models
        self._layouts: dict[Path, Layout] = {}

    def resolve(self, written: str) -> ModelSource:
        """``${name}``, ``FOLDER`` or ``FOLDER+ADAPTER``; a model of the hub is fetched when it is not here yet."""
        placeholder = _PLACEHOLDER.fullmatch(written)
        if placeholder:
            reference = self._named(placeholder[1])
            adapter = reference.get("adapter")
            return ModelSource(resolve_model(reference), None if adapter is None else Path(adapter), written)
        filled = _PLACEHOLDER.sub(lambda match: str(self._folder_of(match[1])), written)
        base, plus, adapter = filled.rpartition("+")
        if not plus or Path(filled).is_dir():
            base, adapter = filled, ""
        for folder in filter(None, (base, adapter)):
            if not Path(folder).is_dir():
                raise ConfigurationError(f"{written}: {folder}: no such folder", "name the folder of a model")
        return ModelSource(Path(base), Path(adapter) if adapter else None, written)

    def open(self, source: ModelSource) -> Model:
        """The layout of the model, and of its adapter, checked; no weights are read."""
        if source.folder not in self._layouts:
            self._layouts[source.folder] = read_layout(source.folder)
        tensors = self._layouts[source.folder].tensors
        if source.adapter is None:
            return Model(source.name, source.folder, tensors)
        adapter = read_adapter(source.adapter, tensors, source.folder)
        return Model(source.name, source.folder, adapter.base, adapter)

    def notices(self) -> list[str]:
        """What is left out of the models that were opened."""
        return [notice for layout in self._layouts.values() for notice in layout.notices]

    def base_on_this_machine(self) -> ModelSource | None:
        """The recipe's base model, where it can be read without fetching it."""
        folder = find_model(self._models["base"]) if "base" in self._models else None
        return None if folder is None else ModelSource(folder, None, "${base}")

    def _folder_of(self, name: str) -> Path:
        reference = self._named(name)
        return Path(reference["adapter"]) if "adapter" in reference else resolve_model(reference)

    def _named(self, name: str) -> Mapping[str, str]:
        if name not in self._models:
            raise ConfigurationError(
                f"merge configuration: ${{{name}}} stands for no model",
                f"given are: {', '.join(self._models) or 'none'}",
            )
        return self._models[name]
