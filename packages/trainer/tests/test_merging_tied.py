"""Merges of models whose output layer is tied to the embeddings, where an adapter changes one of the two."""

import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from merging_models import merge_config, run_merge
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from prometheus_trainer import mergekit_merge
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.lora_merge import merge_lora
from prometheus_trainer.mergekit_merge import merge_with_mergekit

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 64,
    "tie_word_embeddings": True,
}
IDS = torch.arange(1, 40).reshape(3, 13)
ADAPTERS: dict[str, dict[str, Any]] = {
    "plain": {"target_modules": ["q_proj", "v_proj"]},
    "plain-too": {"target_modules": ["q_proj", "o_proj"]},
    "saved": {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
    "embeddings": {"target_modules": ["q_proj", "embed_tokens"]},
    "head": {"target_modules": ["v_proj", "lm_head"]},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tied base, an expert tuned in full that is tied too, and adapters of the base."""
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("base", "full")):
        torch.manual_seed(seed)
        LlamaForCausalLM(LlamaConfig(**SIZES)).save_pretrained(folder / name)
    warnings.simplefilter("ignore")
    for seed, (name, settings) in enumerate(ADAPTERS.items()):
        model = get_peft_model(load(folder / "base"), LoraConfig(r=4, lora_alpha=8, **settings))
        generator = torch.Generator().manual_seed(seed)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
        model.save_pretrained(str(folder / name))
    return {name: folder / name for name in ("base", "full", *ADAPTERS)}


def load(folder: Path, *, dtype: torch.dtype = torch.float32) -> Any:
    model, found = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, output_loading_info=True)
    assert not any(found.values()), found
    return model


def untied(folder: Path) -> Any:
    """The model with a copy of its embeddings as its head, in which PEFT's merge changes one of them alone."""
    model = load(folder)
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    return model


def weights(models: dict[str, Path], name: str) -> dict[str, torch.Tensor]:
    """An expert's weights, head and embeddings apart, by PEFT."""
    if name in ADAPTERS:
        return (
            PeftModel.from_pretrained(untied(models["base"]), str(models[name]))
            .merge_and_unload()
            .state_dict()
        )
    return untied(models[name]).state_dict()


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(IDS).logits


def lora_merge(base: Path, adapter: Path, output: Path, dtype: str | None = None) -> Path:
    output.mkdir()
    job = {"base": {"path": str(base)}, "adapter": str(adapter), "output_dir": str(output), "dtype": dtype}
    metrics = merge_lora(job, Events(None))
    assert metrics["bytes_written"] == sum(file.stat().st_size for file in output.iterdir())
    return output


def is_tied(folder: Path) -> bool:
    tied = json.loads((folder / "config.json").read_text())["tie_word_embeddings"]
    assert tied is not ("lm_head.weight" in load_file(folder / "model.safetensors"))
    return tied


@pytest.mark.parametrize("name", ADAPTERS)
def test_one_adapter(name: str, models: dict[str, Path], tmp_path: Path) -> None:
    output = lora_merge(models["base"], models[name], tmp_path / "merged")
    expected = logits(PeftModel.from_pretrained(load(models["base"]), str(models[name])))
    torch.testing.assert_close(logits(load(output)), expected, rtol=1e-5, atol=1e-5)
    assert is_tied(output) is name.startswith("plain")
    by_peft = weights(models, name)
    for key, values in load_file(output / "model.safetensors").items():
        assert torch.equal(values, by_peft[key]), key


def test_a_base_that_stores_its_tied_head(models: dict[str, Path], tmp_path: Path) -> None:
    base = tmp_path / "base"
    load(models["base"]).save_pretrained(base)
    tensors = load_file(base / "model.safetensors")
    head = tensors["model.embed_tokens.weight"].clone()
    save_file({**tensors, "lm_head.weight": head}, base / "model.safetensors", {"format": "pt"})
    output = lora_merge(base, models["saved"], tmp_path / "merged")
    expected = logits(PeftModel.from_pretrained(load(models["base"]), str(models["saved"])))
    torch.testing.assert_close(logits(load(output)), expected, rtol=1e-5, atol=1e-5)
    assert not is_tied(output)


def test_embeddings_are_rounded_once(models: dict[str, Path], tmp_path: Path) -> None:
    output = lora_merge(models["base"], models["embeddings"], tmp_path / "merged", "bfloat16")
    merged = load_file(output / "model.safetensors")
    expected = weights(models, "embeddings")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        assert torch.equal(merged[name], expected[name].to(torch.bfloat16))


@pytest.mark.parametrize(
    ("names", "tied"),
    [
        (["saved", "plain"], False),
        (["plain", "saved"], False),
        (["embeddings", "head"], False),
        (["full", "embeddings"], False),
        (["full", "plain"], True),
        (["plain", "plain-too"], True),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "tied" if value else "untied",
)
def test_experts_in_one_pass(names: list[str], tied: bool, models: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "judge"
    output.mkdir()
    folders = [
        Path(f"{models['base']}+{models[name]}") if name in ADAPTERS else models[name] for name in names
    ]
    given = [{"weight": 0.6}, {"weight": 0.4}]
    metrics = run_merge(output, merge_config("linear", folders, models=given, dtype="float32"))
    assert metrics["bytes_written"] == sum(file.stat().st_size for file in output.iterdir())
    parts = [weights(models, name) for name in names]
    reference = untied(models["base"])
    reference.load_state_dict({key: 0.6 * parts[0][key] + 0.4 * parts[1][key] for key in parts[0]})
    torch.testing.assert_close(logits(load(output)), logits(reference), rtol=1e-5, atol=1e-5)
    assert is_tied(output) is tied


def test_task_vectors_from_a_tied_base(models: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "judge"
    output.mkdir()
    experts = [Path(f"{models['base']}+{models[name]}") for name in ("saved", "head")]
    given = [{"weight": 0.7}, {"weight": 0.5}]
    config = merge_config("task_arithmetic", experts, base=models["base"], models=given, dtype="float32")
    run_merge(output, config)
    base, saved, head = (weights(models, name) for name in ("base", "saved", "head"))
    reference = untied(models["base"])
    reference.load_state_dict(
        {key: base[key] + 0.7 * (saved[key] - base[key]) + 0.5 * (head[key] - base[key]) for key in base}
    )
    torch.testing.assert_close(logits(load(output)), logits(reference), rtol=1e-5, atol=1e-5)
    assert not is_tied(output)


def test_merged_first_and_then_together(models: dict[str, Path], tmp_path: Path) -> None:
    """As a recipe does by default: an untied expert and a tied one."""
    folders = [lora_merge(models["base"], models[name], tmp_path / name) for name in ("embeddings", "plain")]
    config = merge_config("linear", folders, models=[{"weight": 1}, {"weight": 1}], dtype="float32")
    (tmp_path / "judge").mkdir()
    run_merge(tmp_path / "judge", config)
    parts = [weights(models, name) for name in ("embeddings", "plain")]
    reference = untied(models["base"])
    reference.load_state_dict({key: (parts[0][key] + parts[1][key]) / 2 for key in parts[0]})
    torch.testing.assert_close(logits(load(tmp_path / "judge")), logits(reference), rtol=1e-5, atol=1e-5)
    assert not is_tied(tmp_path / "judge")


@pytest.mark.skipif(find_spec("mergekit") is None, reason="mergekit is an install of its own")
@pytest.mark.parametrize(
    "names", [["embeddings", "plain"], ["plain", "embeddings"]], ids=lambda each: each[0]
)
def test_mergekit_with_an_untied_expert_and_a_tied_one(
    names: list[str], models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(mergekit_merge.__file__).parents[1]))
    folders = [lora_merge(models["base"], models[name], tmp_path / name) for name in names]
    config = merge_config("linear", folders, models=[{"weight": 1}, {"weight": 1}], dtype="float32")
    job = {"config": config, "models": {}, "output_dir": str(tmp_path / "judge"), "donor": None}
    merge_with_mergekit(job, Events(None))
    parts = [weights(models, name) for name in names]
    reference = untied(models["base"])
    reference.load_state_dict({key: (parts[0][key] + parts[1][key]) / 2 for key in parts[0]})
    torch.testing.assert_close(logits(load(tmp_path / "judge")), logits(reference), rtol=1e-5, atol=1e-5)
    assert not is_tied(tmp_path / "judge")


def test_mergekit_would_change_both(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mergekit_merge, "version", lambda _: "0.1.5")
    config = {"merge_method": "linear", "models": [{"model": f"{models['base']}+{models['head']}"}]}
    job = {"config": config, "models": {}, "output_dir": str(tmp_path / "judge"), "donor": None}
    with pytest.raises(ConfigurationError, match="mergekit would change both") as caught:
        merge_with_mergekit(job, Events(None))
    assert "merge the adapter with lora-merge first" in str(caught.value)


def test_a_model_type_that_is_not_known(models: dict[str, Path], tmp_path: Path) -> None:
    base = tmp_path / "base"
    load(models["base"]).save_pretrained(base)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "model_type": "unheard-of"}))
    with pytest.raises(ConfigurationError, match="what its output layer is called"):
        lora_merge(base, models["saved"], tmp_path / "merged")
    assert is_tied(lora_merge(base, models["plain"], tmp_path / "plain"))
