"""mergekit's own command ``mergekit-yaml``, which ends when its starter does."""

from __future__ import annotations

import runpy
from importlib import import_module
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


if __name__ == "__main__":
    hold_lifeline()
    name_models_in_order()
    runpy.run_module("mergekit.scripts.run_yaml", run_name="__main__", alter_sys=True)
