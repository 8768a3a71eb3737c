"""How far a model's positions reach: validation's cases, and what transformers makes of the frequencies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from prometheus_trainer.position_limit import position_limit

TABLE = Path(__file__).parents[2] / "recipe/test/position-limits.json"
CASES: list[dict[str, Any]] = json.loads(TABLE.read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["title"] for case in CASES])
def test_the_table(case: dict[str, Any]) -> None:
    assert position_limit(case["config"]) == case["limit"]


@pytest.mark.parametrize("kind", ["linear", "yarn"])
@pytest.mark.parametrize(("positions", "original"), [(4096, 4096), (16384, 4096), (4096, None)])
def test_the_frequencies_of_transformers(kind: str, positions: int, original: int | None) -> None:
    """The slowest frequency turns as far at the last position as it did at the last one before the stretching."""
    scaling: dict[str, Any] = {"rope_type": kind, "factor": 4.0, "rope_theta": 1e4}
    if original is not None:
        scaling["original_max_position_embeddings"] = original
    config = LlamaConfig(max_position_embeddings=positions, rope_parameters=dict(scaling))
    stretched, _ = ROPE_INIT_FUNCTIONS[kind](config, "cpu")
    plain = 1e4 ** -((config.head_dim - 2) / config.head_dim)
    reach = (original or positions) * plain / stretched[-1].item()
    found = position_limit({"max_position_embeddings": positions, "rope_parameters": scaling})
    assert found == pytest.approx(max(positions, reach), rel=1e-4)
