"""How conversations become token ids, and which of the ids the loss is taken on."""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

from prometheus_trainer.answer_spans import (
    GENERATION_MARK,
    Rendered,
    leaves_out,
    render_answered,
    render_marked,
)
from prometheus_trainer.answer_tokens import AnswerEncoder, Tokens
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.learnt_rows import Learnt
from prometheus_trainer.parity_tokens import (
    IGNORED,
    RESPONSE_MARKER,
    padding_id,
    tokenize_conversations,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LossOn = Literal["original", "marker", "generation"]
# Raised when the same settings give other ids or labels, so that none are read from the cache of an older version.
_VERSION = 3


@dataclass(frozen=True)
class Tokenisation:
    """How conversations become ids and labels.

    ``loss_on`` says what has labels:

    - ``original``: what follows the last ``[/INST]`` among the ids, as the original looked for it
      (:mod:`~prometheus_trainer.parity_tokens`);
    - ``marker``: what follows the ``response_marker`` before the last answer; without ``marker_named`` the marker is
      only how the template is described, and the answer itself is where it begins;
    - ``generation``: what the template has between its generation marks, of every answer in the conversation.

    But for the first, the answer is found in the text (:mod:`~prometheus_trainer.answer_spans`), and padding takes no
    label away. The template's text is tokenised as it stands, since it writes all special tokens itself; with
    ``add_special_tokens`` as the original did, which has two BOS.
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int | None
    pad_token_id: int
    chat_template: str | None
    loss_on: LossOn = "original"
    response_marker: str = RESPONSE_MARKER
    marker_named: bool = True
    add_special_tokens: bool = False

    def __call__(self, conversations: Sequence[Sequence[dict[str, str]]]) -> dict[str, list[Any]]:
        """``input_ids`` and ``labels`` of each conversation, two lists of equal length a row, at most ``max_length``.

        ``learnt`` says how much of the answer has labels. A conversation is a list of ``{"role", "content"}``.
        """
        rendered = self._render(conversations)
        if self.loss_on == "original":
            found = tokenize_conversations(
                conversations,
                self.tokenizer,
                max_length=self.max_length,
                pad_token_id=self.pad_token_id,
                chat_template=self.chat_template,
                response_marker=self.response_marker,
            )
            ids, labels, offsets = found["input_ids"], found["labels"], found["offset_mapping"]
            learnt = list(map(_learnt_by_original, rendered, labels, offsets))
        else:
            rows = [self._label(*row) for row in self._encoder(rendered)]
            ids, labels, learnt = ([row[index] for row in rows] for index in range(3))
        for index, row in enumerate(rendered):
            if learnt[index] == Learnt.WHOLE and leaves_out(row, conversations[index]):
                learnt[index] = Learnt.LEFT_OUT
        return {"input_ids": ids, "labels": labels, "learnt": learnt}

    def _render(self, conversations: Sequence[Sequence[dict[str, str]]]) -> list[Rendered]:
        template = self.chat_template or _own_template(self.tokenizer)
        if self.loss_on == "generation":
            return render_marked(self.tokenizer, conversations, template)
        marker = self.response_marker if self.marker_named else None
        return render_answered(self.tokenizer, conversations, template, marker)

    @cached_property
    def _encoder(self) -> AnswerEncoder:
        return AnswerEncoder(self.tokenizer, add_special_tokens=self.add_special_tokens)

    def _label(self, tokens: Tokens, learnt: Sequence[range]) -> tuple[list[int], list[int], Learnt]:
        ids, labels = tokens.ids, [IGNORED] * len(tokens.ids)
        for part in learnt:
            labels[part.start : part.stop] = ids[part.start : part.stop]
        kept = len(ids)
        if self.max_length is not None:
            kept = min(kept, max(0, self.max_length - len(tokens.leading) - len(tokens.trailing)))
        # An end that the tokenizer adds is that of an answer which is whole and last.
        ended = learnt and learnt[-1].stop == len(ids) == kept
        return (
            [*tokens.leading, *ids[:kept], *tokens.trailing][: self.max_length],
            [
                *[IGNORED] * len(tokens.leading),
                *labels[:kept],
                *(tokens.trailing if ended else [IGNORED] * len(tokens.trailing)),
            ][: self.max_length],
            _learnt(learnt, kept),
        )

    def digest(self) -> str:
        """16 hex digits that differ where the ids or labels may differ."""
        backend: Any = self.tokenizer
        parts = [
            _VERSION,
            backend.backend_tokenizer.to_str(),
            self.chat_template or self.tokenizer.chat_template,
            self.max_length,
            self.pad_token_id,
            self.loss_on,
            self.response_marker,
            self.marker_named,
            self.add_special_tokens,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def learns(self) -> str:
        """What has labels, for people."""
        if self.loss_on == "generation":
            return "the answers that the chat template marks"
        if self.loss_on == "original":
            return f"what follows the last {self.response_marker!r}"
        return f"what follows the {self.response_marker!r} before the last answer"


def choose_tokenisation(
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int | None,
    chat_template: str | None,
    response_marker: str | None,
    profile: str = "parity",
) -> Tokenisation:
    """The tokenisation for a recipe's ``chat_template`` (None: the tokenizer's own) and ``response_marker``.

    A marker that the recipe names counts before generation marks in the template, and these before ``[/INST]``, the
    original's, of which ``parity`` keeps the rule. A tokenizer's own template without either is replaced by TRL's
    version of it with marks, where TRL has one; of another template the answer itself is learnt. Raises
    ConfigurationError where nothing tells the answer from the prompt.
    """
    from trl.chat_template_utils import has_generation_markers

    template = chat_template or _own_template(tokenizer)

    def chosen(loss_on: LossOn, template: str = template, **more: Any) -> Tokenisation:
        return Tokenisation(tokenizer, max_length, _padding(tokenizer), template, loss_on, **more)

    if response_marker is not None:
        return chosen("marker", response_marker=response_marker)
    if has_generation_markers(template):
        return chosen("generation")
    if RESPONSE_MARKER in template:
        by_ids = replace(chosen("original", add_special_tokens=True), pad_token_id=padding_id(tokenizer))
        by_text = replace(by_ids, loss_on="marker")
        return by_ids if profile == "parity" and _finds_its_marker(by_ids) else by_text
    known = None if chat_template else _training_version(tokenizer)
    if known is not None:
        return chosen("generation", template=known)
    marker = _written_before_answer(tokenizer, template)
    if marker.strip():
        return chosen("marker", response_marker=marker, marker_named=False)
    raise ConfigurationError(
        f"the chat template has neither generation marks nor {RESPONSE_MARKER}, and writes nothing between prompt and "
        "answer: what is the answer, that is to be learnt, can't be told",
        "Name what the template writes before an answer as response_marker, or put {% generation %} and "
        "{% endgeneration %} round the answer in chat_template.",
    )


def without_marks(chat_template: str) -> str:
    """The template with generation marks made into a condition that always holds: the same text in every engine.

    The marks are an extension of transformers that other engines of chat templates refuse.
    """

    def replaced(mark: re.Match[str]) -> str:
        return f"{{%{mark[1]} {'endif' if mark[2] else 'if true'} {mark[3]}%}}"

    return GENERATION_MARK.sub(replaced, chat_template)


def _learnt(parts: Sequence[range], kept: int) -> Learnt:
    """Of an answer in these tokens, of which the first ``kept`` are left."""
    tokens = [part for part in parts if part]
    if not tokens:
        return Learnt.NO_ANSWER
    if tokens[0].start >= kept:
        return Learnt.NOTHING_LEFT
    return Learnt.CUT if tokens[-1].stop > kept else Learnt.WHOLE


def _learnt_by_original(row: Rendered, labels: Sequence[int], offsets: Sequence[tuple[int, int]]) -> Learnt:
    """Of an answer that is labelled by the original's rule, and perhaps cut at the right."""
    labelled = labels.count(IGNORED) < len(labels)
    if not row.spans:
        return Learnt.WHOLE if labelled else Learnt.NO_ANSWER
    (span,) = row.spans
    reached = next((end for _, end in reversed(offsets) if end), 0)
    if not labelled:
        return Learnt.NOTHING_LEFT if reached <= span.begins else Learnt.NO_MARKER
    first = bisect_left(offsets, span.begins, lo=1, key=itemgetter(0))
    if labels[:first].count(IGNORED) < first or IGNORED in labels[first:]:
        return Learnt.MISPLACED
    return Learnt.CUT if reached < span.ends else Learnt.WHOLE


def _finds_its_marker(original: Tokenisation) -> bool:
    """Whether the original's search among ids finds the answer behind prompts of any end, as it does with Mistral's.

    With a byte-level tokenizer a prompt's last character and the marker can be one token.
    """
    by_ids = replace(original, max_length=None)
    by_text = replace(by_ids, loss_on="marker")
    conversations = [
        [{"role": "user", "content": f"A text{end}"}, {"role": "assistant", "content": "A text."}]
        for end in ("", " ", "\n", ".", "!", "]", "[", ")", "(", '"', "7", "\u00e9")
    ]
    try:
        return by_ids(conversations)["labels"] == by_text(conversations)["labels"]
    except Exception:
        return True  # the rows say, with their place, what a template refuses


def _written_before_answer(tokenizer: PreTrainedTokenizerBase, template: str) -> str:
    """What the template writes between a prompt and its answer; nothing where it can't be told."""
    prompt, answer = "A text that the user wrote.", "A text that the assistant wrote."
    conversation = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    try:
        text: Any = tokenizer.apply_chat_template(conversation, chat_template=template, tokenize=False)
    except Exception:
        return ""  # the rows say, with their place, what a template refuses
    _, _, rest = text.rpartition(prompt)
    before, found, _ = rest.partition(answer)
    return before if found else ""


def _own_template(tokenizer: PreTrainedTokenizerBase) -> str:
    try:
        return tokenizer.get_chat_template()
    except ValueError as error:
        raise ConfigurationError(
            "the base model's tokenizer has no chat template",
            "Give the template of the conversation, Jinja, as chat_template in the expert's training file.",
        ) from error


def _training_version(tokenizer: PreTrainedTokenizerBase) -> str | None:
    from trl.chat_template_utils import get_training_chat_template

    try:
        return get_training_chat_template(tokenizer)
    except ValueError:
        return None


def _padding(tokenizer: PreTrainedTokenizerBase) -> int:
    """The padding token's id, which no label depends on; another where the tokenizer has none."""
    return tokenizer.pad_token_id if isinstance(tokenizer.pad_token_id, int) else padding_id(tokenizer)
