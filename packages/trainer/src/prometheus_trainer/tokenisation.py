"""How conversations become token ids, and which of the ids the loss is taken on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.parity_tokens import (
    IGNORED,
    RESPONSE_MARKER,
    label_response,
    padding_id,
    tokenize_conversations,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LossOn = Literal["original", "marker", "generation"]
# transformers' own extension of Jinja, with the variants that trim white space.
_MARK = re.compile(r"\{%(-?)\s*(end)?generation\s*(-?)%\}")


@dataclass(frozen=True)
class Tokenisation:
    """How conversations become ids and labels.

    ``loss_on`` says what has labels:

    - ``original``: what follows the last ``[/INST]``, tokenised as the original did
      (:mod:`~prometheus_trainer.parity_tokens`);
    - ``marker``: what follows the last ``response_marker``;
    - ``generation``: what the template has between its generation marks, of every answer in the conversation.

    For the last two the template's text is tokenised as it stands: it writes all special tokens itself, and padding
    takes no label away.
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int | None
    pad_token_id: int
    chat_template: str | None
    loss_on: LossOn = "original"
    response_marker: str = RESPONSE_MARKER

    def __call__(self, conversations: Sequence[Sequence[dict[str, str]]]) -> dict[str, list[list[int]]]:
        """``input_ids`` and ``labels`` of each conversation, two lists of equal length a row, at most ``max_length``.

        A conversation is a list of ``{"role", "content"}``.
        """
        if self.loss_on == "original":
            return tokenize_conversations(
                conversations,
                self.tokenizer,
                max_length=self.max_length,
                pad_token_id=self.pad_token_id,
                chat_template=self.chat_template,
                response_marker=self.response_marker,
            )
        encoded: Any = self.tokenizer.apply_chat_template(
            list(conversations),  # type: ignore[arg-type]
            chat_template=self.chat_template,
            return_dict=True,
            return_assistant_tokens_mask=self.loss_on == "generation",
        )
        rows = [ids[: self.max_length] for ids in encoded["input_ids"]]
        if self.loss_on == "generation":
            labels = [
                [token if answered else IGNORED for token, answered in zip(ids, mask, strict=False)]
                for ids, mask in zip(rows, encoded["assistant_masks"], strict=True)
            ]
        else:
            marker = self.tokenizer.encode(self.response_marker, add_special_tokens=False)
            labels = [label_response(ids, marker, pad_token_id=None) for ids in rows]
        return {"input_ids": rows, "labels": labels}

    def digest(self) -> str:
        """16 hex digits that differ where the ids or labels may differ."""
        backend: Any = self.tokenizer
        parts = [
            backend.backend_tokenizer.to_str(),
            self.chat_template or self.tokenizer.chat_template,
            self.max_length,
            self.pad_token_id,
            self.loss_on,
            self.response_marker,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def learns(self) -> str:
        """What has labels, for people."""
        if self.loss_on == "generation":
            return "the answers that the chat template marks"
        return f"what follows the last {self.response_marker!r}"


def choose_tokenisation(
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int | None,
    chat_template: str | None,
    response_marker: str | None,
) -> Tokenisation:
    """The tokenisation for a recipe's ``chat_template`` (None: the tokenizer's own) and ``response_marker``.

    A marker that the recipe names counts before generation marks in the template, and these before ``[/INST]``, the
    original's. A tokenizer's own template without either is replaced by TRL's version of it with marks, where TRL has
    one; of another template the marker is what it writes between a prompt and its answer. Raises ConfigurationError
    where nothing tells the answer from the prompt.
    """
    from trl.chat_template_utils import has_generation_markers

    template = chat_template or _own_template(tokenizer)

    def chosen(
        loss_on: LossOn, marker: str = RESPONSE_MARKER, template: str | None = template
    ) -> Tokenisation:
        padding = padding_id(tokenizer) if loss_on == "original" else _padding(tokenizer)
        return Tokenisation(tokenizer, max_length, padding, template, loss_on, marker)

    if response_marker is not None:
        return chosen("marker", response_marker)
    if has_generation_markers(template):
        return chosen("generation")
    if RESPONSE_MARKER in template:
        return chosen("original")
    known = None if chat_template else _training_version(tokenizer)
    if known is not None:
        return chosen("generation", template=known)
    marker = _written_before_answer(tokenizer, template)
    if marker.strip():
        return chosen("marker", marker)
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

    return _MARK.sub(replaced, chat_template)


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
