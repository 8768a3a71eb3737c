"""Every kind of adapter that a training file can ask for: merged as PEFT computes, or refused before training.

``adapter_cells.json`` lists them; packages/recipe holds validation to the same list. With ``pytest -s`` the table is
printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from other_models import LLAMA_MARKER, LLAMA_TEMPLATE, MARKED_TEMPLATE, write_llama, write_qwen
from safetensors.torch import load_file
from training_jobs import run_in_turn, write_job, write_small_model, write_small_rows

from prometheus_trainer.events import Events
from prometheus_trainer.lora_merge import merge_lora

CELLS = json.loads(Path(__file__).with_name("adapter_cells.json").read_text(encoding="utf-8"))
TEMPLATES: dict[str, dict[str, Any]] = {
    "llama": {"chat_template": LLAMA_TEMPLATE, "response_marker": LLAMA_MARKER},
    "qwen": {"chat_template": MARKED_TEMPLATE},
    "mixtral": {},
}
TIED = "qwen"
# Trained by the profile fast too.
FAST = {"all-linear", "embeddings and output layer", "embeddings and output layer in full", "DoRA"}


@dataclass(frozen=True)
class Cell:
    title: str
    model: str
    profile: str
    arguments: dict[str, Any] = field(hash=False)
    refused: str | None

    def __str__(self) -> str:
        return f"{self.title} ({self.model}, {self.profile})"


def cells() -> Iterator[Cell]:
    for row in [*CELLS["accepted"], *CELLS["refused"]]:
        for model in row["on"]:
            for profile in ["parity", *(["fast"] if row["title"] in FAST else [])]:
                yield Cell(row["title"], model, profile, row["arguments"], row.get("refused"))


ALL = list(cells())
IDS = torch.randint(5, 300, (2, 24), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "llama": write_llama(folder / "llama"),
        "qwen": write_qwen(folder / "qwen"),
        "mixtral": write_small_model(folder / "mixtral", "mixtral"),
    }


@pytest.fixture(scope="module")
def runs(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[Cell, tuple[Path, str]]:
    """The folder of each cell's training job, and how it ended: "done", or the error's message."""
    folder = tmp_path_factory.mktemp("runs")
    rows = write_small_rows(folder / "rows", 4, 0)
    jobs = {
        cell: write_job(
            folder / str(number),
            model=models[cell.model],
            dataset=rows,
            profile=cell.profile,
            arguments={
                "use_peft": True,
                "lora_r": 4,
                "lora_alpha": 8,
                "max_steps": 2,
                "learning_rate": 2e-2,
                "lr_scheduler_type": "constant",
                "save_strategy": "no",
                "eval_strategy": "no",
                **cell.arguments,
            },
            **TEMPLATES[cell.model],
        )
        for number, cell in enumerate(ALL)
    }
    ends = run_in_turn(list(jobs.values()))
    return {cell: (job.parent, end) for (cell, job), end in zip(jobs.items(), ends, strict=True)}


@pytest.mark.parametrize("cell", [cell for cell in ALL if cell.refused is None], ids=str)
def test_the_merged_model_has_the_logits_of_pefts(
    cell: Cell, runs: dict[Cell, tuple[Path, str]], models: dict[str, Path]
) -> None:
    folder, end = runs[cell]
    assert end == "done"
    expected = logits_of_peft(models[cell.model], folder / "output", mixtral=cell.model == "mixtral")
    merged, config = merge(models[cell.model], folder)
    print(f"{cell!s:75} {(merged - expected).abs().max() / expected.abs().max():.0e} from PEFT's logits")
    torch.testing.assert_close(merged, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    # The adapter does something.
    assert (expected - logits_of(models[cell.model])).abs().max() > 1e-3 * expected.abs().max()
    touched = any("embed_tokens" in key or "lm_head" in key for key in adapter_keys(folder))
    assert config["tie_word_embeddings"] is (cell.model == TIED and not touched)
    assert ("lm_head.weight" in load_file(folder / "merged/model.safetensors")) is not config[
        "tie_word_embeddings"
    ]


@pytest.mark.parametrize("cell", [cell for cell in ALL if cell.refused is not None], ids=str)
def test_it_is_refused_before_training(cell: Cell, runs: dict[Cell, tuple[Path, str]]) -> None:
    _, end = runs[cell]
    print(f"{cell!s:75} refused: {end}")
    assert f"arguments.{cell.refused}" in end.split("\n")[0]


def merge(base: Path, folder: Path) -> tuple[torch.Tensor, dict[str, Any]]:
    """The logits of the merged model, by transformers' own class, and its config."""
    output = folder / "merged"
    output.mkdir()
    job = {"base": {"path": str(base)}, "adapter": str(folder / "output"), "output_dir": str(output)}
    merge_lora({**job, "dtype": None}, Events(None))
    return logits_of(output), json.loads((output / "config.json").read_text())


def logits_of(folder: Path) -> torch.Tensor:
    from transformers import AutoModelForCausalLM

    model, found = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(found.values()), found
    with torch.no_grad():
        return model(IDS).logits


def logits_of_peft(base: Path, adapter: Path, *, mixtral: bool) -> torch.Tensor:
    """Those of PEFT's model with the adapter, not merged; of a Mixtral by its experts as linear layers."""
    from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    from prometheus_trainer.unfused_mixtral import inside_key, inside_targets, load_unfused_mixtral

    if mixtral:
        config = LoraConfig.from_pretrained(str(adapter))
        config.target_modules = set(inside_targets(config.target_modules or ()))
        config.modules_to_save = inside_targets(config.modules_to_save or ()) or None
        model: Any = get_peft_model(load_unfused_mixtral(base, dtype=torch.float32), config)
        tensors = load_file(adapter / "adapter_model.safetensors")
        found = set_peft_model_state_dict(model, {inside_key(key): tensor for key, tensor in tensors.items()})
        assert not found.unexpected_keys
        assert not [key for key in found.missing_keys if "lora_" in key]
    else:
        model = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), str(adapter)
        )
    with torch.no_grad():
        return model.eval()(IDS).logits


def adapter_keys(folder: Path) -> list[str]:
    return list(load_file(folder / "output/adapter_model.safetensors"))
