"""Chat messages to token ids and labels, exactly as the original Prometheus 2 training fed them to the model.

What the original did, found by running it (transformers 4.38, trl 0.7.7, ``DataCollatorForCompletionOnlyLM``):

- the chat template's text, which begins with ``<s>``, was tokenised with special tokens on: two BOS, one EOS;
- ids beyond ``max_length`` were cut off from the right;
- the loss is taken on what follows the **last** response marker (``[/INST]``), found among the ids; a row whose
  marker was cut off stays in its batch and has no labels;
- batches were padded on the right with the unknown token, and ids equal to the padding id were never labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

IGNORED = -100  # the label that cross-entropy skips
RESPONSE_MARKER = "[/INST]"


def tokenize_conversations(
    conversations: Sequence[Sequence[dict[str, str]]],
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int | None,
    pad_token_id: int,
    chat_template: str | None = None,
    response_marker: str = RESPONSE_MARKER,
) -> dict[str, Any]:
    """``input_ids`` and ``labels`` of each conversation, two lists of equal length a row, at most ``max_length`` long.

    ``offset_mapping`` has the characters of the template's text that each id stands for. A conversation is a list of
    ``{"role", "content"}``. ``chat_template`` is Jinja; None takes the tokenizer's own.
    """
    texts: Any = tokenizer.apply_chat_template(conversations, chat_template=chat_template, tokenize=False)  # type: ignore[arg-type]
    encoded: Any = tokenizer(
        texts,
        truncation=max_length is not None,
        max_length=max_length,
        add_special_tokens=True,
        return_offsets_mapping=True,
    )
    rows = encoded["input_ids"]
    marker = tokenizer.encode(response_marker, add_special_tokens=False)
    labels = [label_response(ids, marker, pad_token_id) for ids in rows]
    return {"input_ids": rows, "labels": labels, "offset_mapping": encoded["offset_mapping"]}


def label_response(ids: Sequence[int], marker: Sequence[int], pad_token_id: int | None) -> list[int]:
    """Labels for ``ids``: IGNORED up to and including the last ``marker``, the ids themselves after it.

    Without a marker every label is IGNORED. An id equal to ``pad_token_id`` is never a label.
    """
    start = len(ids)
    for index in range(len(ids) - len(marker), -1, -1):
        if ids[index] == marker[0] and list(ids[index : index + len(marker)]) == list(marker):
            start = index + len(marker)
            break
    return [IGNORED] * start + [IGNORED if token == pad_token_id else token for token in ids[start:]]


@dataclass(frozen=True)
class RightPaddingCollator:
    """Rows of ``input_ids`` and ``labels`` to a batch, padded on the right to its longest row.

    Gives int64 tensors of shape (rows, longest): ``input_ids`` padded with ``pad_token_id``, ``attention_mask`` with
    0, ``labels`` with IGNORED.
    """

    pad_token_id: int

    def __call__(self, rows: Sequence[dict[str, Sequence[int]]]) -> dict[str, torch.Tensor]:
        import torch

        longest = max(len(row["input_ids"]) for row in rows)
        batch = {
            "input_ids": torch.full((len(rows), longest), self.pad_token_id, dtype=torch.int64),
            "attention_mask": torch.zeros((len(rows), longest), dtype=torch.int64),
            "labels": torch.full((len(rows), longest), IGNORED, dtype=torch.int64),
        }
        for index, row in enumerate(rows):
            length = len(row["input_ids"])
            batch["input_ids"][index, :length] = torch.as_tensor(row["input_ids"], dtype=torch.int64)
            batch["attention_mask"][index, :length] = 1
            batch["labels"][index, :length] = torch.as_tensor(row["labels"], dtype=torch.int64)
        return batch


def padding_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id that pads a batch: the unknown token's, as in the original (0 for Mistral), or the padding token's."""
    for token_id in (tokenizer.unk_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id):
        if isinstance(token_id, int):
            return token_id
    raise ValueError("the tokenizer has neither an unknown, a padding nor an end token")
