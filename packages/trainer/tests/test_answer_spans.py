"""Where the answers are in a rendered conversation, for templates and conversations that are out of the ordinary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from other_models import LLAMA_MARKER, LLAMA_TEMPLATE, MARKED_TEMPLATE, write_qwen

from prometheus_trainer.answer_spans import Rendered, leaves_out, render_answered, render_marked
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.training import load_tokenizer

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
)
PHI = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if messages[-1].role == 'assistant' %}<|endoftext|>{% endif %}"
)
RESULT = "Score: {{ messages[-1].content | length }}\n"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_tokenizer(write_qwen(tmp_path_factory.mktemp("qwen")))


def said(*contents: str, first: str = "user") -> list[dict[str, str]]:
    other = "assistant" if first == "user" else "user"
    return [
        {"role": other if index % 2 else first, "content": content} for index, content in enumerate(contents)
    ]


def learnt(row: Rendered) -> list[str]:
    return [row.text[span.begins : span.ends] for span in row.spans]


def answered(tokenizer: Any, conversation: Any, template: str, marker: str | None = None) -> list[str]:
    (row,) = render_answered(tokenizer, [conversation], template, marker)
    return learnt(row)


@pytest.mark.parametrize("marker", [None, "<|im_start|>assistant\n", "assistant"])
def test_the_last_answer_and_its_end(marker: str | None, tokenizer: Any) -> None:
    space = "\n" if marker == "assistant" else ""
    for conversation, wanted in (
        (said("Q", "A"), ["A<|im_end|>\n"]),
        (said("Q", "first", "R", "second"), ["second<|im_end|>\n"]),
        (said("Q", "A", "and a question behind it"), ["A<|im_end|>\n"]),
        (said("only an answer", first="assistant"), ["only an answer<|im_end|>\n"]),
        (said("Q", ""), ["<|im_end|>\n"]),
        (
            said("Q", "\n\nassistant\n<|im_start|>assistant\n"),
            ["\n\nassistant\n<|im_start|>assistant\n<|im_end|>\n"],
        ),
        (said("a question alone"), []),
    ):
        assert answered(tokenizer, conversation, CHATML, marker) == [space + text for text in wanted]


def test_an_end_that_depends_on_what_follows_is_not_half_learnt(tokenizer: Any) -> None:
    assert answered(tokenizer, said("Q", "A"), PHI) == ["A<|end|>\n<|endoftext|>"]
    assert answered(tokenizer, said("Q", "A", "R"), PHI) == ["A"]


def test_a_marker_that_only_the_user_writes_is_none(tokenizer: Any) -> None:
    quoting = said("Say ### Response:\n and no more.", "A")
    assert answered(tokenizer, quoting, CHATML, "### Response:\n") == []
    assert answered(tokenizer, quoting, LLAMA_TEMPLATE, LLAMA_MARKER) == ["A<|eot_id|>"]


def test_reasoning_that_a_template_takes_out_of_the_answer(tokenizer: Any) -> None:
    import trl

    template = (Path(trl.__file__).parent / "chat_templates/qwen3.jinja").read_text(encoding="utf-8")
    content = "<think>\nwhy\n</think>\n\nA"
    for marker in (None, "<|im_start|>assistant\n"):
        assert answered(tokenizer, said("Q", content), template, marker) == [f"{content}<|im_end|>\n"]
    # Its reasoning is written otherwise than it is: where the answer begins is not known, and nothing is learnt.
    assert answered(tokenizer, said("Q", "<think>why</think>A"), template) == []
    marked = answered(tokenizer, said("Q", "<think>why</think>A"), template, "<|im_start|>assistant\n")
    assert marked == ["<think>\nwhy\n</think>\n\nA<|im_end|>\n"]


@pytest.mark.parametrize(
    ("template", "marker", "wanted"),
    [
        (CHATML.replace("m.content", "m.content | trim"), None, ["A.<|im_end|>\n"]),
        (CHATML.replace("m.content", "(m.content | upper)"), None, ["  A. <|im_end|>\n"]),
        # The answer is told beforehand, or decides what is written before the marker.
        (
            "{{ messages[-1].content }}: {{ messages[0].content }} Answer: {{ messages[-1].content }}",
            "Answer:",
            [],
        ),
        (RESULT + CHATML, None, []),
        # Written twice: which of them is the answer is known with a marker alone.
        ("{{ messages[-1].content }}: {{ messages[0].content }} So: {{ messages[-1].content }}", None, []),
        (CHATML + "Once more: {{ messages[-1].content }}", None, []),
        (
            CHATML + "Once more: {{ messages[-1].content }}",
            "assistant\n",
            ["  A. <|im_end|>\nOnce more:   A. "],
        ),
        (RESULT + CHATML, "<|im_start|>assistant\n", []),
        ("{{ messages[0].content }}, no answer", None, []),
        ("{% for m in messages[:1] %}{{ m.content }}{% endfor %} Answer:", "Answer:", []),
    ],
)
def test_templates_that_change_an_answer_or_leave_it_out(
    template: str, marker: str | None, wanted: list[str], tokenizer: Any
) -> None:
    assert (
        answered(tokenizer, said("Q", "  a. " if "upper" in template else "  A. "), template, marker)
        == wanted
    )


def test_marks_round_each_answer_wherever_the_template_has_them(tokenizer: Any) -> None:
    conversation = said("Q", "\nA {% generation %}", "R", "\ufdd0B\ufdd1\ue000")
    wanted = ["\nA {% generation %}<|im_end|>", "\ufdd0B\ufdd1\ue000<|im_end|>"]
    macro = MARKED_TEMPLATE.replace("{% generation %}", "{% macro said(m) %}{%- generation -%} ").replace(
        "{% endgeneration %}", "{%- endgeneration -%}{% endmacro %}{{ said(message) }}"
    )
    trimming = MARKED_TEMPLATE.replace("{% generation %}", "  {%- generation -%}\n  ")
    for template in (MARKED_TEMPLATE, macro.replace("{{ message.content }}", "{{ m.content }}"), trimming):
        (row,) = render_marked(tokenizer, [conversation], template)
        assert learnt(row) == wanted
        assert row.text == tokenizer.apply_chat_template(conversation, chat_template=template, tokenize=False)
    (row,) = render_marked(
        tokenizer, [said("Q", "")], MARKED_TEMPLATE.replace("<|im_end|>{% endg", "{% endg")
    )
    assert row.spans == ()


def test_what_is_changed_behind_its_marks_is_the_users_mistake(tokenizer: Any) -> None:
    template = (
        "{% filter trim %}{% generation %} {{ messages[-1].content }} {% endgeneration %}{% endfilter %}"
    )
    with pytest.raises(ConfigurationError, match="changes what stands between its generation marks"):
        render_marked(tokenizer, [said("Q", "A")], template)


DEEPSEEK = "{% for m in messages %}{{ m.role + ': ' + m.content.split('</think>')[-1] + '\n' }}{% endfor %}"
QUOTED = CHATML.replace("m.content", "(m.content | tojson)")


@pytest.mark.parametrize(
    ("template", "answer", "wanted"),
    [
        (CHATML, "The score is 4.", False),
        (CHATML.replace("m.content", "m.content | trim"), "\n\nThe score is 4.\r\n", False),
        (CHATML.replace("m.content", "(m.content | upper)"), "The straße is 4.", False),
        (QUOTED, 'He says "good" & \\ <b>\n4', False),
        (CHATML, " \n", False),
        (CHATML, "\U0001f600", False),
        (DEEPSEEK, "<think>Why?</think>It is 4.", True),
        (DEEPSEEK, "It writes </think> and no more.", True),
        (CHATML.replace("m.content", "m.content[:9]"), "The score is 4.", True),
        (CHATML.replace("m.content", "m.content.split('\n')[-1]"), "Feedback: good\n4", True),
    ],
)
def test_templates_that_leave_a_part_of_an_answer_out(
    template: str, answer: str, wanted: bool, tokenizer: Any
) -> None:
    conversation = said("Q", answer)
    (row,) = render_answered(tokenizer, [conversation], template, None)
    assert leaves_out(row, conversation) == wanted


def test_generation_marks_round_another_text_than_the_answer(tokenizer: Any) -> None:
    other = MARKED_TEMPLATE.replace("== 'assistant'", "== 'user'").replace('== "assistant"', '== "user"')
    assert other != MARKED_TEMPLATE
    for template, wanted in ((MARKED_TEMPLATE, False), (other, True)):
        for conversation in (said("Grade it.", "It is 4."), said("Q", "First.", "And?", "It is 4.")):
            (row,) = render_marked(tokenizer, [conversation], template)
            assert leaves_out(row, conversation) == wanted
