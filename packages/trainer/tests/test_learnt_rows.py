"""Rows whose answer is not learnt, or not to its end: counted, reported, and refused where they are many."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from answer_cases import kinds
from other_models import LLAMA_TEMPLATE, write_llama
from training_jobs import TEMPLATE, Run, read_events, run_to_end, write_job, write_rows

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.learnt_rows import Learnt, LearntReport, limit_of
from prometheus_trainer.mistral_tokenizer import write_mistral_tokenizer
from prometheus_trainer.parity_tokens import IGNORED
from prometheus_trainer.prepared_rows import open_split, prepare_rows
from prometheus_trainer.tokenisation import Tokenisation, choose_tokenisation
from prometheus_trainer.training import load_tokenizer

LONG = "It says a little more. " * 30
ROWS = [
    ("Grade it.", "Feedback: clear [RESULT] 4"),
    (LONG, "Feedback: clear [RESULT] 4"),
    ("Grade it.", LONG),
    ("Grade it [/INST] so.", "Feedback: clear [RESULT] 5"),
]
QUOTING = ("Grade it.", "It quotes [/INST] and goes on [RESULT] 3")
BRACKETS = [("Grade it.", "(See above.) [RESULT] 3"), ("Grade it.", "[RESULT] 3")]


@pytest.fixture(scope="module")
def mistral(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("mistral")
    write_mistral_tokenizer(folder)
    (folder / "config.json").write_text("{}")
    return load_tokenizer(folder)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama(tmp_path_factory.mktemp("llama"))


def test_rows_are_counted_by_what_is_wrong_with_them(mistral: Any, tmp_path: Path) -> None:
    counted = _count(_choose(mistral, "parity"), [*ROWS, QUOTING, BRACKETS[0]], tmp_path)
    assert counted["rows"] == {"split": "train", "rows": 6, "without_label": 2, "cut_answer": 2}
    (warning,) = counted["warnings"]
    assert "2 of 6 rows have no label, and 2 have a cut answer" in warning
    for cause in (
        "1 end beyond max_length, 64 tokens",
        "1 begin beyond max_length, 64 tokens",
        "1 quote [/INST] or begin with a bracket",
        "1 have nothing behind the last [/INST]",
        "first of them is row 1 of train",
    ):
        assert cause in warning
    assert _count(_choose(mistral, "parity"), ROWS[:1], tmp_path / "whole") == {
        "rows": {"split": "train", "rows": 1, "without_label": 0, "cut_answer": 0},
        "warnings": [],
    }


def test_parity_keeps_the_originals_rule_and_fast_learns_the_answer(mistral: Any) -> None:
    parity, fast = _choose(mistral, "parity"), _choose(mistral, "fast")
    assert parity.pad_token_id == fast.pad_token_id == 0
    assert parity.digest() != fast.digest()
    usual = [_messages(*row) for row in (*ROWS, ("Ende.\n", "Ü 😀\n\n"), ("a [", " b"), ("", "5"))]
    assert parity(usual) == fast(usual)
    # In a second turn the original finds the marker of the first, and learns the second question too.
    turns = [*_messages(*ROWS[0]), *_messages(*BRACKETS[0])]
    assert [int(tokenisation([turns])["learnt"][0]) for tokenisation in (parity, fast)] == [
        Learnt.MISPLACED,
        0,
    ]
    learnt = {}
    for row in (QUOTING, *BRACKETS):
        original, by_text = parity([_messages(*row)]), fast([_messages(*row)])
        learnt[row] = [_decoded(mistral, rows) for rows in (original, by_text)]
    assert learnt[QUOTING] == ["and goes on [RESULT] 3</s>", f"{QUOTING[1]}</s>"]
    for row in BRACKETS:
        assert learnt[row] == ["", f"{row[1]}</s>"]  # "](" and "][" are one token
        # As a model meets it: the ids of the prompt, and then those of the answer.
        (ids,) = fast([_messages(*row)])["input_ids"]
        prompt = mistral("<s>[INST] Grade it. [/INST]")["input_ids"]
        assert ids[: len(prompt)] == prompt


def test_the_originals_rule_is_left_where_it_does_not_find_the_marker(tmp_path: Path) -> None:
    for name, kind in kinds(tmp_path).items():
        tokenisation = _choose(kind.tokenizer, "parity", max_length=None)
        assert tokenisation.loss_on == ("original" if kind.adds_space else "marker"), name
        rows = tokenisation(
            [_messages(f"The sky is blue{end}", "So it is.") for end in ("", ".", "!", "\n", "[", "]")]
        )
        assert not any(rows["learnt"]), name


def test_ids_are_those_of_a_tokenizer_that_ends_texts_itself(mistral: Any) -> None:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    content = json.loads(mistral.backend_tokenizer.to_str())
    end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    content["post_processor"]["single"].append(end)
    content["post_processor"]["special_tokens"]["</s>"] = {"id": "</s>", "ids": [2], "tokens": ["</s>"]}
    backend = Tokenizer.from_str(json.dumps(content))
    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    for max_length in (None, 64, 20, 12, 3):
        by_text, original = (_choose(tokenizer, profile, max_length) for profile in ("fast", "parity"))
        assert original.loss_on == "original"
        wanted, found = original([_messages(*ROWS[0])]), by_text([_messages(*ROWS[0])])
        assert found["input_ids"] == wanted["input_ids"]
        if max_length is None or max_length > 20:
            assert found == wanted


def test_more_than_the_limit_is_the_users_mistake(llama: Path, tmp_path: Path) -> None:
    tokenisation = choose_tokenisation(
        load_tokenizer(llama), max_length=64, chat_template=LLAMA_TEMPLATE, response_marker=None
    )
    rows = [ROWS[0]] * 6 + [ROWS[2], ROWS[1]]
    for limit in (0.0, 0.2):
        with pytest.raises(
            ConfigurationError, match=r"1 of 8 rows .* 1 have a cut answer.*row 6 of train.*25\.00%"
        ) as caught:
            _count(tokenisation, rows, tmp_path / str(limit), limit=limit)
        assert "max_incomplete_share" in (caught.value.hint or "")
    for limit in (0.25, 1.0, None):
        assert len(_count(tokenisation, rows, tmp_path / str(limit), limit=limit)["warnings"]) == 1
    test_rows = _count(tokenisation, rows, tmp_path / "test", limit=0.0, split="test")
    assert len(test_rows["warnings"]) == 1
    assert limit_of(None, "fast") == 0.01
    assert limit_of(None, "parity") is None
    assert limit_of(0.0, "parity") == 0.0


def test_the_first_row_is_named_by_its_place_before_shuffling(llama: Path, tmp_path: Path) -> None:
    tokenisation = choose_tokenisation(
        load_tokenizer(llama), max_length=64, chat_template=LLAMA_TEMPLATE, response_marker=None
    )
    rows = [ROWS[0]] * 40 + [ROWS[2]] + [ROWS[0]] * 20 + [ROWS[1]]
    for _ in range(2):  # counted, then read from the cache
        (warning,) = _count(tokenisation, rows, tmp_path, shuffle_seed=42)["warnings"]
        assert "The first of them is row 40 of train" in warning


def test_an_answer_that_the_template_cuts_counts_as_cut(mistral: Any, tmp_path: Path) -> None:
    template = TEMPLATE.replace("message['content'] + eos", "message['content'].split('</think>')[-1] + eos")
    reasoning = ("Grade it.", "<think>It is clear.</think>So [RESULT] 4")
    for profile in ("fast", "parity"):
        tokenisation = choose_tokenisation(
            mistral, max_length=64, chat_template=template, response_marker=None, profile=profile
        )
        folder = tmp_path / profile
        counted = _count(tokenisation, [*[ROWS[0]] * 3, reasoning], folder)
        assert counted["rows"] == {"split": "train", "rows": 4, "without_label": 0, "cut_answer": 1}
        assert "1 have an answer of which the chat template leaves a part out" in counted["warnings"][0]
        with pytest.raises(ConfigurationError, match="Check chat_template and response_marker, leave these"):
            _count(tokenisation, [], folder, limit=0.01)


@pytest.mark.parametrize("profile", ["parity", "fast"])
def test_counts_are_among_events_and_metrics(profile: str, llama: Path, tmp_path: Path) -> None:
    dataset = write_rows(tmp_path / "rows", [*[ROWS[0]] * 6, ROWS[2], ROWS[1], ROWS[0], ROWS[2]], 2)
    arguments = {"max_length": 64, "max_steps": 1, "save_strategy": "no"}

    def job(folder: str, **changes: Any) -> Path:
        return write_job(
            tmp_path / folder,
            model=llama,
            dataset=dataset,
            arguments=arguments,
            chat_template=LLAMA_TEMPLATE,
            profile=profile,
            **changes,
        )

    metrics = run_to_end(job("run", max_incomplete_share=0.5))
    counts = {"rows_without_label": 1, "rows_with_cut_answer": 1}
    counts |= {"test_rows_without_label": 0, "test_rows_with_cut_answer": 1}
    assert counts.items() <= metrics.items()
    assert [event["split"] for event in read_events(tmp_path / "run", "rows")] == ["train", "test"]
    assert sum("cut answer" in event["message"] for event in read_events(tmp_path / "run", "warning")) == 2

    assert Run(job("refused", max_incomplete_share=0.1)).finish() == [2]
    (error,) = read_events(tmp_path / "refused", "error")
    assert "That is 25.00% of the rows, more than the 10.00% allowed" in error["message"]
    assert Run(job("default")).finish() == [0 if profile == "parity" else 2]


def _choose(tokenizer: Any, profile: str, max_length: int | None = 64) -> Tokenisation:
    return choose_tokenisation(
        tokenizer, max_length=max_length, chat_template=TEMPLATE, response_marker=None, profile=profile
    )


def _messages(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def _decoded(tokenizer: Any, rows: dict[str, Any]) -> str:
    return tokenizer.decode([label for label in rows["labels"][0] if label != IGNORED])


def _count(
    tokenisation: Tokenisation,
    conversations: list[tuple[str, str]],
    folder: Path,
    *,
    limit: float | None = None,
    split: str = "train",
    shuffle_seed: int | None = None,
) -> dict[str, Any]:
    """What is reported of the rows."""
    if not (folder / "rows").exists():
        write_rows(folder / "rows", conversations, 0)
    events = folder / "events.jsonl"
    events.unlink(missing_ok=True)
    report = LearntReport(Events(events), limit)
    rows: Any = open_split(folder / "rows", "train")
    tokens = prepare_rows(
        rows, split, tokenisation, folder / "cache", shuffle_seed=shuffle_seed, report=report
    )
    assert tokens.column_names == ["input_ids", "labels"]
    (counted,) = read_events(folder, "rows")
    return {
        "rows": {key: value for key, value in counted.items() if key not in ("event", "time")},
        "warnings": [event["message"] for event in read_events(folder, "warning")],
    }
