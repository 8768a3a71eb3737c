"""``engine: mergekit``: the stage that runs mergekit, and the checks on what it wrote."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tiny_models import MISTRAL, read_model, write_model, write_tensors

from prometheus_trainer import mergekit_merge
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.mergekit_merge import merge_with_mergekit

needs_mergekit = pytest.mark.skipif(
    find_spec("mergekit") is None,
    reason="mergekit is an install of its own: the extra mergekit of pyproject.toml",
)
WEIGHTS = {"weight": 1.0, "density": 0.5}


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("PYTHONPATH", str(Path(mergekit_merge.__file__).parents[1]))
    for seed, name in enumerate(("base", "absolute", "relative")):
        write_model(tmp_path / name, MISTRAL, seed, torch.bfloat16)
    models = [{"model": f"${{{name}}}", "parameters": WEIGHTS} for name in ("absolute", "relative")]
    return {
        "config": {
            "merge_method": "breadcrumbs",
            "base_model": "${base}",
            "models": models,
            "dtype": "bfloat16",
        },
        "models": {name: {"path": str(tmp_path / name)} for name in ("base", "absolute", "relative")},
        "donor": "${absolute}",
        "output_dir": str(tmp_path / "out"),
    }


def merge(job: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    return merge_with_mergekit(job, Events(tmp_path / "events.jsonl"))


@needs_mergekit
def test_a_method_that_our_engine_lacks(
    job: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    metrics = merge(job, tmp_path)
    assert metrics["method"] == "breadcrumbs"
    assert metrics["models"] == ["${base}", "${absolute}", "${relative}"]
    assert metrics["donor"] == "${absolute}"
    assert metrics["engine"].startswith("mergekit ")
    out = tmp_path / "out"
    merged, donor = read_model(out), read_model(tmp_path / "absolute")
    assert {name: value.shape for name, value in merged.items()} == {
        name: value.shape for name, value in donor.items()
    }
    assert metrics["tensors"] == len(donor)
    assert json.loads((out / "config.json").read_text())["rope_theta"] == 1000000.0
    assert "${absolute}" in (out / "mergekit_config.yml").read_text()
    assert not (out / "mergekit.part").exists()
    assert "Saving config" in capfd.readouterr().out
    notices = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert any(event.get("message", "").startswith("mergekit ") for event in notices)


@needs_mergekit
def test_layers_of_two_models(job: dict[str, Any], tmp_path: Path) -> None:
    sources = [
        [{"model": "${absolute}", "layer_range": [0, 2]}],
        [{"model": "${relative}", "layer_range": [1, 2]}],
    ]
    job["config"] = {"merge_method": "passthrough", "slices": [{"sources": source} for source in sources]}
    (tmp_path / "absolute" / "tokenizer_config.json").write_text('{"chat_template": "absolute"}')
    merge(job, tmp_path)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["num_hidden_layers"] == 3
    third = read_model(tmp_path / "out")["model.layers.2.mlp.up_proj.weight"]
    # mergekit itself takes the tokenizer from either model here.
    assert (tmp_path / "out" / "tokenizer_config.json").read_text() == '{"chat_template": "absolute"}'
    assert torch.equal(third, read_model(tmp_path / "relative")["model.layers.1.mlp.up_proj.weight"])


@needs_mergekit
def test_an_adapter(job: dict[str, Any], tmp_path: Path) -> None:
    """mergekit merges it into its base, in bfloat16 as PEFT does for a model of that dtype."""
    name, (out, into) = "model.layers.1.self_attn.o_proj", (MISTRAL["hidden_size"],) * 2
    halves = {"A": torch.full((2, into), 0.25), "B": torch.full((out, 2), 0.5)}
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    save_file(
        {f"base_model.model.{name}.lora_{half}.weight": half_of for half, half_of in halves.items()},
        adapter / "adapter_model.safetensors",
    )
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4}
    config |= {
        "target_modules": ["o_proj"],
        "layers_to_transform": [1],
        "base_model_name_or_path": "elsewhere",
    }
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    job["models"]["absolute"] = {"path": str(tmp_path / "base"), "adapter": str(adapter)}
    job["config"] = {
        "merge_method": "linear",
        "models": [{"model": "${absolute}", "parameters": {"weight": 1.0}}],
        "dtype": "bfloat16",
    }
    merge(job, tmp_path)
    merged, base = read_model(tmp_path / "out"), read_model(tmp_path / "base")
    delta = (2 * halves["B"] @ halves["A"]).bfloat16()
    for tensor, values in base.items():
        expected = values + delta if tensor == f"{name}.weight" else values
        assert torch.equal(merged[tensor], expected), tensor


@needs_mergekit
def test_mergekit_ends_with_the_starter(job: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps({**job, "events": str(tmp_path / "events.jsonl")}))
    command = [sys.executable, "-m", "prometheus_trainer.mergekit_merge", "--job", str(tmp_path / "job.json")]
    environment = {**os.environ, "PROMETHEUS_LIFELINE": "stdin"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        child = wait_for(lambda: children.read_text().split())[0]
        assert "mergekit" in Path(f"/proc/{child}/cmdline").read_text()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == -signal.SIGTERM
    assert wait_for(lambda: not Path(f"/proc/{child}").exists())
    assert not list((tmp_path / "out").glob("*.safetensors"))


def wait_for(found: Callable[[], Any]) -> Any:
    """What it finds, within a minute."""
    for _ in range(600):
        if value := found():
            return value
        time.sleep(0.1)
    raise AssertionError("waited for a minute")


@needs_mergekit
def test_a_value_that_is_not_finite(job: dict[str, Any], tmp_path: Path) -> None:
    tensors = read_model(tmp_path / "relative")
    tensors["model.norm.weight"][3] = float("nan")
    write_tensors(tmp_path / "relative", MISTRAL, tensors)
    with pytest.raises(ConfigurationError, match=r"tensor model.norm.weight has values that are NaN"):
        merge(job, tmp_path)
    assert not list((tmp_path / "out").glob("*.safetensors"))


@needs_mergekit
def test_a_configuration_that_mergekit_refuses(job: dict[str, Any], tmp_path: Path) -> None:
    job["config"]["merge_method"] = "no_such_method"
    with pytest.raises(ConfigurationError, match=r"mergekit ended with exit code 1:\n(?s:.*)no_such_method"):
        merge(job, tmp_path)


def test_without_mergekit(job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise mergekit_merge.PackageNotFoundError(name)

    monkeypatch.setattr(mergekit_merge, "version", absent)
    with pytest.raises(ConfigurationError, match="mergekit is not installed"):
        merge(job, tmp_path)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (None, "found None, not a mapping of keys"),
        ({"merge_method": "karcher"}, "it names no model"),
        ({"models": [{"model": "${third}"}]}, r"\$\{third\} stands for no model"),
        ({"models": [{"model": "/no/such"}]}, "/no/such: no such folder"),
    ],
)
def test_mistakes(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Any, problem: str
) -> None:
    monkeypatch.setattr(mergekit_merge, "version", lambda _: "0.1.5")
    with pytest.raises(ConfigurationError, match=problem):
        merge({**job, "config": config}, tmp_path)


def test_a_folder_that_mergekit_would_take_apart(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mergekit_merge, "version", lambda _: "0.1.5")
    (tmp_path / "relative").rename(tmp_path / "relative@v2")
    job["models"]["relative"] = {"path": str(tmp_path / "relative@v2")}
    with pytest.raises(ConfigurationError, match="mergekit takes"):
        merge(job, tmp_path)


@needs_mergekit
def test_a_filter_that_fits_no_tensor(job: dict[str, Any], tmp_path: Path) -> None:
    weight = [{"filter": "mlpp", "value": 0.5}, {"filter": "*", "value": 1.0}]
    for model in job["config"]["models"]:
        model["parameters"] = {"weight": weight, "density": 0.5}
    merge(job, tmp_path)
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    warnings = [event["message"] for event in events if event["event"] == "warning"]
    assert len(warnings) == 1
    assert "filter mlpp is part of no tensor's name" in warnings[0]


@needs_mergekit
@pytest.mark.parametrize("carrier", ["base", "absolute", "relative"])
def test_a_tied_head_that_is_written(carrier: str, job: dict[str, Any], tmp_path: Path) -> None:
    """mergekit writes it too; a loader finds the embeddings in it, whatever the donor has."""
    tied = {**MISTRAL, "tie_word_embeddings": True}
    for seed, name in enumerate(("base", "absolute", "relative")):
        tensors = write_model(tmp_path / name, tied, seed, torch.bfloat16)
        if name == carrier:
            head = tensors["model.embed_tokens.weight"].clone()
            write_tensors(tmp_path / name, tied, {**tensors, "lm_head.weight": head})
    job["config"] |= {"merge_method": "linear"}
    for model in job["config"]["models"]:
        model["parameters"] = {"weight": 1.0}
    del job["config"]["base_model"]
    if carrier == "base":
        job["config"]["models"].append({"model": "${base}", "parameters": {"weight": 1.0}})
    merge(job, tmp_path)
    merged = read_model(tmp_path / "out")
    embeddings = merged["model.embed_tokens.weight"]
    assert torch.equal(merged.get("lm_head.weight", embeddings), embeddings)


def refusal(job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said before mergekit starts."""
    monkeypatch.setattr(mergekit_merge, "version", lambda _: "0.1.5")
    monkeypatch.setattr(mergekit_merge, "_run_mergekit", lambda *_: pytest.fail("mergekit was started"))
    with pytest.raises(ConfigurationError) as caught:
        merge(job, tmp_path)
    return str(caught.value)


def test_weights_that_are_quantised(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = read_model(tmp_path / "relative")
    tensors["model.layers.0.mlp.up_proj.weight"] = torch.zeros(192, 1, dtype=torch.uint8)
    config = {**MISTRAL, "quantization_config": {"quant_method": "bitsandbytes"}}
    write_tensors(tmp_path / "relative", config, tensors)
    assert "the weights are quantised by bitsandbytes" in refusal(job, tmp_path, monkeypatch)


def test_a_tied_donor_of_models_that_are_not(
    job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "donor", {**MISTRAL, "tie_word_embeddings": True}, 1, torch.bfloat16)
    job["models"]["donor"] = {"path": str(tmp_path / "donor")}
    job["donor"] = "${donor}"
    assert f"{tmp_path / 'donor/config.json'}: it says that the embeddings are the output layer" in (
        refusal(job, tmp_path, monkeypatch)
    )


@needs_mergekit
def test_the_config_of_a_quantised_model(job: dict[str, Any], tmp_path: Path) -> None:
    config = {**MISTRAL, "quantization_config": {"quant_method": "gptq", "bits": 4}}
    (tmp_path / "absolute/config.json").write_text(json.dumps(config))
    merge(job, tmp_path)
    assert "quantization_config" not in json.loads((tmp_path / "out/config.json").read_text())
