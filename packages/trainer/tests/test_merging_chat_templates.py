"""The key ``chat_template`` of a merge configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_merging_mergekit_config import LINEAR, parse

from prometheus_trainer.errors import ConfigurationError


def test_a_text() -> None:
    text = "{% for message in messages %}{{ message.content }}{% endfor %}"
    assert parse(LINEAR, chat_template=text).chat_template == text
    assert parse(LINEAR).chat_template is None


def test_the_most_frequent_chat_template(tmp_path: Path) -> None:
    def model(name: str, template: Any, file: str = "tokenizer_config.json") -> dict[str, Any]:
        (tmp_path / name).mkdir()
        content = template if file.endswith(".jinja") else json.dumps({"chat_template": template})
        (tmp_path / name / file).write_text(content)
        return {"model": str(tmp_path / name), "parameters": {"weight": 1}}

    (tmp_path / "none").mkdir()
    models = [
        {"model": str(tmp_path / "none"), "parameters": {"weight": 1}},
        model("first", "{{ first }}"),
        model("second", [{"name": "tool", "template": "x"}, {"name": "default", "template": "{{ second }}"}]),
    ]
    assert parse(LINEAR, chat_template="auto", models=models).chat_template == "{{ first }}"
    models.append(model("third", "{{ second }}\n", "chat_template.jinja"))
    assert parse(LINEAR, chat_template="auto", models=models).chat_template == "{{ second }}"
    assert (
        parse(LINEAR, chat_template="auto", models=[models[0], {**models[0], "model": "x"}]).chat_template
        is None
    )


def test_an_adapter_has_the_template_it_was_trained_with(tmp_path: Path) -> None:
    for name, template in (("base", "{{ base }}"), ("adapter", "{{ adapter }}"), ("bare", None)):
        (tmp_path / name).mkdir()
        if template:
            (tmp_path / name / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    for adapter, expected in (("adapter", "{{ adapter }}"), ("bare", "{{ base }}")):
        model = {"model": f"{tmp_path / 'base'}+{tmp_path / adapter}", "parameters": {"weight": 1}}
        models = [model, {"model": "elsewhere", "parameters": {"weight": 1}}]
        assert parse(LINEAR, chat_template="auto", models=models).chat_template == expected


def test_a_torn_tokenizer_config(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text("[")
    models = [{"model": str(tmp_path), "parameters": {"weight": 1}}, LINEAR["models"][0]]
    with pytest.raises(ConfigurationError, match=r"tokenizer_config\.json: not JSON"):
        parse(LINEAR, chat_template="auto", models=models)
