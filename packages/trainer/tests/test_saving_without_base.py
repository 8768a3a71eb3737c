"""A base model whose folder is gone when the expert is saved: the expert is whole, and a warning says what differs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from training_jobs import (
    EIGHT_TARGETS,
    Run,
    read_events,
    run_to_end,
    write_job,
    write_small_model,
    write_small_rows,
)
from transformers import AutoModelForCausalLM, AutoTokenizer

LORA = {"use_peft": True, "lora_r": 4}
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "full": ("mistral", {}),
    "lora": ("mistral", {**LORA, "lora_target_modules": ["q_proj", "v_proj"]}),
    "lora-mixtral": ("mixtral", {**LORA, "lora_target_modules": EIGHT_TARGETS}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_folder_is_emptied_while_training(way: str, tmp_path: Path) -> None:
    model_type, arguments = WAYS[way]
    base = write_small_model(tmp_path / "kept", model_type)
    rows = write_small_rows(tmp_path / "rows")
    arguments = {
        "max_steps": 8,
        "eval_strategy": "no",
        "save_strategy": "steps",
        "save_steps": 1,
        **arguments,
    }
    run_to_end(write_job(tmp_path / "whole", model=base, dataset=rows, arguments=arguments))
    shutil.copytree(base, tmp_path / "cache")
    run = Run(write_job(tmp_path / "run", model=tmp_path / "cache", dataset=rows, arguments=arguments))
    run.wait_for(lambda event: event["event"] == "checkpoint")
    shutil.rmtree(tmp_path / "cache")
    assert run.finish() == [0], run.log()
    (warning,) = (event["message"] for event in read_events(tmp_path / "run", "warning"))
    assert (
        f"the base model's own files (FileNotFoundError: {tmp_path}/cache is not there any more)" in warning
    )
    whole, output = tmp_path / "whole/output", tmp_path / "run/output"
    (weights,) = output.glob("*.safetensors")
    wanted, found = load_file(whole / weights.name), load_file(weights)
    assert wanted.keys() == found.keys()
    assert all(wanted[name].equal(found[name]) for name in wanted)
    text = "[INST] Grade it. [/INST]It is 4."
    assert AutoTokenizer.from_pretrained(output)(text) == AutoTokenizer.from_pretrained(whole)(text)
    if way == "full":
        AutoModelForCausalLM.from_pretrained(output)
        config = json.loads((output / "config.json").read_text())
        assert config["rope_theta"] == 1000000.0 and config["torch_dtype"] == "float32"
