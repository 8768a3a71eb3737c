"""lora_merge against PEFT's merge_and_unload, element by element; adapters that can't be merged."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from shared_records import shared_path
from tiny_models import MISTRAL, MIXTRAL, read_model, write_model, write_tensors
from torch import nn
from transformers.pytorch_utils import Conv1D

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.lora_merge import merge_lora

EIGHT_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "w1", "w2", "w3", "lm_head"]


class Weights(nn.Module):
    """A model's weights as a tree of modules under their original names: what PEFT needs to merge, no more.

    transformers 5 fuses Mixtral's experts, so its own class no longer has the modules w1, w2 and w3.
    """

    # PEFT looks it up, though not to merge, when an adapter says that it is for generation.
    prepare_inputs_for_generation = None

    def __init__(self, tensors: dict[str, torch.Tensor], transposed: bool = False) -> None:
        super().__init__()
        for name, values in tensors.items():
            *path, last = name.removesuffix(".weight").split(".")
            module: nn.Module = self
            for part in path:
                if part not in module._modules:
                    module.add_module(part, nn.Module())
                module = module.get_submodule(part)
            module.add_module(last, _layer(values, transposed))


def _layer(values: torch.Tensor, transposed: bool) -> nn.Module:
    if values.ndim == 1:
        layer: nn.Module = nn.LayerNorm(len(values), bias=False)
    elif transposed:
        layer = Conv1D(values.shape[1], values.shape[0])
        layer.bias = None
    else:
        layer = nn.Linear(values.shape[1], values.shape[0], bias=False)
    layer.weight = nn.Parameter(values.clone())
    return layer


def train(model: nn.Module, config: LoraConfig, folder: Path, seed: int = 5) -> None:
    """Saves an adapter whose every tensor is random, as if it had been trained."""
    adapted = get_peft_model(model, config)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adapted.save_pretrained(str(folder))


def merged_by_peft(model: nn.Module, folder: Path) -> dict[str, torch.Tensor]:
    adapted = PeftModel.from_pretrained(model, str(folder))  # type: ignore[arg-type]
    return adapted.merge_and_unload().state_dict()  # type: ignore[operator]


def merge(base: Path, adapter: Path, output_dir: Path, **keys: Any) -> dict[str, torch.Tensor]:
    run_merge(base, adapter, output_dir, **keys)
    return read_model(output_dir)


def run_merge(base: Path, adapter: Path, output_dir: Path, **keys: Any) -> dict[str, Any]:
    job = {"base": {"path": str(base)}, "adapter": str(adapter), "output_dir": str(output_dir)}
    return merge_lora({**job, "dtype": None, **keys}, Events(output_dir.parent / "events.jsonl"))


def assert_equal(merged: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert merged.keys() == expected.keys()
    for name, values in merged.items():
        assert values.dtype == expected[name].dtype, name
        assert torch.equal(values, expected[name]), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_rslora": True},
        {"rank_pattern": {"q_proj": 2, "layers.1.self_attn.v_proj": 6}},
        {"alpha_pattern": {"layers.*.o_proj": 3}, "rank_pattern": {"^model.layers.0.self_attn.o_proj": 3}},
        {"modules_to_save": ["embed_tokens", "norm"]},
        {"layers_to_transform": [1], "target_modules": ["q_proj", "o_proj"]},
    ],
    ids=["plain", "rslora", "ranks", "alphas", "modules-to-save", "one-layer"],
)
@pytest.mark.parametrize("architecture", [MISTRAL, MIXTRAL], ids=["mistral", "mixtral"])
def test_equal_to_merge_and_unload(
    tmp_path: Path, architecture: dict[str, Any], settings: dict[str, Any], dtype: torch.dtype
) -> None:
    base = write_model(tmp_path / "base", architecture, 1, dtype)
    names = ["q_proj", "v_proj", "o_proj", "down_proj", "w1", "w2", "w3", "lm_head"]
    config = {"r": 4, "lora_alpha": 6, "target_modules": names, **settings}
    train(Weights(base), LoraConfig(**config), tmp_path / "adapter")
    merged = merge(tmp_path / "base", tmp_path / "adapter", tmp_path / "out")
    assert_equal(merged, merged_by_peft(Weights(base), tmp_path / "adapter"))
    changed = {name for name in base if not torch.equal(merged[name], base[name])}
    assert changed
    assert changed != set(base)


def test_equal_to_merge_and_unload_of_a_model_of_transformers(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    write_model(tmp_path / "base", MISTRAL, 1, torch.bfloat16)

    def load() -> nn.Module:
        return AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.bfloat16)

    config = LoraConfig(r=4, target_modules=["q_proj", "gate_proj", "lm_head"], task_type="CAUSAL_LM")
    train(load(), config, tmp_path / "adapter")
    assert "base_model.model.lm_head.base_layer.weight" in load_file(
        tmp_path / "adapter" / "adapter_model.safetensors"
    )
    merged = merge(tmp_path / "base", tmp_path / "adapter", tmp_path / "out")
    assert_equal(merged, merged_by_peft(load(), tmp_path / "adapter"))


def test_weights_stored_transposed(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", MISTRAL, 1)
    config = LoraConfig(r=4, target_modules=["q_proj", "k_proj", "up_proj"], fan_in_fan_out=True)
    model = Weights(base, transposed=True)
    train(model, config, tmp_path / "adapter")
    merged = merge(tmp_path / "base", tmp_path / "adapter", tmp_path / "out")
    assert_equal(merged, merged_by_peft(Weights(base, transposed=True), tmp_path / "adapter"))


def test_another_dtype_is_rounded_from_the_float32_sum(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", MIXTRAL, 1)
    train(Weights(base), LoraConfig(r=4, target_modules=EIGHT_TARGETS), tmp_path / "adapter")
    merged = merge(tmp_path / "base", tmp_path / "adapter", tmp_path / "out", dtype="bfloat16")
    expected = merged_by_peft(Weights(base), tmp_path / "adapter")
    assert_equal(merged, {name: values.to(torch.bfloat16) for name, values in expected.items()})
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config == {**MIXTRAL, "dtype": "bfloat16", "torch_dtype": "bfloat16"}


@pytest.mark.parametrize("adapter", ["mixtral-adapter-initial", "absolute-mixtral-adapter-final"])
def test_adapters_of_spring_2024(tmp_path: Path, adapter: str) -> None:
    folder = shared_path(f"golden/models/{adapter}")
    base = shared_path("golden/models/mixtral")
    merged = merge(base, folder, tmp_path / "out")
    assert_equal(merged, merged_by_peft(Weights(read_model(base)), folder))
    # The matrices B are zero before the first step.
    same = all(torch.equal(merged[name], values) for name, values in read_model(base).items())
    assert same == (adapter == "mixtral-adapter-initial")


def test_shards_metrics_and_determinism(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", MIXTRAL, 1)
    train(Weights(base), LoraConfig(r=4, target_modules=EIGHT_TARGETS), tmp_path / "adapter")
    metrics = [
        run_merge(tmp_path / "base", tmp_path / "adapter", tmp_path / run, max_shard_bytes=9000)
        for run in ("first", "second")
    ]
    files = sorted(file.name for file in (tmp_path / "first").iterdir())
    assert sum(name.endswith(".safetensors") for name in files) > 2
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert metrics[0]["tensors"] == len(base)
    assert metrics[0]["tensors_changed"] == 2 * (4 + 4 * 3) + 1
    written = sum((tmp_path / "first" / name).stat().st_size for name in files)
    assert metrics[0]["bytes_written"] == written


def test_the_tokenizer_that_it_was_trained_with(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", MISTRAL, 1)
    train(Weights(base), LoraConfig(r=4, target_modules=["q_proj"]), tmp_path / "adapter")
    merge(tmp_path / "base", tmp_path / "adapter", tmp_path / "out")
    template = (tmp_path / "base" / "tokenizer_config.json").read_text()
    assert (tmp_path / "out" / "tokenizer_config.json").read_text() == template
    (tmp_path / "adapter" / "tokenizer_config.json").write_text('{"chat_template": "trained"}')
    merge(tmp_path / "base", tmp_path / "adapter", tmp_path / "out-2")
    assert "trained" in (tmp_path / "out-2" / "tokenizer_config.json").read_text()


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A base model and an adapter for it that also stores the base's lm_head, as old versions of PEFT do."""
    base = write_model(tmp_path / "base", MIXTRAL, 1, torch.bfloat16)
    train(Weights(base), LoraConfig(r=4, target_modules=EIGHT_TARGETS), tmp_path / "adapter")
    edit_weights(tmp_path / "adapter", {COPY: base["lm_head.weight"]})
    return tmp_path / "base", tmp_path / "adapter"


COPY = "base_model.model.lm_head.base_layer.weight"


def edit_weights(adapter: Path, added: dict[str, torch.Tensor], removed: tuple[str, ...] = ()) -> None:
    file = adapter / "adapter_model.safetensors"
    tensors = {**load_file(file), **added}
    save_file({name: values for name, values in tensors.items() if name not in removed}, file)


def edit_config(adapter: Path, **keys: Any) -> None:
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))


def problem(pair: tuple[Path, Path], **keys: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        run_merge(*pair, pair[0].parent / "out", **keys)
    return str(caught.value)


def test_a_stored_copy_of_the_base_layer(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    merged = merge(*pair, tmp_path / "out")
    edit_weights(pair[1], {COPY: read_model(pair[0])["lm_head.weight"].to(torch.float32)})
    assert_equal(merge(*pair, tmp_path / "from-float32"), merged)
    other = read_model(pair[0])["lm_head.weight"]
    other[0, 0] += 1
    edit_weights(pair[1], {COPY: other})
    with pytest.raises(ConfigurationError, match=r"base_layer\.weight is not equal to lm_head\.weight of"):
        merge(*pair, tmp_path / "changed")


def test_every_adapter_tensor_must_be_used(pair: tuple[Path, Path]) -> None:
    stray = [
        "base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.9.self_attn.q_proj.lora_B.weight",
        "base_model.model.model.layers.0.mlp.experts.0.w1.lora_A.weight",
        "model.layers.0.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.embed_tokens.lora_embedding_A",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
    ]
    edit_weights(pair[1], {name: torch.zeros(4, 16) for name in stray})
    message = problem(pair)
    assert f"{len(stray)} of its tensors have no place in {pair[0]}" in message
    assert all(f"\n    {name}" in message for name in stray)
    assert not (pair[0].parent / "out").exists()


def test_half_of_a_pair(pair: tuple[Path, Path]) -> None:
    half = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    edit_weights(pair[1], {}, removed=(half,))
    assert f"\n    {half.replace('lora_A', 'lora_B')}" in problem(pair)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"use_dora": True}, "use_dora is set, and there is no lora_magnitude_vector for lm_head"),
        ({"use_qalora": True}, "adapter_config.json: use_qalora is set: QA-LoRA pools the inputs"),
        ({"lora_bias": True}, "lora_bias is set"),
        ({"target_parameters": ["experts.gate_up_proj"]}, "target_parameters is set: it trains fused"),
        ({"layer_replication": [[0, 1]]}, "layer_replication is set"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices is set"),
        ({"peft_type": "LOHA"}, "peft_type is 'LOHA'"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights is 'pissa_niter_4'"),
        ({"r": 8}, "do not fit rank 8"),
        ({"r": "4"}, "r is a text"),
        ({"lora_alpha": None}, "lora_alpha null"),
        ({"fan_in_fan_out": True}, "do not fit rank 4"),
    ],
)
def test_adapters_of_other_kinds(pair: tuple[Path, Path], keys: dict[str, Any], expected: str) -> None:
    edit_config(pair[1], **keys)
    assert expected in problem(pair)


def test_a_base_model_of_another_size(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    write_model(tmp_path / "wide", {**MIXTRAL, "hidden_size": 32}, 1)
    assert "do not fit rank 4 and the base model's" in problem((tmp_path / "wide", pair[1]))
    edit_weights(pair[1], {}, removed=(COPY,))
    write_model(tmp_path / "more-tokens", {**MIXTRAL, "vocab_size": 50}, 1)
    assert "(the vocabularies differ in size)" in problem((tmp_path / "more-tokens", pair[1]))


def test_values_that_are_not_finite(pair: tuple[Path, Path]) -> None:
    name = "base_model.model.model.layers.1.self_attn.o_proj.lora_B.weight"
    edit_weights(pair[1], {name: torch.full((16, 4), float("nan"))})
    assert (
        "adapter: tensor model.layers.1.self_attn.o_proj.weight: 256 of 256 values are NaN or infinite"
        in problem(pair)
    )


def test_folders_that_are_incomplete(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    assert "no adapter_config.json" in problem((pair[0], tmp_path))
    (pair[1] / "adapter_model.safetensors").rename(pair[1] / "moved")
    assert "adapter_model.safetensors: not found" in problem(pair)
    assert "'float8' is not a dtype" in problem(pair, dtype="float8")
    assert "has no config.json" in problem((pair[1], pair[1]))


def test_an_adapter_without_a_pair(pair: tuple[Path, Path]) -> None:
    save_file({COPY: read_model(pair[0])["lm_head.weight"]}, pair[1] / "adapter_model.safetensors")
    assert "has no LoRA tensors" in problem(pair)


def test_a_fused_base_model(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    tensors = read_model(pair[0])
    fused = {name: values for name, values in tensors.items() if ".experts." not in name}
    fused["model.layers.0.mlp.experts.gate_up_proj"] = torch.zeros(4, 48, 16)
    write_tensors(tmp_path / "fused", MIXTRAL, fused)
    message = problem((tmp_path / "fused", pair[1]))
    assert "which has for example model.layers.0.mlp.experts.gate_up_proj" in message
