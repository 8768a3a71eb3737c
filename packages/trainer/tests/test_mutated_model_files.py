"""1,700 files of models and adapters, changed at random: read or refused, in time and memory, without a stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from peft import LoraConfig, get_peft_model
from tiny_models import MISTRAL, write_model
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFC
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

COUNT = 1700
TESTS = Path(__file__).parent


def test_each_is_read_or_refused(tmp_path: Path) -> None:
    base = tmp_path / "model"
    write_model(base, MISTRAL, 1)
    words = Tokenizer(
        WordLevel({"<unk>": 0, "</s>": 1, "[INST]": 2, "Rate": 3, "this": 4}, unk_token="<unk>")
    )
    words.pre_tokenizer, words.normalizer = Whitespace(), NFC()
    words.add_special_tokens(["<unk>", "</s>"])
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="</s>").save_pretrained(base)
    peft_model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base),
        LoraConfig(target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", rank_pattern={"q_proj": 4}),
    )
    peft_model.save_pretrained(str(tmp_path / "adapter"))
    done = subprocess.run(
        [sys.executable, str(TESTS / "mutate_model_files.py"), "1", str(COUNT), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(TESTS.parent / "src"), "HF_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["failures"] == []
    assert found["read"] + found["refused"] == COUNT
    # Changes that all break the file, or none, would try little.
    assert min(found["read"], found["refused"]) > 200
    assert found["grown"] < 500e6
