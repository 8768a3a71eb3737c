"""Files of models that are not what they are called, where training and merges read them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from merging_models import merge_config, run_merge
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from tiny_models import MISTRAL, read_model, write_model
from training_jobs import Run, read_events, write_job, write_small_model, write_small_rows

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.lora_merge import merge_lora
from prometheus_trainer.merging.reading import index_model, read_json
from prometheus_trainer.model_source import resolve_model
from prometheus_trainer.prepared_rows import open_split

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 14483498112\n"
MARK = b"\xef\xbb\xbf"


def put_mark(file: Path) -> None:
    file.write_bytes(MARK + file.read_bytes())


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    for seed, name in enumerate(("a", "b")):
        write_model(tmp_path / name, MISTRAL, seed)
    return {name: tmp_path / name for name in ("a", "b")}


def average(models: dict[str, Path]) -> dict[str, Any]:
    return merge_config("linear", [models["a"], models["b"]], parameters={"weight": 1.0})


@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "tokenizer.model"],
)
def test_a_pointer_in_a_merged_model(name: str, models: dict[str, Path], tmp_path: Path) -> None:
    (models["a"] / name).write_bytes(POINTER)
    with pytest.raises(ConfigurationError, match=rf"/a/{name}: this is a pointer of Git LFS") as caught:
        run_merge(tmp_path / "out", average(models))
    assert "lfs: true" in str(caught.value.hint)
    assert list((tmp_path / "out").glob("*.safetensors")) == []


@pytest.mark.parametrize("name", ["model-00001-of-00001.safetensors", "model.safetensors.index.json"])
def test_a_pointer_among_shards(name: str, models: dict[str, Path]) -> None:
    folder = models["a"]
    weights = dict.fromkeys(index_model(folder), "model-00001-of-00001.safetensors")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    assert index_model(folder)
    (folder / name).write_bytes(POINTER)
    with pytest.raises(ConfigurationError, match=rf"{name}: this is a pointer of Git LFS"):
        index_model(folder)


def test_a_pointer_in_an_adapter(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    base = write_small_model(tmp_path / "base", "mistral")
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base),
        LoraConfig(target_modules=["q_proj"], task_type="CAUSAL_LM"),
    )
    model.save_pretrained(str(tmp_path / "adapter"))
    for name in ("adapter_config.json", "adapter_model.safetensors", "tokenizer_config.json"):
        adapter = tmp_path / f"with-{name}"
        shutil.copytree(tmp_path / "adapter", adapter)
        (adapter / name).write_bytes(POINTER)
        job = {"base": {"path": str(base)}, "adapter": str(adapter), "output_dir": str(tmp_path / "out")}
        with pytest.raises(ConfigurationError, match=rf"{name}: this is a pointer of Git LFS"):
            merge_lora(job, Events(None))
        shutil.rmtree(tmp_path / "out", ignore_errors=True)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("model.safetensors", POINTER, "this is a pointer of Git LFS"),
        ("tokenizer.json", POINTER, "this is a pointer of Git LFS"),
        ("config.json", MARK, "byte order mark, which transformers does not read"),
        ("tokenizer_config.json", MARK, "byte order mark, which transformers does not read"),
        ("chat_template.jinja", MARK, "byte order mark, which transformers takes for a part of each prompt"),
    ],
)
def test_a_training_refuses_them_before_it_reads_rows(
    name: str, content: bytes, problem: str, tmp_path: Path
) -> None:
    model = write_small_model(tmp_path / "model", "mistral")
    file = model / name
    text = file.read_bytes() if file.is_file() else b"{{ messages[0].content }}"
    file.write_bytes(content if content == POINTER else content + text)
    run = Run(write_job(tmp_path / "run", model=model, dataset=write_small_rows(tmp_path / "rows")))
    assert run.finish() == [2], run.log()
    (error,) = read_events(tmp_path / "run", "error")
    assert error["kind"] == "configuration"
    assert error["message"].startswith(f"{file}: ")
    assert problem in error["message"]
    assert error["hint"]


def test_a_byte_order_mark_is_no_part_of_a_merged_models_files(
    models: dict[str, Path], tmp_path: Path
) -> None:
    for folder in models.values():
        (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
        (folder / "tokenizer.json").write_text("{}")
    run_merge(tmp_path / "plain", average(models))
    for name in (
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    ):
        put_mark(models["a"] / name)
    run_merge(tmp_path / "marked", average(models))
    # Nor is it a difference between the donor and the other model.
    assert "differs from the donor" not in (tmp_path / "events.jsonl").read_text()
    assert "chat template" not in (tmp_path / "events.jsonl").read_text()
    for file in (tmp_path / "plain").iterdir():
        assert (tmp_path / "marked" / file.name).read_bytes() == file.read_bytes(), file.name
    for name, tensor in read_model(tmp_path / "plain").items():
        assert torch.equal(read_model(tmp_path / "marked")[name], tensor)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"a": 1}'.encode("utf-16"), "the file is in UTF-16"),
        ('{"a": 1}'.encode("utf-32"), "the file is in UTF-32"),
        (b'{"a": "\xe9"}', "not JSON"),
        (MARK + b"[1]", "not a JSON object"),
    ],
)
def test_json_in_another_encoding(content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem):
        read_json(tmp_path / "config.json")


def test_a_pointer_is_named_before_weights_are_missed(tmp_path: Path) -> None:
    write_model(tmp_path / "model", MISTRAL, 0)
    (tmp_path / "model/config.json").write_bytes(POINTER)
    with pytest.raises(ConfigurationError, match=r"config\.json: this is a pointer of Git LFS"):
        resolve_model({"path": str(tmp_path / "model")})


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", ["data-00000-of-00001.arrow", "state.json", "dataset_info.json"])
def test_a_pointer_in_prepared_data(name: str, split: str, tmp_path: Path) -> None:
    dataset = write_small_rows(tmp_path / "rows")
    if split == "test":
        shutil.copytree(dataset / "train", dataset / "test", dirs_exist_ok=True)
    assert (dataset / split / name).is_file()
    (dataset / split / name).write_bytes(POINTER)
    with pytest.raises(ConfigurationError, match=rf"{split}/{name}: this is a pointer of Git LFS"):
        open_split(dataset, split)


@pytest.mark.parametrize("kind", ["mistral", "mixtral"])
def test_a_training_on_full_weights_whose_config_is_of_quantised_ones(kind: str, tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", kind)
    file = model / "config.json"
    quantisation = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    file.write_text(json.dumps({**json.loads(file.read_text()), "quantization_config": quantisation}))
    run = Run(write_job(tmp_path / "run", model=model, dataset=write_small_rows(tmp_path / "rows")))
    assert run.finish() == [0], run.log()
    notices = [event["message"] for event in read_events(tmp_path / "run", "notice")]
    assert [notice for notice in notices if f"{file}: quantization_config is left out" in notice]
    assert "quantization_config" not in (tmp_path / "run/output/config.json").read_text()


def test_a_training_on_quantised_weights(tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", "mistral")
    file = model / "config.json"
    file.write_text(
        json.dumps({**json.loads(file.read_text()), "quantization_config": {"quant_method": "fp8"}})
    )
    tensors = load_file(model / "model.safetensors")
    name = "model.layers.0.self_attn.q_proj.weight"
    save_file({**tensors, name: tensors[name].to(torch.float8_e4m3fn)}, model / "model.safetensors")
    run = Run(write_job(tmp_path / "run", model=model, dataset=write_small_rows(tmp_path / "rows")))
    assert run.finish() == [2], run.log()
    (error,) = read_events(tmp_path / "run", "error")
    assert error["kind"] == "configuration"
    assert f"tensor {name} is F8_E4M3: the weights are quantised by fp8" in error["message"]
