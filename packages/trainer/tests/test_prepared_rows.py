"""Prepared rows that are kept for the next run: read where they are whole, made again where they are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from training_jobs import TEMPLATE, run_to_end, write_job, write_rows, write_small_model, write_small_rows

from prometheus_trainer.mistral_tokenizer import write_mistral_tokenizer
from prometheus_trainer.prepared_rows import open_split, prepare_rows
from prometheus_trainer.tokenisation import choose_tokenisation
from prometheus_trainer.training import load_tokenizer

ROWS = [(f"Grade response {index}.", f"Feedback: clear [RESULT] {index % 5}") for index in range(40)]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def empty(content: bytes) -> bytes:
    return b""


def zeros(content: bytes) -> bytes:
    """A block of zeros, as a machine leaves that lost power: such rows load and are wrong."""
    middle = len(content) // 2
    return content[:middle] + bytes(256) + content[middle + 256 :]


DAMAGES = [cut, empty, zeros]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("mistral")
    write_mistral_tokenizer(folder)
    (folder / "config.json").write_text("{}")
    return load_tokenizer(folder)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_ones_are_made_again(
    damage: Callable[[bytes], bytes], tokenizer: Any, tmp_path: Path
) -> None:
    tokenisation = choose_tokenisation(tokenizer, max_length=64, chat_template=TEMPLATE, response_marker=None)
    write_rows(tmp_path / "rows", ROWS, 0)
    cache = tmp_path / "cache"

    def prepared() -> list[Any]:
        rows: Any = open_split(tmp_path / "rows", "train")
        return prepare_rows(rows, "train", tokenisation, cache, shuffle_seed=42).to_list()

    wanted = prepared()
    (file,) = cache.glob("*.arrow")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert prepared() == wanted
    assert file.read_bytes() == whole
    file.with_suffix(".digest").unlink()  # of a run that was killed before it was written
    written = file.stat().st_mtime_ns
    assert prepared() == wanted and file.stat().st_mtime_ns > written
    written = file.stat().st_mtime_ns
    assert prepared() == wanted and file.stat().st_mtime_ns == written
    assert sorted(path.suffix for path in cache.iterdir()) == [".arrow", ".digest"]


@pytest.mark.parametrize("damage", [cut, zeros])
def test_a_run_is_no_dead_end(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    arguments = {"max_steps": 2, "eval_strategy": "no", "save_strategy": "no"}
    job = write_job(
        tmp_path / "run",
        model=write_small_model(tmp_path / "model", "mistral"),
        dataset=write_small_rows(tmp_path / "rows"),
        arguments=arguments,
    )
    losses = []
    for _ in range(2):
        losses.append(run_to_end(job)["train_loss_last"])
        (file,) = (tmp_path / "run/checkpoints/rows").glob("*.arrow")
        file.write_bytes(damage(file.read_bytes()))
        for folder in (tmp_path / "run/checkpoints").glob("checkpoint-*"):
            folder.rename(tmp_path / f"{folder.name}-{len(losses)}")
    assert losses[0] == losses[1]
