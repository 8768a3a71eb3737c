"""Where the golden records and samples lie: too large for this repository, in a folder beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def shared_path(relative: str) -> Path:
    """A path in the shared folder (``PROMETHEUS_SHARED``, or ``shared`` beside the repository).

    A test that needs an absent one is skipped with that reason; in CI (``CI=true``) it fails.
    """
    folder = Path(os.environ.get("PROMETHEUS_SHARED") or Path(__file__).resolve().parents[4] / "shared")
    path = folder / relative
    if not path.exists():
        reason = f"{path} is not there: set PROMETHEUS_SHARED to the folder of golden records"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
