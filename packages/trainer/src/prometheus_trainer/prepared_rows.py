"""The dataset of a job as rows of token ids and labels, in the order of the original."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_trainer.checkpoint_digests import digest, flush
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.learnt_rows import LearntReport, LearntRows, count_rows
from prometheus_trainer.model_files import refuse_lfs_pointers
from prometheus_trainer.parity_tokens import IGNORED
from prometheus_trainer.tokenisation import Tokenisation

if TYPE_CHECKING:
    from datasets import Dataset


def open_split(dataset: Path, split: str) -> Dataset | None:
    """One split of a dataset folder as ``datasets.load_from_disk`` reads it; None where there is no ``test``.

    Raises ConfigurationError where the split can't be read, is in Git LFS, is empty, or has no column ``messages``.
    """
    from datasets import Dataset

    folder = dataset / split
    if split == "test" and not folder.exists():
        return None
    if folder.is_dir():
        refuse_lfs_pointers(folder)
    try:
        rows = Dataset.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"{folder} can't be read as a dataset: {error}",
            "The dataset folder must hold train/ and may hold test/, each as Dataset.save_to_disk writes it.",
        ) from error
    if "messages" not in rows.column_names:
        raise ConfigurationError(
            f"{folder} has no column messages (columns: {', '.join(rows.column_names)})",
            'Give each row the column messages: a list of {"content", "role"}.',
        )
    if len(rows) == 0:
        if split == "test":
            return None
        raise ConfigurationError(
            f"{folder} has no rows", "Prepare the dataset with at least one row in train/."
        )
    return rows


def prepare_rows(
    rows: Dataset,
    name: str,
    tokenisation: Tokenisation,
    cache_dir: Path,
    *,
    shuffle_seed: int | None,
    report: LearntReport | None = None,
) -> Dataset:
    """Rows with int32 ``input_ids`` and ``labels``; shuffled as the original did where a seed is given.

    The original shuffled the prepared rows with seed 42 before the sampler of the trainer drew its own order; both
    are needed to reproduce its batches. Ids are kept in ``cache_dir`` with a digest, and read from there the next
    time if they are whole: nothing is written beside the dataset. ``name`` is for messages. ``report`` is told how many
    rows have no label or a cut answer. Raises ConfigurationError for a row that the chat template refuses, and where
    no row has a label.
    """
    from datasets import Features, Sequence, Value

    if shuffle_seed is not None:
        rows = rows.shuffle(seed=shuffle_seed, keep_in_memory=True)
    integers = Sequence(Value("int32"))
    cache_dir.mkdir(parents=True, exist_ok=True)
    source = hashlib.sha256(rows._fingerprint.encode()).hexdigest()[:16]
    cache = cache_dir / f"{name}-{source}-{tokenisation.digest()}.arrow"
    _delete_unless_whole(cache)
    tokens = rows.map(
        _tokenizing(tokenisation, name),
        batched=True,
        with_indices=True,
        batch_size=256,
        input_columns=["messages"],
        remove_columns=rows.column_names,
        features=Features({"input_ids": integers, "labels": integers, "learnt": Value("int8")}),
        cache_file_name=str(cache),
        load_from_cache_file=True,
    )
    _keep_digest(cache)
    counted = count_rows(tokens.data.column("learnt"), name, _places(rows))
    _check_some_labels(counted, tokenisation)
    if report:
        report.add(counted, tokenisation.max_length, tokenisation.learns())
    return tokens.remove_columns("learnt")


def _delete_unless_whole(cache: Path) -> None:
    """Deletes prepared rows whose bytes are not those that were written: they are made again."""
    kept = _digest_file(cache)
    if cache.exists() and not (kept.exists() and kept.read_bytes() == digest(cache).encode()):
        cache.unlink(missing_ok=True)
        kept.unlink(missing_ok=True)


def _keep_digest(cache: Path) -> None:
    """In the process that has made them; the others find it there."""
    kept = _digest_file(cache)
    if not kept.exists():
        flush(cache)
        partial = kept.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(digest(cache), encoding="utf-8")
        partial.replace(kept)


def _digest_file(cache: Path) -> Path:
    return cache.with_suffix(".digest")


def _places(rows: Dataset) -> list[int] | None:
    """The places of shuffled rows in their split."""
    return None if rows._indices is None else rows._indices.column(0).to_pylist()


def _tokenizing(tokenisation: Tokenisation, name: str) -> Callable[[list[Any], list[int]], dict[str, Any]]:
    def tokenize_batch(conversations: list[Any], indices: list[int]) -> dict[str, Any]:
        from jinja2 import TemplateError

        try:
            return tokenisation(conversations)
        except (TemplateError, TypeError, ValueError, KeyError):
            for index, conversation in zip(indices, conversations, strict=True):
                try:
                    tokenisation([conversation])
                except (TemplateError, TypeError, ValueError, KeyError) as error:
                    raise ConfigurationError(
                        f"dataset, {name}, row {index} in the order of training: the chat template refuses its "
                        f"messages: {error}; they begin {str(conversation)[:200]}",
                        'A row\'s messages are a list of {"content", "role"}, as the chat template expects them.',
                    ) from error
            raise

    return tokenize_batch


def learns_an_end(tokens: Dataset, end_ids: Collection[int], max_length: int | None) -> bool:
    """Whether one of the first rows has an id of ``end_ids`` as a label; True where all of them were cut off.

    A model that has never seen the end of an answer as something to say does not stop.
    """
    whole = [
        labels
        for labels in tokens[:64]["labels"]
        if (max_length is None or len(labels) < max_length) and any(label != IGNORED for label in labels)
    ]
    return not whole or any(label in end_ids for labels in whole for label in labels)


def _check_some_labels(counted: LearntRows, tokenisation: Tokenisation) -> None:
    if counted.without_label < counted.rows:
        return
    if tokenisation.loss_on == "generation":
        found = "the chat template marks no answer"
        hint = "Check that the template's generation marks are round the answer, and that max_length is large enough."
    elif not tokenisation.marker_named:
        found = "the chat template does not write the last answer, or writes it more than once,"
        hint = (
            "Name what the template writes before the answer as response_marker, or put generation marks round the "
            "answer in chat_template; check that max_length is large enough."
        )
    else:
        found = (
            f"in none of them the response marker {tokenisation.response_marker!r} is followed by an answer"
        )
        hint = (
            "Check that the chat template writes the response marker before the answer, and that max_length is large "
            "enough."
        )
    raise ConfigurationError(
        f"dataset, {counted.split}: none of the {counted.rows} rows has a label: {found} within "
        f"{tokenisation.max_length} tokens",
        hint,
    )
