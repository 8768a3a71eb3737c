"""Where a model of a merge lies: a folder, or a LoRA adapter's folder on that of its base model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ModelSource:
    """Two are the same model where folder and adapter are; ``name`` is how the configuration calls it, for messages."""

    folder: Path
    adapter: Path | None = None
    name: str = field(default="", compare=False)

    @property
    def tokenizer_folder(self) -> Path:
        """An adapter's folder where it has a tokenizer, the one it was trained with; the model's otherwise."""
        has_own = self.adapter is not None and (self.adapter / "tokenizer_config.json").is_file()
        return self.adapter if self.adapter is not None and has_own else self.folder
