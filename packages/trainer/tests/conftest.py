"""Fixtures that several files of tests use."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_disk import mount
from training_jobs import write_small_model, write_small_rows

__all__ = ["few_inputs", "inputs", "mount"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny Mistral and rows for it: what most trainings take."""
    folder = tmp_path_factory.mktemp("inputs")
    return {
        "model": write_small_model(folder / "mistral", "mistral"),
        "dataset": write_small_rows(folder / "rows"),
    }


@pytest.fixture(scope="module")
def few_inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same with five rows, for files that train many times."""
    folder = tmp_path_factory.mktemp("few-inputs")
    return {
        "model": write_small_model(folder / "mistral", "mistral"),
        "dataset": write_small_rows(folder / "rows", train=4, test=1),
    }
