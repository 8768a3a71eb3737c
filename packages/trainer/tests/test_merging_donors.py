"""Whose config, tokenizer and template a merged model gets: ``base_model``, else the first model."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from merging_models import run_merge
from safetensors.torch import save_file
from tiny_models import MISTRAL, read_model, write_model

from prometheus_trainer import mergekit_merge
from prometheus_trainer.events import Events

needs_mergekit = pytest.mark.skipif(
    find_spec("mergekit") is None,
    reason="mergekit is an install of its own: the extra mergekit of pyproject.toml",
)
METHODS: dict[str, dict[str, Any]] = {
    "linear": {"weight": 1.0},
    "slerp": {"t": 0.5},
    "task_arithmetic": {"weight": 1.0},
    "ties": {"weight": 1.0},
    "dare_linear": {"weight": 1.0},
    "supermario": {},
}


@pytest.fixture(autouse=True)
def written_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(mergekit_merge.__file__).parents[1]))
    for seed, name in enumerate("abc"):
        write_model(tmp_path / name, {**MISTRAL, "from": name}, seed)
        (tmp_path / name / "generation_config.json").write_text(json.dumps({"from": name}))
        (tmp_path / name / "tokenizer_config.json").write_text(json.dumps({"from": name}))
        (tmp_path / name / "chat_template.jinja").write_text(name)


def configuration(tmp_path: Path, method: str, form: str, models: str, base: str | None) -> dict[str, Any]:
    """``base`` at the top, or, in the form "slice", in the slice."""
    entries = [{"model": str(tmp_path / name)} for name in models]
    config: dict[str, Any] = {"merge_method": method, "parameters": METHODS[method]}
    if form == "models":
        config["models"] = entries
    else:
        config["slices"] = [{"sources": [{**entry, "layer_range": [0, 2]} for entry in entries]}]
    if base is not None:
        place = config["slices"][0] if form == "slice" else config
        place["base_model"] = str(tmp_path / base)
    return config


def donor_of(folder: Path) -> str:
    """The model that all of the companions come from."""
    files = ("config.json", "generation_config.json", "tokenizer_config.json")
    found = {json.loads((folder / name).read_text())["from"] for name in files}
    found.add((folder / "chat_template.jinja").read_text())
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize("form", ["models", "slices", "slice"])
@pytest.mark.parametrize(
    ("method", "models", "base", "donor"),
    [
        ("linear", "ba", None, "b"),
        ("slerp", "ab", "a", "a"),
        ("slerp", "ab", "b", "b"),
        ("slerp", "b", "a", "a"),
        ("task_arithmetic", "ab", "c", "c"),
        ("ties", "acb", "c", "c"),
        ("dare_linear", "cab", "c", "c"),
        ("supermario", "ab", "c", "c"),
    ],
)
def test_the_donor(method: str, models: str, base: str | None, donor: str, form: str, tmp_path: Path) -> None:
    config = configuration(tmp_path, method, form, models, base)
    metrics = run_merge(tmp_path / "out", config)
    assert donor_of(tmp_path / "out") == donor
    assert metrics["donor"] == str(tmp_path / donor)


@pytest.mark.parametrize("form", ["models", "slices"])
def test_a_base_of_linear(form: str, tmp_path: Path) -> None:
    config = configuration(tmp_path, "linear", form, "ab", "c")
    config.pop("parameters")
    for entry in config.get("models") or config["slices"][0]["sources"]:
        entry["parameters"] = {"weight": 1.0}
    run_merge(tmp_path / "out", config)
    assert donor_of(tmp_path / "out") == "c"


def test_a_donor_that_is_named_wins(tmp_path: Path) -> None:
    run_merge(
        tmp_path / "out",
        configuration(tmp_path, "slerp", "models", "ab", "a"),
        donor=str(tmp_path / "c"),
    )
    assert donor_of(tmp_path / "out") == "c"


def test_the_base_under_an_adapter(tmp_path: Path) -> None:
    """The base's own files, unless the adapter was saved with a tokenizer."""
    config = configuration(tmp_path, "linear", "models", "ab", None)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    name = "base_model.model.model.layers.0.mlp.up_proj"
    halves = {"A": torch.ones(2, 16), "B": torch.ones(24, 2)}
    save_file(
        {f"{name}.lora_{half}.weight": values for half, values in halves.items()},
        adapter / "adapter_model.safetensors",
    )
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 4}')
    config["models"][0]["model"] = f"{tmp_path / 'a'}+{adapter}"
    run_merge(tmp_path / "plain", config)
    assert donor_of(tmp_path / "plain") == "a"
    (adapter / "tokenizer_config.json").write_text('{"from": "adapter"}')
    run_merge(tmp_path / "own", config)
    assert json.loads((tmp_path / "own/config.json").read_text())["from"] == "a"
    assert json.loads((tmp_path / "own/tokenizer_config.json").read_text()) == {"from": "adapter"}


@pytest.mark.parametrize(("source", "expected"), [("base", "a"), ("c", "c")])
def test_a_tokenizer_source(source: str, expected: str, tmp_path: Path) -> None:
    config = configuration(tmp_path, "slerp", "slices", "ab", "a")
    config["tokenizer_source"] = source if source == "base" else str(tmp_path / source)
    run_merge(tmp_path / "out", config)
    assert json.loads((tmp_path / "out/config.json").read_text())["from"] == "a"
    assert (tmp_path / "out/chat_template.jinja").read_text() == expected


def warnings(tmp_path: Path) -> str:
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    return "\n".join(event["message"] for event in events if event["event"] == "warning")


def test_a_template_that_the_donor_lacks(tmp_path: Path) -> None:
    """The experts were trained with one, and the base model that task vectors need is now the donor."""
    (tmp_path / "c/chat_template.jinja").unlink()
    run_merge(tmp_path / "out", configuration(tmp_path, "ties", "models", "ab", "c"))
    assert f"{tmp_path / 'a'}: its chat template is not the merged model's" in warnings(tmp_path)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"rope_theta": 10000.0}, "rope_theta 10000.0 instead of 1000000.0"),
        ({"num_attention_heads": 8}, "num_attention_heads 8 instead of 4"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}, None),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0}}, "rotary type 'yarn' instead of 'default'"),
        ({"torch_dtype": "float16"}, None),
    ],
)
def test_configs_that_read_the_weights_otherwise(
    keys: dict[str, Any], expected: str | None, tmp_path: Path
) -> None:
    (tmp_path / "b/config.json").write_text(json.dumps({**MISTRAL, **keys}))
    run_merge(tmp_path / "out", configuration(tmp_path, "linear", "models", "ab", None))
    found = f"{tmp_path / 'b/config.json'} differs from the donor's, {tmp_path / 'a/config.json'}"
    assert (found in warnings(tmp_path)) == (expected is not None)
    assert expected is None or expected in warnings(tmp_path)


def mergekit(tmp_path: Path, config: dict[str, Any], **keys: Any) -> dict[str, Any]:
    job = {"config": config, "models": {}, "output_dir": str(tmp_path / "out"), **keys}
    return mergekit_merge.merge_with_mergekit(job, Events(tmp_path / "events.jsonl"))


@needs_mergekit
@pytest.mark.parametrize(
    ("form", "models", "base", "named", "donor"),
    [
        ("models", "ba", None, None, "b"),
        ("slices", "ba", None, None, "b"),
        ("models", "ab", "b", None, "b"),
        ("models", "ab", None, "c", "c"),
        ("slices", "ab", "b", "a", "a"),
    ],
)
def test_the_donor_of_mergekit(
    form: str, models: str, base: str | None, named: str | None, donor: str, tmp_path: Path
) -> None:
    """mergekit itself takes any of the models where there is no base."""
    config = configuration(tmp_path, "linear", form, models, base)
    metrics = mergekit(tmp_path, config, donor=None if named is None else str(tmp_path / named))
    assert metrics["donor"] == str(tmp_path / donor)
    assert donor_of(tmp_path / "out") == donor
    assert read_model(tmp_path / "out").keys() == read_model(tmp_path / "a").keys()
