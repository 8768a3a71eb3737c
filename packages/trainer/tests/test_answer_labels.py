"""What is learnt is exactly the answer, for tokenizers and templates of many kinds."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

import pytest
from answer_cases import Kind, Piece, conversations, kept, kinds, templates

from prometheus_trainer.parity_tokens import IGNORED
from prometheus_trainer.tokenisation import choose_tokenisation

TEMPLATES = templates()


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kind]:
    return kinds(tmp_path_factory.mktemp("mistral"))


@pytest.mark.parametrize("template", TEMPLATES)
def test_labels_are_exactly_the_answers(template: str, tokenizers: dict[str, Kind]) -> None:
    chosen, said = TEMPLATES[template], conversations(500, seed=1)
    for name, kind in tokenizers.items():
        tokenisation = choose_tokenisation(
            kind.tokenizer,
            max_length=None,
            chat_template=chosen.jinja,
            response_marker=chosen.marker,
            profile="fast",
        )
        rows = tokenisation(said)
        assert not any(rows["learnt"]), name
        # The template of the original has its BOS twice, where the tokenizer adds one.
        extra = tokenisation.add_special_tokens and len(kind.tokenizer("")["input_ids"])
        for index, conversation in enumerate(said):
            ids, labels = rows["input_ids"][index], rows["labels"][index]
            assert all(label in (IGNORED, token) for token, label in zip(ids, labels, strict=True))
            read = read_back(kind, ids[extra:], labels[extra:])
            assert kept(kind, read) == kept(kind, chosen.pieces(conversation)), (name, index, conversation)


def read_back(kind: Kind, ids: list[int], labels: list[int]) -> list[Piece]:
    """The text of the tokens, in pieces that are learnt and not learnt."""
    texts = zip(kind.texts(ids), (label != IGNORED for label in labels), strict=True)
    return [
        (b"".join(text for text, _ in group).decode(), learnt)
        for learnt, group in groupby(texts, itemgetter(1))
    ]


@pytest.mark.parametrize("template", ["ChatML", "Alpaca", "plain"])
def test_ids_are_the_whole_texts_or_those_that_a_model_is_given(
    template: str, tokenizers: dict[str, Kind]
) -> None:
    chosen, said = TEMPLATES[template], conversations(100, seed=3)
    for name, kind in tokenizers.items():
        tokenizer = kind.tokenizer
        tokenisation = choose_tokenisation(
            tokenizer, max_length=None, chat_template=chosen.jinja, response_marker=chosen.marker
        )
        rows, changed = tokenisation(said), 0
        for ids, labels, conversation in zip(rows["input_ids"], rows["labels"], said, strict=True):
            pieces = chosen.pieces(conversation)
            text = "".join(text for text, _ in pieces)
            if ids == tokenizer(text, add_special_tokens=False)["input_ids"]:
                continue
            changed += 1
            begun = next(index for index, label in enumerate(labels) if label != IGNORED)
            prompt = text[: len(text) - len(pieces[-1][0])]
            assert ids[:begun] == tokenizer(prompt, add_special_tokens=False)["input_ids"], (
                name,
                conversation,
            )
        assert changed < len(said) or (template == "plain" and kind.byte_level), name
