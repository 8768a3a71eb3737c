"""The Mistral v1 tokenizer (Mistral-7B-Instruct-v0.2, Mixtral-8x7B-Instruct-v0.1) as a folder of files.

The vocabulary is the real one: its SentencePiece file ships inside the package ``mistral_common``. The
folder's ``tokenizer.json`` gives the ids that these models' tokenizer gave in spring 2024. It must be
there: from ``tokenizer.model`` alone, current transformers versions build a tokenizer that splits ``[``
otherwise.
"""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from prometheus_trainer.errors import ConfigurationError

BOS, EOS, UNKNOWN = "<s>", "</s>", "<unk>"

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% set turn = 'assistant' if loop.index0 % 2 else 'user' %}"
    "{% if message.role != turn %}"
    "{{ raise_exception('message ' ~ loop.index ~ ' has the role ' ~ message.role ~ ', not ' ~ turn) }}"
    "{% endif %}"
    "{% if turn == 'user' %}{{ '[INST] ' + message.content + ' [/INST]' }}"
    "{% else %}{{ message.content + eos_token }}{% endif %}"
    "{% endfor %}"
)
"""``<s>[INST] {user} [/INST]{answer}</s>``, no space before the answer: the template of spring 2024."""


def write_mistral_tokenizer(folder: Path) -> int:
    """Writes ``tokenizer.model``, ``tokenizer.json`` and the two files of settings beside them.

    Returns the number of tokens, 32000. The bytes are the same on every run.
    """
    source = _sentencepiece_file()
    fast = _fast_tokenizer(source)
    shutil.copyfile(source, folder / "tokenizer.model")
    _write_json(folder / "tokenizer.json", fast)
    _write_json(folder / "tokenizer_config.json", _tokenizer_config())
    _write_json(
        folder / "special_tokens_map.json",
        {"bos_token": BOS, "eos_token": EOS, "pad_token": UNKNOWN, "unk_token": UNKNOWN},
    )
    return len(fast["model"]["vocab"])


def _sentencepiece_file() -> Path:
    spec = find_spec("mistral_common")
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "the package mistral_common, which holds the Mistral v1 vocabulary, is not installed",
            "install the locked requirements of packages/trainer",
        )
    file = Path(spec.origin).parent / "data" / "tokenizer.model.v1"
    if not file.is_file():
        raise ConfigurationError(
            f"{file}: not found, so this version of mistral_common no longer ships the Mistral v1 vocabulary",
            "install the version of mistral_common that the lock names",
        )
    return file


def _fast_tokenizer(source: Path) -> dict[str, Any]:
    """The content of ``tokenizer.json``: byte-pair encoding with byte fallback over the SentencePiece pieces.

    ``merges`` are written as strings ``"left right"``, the form that every version of the tokenizers library
    reads. No piece has a space in it: SentencePiece writes U+2581 for it.
    """
    from sentencepiece import SentencePieceProcessor

    pieces = SentencePieceProcessor(model_file=str(source))
    vocabulary = {pieces.id_to_piece(i): i for i in range(pieces.get_piece_size())}
    special = [UNKNOWN, BOS, EOS]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": vocabulary[token], "content": token, **_SPECIAL} for token in special],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_template(BOS, 0), {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [
                _template(BOS, 0),
                {"Sequence": {"id": "A", "type_id": 0}},
                _template(BOS, 1),
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {BOS: {"id": BOS, "ids": [vocabulary[BOS]], "tokens": [BOS]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": UNKNOWN,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": vocabulary,
            "merges": _merges(pieces, vocabulary),
        },
    }


_SPECIAL = {
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
    "special": True,
}


def _template(token: str, type_id: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": type_id}}


def _merges(pieces: Any, vocabulary: dict[str, int]) -> list[str]:
    """Every way to make a piece out of two others, best score first.

    SentencePiece merges the neighbours whose union has the best score, whichever two they are; the tokenizers
    library wants a ranked list of pairs. Equal scores keep the order of ids.
    """
    ranked: list[tuple[float, int, int, int, str]] = []
    for piece, i in vocabulary.items():
        score = pieces.get_score(i)
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in vocabulary and right in vocabulary:
                ranked.append((-score, i, vocabulary[left], vocabulary[right], f"{left} {right}"))
    return [pair for *_, pair in sorted(ranked)]


def _tokenizer_config() -> dict[str, Any]:
    return {
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {
            str(i): {"content": token, **_SPECIAL} for i, token in enumerate([UNKNOWN, BOS, EOS])
        },
        "bos_token": BOS,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": EOS,
        "legacy": True,
        "model_max_length": 1000000000000000019884624838656,
        "pad_token": UNKNOWN,
        "sp_model_kwargs": {},
        "spaces_between_special_tokens": False,
        "tokenizer_class": "LlamaTokenizer",
        "unk_token": UNKNOWN,
        "use_default_system_prompt": False,
    }


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
