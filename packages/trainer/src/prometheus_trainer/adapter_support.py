"""What training, validation and merging support of PEFT's adapters: one table for all three.

``adapter_support.json`` is also read by packages/recipe, so that ``validate`` refuses what a later stage would refuse.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from prometheus_trainer.errors import ConfigurationError

_MERGE_WITH_PEFT = "merge it with PEFT (merge_and_unload) instead"


@dataclass(frozen=True)
class Feature:
    """A kind of adapter. ``reason`` says why it is not supported; without one it is.

    ``training`` is the key of TRL's ModelConfig that asks for it alone, ``adapter`` that of PEFT's adapter_config.json.
    """

    what: str
    note: str | None = None
    reason: str | None = None
    advice: str | None = None
    training: str | None = None
    adapter: str | None = None

    def refused_in_training(self, found: str) -> ConfigurationError:
        """The error for a training that would make such an adapter."""
        return ConfigurationError(f"{found}: {self.reason}", f"{self.advice}.")

    def refused_in_merge(self, found: str) -> ConfigurationError:
        """The error for an adapter that was made elsewhere."""
        return ConfigurationError(f"{found}: {self.reason}", _MERGE_WITH_PEFT)


@cache
def features() -> dict[str, Feature]:
    """The table, by the features' names."""
    content = json.loads(Path(__file__).with_name("adapter_support.json").read_text(encoding="utf-8"))
    return {name: Feature(**entry) for name, entry in content.items()}
