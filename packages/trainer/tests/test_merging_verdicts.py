"""Configurations that validation and the engine must judge alike; validation's half is ``merge-verdicts.test.ts``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from merging_models import run_merge
from tiny_models import MISTRAL, MIXTRAL, write_model

from prometheus_trainer.errors import ConfigurationError

TABLE = Path(__file__).parents[2] / "recipe/test/merge-verdicts.yaml"
CASES: list[dict[str, Any]] = yaml.safe_load(TABLE.read_text())
FOUR = {"num_hidden_layers": 4}
SHAPES = {
    "mistral": {**MISTRAL, **FOUR},
    "mixtral": {**MIXTRAL, **FOUR},
    "tied": {**MISTRAL, **FOUR, "tie_word_embeddings": True},
}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("shapes")
    for name, config in SHAPES.items():
        for seed, model in enumerate(("base", "absolute", "relative")):
            write_model(root / name / model, config, seed)
    return {name: root / name for name in SHAPES}


@pytest.mark.parametrize("case", CASES, ids=[case["title"] for case in CASES])
def test_the_engine(case: dict[str, Any], shapes: dict[str, Path], tmp_path: Path) -> None:
    folder = shapes[case.get("model", "mistral")]
    models = {name: {"path": str(folder / name)} for name in ("base", "absolute", "relative")}
    config = yaml.safe_load(case["config"])
    try:
        run_merge(tmp_path / "out", config, models=models)
    except ConfigurationError as error:
        assert case["verdict"] == "refused", str(error)
        assert case["says"] in str(error)
        assert not list(tmp_path.glob("out/*.safetensors"))
        return
    warnings = [line for line in (tmp_path / "events.jsonl").read_text().splitlines() if '"warning"' in line]
    assert case["verdict"] == ("warned" if warnings else "accepted"), warnings
    for word in (case.get("says"), case.get("hint")):
        assert word is None or all(word in line for line in warnings)
