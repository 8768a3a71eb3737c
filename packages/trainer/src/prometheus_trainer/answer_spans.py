"""Where the answers of a conversation are in the text that a chat template makes of it, in characters.

The conversation tells: the text is rendered with the answer and with a character that occurs nowhere else in its place.
No search for words in the text decides, so an answer or a prompt may quote whatever the template writes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from prometheus_trainer.errors import ConfigurationError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Conversation = Sequence[dict[str, Any]]

# transformers' own extension of Jinja, with the variants that trim white space.
GENERATION_MARK = re.compile(r"\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}")


@dataclass(frozen=True)
class Span:
    """What is learnt of a text: ``text[begins:ends]``; from ``answer`` on (``begins`` or behind it) the answer itself.

    What is between ``begins`` and ``answer`` was written by the template, such as a line end behind a marker.
    """

    begins: int
    answer: int
    ends: int


@dataclass(frozen=True)
class Rendered:
    """A conversation as text, and what is learnt of it, in order."""

    text: str
    spans: tuple[Span, ...] = ()


def render_marked(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Conversation], template: str
) -> list[Rendered]:
    """What is between the generation marks of the template, of all answers.

    Raises ConfigurationError for a template that changes what its marks enclose after it has written it.
    """
    texts = _render(tokenizer, conversations, template)
    begin, end = _unused_characters([template, *texts], 2)
    marked = _render(tokenizer, conversations, _with_characters(template, begin, end))
    return [_read_marked(*pair, begin, end) for pair in zip(texts, marked, strict=True)]


def render_answered(
    tokenizer: PreTrainedTokenizerBase,
    conversations: Sequence[Conversation],
    template: str,
    marker: str | None,
) -> list[Rendered]:
    """The last answer, with what the template writes behind it until the next message or the end.

    With a ``marker`` it begins behind the last one that the template writes before the answer, else with the answer
    itself. A conversation in which the template writes no answer, or no such marker before it, has no span. Nor has one
    without a ``marker`` whose answer the template writes more than once: which of them is the answer is not known.
    """
    texts = _render(tokenizer, conversations, template)
    probe, prompt = _unused_characters([template, *texts], 2)
    last = [_last_answer(conversation) for conversation in conversations]
    asked = [index for index, place in enumerate(last) if place is not None]
    probed = _render(
        tokenizer, [_with_content(conversations[index], last[index], probe) for index in asked], template
    )
    rendered = [Rendered(text) for text in texts]
    for index, text in zip(asked, probed, strict=True):
        before, found, behind = text.partition(probe)
        if not found or (marker is None and probe in behind):
            continue
        place: Any = last[index]
        row = _Answered(tokenizer, template, conversations[index], place, texts[index], before, behind)
        span = row.span() if marker is None else row.span_behind(marker, probe, prompt)
        if span is not None:
            rendered[index] = replace(rendered[index], spans=(span,))
    return rendered


def leaves_out(row: Rendered, conversation: Conversation) -> bool:
    """Whether letters or digits of the last answer are missing from what is learnt, in their order.

    So it is where a template takes reasoning out of an answer, cuts it, or has its generation marks round other text.
    Spaces, signs and upper case may differ: templates trim and quote.
    """
    place = _last_answer(conversation)
    if place is None:
        return False
    answer = str(conversation[place].get("content") or "").strip()
    learnt = "".join(row.text[span.begins : span.ends] for span in row.spans)
    if answer in learnt:
        return False
    rest = iter(learnt.casefold())
    return not all(character in rest for character in answer.casefold() if character.isalnum())


@dataclass(frozen=True)
class _Answered:
    """A conversation whose message ``place`` is the answer.

    ``text`` is what the template makes of it; ``before`` and ``behind`` are what it writes round another answer.
    """

    tokenizer: PreTrainedTokenizerBase
    template: str
    conversation: Conversation
    place: int
    text: str
    before: str
    behind: str

    def span(self) -> Span | None:
        begins = self._answer()
        return None if begins is None else self._until_end(begins, begins)

    def span_behind(self, marker: str, probe: str, prompt: str) -> Span | None:
        at = self.before.rfind(marker)
        begins = at + len(marker)
        if at < 0 or not self.text.startswith(self.before[:begins]):
            return None
        if self.before[begins:].strip() and at < len(self.before) - self._written(probe, prompt):
            return None
        answer = self._answer()
        return self._until_end(begins, begins if answer is None else max(begins, answer))

    def _answer(self) -> int | None:
        """Where the answer begins in the text; None where the template writes it otherwise than it is."""
        if self.text.startswith(self.before):
            return len(self.before)
        # What the template writes before it depends on the answer, such as empty tags where it has no reasoning: it is
        # the answer if the first difference is inside.
        content = str(self.conversation[self.place]["content"]).strip()
        difference = _common(self.text, self.before)
        begins = self.text.find(content, max(0, difference - len(content)))
        return begins if content and 0 <= begins <= difference else None

    def _written(self, probe: str, prompt: str) -> int:
        """How many characters before the answer are the template's, and not the end of the message before it."""
        if self.place == 0:
            return len(self.before)
        other = _with_content(self.conversation, self.place - 1, prompt)
        (text,) = _render(self.tokenizer, [_with_content(other, self.place, probe)], self.template)
        return _common(self.before[::-1], text.partition(probe)[0][::-1])

    def _until_end(self, begins: int, answer: int) -> Span | None:
        if self.place == len(self.conversation) - 1:
            return Span(begins, answer, len(self.text))
        # What it writes behind it counts where that is the same without the messages that follow.
        (alone,) = _render(self.tokenizer, [self.conversation[: self.place + 1]], self.template)
        if self.text.startswith(alone):
            ends = len(alone)
        elif self.text.endswith(self.behind):
            ends = len(self.text) - len(self.behind)
        else:
            return None
        return Span(begins, answer, ends) if ends >= answer else None


def _read_marked(text: str, marked: str, begin: str, end: str) -> Rendered:
    parts: list[str] = []
    spans: list[Span] = []
    length = start = 0
    for part in re.split(f"([{begin}{end}])", marked):
        if part == begin:
            start = length
        elif part == end:
            if length > start:
                spans.append(Span(start, start, length))
        else:
            parts.append(part)
            length += len(part)
    if "".join(parts) != text:
        raise ConfigurationError(
            "the chat template changes what stands between its generation marks after it has written it",
            "Put {% generation %} and {% endgeneration %} round what is written last, outside of filters.",
        )
    return Rendered(text, tuple(spans))


def _with_characters(template: str, begin: str, end: str) -> str:
    """The template with a character written at each generation mark; white space is trimmed as the mark says."""

    def replaced(mark: re.Match[str]) -> str:
        left, right = mark[1], mark[3]
        if mark[2]:
            return f"{{%{left} endif %}}{{{{ '{end}' }}}}{{% if true %}}{{% endif {right}%}}"
        return f"{{%{left} if true %}}{{{{ '{begin}' }}}}{{% if true %}}{{% endif {right}%}}"

    return GENERATION_MARK.sub(replaced, template)


def _render(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Conversation], template: str
) -> list[str]:
    if not conversations:
        return []
    texts: Any = tokenizer.apply_chat_template(list(conversations), chat_template=template, tokenize=False)  # type: ignore[arg-type]
    return texts


def _last_answer(conversation: Conversation) -> int | None:
    places = [index for index, message in enumerate(conversation) if message.get("role") == "assistant"]
    return places[-1] if places else None


def _with_content(conversation: Conversation, place: int | None, content: str) -> list[dict[str, Any]]:
    return [
        {**message, "content": content} if index == place else message
        for index, message in enumerate(conversation)
    ]


def _unused_characters(texts: Sequence[str], count: int) -> list[str]:
    """Characters that occur in none of the texts: Unicode's noncharacters first, which are for such a use."""
    used = set().union(*texts)
    candidates = map(chr, chain(range(0xFDD0, 0xFDF0), range(0xE000, 0xF900), range(0xF0000, 0xFFFFE)))
    return [next(candidate for candidate in candidates if candidate not in used) for _ in range(count)]


def _common(one: str, other: str) -> int:
    """The length of the longest text that both begin with."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one.startswith(other[least:middle], least):
            least = middle
        else:
            most = middle - 1
    return least
