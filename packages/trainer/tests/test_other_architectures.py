"""Models that are no Mistral, with templates of their own, through the whole stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from other_models import LLAMA_MARKER, LLAMA_TEMPLATE, MARKED_TEMPLATE, write_llama, write_qwen
from safetensors.torch import load_file
from training_jobs import read_events, run_to_end, write_job, write_small_rows

from prometheus_trainer.tokenisation import without_marks

LORA: dict[str, Any] = {
    "use_peft": True,
    "lora_r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.0,
    "lora_target_modules": ["q_proj", "v_proj", "down_proj"],
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"chat_template": LLAMA_TEMPLATE, "response_marker": LLAMA_MARKER},
    "qwen": {"chat_template": MARKED_TEMPLATE},
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    return {
        "llama": write_llama(folder / "llama"),
        "qwen": write_qwen(folder / "qwen"),
        "dataset": write_small_rows(folder / "rows"),
    }


@pytest.mark.parametrize("arguments", [{}, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_it_trains_fast_as_in_parity_and_is_read_by_transformers(
    family: str, arguments: dict[str, Any], inputs: dict[str, Path], tmp_path: Path
) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folders = {}
    for profile in ("parity", "fast"):
        folder = folders[profile] = tmp_path / profile
        job = write_job(
            folder,
            model=inputs[family],
            dataset=inputs["dataset"],
            profile=profile,
            arguments={"save_strategy": "no", "learning_rate": 1e-2, **arguments},
            **FAMILIES[family],
        )
        metrics = run_to_end(job)
        assert metrics["train_loss_last"] < metrics["train_loss_first"] - 0.05
        assert not read_events(folder, "warning")
        assert any("the loss is on" in event["message"] for event in read_events(folder, "notice"))

    (file,) = (path.name for path in (folders["parity"] / "output").glob("*.safetensors"))
    weights = {profile: load_file(folder / "output" / file) for profile, folder in folders.items()}
    for name, tensor in weights["parity"].items():
        torch.testing.assert_close(weights["fast"][name], tensor, rtol=1e-4, atol=1e-4, msg=name)

    output = folders["parity"] / "output"
    tokenizer = AutoTokenizer.from_pretrained(output)
    assert tokenizer.chat_template == without_marks(FAMILIES[family]["chat_template"])
    assert "generation" not in tokenizer.chat_template
    assert tokenizer.pad_token != tokenizer.eos_token  # would teach to leave the end out of a loss
    load: Any = AutoPeftModelForCausalLM if arguments else AutoModelForCausalLM
    model = load.from_pretrained(output, dtype=torch.float32)
    assert torch.isfinite(model(torch.tensor([[7, 8, 9]])).logits).all()
    if family == "qwen" and not arguments:
        assert json.loads((output / "config.json").read_text())["tie_word_embeddings"] is True
        assert "lm_head.weight" not in weights["parity"]


def test_an_end_that_is_not_learnt_is_warned_of(inputs: dict[str, Path], tmp_path: Path) -> None:
    outside = MARKED_TEMPLATE.replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}<|im_end|>")
    arguments = {"save_strategy": "no", "max_steps": 1, "eval_strategy": "no"}
    job = write_job(
        tmp_path,
        model=inputs["qwen"],
        dataset=inputs["dataset"],
        arguments=arguments,
        chat_template=outside,
    )
    run_to_end(job)
    (warning,) = read_events(tmp_path, "warning")
    assert "will not learn to stop" in warning["message"]
