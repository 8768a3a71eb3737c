"""Merge configurations with mistakes: what the error says."""

from pathlib import Path
from typing import Any

import pytest

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.mergekit_config import parse_merge_config


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    return {
        "merge_method": "linear",
        "models": [
            {"model": str(tmp_path / "a"), "parameters": {"weight": 1.0}},
            {"model": str(tmp_path / "b"), "parameters": {"weight": 1}},
        ],
        "dtype": "bfloat16",
    }


def test_a_right_one(config: dict[str, Any], tmp_path: Path) -> None:
    parsed = parse_merge_config(config)
    assert parsed.folders == (tmp_path / "a", tmp_path / "b")
    assert parsed.weights == (1.0, 1.0)
    assert parsed.normalize is True
    assert parsed.dtype is not None
    assert parsed.dtype.name == "bfloat16"
    assert parse_merge_config({**config, "out_dtype": "float32"}).dtype.name == "float32"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"merge_metod": "linear"}, r"unknown key 'merge_metod'\n  did you mean merge_method\?"),
        ({"merge_method": "slerp"}, r"merge_method: 'slerp' is not there\n  methods: linear"),
        ({"merge_method": None}, "merge_method: None is not there"),
        ({"slices": []}, "slices: mergekit has this key, this engine does not"),
        ({"tokenizer_source": "union"}, "tokenizer_source: mergekit has this key"),
        ({"dtype": "int8"}, "dtype: 'int8' is not a dtype that can be written"),
        ({"out_dtype": 16}, "out_dtype: 16 is not a dtype"),
        ({"models": None}, "models: found nothing"),
        ({"models": [{"model": "a"}]}, "models: found 1 of them"),
        ({"models": ["a", "b"]}, r"models\[0\]: found str 'a'"),
        ({"models": [{"path": "a"}, {}]}, r"models\[0\]: unknown key 'path'"),
        ({"models": [{}, {}]}, r"models\[0\].model: found nothing"),
        ({"models": [{"model": "/no/such"}, {}]}, "/no/such: no such folder"),
        ({"parameters": 3}, "parameters: found int 3, not a mapping"),
        ({"parameters": {"normalise": True}}, "unknown key 'normalise'\n  did you mean normalize"),
        ({"parameters": {"normalize": "yes"}}, "parameters.normalize: 'yes'"),
        ({"base_model": "/no/such"}, "base_model: /no/such: no such folder"),
    ],
)
def test_mistakes(config: dict[str, Any], change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        parse_merge_config({**config, **change})


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({}, r"models\[1\]: no parameters.weight"),
        ({"wieght": 1}, "unknown key 'wieght'\n  did you mean weight"),
        ({"weight": [0, 1]}, r"weight is \[0, 1\]"),
        ({"weight": True}, "weight is True"),
        ({"weight": float("nan")}, "weight is nan"),
        ({"weight": 1, "normalize": False}, "this concerns all models together"),
        ({"weight": -1}, "sum to 0"),
    ],
)
def test_mistakes_in_a_model(config: dict[str, Any], parameters: dict[str, Any], problem: str) -> None:
    config["models"][1]["parameters"] = parameters
    with pytest.raises(ConfigurationError, match=problem):
        parse_merge_config(config)


def test_a_list_in_place_of_a_mapping() -> None:
    with pytest.raises(ConfigurationError, match="found list"):
        parse_merge_config([])
