"""mergekit's key ``chat_template``: a Jinja text, or the most frequent one of the models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.model_sources import ModelSource
from prometheus_trainer.merging.reading import read_json
from prometheus_trainer.model_files import read_text_file

MERGEKIT_TEMPLATES = ("alpaca", "chatml", "exaone", "llama3", "mistral")
"""The names of those that mergekit brings along."""


def parse_chat_template(place: str, value: Any, models: Sequence[ModelSource]) -> str | None:
    """The text that replaces the donor's template; ``None`` keeps the donor's.

    ``auto`` is the template that most of ``models`` have, of equally frequent ones the first; ``None`` if none has one.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ConfigurationError(
            f"{place}: found {type(value).__name__} {value!r}", "write a Jinja text, or auto"
        )
    if value == "auto":
        found = [template_in(model.tokenizer_folder) for model in models]
        templates = [template.strip() for template in found if template]
        return Counter(templates).most_common(1)[0][0] if templates else None
    if value in MERGEKIT_TEMPLATES:
        raise ConfigurationError(
            f"{place}: {value}: this is the name of a template that mergekit brings along",
            "write the Jinja text itself, or engine: mergekit in the recipe",
        )
    if len(value) < 20 or "{" not in value:
        raise ConfigurationError(f"{place}: {value!r} is no template", "write a Jinja text, or auto")
    return value


def template_in(folder: Path) -> str | None:
    """The chat template of a tokenizer's folder, from its own file or from ``tokenizer_config.json``."""
    text = folder / "chat_template.jinja"
    if text.is_file():
        return read_text_file(text)
    config = folder / "tokenizer_config.json"
    if not config.is_file():
        return None
    found = read_json(config).get("chat_template")
    if isinstance(found, list):
        named = [entry for entry in found if isinstance(entry, dict) and entry.get("name") == "default"]
        found = named[-1].get("template") if named else None
    return found if isinstance(found, str) else None
