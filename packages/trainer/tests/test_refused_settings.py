"""Settings of a base model that transformers loads and refuses to save: the trained model is saved all the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from training_jobs import Run, read_events, run_to_end, write_job
from transformers import AutoModelForCausalLM, AutoTokenizer

GREEDY = {"do_sample": False, "temperature": 0.6, "top_p": 0.9, "bos_token_id": 1, "eos_token_id": 2}
BEAMS = {"num_beams": 1, "length_penalty": 1.4, "early_stopping": True, "eos_token_id": [2, 1]}
WAYS: dict[str, dict[str, Any]] = {
    "no-checkpoints": {"save_strategy": "no"},
    "checkpoints": {"save_strategy": "steps", "save_steps": 1},
    "lora": {"use_peft": True, "lora_r": 4, "lora_target_modules": ["q_proj"], "save_strategy": "no"},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("settings", [GREEDY, BEAMS], ids=["sampling", "beams"])
def test_generation_settings_that_contradict_each_other(
    way: str, settings: dict[str, Any], few_inputs: dict[str, Path], tmp_path: Path
) -> None:
    job = _job(tmp_path, few_inputs, way, {"generation_config.json": settings})
    run_to_end(job)
    output, base = tmp_path / "output", tmp_path / "model"
    if way == "lora":
        assert (output / "adapter_model.safetensors").is_file()
    else:
        name = "generation_config.json"
        assert (output / name).read_bytes() == (base / name).read_bytes()
        AutoModelForCausalLM.from_pretrained(output)
    (warning,) = (event["message"] for event in read_events(tmp_path, "warning"))
    assert "refuses the base model's generation settings" in warning


@pytest.mark.parametrize("way", WAYS)
def test_generation_settings_in_the_models_own(way: str, few_inputs: dict[str, Path], tmp_path: Path) -> None:
    config = json.loads((few_inputs["model"] / "config.json").read_text())
    job = _job(
        tmp_path, few_inputs, way, {"config.json": {**config, "temperature": 0.6, "no_repeat_ngram_size": 3}}
    )
    run_to_end(job)
    output = tmp_path / "output"
    assert list(output.glob("*.safetensors"))
    if way != "lora":
        AutoModelForCausalLM.from_pretrained(output)


@pytest.mark.parametrize("way", ["no-checkpoints", "lora"])
def test_a_tokenizer_without_settings_of_its_own(
    way: str, few_inputs: dict[str, Path], tmp_path: Path
) -> None:
    job = _job(tmp_path, few_inputs, way, {})
    (tmp_path / "model/tokenizer_config.json").unlink()
    run_to_end(job)
    text = "[INST] one [/INST]"
    tokenizers = [AutoTokenizer.from_pretrained(tmp_path / name) for name in ("model", "output")]
    assert tokenizers[0](text).input_ids == tokenizers[1](text).input_ids


@pytest.mark.parametrize("way", ["no-checkpoints", "lora"])
@pytest.mark.parametrize("name", ["file/output", "n" * 300])
def test_an_output_that_can_not_be_made_is_refused_before_training(
    way: str, name: str, few_inputs: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    job = _job(tmp_path, few_inputs, way, {}, output_dir=str(tmp_path / name))
    run = Run(job)
    assert run.finish() == [2], run.log()
    (error,) = read_events(tmp_path, "error")
    assert error["message"].startswith("training has not begun, since the trained model could not be saved")
    assert str(tmp_path / name.removesuffix("/output")) in error["message"]
    assert not read_events(tmp_path, "train")
    assert not list((tmp_path / "checkpoints").glob("rehearsal"))


def _job(
    folder: Path, few_inputs: dict[str, Path], way: str, files: dict[str, dict[str, Any]], **options: Any
) -> Path:
    base = folder / "model"
    shutil.copytree(few_inputs["model"], base)
    for name, content in files.items():
        (base / name).write_text(json.dumps(content))
    arguments = {"max_steps": 1, "eval_strategy": "no", **WAYS[way]}
    return write_job(folder, model=base, dataset=few_inputs["dataset"], arguments=arguments, **options)
