"""A trained model's folder, as transformers 4 and 5 and servers read it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from training_jobs import TEMPLATE, run_to_end, write_job, write_small_model, write_small_rows

from prometheus_trainer.portable_layout import portable_config


@pytest.fixture(scope="module", params=["mistral", "mixtral"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A base model and what full tuning made of it."""
    folder = tmp_path_factory.mktemp(request.param)
    base = write_small_model(folder / "base", request.param)
    job = write_job(
        folder / "run",
        model=base,
        dataset=write_small_rows(folder / "rows"),
        arguments={"max_steps": 2, "dtype": "bfloat16", "save_strategy": "no", "eval_strategy": "no"},
    )
    (folder / "run/output").mkdir()
    (folder / "run/output/model-00001-of-00009.safetensors").write_bytes(b"left by a run that was killed")
    run_to_end(job)
    return base, folder / "run/output"


def test_the_configuration_has_the_keys_of_both_versions(trained: tuple[Path, Path]) -> None:
    base, output = (json.loads((folder / "config.json").read_text()) for folder in trained)
    assert output["rope_theta"] == base["rope_theta"] == output["rope_parameters"]["rope_theta"] == 1000000.0
    assert output["torch_dtype"] == output["dtype"] == "bfloat16"
    for key in base.keys() - {"dtype", "torch_dtype"}:
        assert output[key] == base[key], key


def test_names_shapes_and_type_of_the_tensors_are_the_bases(trained: tuple[Path, Path]) -> None:
    base, output = (load_file(folder / "model.safetensors") for folder in trained)
    assert base.keys() == output.keys()
    assert any(not torch.equal(base[name].bfloat16(), output[name]) for name in base)
    for name in base:
        assert (output[name].shape, output[name].dtype) == (base[name].shape, torch.bfloat16)


def test_there_is_what_a_server_needs_and_no_pickle(trained: tuple[Path, Path]) -> None:
    base, output = trained
    assert sorted(path.name for path in output.iterdir()) == [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
    ]
    for name in ("tokenizer.json", "tokenizer.model", "generation_config.json", "special_tokens_map.json"):
        assert (output / name).read_bytes() == (base / name).read_bytes()


def test_the_tokenizer_has_the_template_it_was_trained_with(
    trained: tuple[Path, Path], tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    _, output = trained
    old = tmp_path / "old"  # a reader that does not know chat_template.jinja
    shutil.copytree(output, old)
    (old / "chat_template.jinja").unlink()
    messages = [{"role": "user", "content": "Grade it."}]
    for folder in (output, old):
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        assert tokenizer.chat_template == TEMPLATE
        assert tokenizer.apply_chat_template(messages, tokenize=False) == "<s>[INST] Grade it. [/INST]"
        assert tokenizer.pad_token_id == 0


def test_transformers_loads_all_of_it(trained: tuple[Path, Path]) -> None:
    from transformers import AutoModelForCausalLM

    model, found = AutoModelForCausalLM.from_pretrained(trained[1], output_loading_info=True)
    assert not any(found[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert model.dtype == torch.bfloat16
    assert model.config.rope_parameters["rope_theta"] == 1000000.0


def test_keys_that_transformers_5_drops_and_sets_are_the_bases() -> None:
    base = {"architectures": ["A"], "use_cache": True, "rope_theta": 5e5, "sliding_window": 4096, "own": 1}
    saved = {
        "architectures": ["B"],
        "use_cache": False,
        "dtype": "float16",
        "sliding_window": 4096,
        "rope_parameters": {"rope_type": "default", "rope_theta": 5e5},
    }
    assert portable_config(saved, base) == {
        **base,
        "dtype": "float16",
        "torch_dtype": "float16",
        "rope_parameters": {"rope_type": "default", "rope_theta": 5e5},
    }


def test_a_base_saved_by_transformers_5_gets_the_old_key_too() -> None:
    rope = {"rope_type": "default", "rope_theta": 1e6}
    assert portable_config({"rope_parameters": rope}, {"rope_parameters": rope})["rope_theta"] == 1e6
