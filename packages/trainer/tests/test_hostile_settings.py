"""Settings of models and adapters that a stranger wrote: an error with file and key, never a stack or a wait."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from test_merging_adapters import edit_config, pair, problem
from tiny_models import MISTRAL, write_model
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.lora_settings import empty_model
from prometheus_trainer.merging.companions import config_differences
from prometheus_trainer.merging.layout import read_layout
from prometheus_trainer.merging.mergekit_template import template_in
from prometheus_trainer.merging.reading import read_json
from prometheus_trainer.model_config import transformers_config
from prometheus_trainer.model_files import check_model_texts
from prometheus_trainer.position_limit import position_limit
from prometheus_trainer.training import load_tokenizer

__all__ = ["pair"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"rank_pattern": {"(a|a)*(a|a)*(a|a)*x" * 3 + "|(.+)+(.+)+(.+)+x": 8}}, "take more than 1.5 s"),
        ({"alpha_pattern": {"(": 8}}, "has a pattern that Python does not read"),
        ({"rank_pattern": {"a{99999999999}": 8}}, "has a pattern that Python does not read"),
        ({"rank_pattern": ["q_proj"]}, "rank_pattern is a list, not an object of patterns and numbers"),
        ({"rank_pattern": {".*": "secret"}}, "r is a text and"),
        ({"rank_pattern": {".*": True}}, "r is true or false and"),
        ({"lora_alpha": float("nan")}, "lora_alpha not a finite number"),
        ({"lora_alpha": 10**400}, "lora_alpha a whole number of more than 64 bits"),
        ({"r": 10**30}, "r is a whole number of more than 64 bits"),
        ({"modules_to_save": [7]}, "modules_to_save has other entries than texts"),
        ({"modules_to_save": 7}, "modules_to_save is a whole number, not a list of names"),
        ({"use_rslora": "no"}, "use_rslora is a text, not true or false"),
        ({"bias": []}, "bias is a list, not a text"),
        ({"init_lora_weights": {}}, "init_lora_weights is an object"),
        ({"peft_type": ["LORA"]}, "peft_type is a list"),
    ],
)
def test_an_adapters_settings(pair: tuple[Path, Path], keys: dict[str, Any], expected: str) -> None:
    edit_config(pair[1], **keys)
    started = time.monotonic()
    found = problem(pair)
    assert expected in found
    assert "adapter_config.json" in found
    assert "secret" not in found
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"hidden_size": "SECRET"}, "hidden_size is a text, not a whole number"),
        ({"hidden_size": 16.5}, "hidden_size is a fraction, not a whole number"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is below 0 or above 2000"),
        ({"num_hidden_layers": -1}, "num_hidden_layers is below 0"),
        ({"num_hidden_layers": [1]}, "num_hidden_layers is a list, not a whole number"),
        ({"num_hidden_layers": 2000, "num_local_experts": 1000}, "2000 layers of 1000 experts"),
        ({"vocab_size": 10**400}, "vocab_size is below 0 or above"),
        ({"text_config": {"num_hidden_layers": 10**9}}, "num_hidden_layers is below 0 or above 2000"),
        ({"model_type": ["mistral"]}, "model_type is a list, not a text"),
        ({"attn_implementation": "evil/kernel"}, "attn_implementation names a repository of the hub"),
        ({"torch_dtype": {"a": 1}}, "torch_dtype is an object, not a text"),
        ({"auto_map": "evil/repo--code.Config"}, "auto_map is a text, not an object"),
        ({"rms_norm_eps": "SECRET"}, "transformers does not read it"),
    ],
)
def test_a_models_config(keys: dict[str, Any], expected: str, tmp_path: Path) -> None:
    write_model(tmp_path, MISTRAL, 1)
    (tmp_path / "config.json").write_text(json.dumps({**MISTRAL, **keys}))
    started = time.monotonic()
    with pytest.raises(ConfigurationError, match=expected) as caught:
        read_layout(tmp_path)
        transformers_config(tmp_path)
    assert caught.value.problem.startswith(f"{tmp_path / 'config.json'}: ")
    assert "hidden_size" not in keys or "SECRET" not in caught.value.problem
    assert time.monotonic() - started < 20  # transformers takes most of it to be imported


def test_code_of_a_model_is_neither_run_nor_asked_about(tmp_path: Path) -> None:
    write_model(tmp_path, MISTRAL, 1)
    code = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "evil/repo--code.Model"}
    (tmp_path / "config.json").write_text(json.dumps({**MISTRAL, "auto_map": code}))
    (tmp_path / "code.py").write_text("raise SystemExit('ran')")
    assert transformers_config(tmp_path).model_type == "mistral"
    (tmp_path / "config.json").write_text(json.dumps({**MISTRAL, "model_type": "evil", "auto_map": code}))
    assert transformers_config(tmp_path) is None


def test_sizes_that_do_not_fit_each_other(tmp_path: Path) -> None:
    write_model(tmp_path, MISTRAL, 1)
    (tmp_path / "config.json").write_text(json.dumps({**MISTRAL, "num_attention_heads": 0}))
    with pytest.raises(ConfigurationError, match=r"config\.json: transformers"):
        empty_model(tmp_path, mixtral=False)


def test_values_that_differ_are_told_by_their_kind(tmp_path: Path) -> None:
    for name, eps in (("a", {"x": "SECRET"}), ("b", 1e-5)):
        write_model(tmp_path / name, {**MISTRAL}, 1)
        (tmp_path / name / "config.json").write_text(json.dumps({**MISTRAL, "rms_norm_eps": eps}))
    assert config_differences(tmp_path / "a", tmp_path / "b") == ["rms_norm_eps 1e-05 instead of an object"]


def test_lengths_without_an_end() -> None:
    rope = {"rope_type": ["x"], "factor": float("inf")}
    config = {"max_position_embeddings": 1024, "rope_scaling": rope}
    assert position_limit(config) == 1024
    assert position_limit({**config, "max_position_embeddings": float("inf")}) is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a": "\xff"}', "not JSON: .*0xff"),
        (b"[" * 100_000, "nested more than 64 deep"),
        (b'{"a": ' * 100 + b"1" + b"}" * 100, "nested more than 64 deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON: .*digits"),
        (b"[" + b"{}," * 1_300_000 + b"{}]", "about .* values"),
        (b'{"a": "' + b"x" * (5 << 20) + b'"}', "more than 4 MiB"),
        (b'{"a": "\\ud800"}', "surrogates not allowed"),
        (b"", "not JSON"),
        (b"true", "not a JSON object, but true or false"),
    ],
)
def test_files_that_are_no_settings(content: bytes, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=expected) as caught:
        read_json(file)
    assert caught.value.problem.startswith(f"{file}: ")
    assert len(str(caught.value)) < 600


def test_a_large_vocabulary_is_read(tmp_path: Path) -> None:
    """As large as the largest that are published, with a list for each of its merges."""
    vocabulary = {f"token {number}": number for number in range(500_000)}
    merges = [["token", str(number)] for number in range(500_000)]
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps({"model": {"vocab": vocabulary, "merges": merges}}))
    assert len(read_json(file)["model"]["vocab"]) == 500_000


def test_a_panic_of_the_tokenizers_library(tmp_path: Path) -> None:
    write_model(tmp_path, MISTRAL, 1)
    Tokenizer(WordLevel({"a": 0}, unk_token="a")).save(str(tmp_path / "tokenizer.json"))
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": "/////w=="}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ConfigurationError, match=r"the tokenizer of .* does not load") as caught:
        load_tokenizer(tmp_path)
    assert caught.value.hint


def test_a_template_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_bytes(b"{{ caf\xe9 }}")
    with pytest.raises(ConfigurationError, match=r"chat_template\.jinja: not a text in UTF-8"):
        template_in(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    listed = [{"name": ["default"], "template": "x"}, {"name": "default", "template": "{{ x }}"}, 7]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": listed}))
    assert template_in(tmp_path) == "{{ x }}"


def test_an_adapter_beside_the_model(tmp_path: Path) -> None:
    """transformers would put it on the model, and older ones would load the model that it names."""
    write_model(tmp_path, MISTRAL, 1)
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "evil/repo"}')
    with pytest.raises(ConfigurationError, match=r"an adapter_config\.json is beside the model"):
        check_model_texts(tmp_path)
