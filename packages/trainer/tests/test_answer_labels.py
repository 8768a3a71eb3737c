"""What is learnt is exactly the answer, for tokenizers and templates of many kinds."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

import pytest
from answer_cases import Kind, Piece, conversations, kept, kinds, templates

from prometheus_trainer.parity_tokens import IGNORED
from prometheus_trainer.tokenisation import choose_tokenisation

TEMPLATES = templates()
CONVERSATIONS = 500


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kind]:
    return kinds(tmp_path_factory.mktemp("mistral"))


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("seed", [1])
def test_labels_are_exactly_the_answers(template: str, seed: int, tokenizers: dict[str, Kind]) -> None:
    chosen, said = TEMPLATES[template], conversations(CONVERSATIONS, seed)
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
