"""A base model's settings that transformers can't read, or refuses: the run says which, or goes without them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from training_jobs import Run, read_events, run_to_end, write_job
from transformers import AutoModelForCausalLM

# What transformers refuses as soon as it loads the settings.
REFUSED: dict[str, dict[str, Any]] = {
    "several greedy answers": {"num_return_sequences": 3},
    "no new tokens": {"max_new_tokens": -1, "eos_token_id": 2},
    "an unknown cache": {"cache_implementation": "of another version"},
    "a watermark": {"watermarking_config": {"greenlist_ratio": 5}},
}
UNREADABLE = {
    "generation_config.json": ['{"do_sample": tr', "", "[1]"],
    "tokenizer_config.json": ['{"model_max_length"', '["a"]'],
    "tokenizer.json": ['{"version": "1.0", "added_tokens": [', "null"],
}
NOT_LOADED = {
    "tokenizer_config.json": {"added_tokens_decoder": {"x": 1}},
    "tokenizer.json": {"model": {"type": "none"}},
}


@pytest.mark.parametrize("kind", REFUSED)
def test_generation_settings_that_transformers_does_not_load(
    kind: str, few_inputs: dict[str, Path], tmp_path: Path
) -> None:
    job = _job(tmp_path, few_inputs, "generation_config.json", json.dumps(REFUSED[kind]))
    run_to_end(job)
    output, name = tmp_path / "output", "generation_config.json"
    assert (output / name).read_bytes() == (tmp_path / "model" / name).read_bytes()
    (warning,) = (event["message"] for event in read_events(tmp_path, "warning"))
    assert "transformers refuses the base model's generation settings" in warning
    (output / name).unlink()
    AutoModelForCausalLM.from_pretrained(output)


@pytest.mark.parametrize(
    ("name", "content"), [(name, content) for name, contents in UNREADABLE.items() for content in contents]
)
def test_json_that_can_not_be_read_is_named(
    name: str, content: str, few_inputs: dict[str, Path], tmp_path: Path
) -> None:
    error = _error(_job(tmp_path, few_inputs, name, content))
    assert error["message"].startswith(f"{tmp_path / 'model' / name}: not ")


@pytest.mark.parametrize("name", NOT_LOADED)
def test_a_tokenizer_that_does_not_load_is_named(
    name: str, few_inputs: dict[str, Path], tmp_path: Path
) -> None:
    content = json.loads((few_inputs["model"] / name).read_text()) | NOT_LOADED[name]
    error = _error(_job(tmp_path, few_inputs, name, json.dumps(content)))
    assert error["message"].startswith(f"the tokenizer of {tmp_path / 'model'} does not load (")


def _job(folder: Path, few_inputs: dict[str, Path], name: str, content: str) -> Path:
    shutil.copytree(few_inputs["model"], folder / "model")
    (folder / "model" / name).write_text(content)
    arguments = {"max_steps": 1, "eval_strategy": "no", "save_strategy": "no"}
    return write_job(folder, model=folder / "model", dataset=few_inputs["dataset"], arguments=arguments)


def _error(job: Path) -> dict[str, Any]:
    run = Run(job)
    assert run.finish() == [2], run.log()
    (error,) = read_events(job.parent, "error")
    assert error["kind"] == "configuration"
    return error
