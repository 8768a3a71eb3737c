"""Random base models: bytes, loading in transformers, and the ids of the tokenizer."""

import hashlib
import json
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from shared_records import shared_path
from tokenizers import Tokenizer

from prometheus_trainer.base_model import write_base_model
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events

RECIPES = Path(__file__).resolve().parents[3] / "recipes"

NASTY = [
    "",
    " ",
    "  two  and   three spaces ",
    "\ttab\nnewline\r\nboth\x0b\x0c",
    "\x00\x01\x1f\x7f control",
    "日本語 中文 한국어 العربية हिन्दी",
    "🦙 👩‍👩‍👧‍👦 🇩🇪 e\u0301 é \ufeff\u200b\u2028",
    "▁ ▁▁ leading",
    "[INST] [/INST] [RESULT] 5",
    "<s>[INST] question [/INST]answer</s>",
    "</s> after <unk> and <s>  before",
    "<0x0A> literal <|im_start|>",
    "0123456789 1e-10 0.1+0.2 {'a': [1, 2]}",
    "a" * 300,
    "\U0010ffff \ud7ff \U0001d518\U0001d52b\U0001d526",
]


def smoke_config(recipe: str) -> dict[str, Any]:
    return json.loads((RECIPES / recipe / "base-model.json").read_text())


def write(output_dir: Path, recipe: str = "smoke-7b", **keys: Any) -> dict[str, Any]:
    job = {"seed": 42, "dtype": "float32", "tokenizer": "mistral-v1", "output_dir": str(output_dir)}
    return write_base_model({**job, "config": smoke_config(recipe), **keys}, Events(None))


@pytest.fixture(scope="module")
def mistral(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "mistral"
    write(folder)
    return folder


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, mistral: Path) -> None:
    write(tmp_path / "again")
    write(tmp_path / "other", seed=43)
    names = sorted(file.name for file in mistral.iterdir())
    assert names == sorted(file.name for file in (tmp_path / "again").iterdir())
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (mistral / name).read_bytes()
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != (
        mistral / "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("recipe", ["smoke-7b", "smoke-8x7b"])
def test_every_tensor_has_its_place_in_transformers(tmp_path: Path, recipe: str) -> None:
    from transformers import AutoModelForCausalLM

    metrics = write(tmp_path, recipe)
    model, report = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert metrics["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert model.config.rope_parameters["rope_theta"] == 1000000.0
    assert json.loads((tmp_path / "config.json").read_text())["rope_theta"] == 1000000.0
    loss = model(torch.arange(64).view(1, -1), labels=torch.arange(64).view(1, -1)).loss
    # Random weights know nothing: the loss is that of a uniform guess.
    assert loss.item() == pytest.approx(np.log(32000), abs=0.2)
    names = load_file(tmp_path / "model.safetensors").keys()
    experts = {name for name in names if ".block_sparse_moe.experts.3.w2.weight" in name}
    assert len(experts) == (2 if recipe == "smoke-8x7b" else 0)


def test_weights_are_distributed_as_transformers_initialises_them(mistral: Path) -> None:
    tensors = load_file(mistral / "model.safetensors")
    for name, values in tensors.items():
        if name.endswith("norm.weight"):
            assert bool((values == 1).all()), name
        else:
            assert values.mean().abs() < 1e-3, name
            assert values.std().item() == pytest.approx(0.02, rel=0.05), name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_dtypes_are_rounded_from_float32(tmp_path: Path, mistral: Path, dtype: torch.dtype) -> None:
    write(tmp_path, dtype=str(dtype).removeprefix("torch."))
    rounded = load_file(tmp_path / "model.safetensors")
    for name, values in load_file(mistral / "model.safetensors").items():
        assert torch.equal(rounded[name], values.to(dtype)), name


def test_tied_embeddings_are_stored_once(tmp_path: Path) -> None:
    write(tmp_path, config={**smoke_config("smoke-7b"), "tie_word_embeddings": True})
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")


def test_vocabulary_and_merges_of_spring_2024(mistral: Path) -> None:
    ours = json.loads((mistral / "tokenizer.json").read_text())
    golden = json.loads(shared_path("golden/tokenizer/tokenizer.json").read_text())
    assert ours == golden


def test_ids_of_spring_2024(mistral: Path) -> None:
    import pyarrow.parquet as pq
    from transformers import AutoTokenizer

    feedback = json.loads(shared_path("data/feedback-sample.json").read_text())
    preference = pq.read_table(shared_path("data/preference-sample.parquet")).to_pylist()
    texts = sorted({text for row in chain(feedback, preference) for text in row.values()})
    golden = Tokenizer.from_file(str(shared_path("golden/tokenizer/tokenizer.json")))
    tokenizer = AutoTokenizer.from_pretrained(mistral)
    for text in [*NASTY, *texts[::5]]:
        assert tokenizer(text)["input_ids"] == golden.encode(text).ids, text[:200]


def test_ids_of_the_vocabulary_file(mistral: Path) -> None:
    """SentencePiece itself, on text without special tokens, gives the ids that tokenizer.json gives."""
    from sentencepiece import SentencePieceProcessor

    reference = SentencePieceProcessor(model_file=str(mistral / "tokenizer.model"))
    tokenizer = Tokenizer.from_file(str(mistral / "tokenizer.json"))
    for text in NASTY:
        # SentencePiece normalises NUL away and adds no prefix to an empty text.
        if text and "<" not in text and "\x00" not in text and "▁" not in text:
            assert tokenizer.encode(text).ids[1:] == reference.encode(text), text
            assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_the_chat_template(mistral: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(mistral)
    turns = [("user", "What?"), ("assistant", "That."), ("user", " And \n"), ("assistant", "so on")]
    messages = [{"role": role, "content": content} for role, content in turns]

    def rendered(messages: list[dict[str, str]]) -> Any:
        return tokenizer.apply_chat_template(messages, tokenize=False)

    assert rendered(messages[:2]) == "<s>[INST] What? [/INST]That.</s>"
    assert rendered(messages) == "<s>[INST] What? [/INST]That.</s>[INST]  And \n [/INST]so on</s>"
    golden = shared_path("golden/tokenizer/tokenizer_config.json")
    reference = json.loads(golden.read_text())["chat_template"]
    expected = tokenizer.apply_chat_template(messages, tokenize=False, chat_template=reference)
    assert rendered(messages) == expected
    for wrong in (messages[1:], [messages[0]] * 2, [{"role": "system", "content": "x"}]):
        with pytest.raises(Exception, match="has the role"):
            rendered(wrong)


def test_special_tokens(mistral: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(mistral)
    special = (tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert special == (0, 1, 2, 0)
    assert len(tokenizer) == 32000
    digest = hashlib.sha256((mistral / "tokenizer.model").read_bytes()).hexdigest()
    # Of the file in Mistral's own repositories of these models.
    assert digest == "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"model_type": "llama"}, "model_type is 'llama'"),
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"hidden_size": "64"}, "hidden_size is a text"),
        ({"hidden_size": 66}, "hidden_size 66 is not a multiple of num_attention_heads 4"),
        ({"num_key_value_heads": 3}, "num_attention_heads 4 is not a multiple of num_key_value_heads 3"),
        ({"vocab_size": 31999}, "vocab_size is 31999, the tokenizer has 32000 tokens"),
        ({"rope_theta": None}, "rope_theta is null"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is below 0 or above 2000"),
        ({"model_type": ["mistral"]}, "model_type is a list"),
        ({"model_type": "mixtral"}, "num_local_experts is null"),
        (
            {"model_type": "mixtral", "num_local_experts": 2, "num_experts_per_tok": 3},
            "num_experts_per_tok 3 is above num_local_experts 2",
        ),
    ],
)
def test_configs_with_mistakes(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        write(tmp_path, config={**smoke_config("smoke-7b"), **change})


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"config": None}, "config: not an object"),
        ({"seed": -1}, "seed: -1"),
        ({"seed": 2**32}, "seed: 4294967296"),
        ({"seed": "42"}, "seed: '42'"),
        ({"dtype": "int8"}, "dtype: 'int8'"),
        ({"tokenizer": "mistral-v3"}, "tokenizer: 'mistral-v3' is not known"),
    ],
)
def test_jobs_with_mistakes(tmp_path: Path, keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        write(tmp_path, **keys)


def test_as_a_process_without_torch(tmp_path: Path) -> None:
    """It starts in a second because it imports neither torch nor transformers."""
    job = {
        "config": smoke_config("smoke-7b"),
        "seed": 1,
        "dtype": "float32",
        "tokenizer": "mistral-v1",
        "output_dir": str(tmp_path / "model"),
        "events": str(tmp_path / "events.jsonl"),
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    program = (
        "import runpy, sys; sys.modules['torch'] = sys.modules['transformers'] = None; "
        "runpy.run_module('prometheus_trainer.base_model', run_name='__main__')"
    )
    command = [sys.executable, "-c", program, "--job", str(tmp_path / "job.json")]
    source = str(Path(__file__).resolve().parents[1] / "src")
    subprocess.run(command, check=True, env={"PYTHONPATH": source}, timeout=60)
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events[-1]["event"] == "done"
    assert events[-1]["metrics"]["tensors"] == 21
