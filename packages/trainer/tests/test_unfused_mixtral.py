"""The unfused Mixtral against the stock one, and its adapters in readers that know nothing of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from training_jobs import EIGHT_TARGETS, run_to_end, write_job, write_small_model, write_small_rows
from transformers import MixtralForCausalLM

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.unfused_mixtral import (
    empty_unfused_mixtral,
    inside_key,
    inside_targets,
    load_unfused_mixtral,
    original_key,
    original_targets,
)

IDS = torch.randint(3, 32000, (2, 48), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_model(tmp_path_factory.mktemp("base") / "mixtral", "mixtral")


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter trained on all eight targets with dropout."""
    folder = tmp_path_factory.mktemp("adapter")
    arguments: dict[str, Any] = {
        "use_peft": True,
        "lora_r": 4,
        "lora_alpha": 8,
        "lora_dropout": 0.1,
        "lora_target_modules": EIGHT_TARGETS,
        "learning_rate": 2e-2,
        "save_strategy": "no",
    }
    job = write_job(folder, model=base, dataset=write_small_rows(folder / "rows"), arguments=arguments)
    metrics = run_to_end(job)
    # r (in + out) for each target: hidden 32, keys and values 16, experts 48, vocabulary 32,000.
    attention = (32 + 32) + 2 * (32 + 16) + (32 + 32)
    experts = 4 * 3 * (32 + 48)
    assert metrics["trainable_parameters"] == 4 * (2 * (attention + experts) + (32 + 32000))
    return folder / "output"


def test_its_logits_are_the_stock_models(base: Path) -> None:
    with torch.no_grad():
        ours = load_unfused_mixtral(base, dtype=torch.float32)(IDS).logits
        stock = MixtralForCausalLM.from_pretrained(base, dtype=torch.float32)(IDS).logits
    torch.testing.assert_close(ours, stock, rtol=0, atol=1e-6)


def test_an_expert_without_tokens_has_a_zero_gradient(base: Path) -> None:
    model = load_unfused_mixtral(base, dtype=torch.float32)
    model(IDS[:1, :1], labels=None).logits.sum().backward()  # one token, two of four experts
    gradients = [expert.up_proj.weight.grad for expert in model.model.layers[0].mlp.experts]
    assert [gradient is not None and bool(gradient.any()) for gradient in gradients].count(True) == 2
    assert all(gradient is not None for gradient in gradients)


def test_it_saves_the_original_names_and_bytes(base: Path, tmp_path: Path) -> None:
    load_unfused_mixtral(base, dtype=torch.float32).save_pretrained(tmp_path)
    saved, original = load_file(tmp_path / "model.safetensors"), load_file(base / "model.safetensors")
    assert saved.keys() == original.keys()
    assert "model.layers.0.block_sparse_moe.experts.0.w1.weight" in saved
    assert all(torch.equal(saved[name], original[name]) for name in original)


def test_names_go_there_and_back() -> None:
    key = "base_model.model.model.layers.1.block_sparse_moe.experts.3.w2.lora_A.weight"
    assert inside_key(key) == "base_model.model.model.layers.1.mlp.experts.3.down_proj.lora_A.weight"
    assert original_key(inside_key(key)) == key
    gate = "model.layers.0.block_sparse_moe.gate.weight"
    assert original_key(inside_key(gate)) == gate
    assert original_targets(inside_targets(EIGHT_TARGETS)) == EIGHT_TARGETS


def test_the_adapter_has_the_original_names_only(adapter: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert sorted(config["target_modules"]) == sorted(EIGHT_TARGETS)
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (4, 8, 0.1)
    assert config["inference_mode"] is True
    with safe_open(adapter / "adapter_model.safetensors", "pt") as file:
        names = set(file.keys())
    layers = "base_model.model.model.layers"
    modules = [f"{layers}.{layer}.self_attn.{name}_proj" for layer in range(2) for name in "qkvo"]
    modules += [
        f"{layers}.{layer}.block_sparse_moe.experts.{expert}.w{number}"
        for layer in range(2)
        for expert in range(4)
        for number in (1, 2, 3)
    ]
    modules.append("base_model.model.lm_head")
    assert names == {f"{module}.lora_{side}.weight" for module in modules for side in "AB"}
    assert not list(adapter.glob("*.bin"))


def test_plain_matrices_give_the_logits_that_peft_gives_inside(adapter: Path, base: Path) -> None:
    """``W + (alpha / r) B A`` written into the original checkpoint, and PEFT on the unfused model: the same logits."""
    from peft import LoraConfig, get_peft_model

    from prometheus_trainer.initial_adapter import load_initial_adapter

    model: Any = load_unfused_mixtral(base, dtype=torch.float32)
    settings = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.1, target_modules=inside_targets(EIGHT_TARGETS))
    inside: Any = get_peft_model(model, settings)
    load_initial_adapter(inside, adapter)
    with torch.no_grad():
        ours = inside.eval()(IDS).logits
        merged = _merge_by_hand(base, adapter)(IDS).logits
        plain = MixtralForCausalLM.from_pretrained(base, dtype=torch.float32)(IDS).logits
    assert (ours - plain).abs().max() > 1e-2
    torch.testing.assert_close(ours, merged, rtol=0, atol=1e-4)


def test_the_adapter_loads_with_plain_peft_on_the_stock_model(adapter: Path, base: Path) -> None:
    from peft import PeftConfig, PeftModel

    stock = MixtralForCausalLM.from_pretrained(base, dtype=torch.float32)
    config: Any = PeftConfig.from_pretrained(str(adapter))
    config.lora_dropout = 0.0  # PEFT refuses dropout on fused experts, even where nothing is trained
    loaded = PeftModel.from_pretrained(stock, str(adapter), config=config)
    with torch.no_grad():
        torch.testing.assert_close(
            loaded.eval()(IDS).logits, _merge_by_hand(base, adapter)(IDS).logits, rtol=0, atol=1e-4
        )


def test_an_adapter_of_other_settings_is_refused(adapter: Path, base: Path) -> None:
    from peft import LoraConfig, get_peft_model

    from prometheus_trainer.initial_adapter import load_initial_adapter

    def fresh(rank: int, targets: list[str]) -> Any:
        model: Any = load_unfused_mixtral(base, dtype=torch.float32)
        return get_peft_model(model, LoraConfig(r=rank, target_modules=inside_targets(targets)))

    with pytest.raises(ConfigurationError, match=r"has the shape \[4, 32\], expected \[2, 32\]"):
        load_initial_adapter(fresh(2, EIGHT_TARGETS), adapter)
    with pytest.raises(ConfigurationError, match="48 have no place"):
        load_initial_adapter(fresh(4, [*EIGHT_TARGETS[:4], "lm_head"]), adapter)
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_initial_adapter(fresh(4, EIGHT_TARGETS), adapter.parent)


def _merge_by_hand(base: Path, adapter: Path) -> Any:
    import tempfile

    from safetensors.torch import save_file

    tensors, lora = load_file(base / "model.safetensors"), load_file(adapter / "adapter_model.safetensors")
    for name in [name for name in lora if name.endswith(".lora_A.weight")]:
        module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        update = lora[name.replace("lora_A", "lora_B")].double() @ lora[name].double()
        tensors[f"{module}.weight"] = (tensors[f"{module}.weight"].double() + 8 / 4 * update).float()
    with tempfile.TemporaryDirectory() as folder:
        save_file(tensors, Path(folder) / "model.safetensors", metadata={"format": "pt"})
        (Path(folder) / "config.json").write_text((base / "config.json").read_text())
        return MixtralForCausalLM.from_pretrained(folder, dtype=torch.float32)


def test_the_adapter_of_the_real_shape_has_the_papers_parameters() -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import MixtralConfig

    shape = MixtralConfig(
        vocab_size=32000,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        num_local_experts=8,
    )
    settings = LoraConfig(
        r=256, lora_alpha=512, lora_dropout=0.1, target_modules=inside_targets(EIGHT_TARGETS)
    )
    model: Any = empty_unfused_mixtral(shape)
    assert sum(parameter.numel() for parameter in model.parameters()) == 46_702_792_704
    with torch.device("meta"):
        adapted: Any = get_peft_model(model, settings)
    # r (in + out): keys and values 1,024, experts 14,336, vocabulary 32,000. On the fused experts it would be 5.73 B.
    layer = 2 * (4096 + 4096) + 2 * (4096 + 1024) + 8 * 3 * (4096 + 14336)
    assert adapted.get_nb_trainable_parameters()[0] == 256 * (32 * layer + 4096 + 32000) == 3_851_223_040
