"""Tokenizers and templates of many kinds, and conversations that are hard on both, for the tests of what is learnt.

Which text is learnt is said here once more, in Python, without the code that is tested.
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

Message = dict[str, str]
Piece = tuple[str, bool]  # a text, and whether it is learnt

SPECIAL = [
    "<unk>",
    "<s>",
    "</s>",
    "<|im_start|>",
    "<|im_end|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<start_of_turn>",
    "<end_of_turn>",
]
# Of GPT-2, and of Llama 3 and Qwen: there, marks and the line ends behind them are one piece.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
WORDS = [
    "good",
    "Answer",
    "the",
    "score",
    "is",
    "4",
    "naïve",
    "Überprüfung",
    "so",
    "user",
    "assistant",
    "model",
]
MARKS = [".", ":", "!", "?", "(", ")", "[", "]", "](", '"', "...", "**", "#", "-", "=", ".)", "—"]
SPACES = [" ", "  ", "\n", "\n\n", "\n\n\n", "\t", "\r\n", " \n", "\n ", "    "]
SIGNS = ["😀", "👩‍👩‍👧", "é", "e\u0301", "\u0301", "漢字", "½", "ﬁ", "\u200b", "\u00a0", "🇩🇪"]
QUOTES = [
    "[/INST]",
    " [/INST]",
    "[INST] ",
    "### Response:\n",
    "\n\n### Response:\n",
    "Assistant: ",
    "\nAssistant:",
    "<|assistant|>\n",
    "<|im_start|>assistant\n",
    "<|im_end|>\n",
    "</s>",
    "<s>",
    "<start_of_turn>model\n",
    "<|eot_id|>",
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "<|im_",
    "{% generation %}",
]


@dataclass(frozen=True)
class Kind:
    """A tokenizer, and how its tokens are read back.

    ``adds_space``: a space is put before a text, and behind each special token ("always"), or before a text alone.
    """

    tokenizer: Any
    byte_level: bool
    adds_space: str | None = None
    form: str | None = None

    def texts(self, ids: Sequence[int]) -> list[bytes]:
        """What each token stands for, in UTF-8."""
        return [self._bytes(token) for token in self.tokenizer.convert_ids_to_tokens(list(ids))]

    def _bytes(self, token: str) -> bytes:
        if token in SPECIAL:
            return token.encode()
        if self.byte_level:
            return bytes(_BYTES[character] for character in token)
        if re.fullmatch(r"<0x[0-9A-F]{2}>", token):
            return bytes([int(token[3:5], 16)])
        return token.replace("▁", " ").encode()


@dataclass(frozen=True)
class Template:
    """Jinja, the marker that a recipe names with it, and the same in Python."""

    jinja: str
    marker: str | None
    pieces: Callable[[Sequence[Message]], list[Piece]]


def conversations(count: int, seed: int) -> list[list[Message]]:
    """Conversations of one to three turns, some with a system message; each answer has text that is no white space."""
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        messages = [{"role": "system", "content": _text(draw)}] if draw.random() < 0.2 else []
        for _ in range(draw.choice((1, 1, 2, 3))):
            messages += [
                {"role": "user", "content": _text(draw)},
                {"role": "assistant", "content": _text(draw) + draw.choice(WORDS) + _text(draw)},
            ]
        made.append(messages)
    return made


def _text(draw: random.Random) -> str:
    kinds = draw.choices((WORDS, MARKS, SPACES, SIGNS, QUOTES), (8, 3, 6, 1, 1), k=draw.randint(0, 9))
    return "".join(draw.choice(kind) for kind in kinds)


def kinds(folder: Path) -> dict[str, Kind]:
    """Tokenizers by name: byte-level BPE, BPE and Unigram on characters; the last is the real one of Mistral v1."""
    from tokenizers import decoders, normalizers, pre_tokenizers, processors
    from transformers import AutoTokenizer

    from prometheus_trainer.mistral_tokenizer import write_mistral_tokenizer

    def byte_level(pattern: str | None, *, prefix: bool = False, **after: Any) -> Kind:
        from tokenizers import Regex, models, trainers

        split = [pre_tokenizers.Split(Regex(pattern), "isolated")] if pattern and not prefix else []
        level = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=prefix)
        trainer = trainers.BpeTrainer(
            vocab_size=700, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        )
        built = _trained(
            models.BPE(),
            trainer,
            pre_tokenizer=pre_tokenizers.Sequence([*split, level]),
            decoder=decoders.ByteLevel(),
            **after,
        )
        form = "NFC" if "normalizer" in after else None
        return Kind(built, byte_level=True, adds_space="always" if prefix else None, form=form)

    def metaspace(scheme: str, **more: Any) -> Kind:
        from tokenizers import models, trainers

        trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=SPECIAL)
        split = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=more.pop("split", True))
        model = models.BPE(unk_token="<unk>", fuse_unk=True)
        built = _trained(model, trainer, pre_tokenizer=split, decoder=_characters(decoders), **more)
        return Kind(built, byte_level=False, adds_space=None if scheme == "never" else scheme)

    def unigram(*steps: Any) -> Kind:
        from tokenizers import models, trainers

        trainer = trainers.UnigramTrainer(vocab_size=600, special_tokens=SPECIAL, unk_token="<unk>")
        built = _trained(
            models.Unigram(),
            trainer,
            normalizer=normalizers.Sequence(list(steps)),
            pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="always"),
            decoder=_characters(decoders),
        )
        return Kind(built, byte_level=False, adds_space="always", form="NFKC")

    write_mistral_tokenizer(folder)
    mistral: Any = AutoTokenizer.from_pretrained(folder)
    mistral.add_special_tokens({"additional_special_tokens": SPECIAL[3:]})
    return {
        "byte level, GPT-2": byte_level(GPT2, post_processor=processors.ByteLevel(trim_offsets=True)),
        "byte level, Llama 3": byte_level(LLAMA3, post_processor=processors.ByteLevel(trim_offsets=True)),
        "byte level, a space before": byte_level(None, prefix=True),
        "byte level, over line ends": byte_level(None),
        "byte level, NFC": byte_level(LLAMA3, normalizer=normalizers.NFC()),
        "BPE, spaces always": metaspace("always"),
        "BPE, space first": metaspace("first"),
        "BPE, no space, over line ends": metaspace("never", split=False),
        "Unigram, NFKC": unigram(normalizers.NFKC()),
        "SentencePiece of Mistral": Kind(mistral, byte_level=False, adds_space="always"),
    }


def templates() -> dict[str, Template]:
    """Templates by name, with and without generation marks."""
    turn = "<|im_start|>{role}\n{content}<|im_end|>\n"
    return {
        "ChatML": Template(
            "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}",
            None,
            _last("<|im_start|>{role}\n", "{content}<|im_end|>\n"),
        ),
        "ChatML with marks": Template(
            "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|im_start|>assistant\n' }}"
            "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{{ '\n' }}{% else %}"
            "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}",
            None,
            _marked(turn, "<|im_start|>assistant\n", "{content}<|im_end|>", "\n"),
        ),
        "marks in a macro, the end outside": Template(
            "{% macro said(text) %}{%- generation -%}  {{ text }}\n  {%- endgeneration %}{% endmacro %}"
            "{% for m in messages %}{{ m.role + ': ' }}{% if m.role == 'assistant' %}{{ said(m.content) }}"
            "{% else %}{{ m.content }}{% endif %}{{ '\n\n' }}{% endfor %}",
            None,
            _marked("{role}: {content}\n\n", "assistant: ", "{content}", "\n\n"),
        ),
        "Mistral": Template(
            "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content + eos_token }}"
            "{% else %}{{ '[INST] ' + m.content + ' [/INST]' }}{% endif %}{% endfor %}",
            None,
            lambda said: [
                ("<s>", False),
                *_last("[INST] ", "{content} [/INST]", before="", after="{content}</s>")(said),
            ],
        ),
        "Llama 3": Template(
            "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' "
            "+ m.content | trim + '<|eot_id|>' }}{% endfor %}",
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            _last("<|start_header_id|>{role}<|end_header_id|>\n\n", "{trimmed}<|eot_id|>", begins="<s>"),
        ),
        "Alpaca": Template(
            "{% for m in messages %}{% if m.role == 'assistant' %}{{ '### Response:\n' + m.content + eos_token }}"
            "{% else %}{{ '### Instruction:\n' + m.content + '\n\n' }}{% endif %}{% endfor %}",
            "### Response:\n",
            _last("### Instruction:\n", "{content}\n\n", before="### Response:\n", after="{content}</s>"),
        ),
        "Zephyr": Template(
            "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + eos_token + '\n' }}{% endfor %}",
            None,
            _last("<|{role}|>\n", "{content}</s>\n"),
        ),
        "plain": Template(
            "{% for m in messages %}{{ (m.role | title) + ': ' + m.content + '\n' }}{% endfor %}",
            None,
            _last("{title}: ", "{content}\n"),
        ),
        "Gemma": Template(
            "{{ bos_token }}{% for m in messages %}{% set role = 'model' if m.role == 'assistant' else m.role %}"
            "{{ '<start_of_turn>' + role + '\n' + m.content | trim + '<end_of_turn>\n' }}{% endfor %}",
            "<start_of_turn>model\n",
            _last(
                "<start_of_turn>{role}\n",
                "{trimmed}<end_of_turn>\n",
                before="<start_of_turn>model\n",
                begins="<s>",
            ),
        ),
    }


def kept(kind: Kind, pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces as far as a tokenizer keeps them: joined, in its form, without spaces where it adds one itself."""
    made: list[Piece] = []
    begins = kind.adds_space is not None
    for learnt, group in groupby(pieces, key=itemgetter(1)):
        text = "".join(text for text, _ in group)
        text = unicodedata.normalize(kind.form, text) if kind.form else text
        text = text.lstrip(" ") if begins else text
        if kind.adds_space == "always":
            text = re.sub(f"({_SPECIAL_PATTERN}) +", r"\1", text)
            begins = re.search(f"({_SPECIAL_PATTERN})$", text) is not None
        else:
            begins = False
        if text:
            made.append((text, learnt))
    return made


def _last(
    prefix: str, rest: str, *, before: str | None = None, after: str | None = None, begins: str = ""
) -> Callable[[Sequence[Message]], list[Piece]]:
    """A template that writes ``prefix`` and ``rest`` of each message; of the last, an answer, ``rest`` is learnt.

    ``before`` and ``after`` are those of an answer where it has others; ``begins`` is what the text begins with.
    """

    def pieces(said: Sequence[Message]) -> list[Piece]:
        made: list[Piece] = [(begins, False)]
        for index, message in enumerate(said):
            answered = message["role"] == "assistant"
            first = before if answered and before is not None else prefix
            second = after if answered and after is not None else rest
            made += [(_fill(first, message), False), (_fill(second, message), index == len(said) - 1)]
        return made

    return pieces


def _marked(turn: str, before: str, learnt: str, behind: str) -> Callable[[Sequence[Message]], list[Piece]]:
    def pieces(said: Sequence[Message]) -> list[Piece]:
        made: list[Piece] = []
        for message in said:
            if message["role"] == "assistant":
                made += [(before, False), (_fill(learnt, message), True), (behind, False)]
            else:
                made.append((_fill(turn, message), False))
        return made

    return pieces


def _fill(text: str, message: Message) -> str:
    content, role = message["content"], message["role"]
    values = {"{content}": content, "{trimmed}": content.strip(), "{role}": role, "{title}": role.title()}
    return re.sub(r"\{\w+\}", lambda found: values[found[0]], text)


def _trained(model: Any, trainer: Any, **parts: Any) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    built = Tokenizer(model)
    for name, part in parts.items():
        setattr(built, name, part)
    said = [text for conversation in conversations(400, 7) for text in (m["content"] for m in conversation)]
    ends = [
        "a.\n\nb",
        "Answer:\n\n\nGood",
        "](a",
        "Response:\n\n",
        " [/INST](so",
        ": \n",
        "assistant: good",
    ] * 60
    built.train_from_iterator([*said, *ends], trainer)
    content = json.loads(built.to_str())
    if content["pre_tokenizer"]["type"] == "Metaspace":
        _add_bytes(content["model"])
    built = Tokenizer.from_str(json.dumps(content))
    return PreTrainedTokenizerFast(
        tokenizer_object=built, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def _add_bytes(model: dict[str, Any]) -> None:
    """Bytes for characters that are not in the vocabulary, as SentencePiece has them."""
    tokens, model["byte_fallback"] = [f"<0x{byte:02X}>" for byte in range(256)], True
    if model["type"] == "BPE":
        model["vocab"] |= {token: len(model["vocab"]) + index for index, token in enumerate(tokens)}
    else:
        model["vocab"] += [[token, -30.0] for token in tokens]


def _characters(decoders: Any) -> Any:
    return decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])


def _byte_level_alphabet() -> dict[str, int]:
    """The bytes that the characters of a byte-level tokenizer stand for, as GPT-2 numbers them."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + index): byte for index, byte in enumerate(hidden)}


_SPECIAL_PATTERN = "|".join(map(re.escape, SPECIAL))
_BYTES = _byte_level_alphabet()
