"""Ids, labels and order against what the original fed its model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shared_records import shared_path
from training_jobs import TEMPLATE, write_rows

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.mistral_tokenizer import write_mistral_tokenizer
from prometheus_trainer.parity_tokens import (
    IGNORED,
    RightPaddingCollator,
    label_response,
    padding_id,
    tokenize_conversations,
)
from prometheus_trainer.prepared_rows import open_split, prepare_rows
from prometheus_trainer.tokenisation import Tokenisation


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    write_mistral_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder)


def test_labels_begin_after_the_last_marker() -> None:
    marker = [7, 8]
    assert label_response([1, 7, 8, 5, 7, 8, 6, 2], marker, 0) == [IGNORED] * 6 + [6, 2]
    assert label_response([1, 7, 8, 7, 9], marker, 0) == [IGNORED] * 3 + [7, 9]
    assert label_response([7, 8], marker, 0) == [IGNORED] * 2


def test_without_the_whole_marker_nothing_is_a_label() -> None:
    assert label_response([1, 5, 7], [7, 8], 0) == [IGNORED] * 3
    assert label_response([], [7, 8], 0) == []


def test_the_padding_id_is_never_a_label() -> None:
    assert label_response([7, 5, 0, 2], [7], 0) == [IGNORED, 5, IGNORED, 2]


def test_two_bos_one_eos_and_no_space_before_the_answer(tokenizer: Any) -> None:
    conversation = [{"role": "user", "content": "Grade it."}, {"role": "assistant", "content": "So be it"}]
    rows = tokenize_conversations(
        [conversation], tokenizer, max_length=None, pad_token_id=0, chat_template=TEMPLATE
    )
    (ids,), (labels,) = rows["input_ids"], rows["labels"]
    assert ids[:2] == [1, 1]
    assert ids.count(2) == 1
    answer = tokenizer.convert_ids_to_tokens([label for label in labels if label != IGNORED])
    assert answer == ["So", "▁be", "▁it", "</s>"]


def test_a_cut_answer_keeps_its_labels_and_a_cut_marker_leaves_none(tokenizer: Any) -> None:
    conversation = [{"role": "user", "content": "Grade it."}, {"role": "assistant", "content": "So be it"}]

    def labels(max_length: int) -> list[int]:
        rows = tokenize_conversations(
            [conversation], tokenizer, max_length=max_length, pad_token_id=0, chat_template=TEMPLATE
        )
        assert len(rows["input_ids"][0]) == len(rows["labels"][0]) == max_length
        return [label for label in rows["labels"][0] if label != IGNORED]

    whole = tokenize_conversations(
        [conversation], tokenizer, max_length=None, pad_token_id=0, chat_template=TEMPLATE
    )
    length = len(whole["input_ids"][0])
    assert len(labels(length - 2)) == 2
    assert labels(length - 4 - 1) == []


def test_batches_are_padded_on_the_right() -> None:
    batch = RightPaddingCollator(0)(
        [
            {"input_ids": [1, 5], "labels": [IGNORED, 5]},
            {"input_ids": [1, 6, 7], "labels": [IGNORED, 6, 7]},
        ]
    )
    assert batch["input_ids"].tolist() == [[1, 5, 0], [1, 6, 7]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert batch["labels"].tolist() == [[IGNORED, 5, IGNORED], [IGNORED, 6, 7]]
    assert batch["labels"].dtype == torch.int64


def test_padding_is_the_unknown_token(tokenizer: Any) -> None:
    assert padding_id(tokenizer) == tokenizer.unk_token_id == 0


def test_rows_without_messages_are_the_users_mistake(tmp_path: Path) -> None:
    from datasets import Dataset

    Dataset.from_dict({"text": ["a"]}).save_to_disk(str(tmp_path / "train"))
    with pytest.raises(ConfigurationError, match=r"train has no column messages \(columns: text\)"):
        open_split(tmp_path, "train")
    assert open_split(tmp_path, "test") is None
    with pytest.raises(ConfigurationError, match="can't be read as a dataset"):
        open_split(tmp_path / "nowhere", "train")


def test_no_label_in_any_row_is_the_users_mistake(tokenizer: Any, tmp_path: Path) -> None:
    write_rows(tmp_path / "data", [("a question", "an answer")], 0)
    rows: Any = open_split(tmp_path / "data", "train")
    with pytest.raises(ConfigurationError, match="none of the 1 rows has a label"):
        prepare_rows(
            rows, "train", _tokenisation(tokenizer, max_length=6), tmp_path / "cache", shuffle_seed=42
        )


def test_a_row_that_the_template_refuses_is_named(tokenizer: Any, tmp_path: Path) -> None:
    write_rows(tmp_path / "data", [("a question", "an answer"), ("the bad one", "b")], 0)
    rows: Any = open_split(tmp_path / "data", "train")
    template = (
        TEMPLATE + "{% if 'bad' in messages[0]['content'] %}{{ raise_exception('not this one') }}{% endif %}"
    )
    with pytest.raises(ConfigurationError, match=r"train, row 1 .*not this one") as caught:
        prepare_rows(
            rows, "train", _tokenisation(tokenizer, chat_template=template), tmp_path, shuffle_seed=None
        )
    assert "the bad one" in caught.value.problem


def test_ids_are_kept_beside_the_checkpoints_and_not_in_the_dataset(tokenizer: Any, tmp_path: Path) -> None:
    write_rows(tmp_path / "data", [(f"question {index}", f"answer {index}") for index in range(9)], 0)
    before = sorted(path.name for path in (tmp_path / "data").rglob("*"))
    for _ in range(2):
        rows: Any = open_split(tmp_path / "data", "train")
        tokens = prepare_rows(rows, "train", _tokenisation(tokenizer), tmp_path / "cache", shuffle_seed=42)
    shorter = _tokenisation(tokenizer, max_length=18)
    prepare_rows(rows, "train", shorter, tmp_path / "cache", shuffle_seed=42)
    assert len(list((tmp_path / "cache").glob("*.arrow"))) == 2
    assert before == sorted(path.name for path in (tmp_path / "data").rglob("*"))
    assert tokens.column_names == ["input_ids", "labels"]
    # The original's shuffle, numpy's PCG64 as datasets seeds it.
    order = np.random.default_rng(42).permutation(9)
    answers = [
        tokenizer.decode([i for i in row if i != IGNORED], skip_special_tokens=True)
        for row in tokens["labels"]
    ]
    assert answers == [f"answer {index}" for index in order]


@pytest.mark.parametrize("record", ["absolute-mistral", "relative-mistral", "absolute-mixtral"])
def test_ids_labels_and_order_of_twenty_steps_are_the_originals(record: str, tmp_path: Path) -> None:
    from accelerate.data_loader import SeedableRandomSampler
    from golden_dataset import write_golden_dataset
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(shared_path("golden/tokenizer"))
    dataset = write_golden_dataset(record.split("-")[0], tmp_path / "data")
    rows: Any = open_split(dataset, "train")
    tokens = prepare_rows(
        rows,
        "train",
        _tokenisation(tokenizer, chat_template=None, max_length=4096),
        tmp_path,
        shuffle_seed=42,
    )
    order = list(SeedableRandomSampler(tokens, data_seed=42))
    collate = RightPaddingCollator(padding_id(tokenizer))
    steps = [
        json.loads(line) for line in shared_path(f"golden/{record}-batches.jsonl").read_text().splitlines()
    ]
    assert len(steps) == 20
    for number, step in enumerate(steps):
        found = [tokens[order[4 * number + place]] for place in range(4)]
        assert collate(found)["input_ids"].shape == (4, step["padded_to"])
        for row, wanted in zip(found, step["rows"], strict=True):
            ids, labels = row["input_ids"], row["labels"]
            assert len(ids) == wanted["tokens"]
            assert sum(label != IGNORED for label in labels) == wanted["labels"]
            assert hashlib.sha256(np.array(ids, "<u4").tobytes()).hexdigest() == wanted["ids_sha256"]
            assert hashlib.sha256(np.array(labels, "<i8").tobytes()).hexdigest() == wanted["labels_sha256"]
            assert wanted.get("ids", ids) == ids


def _tokenisation(
    tokenizer: Any, chat_template: str | None = TEMPLATE, max_length: int = 256
) -> Tokenisation:
    return Tokenisation(
        tokenizer=tokenizer,
        max_length=max_length,
        pad_token_id=0,
        chat_template=chat_template,
    )
