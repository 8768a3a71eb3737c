"""Token ids of a text, and which of them are those of its answers."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from prometheus_trainer.answer_spans import Rendered

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

_START = itemgetter(0)


@dataclass
class Tokens:
    """Ids of a text with the characters that each stands for; ``leading`` and ``trailing`` ones stand for none."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    leading: list[int] = field(default_factory=list)
    trailing: list[int] = field(default_factory=list)


class AnswerEncoder:
    """Encodes texts so that no token has characters both of an answer and of what is round it.

    The ids are those of the whole text, except where a token would cross the border of an answer, such as the two line
    ends of ``"Answer:\\n" + "\\nYes"``: the text is cut at that border, and the parts are encoded as a model meets them
    that is given the prompt and goes on with the answer.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, add_special_tokens: bool) -> None:
        from tokenizers import Tokenizer

        backend: Any = tokenizer
        content = json.loads(backend.backend_tokenizer.to_str())
        # Some leave the spaces of a token out of its characters.
        content["post_processor"] = _changed(content["post_processor"], {"trim_offsets": False})
        within = {
            **content,
            **{
                part: _changed(content[part], {"prepend_scheme": "never", "add_prefix_space": False})
                for part in ("normalizer", "pre_tokenizer")
            },
        }
        self._whole = Tokenizer.from_str(json.dumps(content))
        self._within = self._whole if within == content else Tokenizer.from_str(json.dumps(within))
        self._add_special_tokens = add_special_tokens
        self._added = set(self._whole.get_added_tokens_decoder())
        for each in (self._whole, self._within):
            each.no_truncation()
            each.no_padding()
            each.encode_special_tokens = bool(getattr(tokenizer, "split_special_tokens", False))

    def __call__(self, rows: Sequence[Rendered]) -> list[tuple[Tokens, list[range]]]:
        """Of each row its tokens, and the indices (without leading ones) of those of its spans."""
        encoded = self._whole.encode_batch(
            [row.text for row in rows], add_special_tokens=self._add_special_tokens
        )
        return [self._learnt(row, self._tokens(found)) for row, found in zip(rows, encoded, strict=True)]

    def _learnt(self, row: Rendered, tokens: Tokens) -> tuple[Tokens, list[range]]:
        cuts: set[int] = set()
        while True:
            learnt, crossed = self._ranges(row, tokens)
            if crossed <= cuts:
                return tokens, learnt
            cuts |= crossed
            parts = self._encode_parts(row.text, sorted(cuts))
            tokens = Tokens(parts.ids, parts.offsets, tokens.leading, tokens.trailing)

    def _ranges(self, row: Rendered, tokens: Tokens) -> tuple[list[range], set[int]]:
        """The indices of the spans' tokens, and the borders that a token crosses."""
        offsets, crossed, learnt = tokens.offsets, set[int](), list[range]()
        for span in row.spans:
            first = bisect_left(offsets, span.begins, key=_START)
            behind = bisect_left(offsets, span.ends, key=_START)
            if first and offsets[first - 1][1] > span.answer:
                crossed.add(span.answer)
            if behind > first and offsets[behind - 1][1] > span.ends:
                # A special token may take the white space behind it along, and ends the answer all the same.
                begun = row.text[offsets[behind - 1][0] : span.ends].strip()
                if not begun or tokens.ids[behind - 1] not in self._added:
                    crossed.add(span.ends)
            learnt.append(range(first, behind))
        return learnt, crossed

    def _encode_parts(self, text: str, cuts: Sequence[int]) -> Tokens:
        joined = Tokens([], [])
        for begins, ends in zip([0, *cuts], [*cuts, len(text)], strict=True):
            part = self._continued(text[begins:ends]) if begins else self._encode(self._whole, text[:ends])
            joined.ids += part.ids
            joined.offsets += [(start + begins, end + begins) for start, end in part.offsets]
        return joined

    def _continued(self, text: str) -> Tokens:
        """The tokens of a text that continues another: without the space that a tokenizer puts before a text.

        Behind the first special token that space is as in the whole text.
        """
        within = self._encode(self._within, text)
        if self._within is self._whole:
            return within
        whole = self._encode(self._whole, text)
        here, there = self._first_added(within), self._first_added(whole)
        return Tokens(within.ids[:here] + whole.ids[there:], within.offsets[:here] + whole.offsets[there:])

    def _first_added(self, tokens: Tokens) -> int:
        places = (index for index, token in enumerate(tokens.ids) if token in self._added)
        return next(places, len(tokens.ids))

    def _encode(self, backend: Tokenizer, text: str) -> Tokens:
        found = backend.encode(text, add_special_tokens=False)
        return Tokens(found.ids, found.offsets)

    def _tokens(self, found: Any) -> Tokens:
        ids, offsets = found.ids, found.offsets
        if not self._add_special_tokens:
            return Tokens(ids, offsets)
        inside = [index for index, special in enumerate(found.special_tokens_mask) if not special]
        first, behind = (inside[0], inside[-1] + 1) if inside else (len(ids), len(ids))
        return Tokens(ids[first:behind], offsets[first:behind], ids[:first], ids[behind:])


def _changed(component: Any, settings: dict[str, Any]) -> Any:
    """A component of ``tokenizer.json``, and those inside, with other settings; what prepends is taken out by them."""
    if isinstance(component, list):
        parts = [_changed(part, settings) for part in component]
        return [part for part in parts if part is not None]
    if not isinstance(component, dict):
        return component
    if component.get("type") == "Prepend" and "prepend_scheme" in settings:
        return None
    return {
        key: settings[key] if key in settings else _changed(value, settings)
        for key, value in component.items()
    }
