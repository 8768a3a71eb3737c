"""Whatever form a name of a model has in a mergekit configuration: a folder by the time mergekit starts, or refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tiny_models import MISTRAL, read_model, write_model

from prometheus_trainer import mergekit_merge
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.mergekit_merge import merge_with_mergekit

needs_mergekit = pytest.mark.skipif(
    find_spec("mergekit") is None,
    reason="mergekit is an install of its own: the extra mergekit of pyproject.toml",
)
EVIL = {"model": {"path": "evil/repo", "revision": "main"}}
TOKEN = {"kind": "model_token", "model": "evil/repo", "token": "<s>"}


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("PYTHONPATH", str(Path(mergekit_merge.__file__).parents[1]))
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("a", "b")):
        write_model(tmp_path / name, MISTRAL, seed, torch.bfloat16)
    models = [{"model": {"model": {"path": str(tmp_path / "a")}}}, {"model": "${b}"}]
    return {
        "config": {"merge_method": "linear", "models": models, "parameters": {"weight": 1.0}},
        "models": {"b": {"path": str(tmp_path / "b")}},
        "output_dir": str(tmp_path / "out"),
    }


def refusal(job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said before mergekit starts."""
    monkeypatch.setattr(mergekit_merge, "version", lambda _: "0.1.5")
    monkeypatch.setattr(mergekit_merge, "_run_mergekit", lambda *_: pytest.fail("mergekit was started"))
    with pytest.raises(ConfigurationError) as caught:
        merge_with_mergekit(job, Events(tmp_path / "events.jsonl"))
    assert caught.value.hint
    return caught.value.problem


@pytest.mark.parametrize(
    "changed",
    [
        {"base_model": EVIL},
        {"base_model": "evil/repo@main"},
        {"models": [{"model": EVIL}]},
        {"models": [{"model": {"model": "evil/repo"}}]},
        {"models": [{"model": {"path": "evil/repo"}}]},
        {"models": [{"model": {"model": "${b}", "lora": EVIL["model"]}}]},
        {"models": [{"model": "${b}+evil/lora"}]},
        {"models": [{"model": ["evil/repo"]}]},
        {"models": [{"model": True}]},
        {"models": None, "slices": [{"sources": [{"model": EVIL, "layer_range": [0, 1]}]}]},
        {
            "models": None,
            "slices": [{"sources": [{"model": "${b}", "layer_range": [0, 1]}], "base_model": EVIL}],
        },
        {"models": None, "modules": {"default": {"models": [{"model": EVIL}]}}},
        {"models": None, "modules": {"default": {"slices": [{"sources": [{"model": EVIL}]}]}}},
        {"tokenizer_source": EVIL},
        {"tokenizer_source": "evil/tok"},
        {"tokenizer": {"source": "evil/tok"}},
        {"tokenizer": {"source": EVIL}},
        {"tokenizer": {"source": "union", "tokens": {"<x>": {"source": "evil/repo"}}}},
        {"tokenizer": {"tokens": {"<x>": {"source": EVIL}}}},
        {"tokenizer": {"tokens": {"<x>": {"source": TOKEN}}}},
        {"tokenizer": {"tokens": {"<x>": {"source": {"kind": "zero", "model": "evil/repo"}}}}},
        {"tokenizer": {"tokens": {"<x>": {"source": {**TOKEN, "lora": "evil/lora"}}}}},
        {"tokenizer": "evil/tok"},
        {"chat_template": "../../../secret"},
        {"chat_template": "/etc/secret"},
    ],
)
def test_what_would_be_fetched_is_refused(
    changed: dict[str, Any], job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job["config"] |= changed
    assert refusal(job, tmp_path, monkeypatch)
    assert not list((tmp_path / "out").glob("*.safetensors"))


def test_pickled_weights_are_not_read(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a/model.safetensors").rename(tmp_path / "a/pytorch_model.bin")
    assert "a: no model.safetensors" in refusal(job, tmp_path, monkeypatch)


def test_a_pickled_adapter_is_not_read(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora/adapter_model.bin").write_bytes(b"a pickle")
    (tmp_path / "lora/adapter_config.json").write_text('{"peft_type": "LORA"}')
    job["config"]["models"][1] = {"model": {"model": "${b}", "lora": str(tmp_path / "lora")}}
    problem = refusal(job, tmp_path, monkeypatch)
    assert "lora/adapter_model.safetensors: not found, and PEFT would look for pickled weights" in problem


def test_an_index_beside_the_model_is_not_followed(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mergekit prefers it, wherever it leads; transformers and our engine read the one file."""
    save_file({"secret": torch.ones(2)}, tmp_path / "secret.safetensors")
    index = tmp_path / "a/model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"model.norm.weight": "../secret.safetensors"}}))
    assert "is not the name of a safetensors file in the folder" in refusal(job, tmp_path, monkeypatch)
    index.write_text(json.dumps({"weight_map": {"model.norm.weight": "other.safetensors"}}))
    assert "of which mergekit reads the index" in refusal(job, tmp_path, monkeypatch)


@needs_mergekit
def test_the_long_form_is_merged(job: dict[str, Any], tmp_path: Path) -> None:
    """By the real mergekit, which is told that there is no network and has no token."""
    job["config"]["models"][0]["model"]["override_architecture"] = "MistralForCausalLM"
    job["config"]["dtype"] = "float32"
    merge_with_mergekit(job, Events(tmp_path / "events.jsonl"))
    merged, a, b = (read_model(tmp_path / name)["model.norm.weight"].float() for name in ("out", "a", "b"))
    assert torch.allclose(merged, (a + b) / 2)


@needs_mergekit
@pytest.mark.parametrize("place", ["models", "tokenizer"])
def test_mergekit_itself_takes_folders_alone(place: str, job: dict[str, Any], tmp_path: Path) -> None:
    """Where the stage overlooked a name, as of a place that another version of mergekit has."""
    config: dict[str, Any] = {"merge_method": "linear", "models": [{"model": str(tmp_path / "a")}]}
    if place == "models":
        config["models"].append({"model": EVIL})
    else:
        config["tokenizer"] = {"tokens": {"<x>": {"source": "evil/repo@main"}}}
    (tmp_path / "config.yml").write_text(json.dumps(config))
    command = [
        sys.executable,
        "-m",
        "prometheus_trainer.mergekit_command",
        "config.yml",
        str(tmp_path / "merged"),
    ]
    # An address without a hub: a request would fail otherwise.
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "error: the configuration names evil/repo@main, which is no folder: it is not fetched" in done.stderr
    )


def test_the_child_has_no_network_and_no_token(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, str] = {}

    class Child:
        stdout: tuple[str, ...] = ()
        returncode = 1

        def __init__(self, *_: Any, env: dict[str, str], **__: Any) -> None:
            seen.update(env)

        def __enter__(self) -> Child:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    monkeypatch.setattr(mergekit_merge, "version", lambda _: "0.1.5")
    monkeypatch.setattr(mergekit_merge.subprocess, "Popen", Child)
    with pytest.raises(ConfigurationError, match="mergekit ended with exit code 1"):
        merge_with_mergekit(job, Events(tmp_path / "events.jsonl"))
    assert seen["HF_HUB_OFFLINE"] == seen["TRANSFORMERS_OFFLINE"] == "1"
    assert not {"HF_TOKEN", "WANDB_API_KEY"} & seen.keys()
