"""What the loss is taken on, for templates of any kind, against the answer encoded by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from other_models import LLAMA_MARKER, LLAMA_TEMPLATE, MARKED_TEMPLATE, write_llama, write_qwen
from training_jobs import TEMPLATE, write_rows

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.parity_tokens import IGNORED
from prometheus_trainer.prepared_rows import learns_an_end, open_split, prepare_rows
from prometheus_trainer.tokenisation import Tokenisation, choose_tokenisation, without_marks
from prometheus_trainer.training import end_ids, load_tokenizer

CONVERSATION = [
    {"role": "user", "content": "Grade response number 3."},
    {"role": "assistant", "content": "Feedback: it is clear [RESULT] 4"},
]
TURNS = [*CONVERSATION, {"role": "user", "content": "And now?"}, {"role": "assistant", "content": "It is 5"}]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_qwen(tmp_path_factory.mktemp("qwen"))


def test_a_marker_of_ones_own_and_no_label_lost_to_padding(llama: Path) -> None:
    tokenizer: Any = load_tokenizer(llama)
    tokenisation = _choose(tokenizer, LLAMA_TEMPLATE, LLAMA_MARKER)
    assert tokenisation.pad_token_id == tokenizer.eos_token_id  # it has nothing else to pad with
    ids, labels = _only(tokenisation([CONVERSATION]))
    answer = [*tokenizer.encode(CONVERSATION[1]["content"], add_special_tokens=False), tokenizer.eos_token_id]
    assert ids.count(tokenizer.bos_token_id) == 1
    assert labels == [IGNORED] * (len(ids) - len(answer)) + answer
    ids, labels = _only(tokenisation([TURNS]))
    answer = [*tokenizer.encode("It is 5", add_special_tokens=False), tokenizer.eos_token_id]
    assert [label for label in labels if label != IGNORED] == answer


def test_generation_marks_have_every_answer_learnt(qwen: Path) -> None:
    tokenizer: Any = load_tokenizer(qwen)
    tokenisation = _choose(tokenizer, MARKED_TEMPLATE, None)
    ids, labels = _only(tokenisation([TURNS]))
    answers = [
        [*tokenizer.encode(message["content"], add_special_tokens=False), tokenizer.eos_token_id]
        for message in TURNS
        if message["role"] == "assistant"
    ]
    assert [label for label in labels if label != IGNORED] == [*answers[0], *answers[1]]
    assert ids == tokenizer.encode(
        tokenizer.apply_chat_template(TURNS, chat_template=MARKED_TEMPLATE, tokenize=False)
    )
    assert all(label in (IGNORED, token) for token, label in zip(ids, labels, strict=True))
    cut = _choose(tokenizer, MARKED_TEMPLATE, None, max_length=20)
    assert _only(cut([TURNS])) == (ids[:20], labels[:20])


@pytest.mark.parametrize("family", ["qwen3", "qwen2_5"])
def test_a_tokenizers_own_template_that_trl_knows(family: str, tmp_path: Path) -> None:
    import trl

    text = (Path(trl.__file__).parent / f"chat_templates/{family}.jinja").read_text(encoding="utf-8")
    tokenizer: Any = load_tokenizer(write_qwen(tmp_path, chat_template=text))
    tokenisation = _choose(tokenizer, None, None)
    assert tokenisation.loss_on == "generation"
    _, labels = _only(tokenisation([CONVERSATION]))
    learnt = tokenizer.decode([label for label in labels if label != IGNORED])
    assert learnt.rstrip("\n").endswith("Feedback: it is clear [RESULT] 4<|im_end|>")
    assert "Grade" not in learnt


def test_what_a_template_writes_before_an_answer_is_its_marker(llama: Path) -> None:
    tokenizer: Any = load_tokenizer(llama)
    tokenisation = _choose(tokenizer, LLAMA_TEMPLATE, None)
    assert tokenisation.loss_on == "marker"
    assert tokenisation.response_marker == "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    named = _choose(tokenizer, LLAMA_TEMPLATE, "<|start_header_id|>assistant<|end_header_id|>\n\n")
    assert tokenisation([CONVERSATION]) == named([CONVERSATION])


def test_nothing_that_tells_the_answer_is_the_users_mistake(llama: Path) -> None:
    tokenizer: Any = load_tokenizer(llama)
    bare = "{% for message in messages %}{{ message.content }} {% endfor %}"
    with pytest.raises(ConfigurationError, match="neither generation marks nor") as caught:
        _choose(tokenizer, bare, None)
    assert "response_marker" in (caught.value.hint or "")
    with pytest.raises(ConfigurationError, match="has no chat template"):
        _choose(tokenizer, None, None)


def test_a_marker_that_never_comes_is_the_users_mistake(llama: Path, tmp_path: Path) -> None:
    tokenizer: Any = load_tokenizer(llama)
    write_rows(tmp_path / "data", [("a question", "an answer")], 0)
    rows: Any = open_split(tmp_path / "data", "train")
    tokenisation = _choose(tokenizer, LLAMA_TEMPLATE, "<|assistant|>")
    with pytest.raises(ConfigurationError, match=r"none of the 1 rows has a label: .*<\|assistant\|>"):
        prepare_rows(rows, "train", tokenisation, tmp_path / "cache", shuffle_seed=42)


def test_a_template_that_leaves_the_end_outside_is_noticed(qwen: Path, tmp_path: Path) -> None:
    tokenizer: Any = load_tokenizer(qwen)
    write_rows(tmp_path / "data", [("a question", "an answer"), ("another", "answer")], 0)
    rows: Any = open_split(tmp_path / "data", "train")
    outside = MARKED_TEMPLATE.replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}<|im_end|>")
    ends = end_ids(qwen, tokenizer)
    for template, learns in ((MARKED_TEMPLATE, True), (outside, False)):
        tokenisation = _choose(tokenizer, template, None)
        tokens = prepare_rows(rows, "train", tokenisation, tmp_path / "cache", shuffle_seed=None)
        assert learns_an_end(tokens, ends, 256) is learns
        assert learns_an_end(tokens, ends, 5)  # all cut off: nothing to tell by


def test_the_same_text_without_marks(qwen: Path) -> None:
    import jinja2

    tokenizer: Any = load_tokenizer(qwen)
    trimming = MARKED_TEMPLATE.replace("{% generation %}", "  {%- generation -%}  ")
    for template in (MARKED_TEMPLATE, trimming):
        plain = without_marks(template)
        marked = tokenizer.apply_chat_template(TURNS, chat_template=template, tokenize=False)
        assert jinja2.Template(plain).render(messages=TURNS) == marked
    assert without_marks(TEMPLATE) == TEMPLATE


def _choose(
    tokenizer: Any, chat_template: str | None, response_marker: str | None, max_length: int = 256
) -> Tokenisation:
    return choose_tokenisation(
        tokenizer, max_length=max_length, chat_template=chat_template, response_marker=response_marker
    )


def _only(rows: dict[str, list[list[int]]]) -> tuple[list[int], list[int]]:
    (ids,), (labels,) = rows["input_ids"], rows["labels"]
    assert len(ids) == len(labels)
    return ids, labels
