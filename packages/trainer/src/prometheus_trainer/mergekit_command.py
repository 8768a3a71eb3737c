"""mergekit's own command ``mergekit-yaml``, which ends when its starter does."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from prometheus_trainer.lifeline import hold_lifeline


def name_models_in_order() -> None:
    """Makes the first model of the file the donor where there is no ``base_model``.

    mergekit collects the models in a set and takes the first of that: config and tokenizer of any of them.
    """
    configuration: Any = import_module("mergekit.config").MergeConfiguration

    def in_order(config: Any) -> list[Any]:
        modules = (config.modules or {}).values()
        models = [config.models or [], *(module.models or [] for module in modules)]
        slices = [config.slices or [], *(module.slices or [] for module in modules)]
        named = [entry.model for entries in models for entry in entries]
        named += [source.model for group in slices for part in group for source in part.sources]
        return list(dict.fromkeys([*([config.base_model] if config.base_model else []), *named]))

    configuration.referenced_models = in_order


def read_folders_only() -> None:
    """Ends the command where mergekit has read a name of a model that is no folder, wherever in its configuration.

    The stage has put folders at the places that it knows; another version of mergekit may know more.
    """
    merge: Any = import_module("mergekit.merge")
    run = merge.run_merge

    def run_on_folders(config: Any, *arguments: Any, **options: Any) -> Any:
        for path in _model_paths(config):
            if path.revision is not None or not Path(path.path).is_dir():
                raise SystemExit(
                    f"error: the configuration names {path}, which is no folder: it is not fetched here"
                )
        return run(config, *arguments, **options)

    merge.run_merge = run_on_folders


def _model_paths(value: Any) -> Iterator[Any]:
    if type(value).__name__ == "ModelPath":
        yield value
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _model_paths(inner)
    else:
        fields = value if isinstance(value, dict) else getattr(value, "__dict__", {})
        for inner in fields.values():
            yield from _model_paths(inner)


if __name__ == "__main__":
    hold_lifeline()
    name_models_in_order()
    read_folders_only()
    runpy.run_module("mergekit.scripts.run_yaml", run_name="__main__", alter_sys=True)
