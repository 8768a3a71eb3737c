"""Adapters that PEFT makes of settings beyond a training file's: merged to the logits of PEFT's model, or refused."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import (
    AdaLoraConfig,
    IA3Config,
    LoHaConfig,
    LoraConfig,
    PeftModel,
    PromptTuningConfig,
    VeraConfig,
    get_peft_model,
)
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.lora_merge import merge_lora

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 64,
}
IDS = torch.arange(1, 40).reshape(3, 13)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """llama, untied; qwen, tied and with biases; gpt2, tied, its layers stored transposed."""
    folder = tmp_path_factory.mktemp("bases")
    torch.manual_seed(3)
    gpt2 = GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=64, n_positions=64, eos_token_id=1)
    models = {
        "llama": LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=False)),
        "qwen": Qwen2ForCausalLM(Qwen2Config(**SIZES, tie_word_embeddings=True)),
        "gpt2": GPT2LMHeadModel(gpt2),
    }
    for name, model in models.items():
        model.save_pretrained(folder / name)
    # A config may leave it to its class whether embeddings are tied.
    config = json.loads((folder / "gpt2/config.json").read_text())
    config.pop("tie_word_embeddings", None)
    (folder / "gpt2/config.json").write_text(json.dumps(config))
    return {name: folder / name for name in models}


def make_adapter(base: Path, folder: Path, settings: Any) -> torch.Tensor:
    """Saves an adapter with random weights; the logits of PEFT's model with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = get_peft_model(load(base), settings)
        generator = torch.Generator().manual_seed(1)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
        model.save_pretrained(str(folder))
        return logits(PeftModel.from_pretrained(load(base), str(folder)))


def load(folder: Path) -> Any:
    model, found = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(found.values()), found
    return model


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(IDS).logits


def merge(base: Path, adapter: Path, output: Path) -> Any:
    output.mkdir()
    job = {"base": {"path": str(base)}, "adapter": str(adapter), "output_dir": str(output), "dtype": None}
    merge_lora(job, Events(None))
    return load(output)


LORA: dict[str, dict[str, Any]] = {
    "weights tied on": {"target_modules": ["q_proj", "embed_tokens"], "ensure_weight_tying": True},
    "both weights, tied on": {
        "target_modules": ["q_proj", "embed_tokens", "lm_head"],
        "ensure_weight_tying": True,
    },
    "in full, tied on": {
        "target_modules": ["q_proj"],
        "modules_to_save": ["embed_tokens"],
        "ensure_weight_tying": True,
    },
    "ranks and alphas of their own": {
        "target_modules": ["q_proj", "embed_tokens", "lm_head"],
        "rank_pattern": {"embed_tokens": 2, "lm_head": 6},
        "alpha_pattern": {"embed_tokens": 3},
    },
    "biases of LoRA's layers": {"target_modules": ["q_proj"], "bias": "lora_only"},
    "all biases": {"target_modules": ["q_proj"], "bias": "all"},
    "some layers": {"target_modules": ["q_proj", "v_proj"], "layers_to_transform": [1]},
    "excluded layers": {
        "target_modules": ["q_proj", "v_proj"],
        "exclude_modules": ["layers.0.self_attn.v_proj"],
    },
    "DoRA with rsLoRA": {
        "target_modules": ["q_proj", "down_proj", "lm_head"],
        "use_dora": True,
        "use_rslora": True,
    },
}
TRANSPOSED: dict[str, dict[str, Any]] = {
    "attention": {"target_modules": ["c_attn"]},
    # PEFT's config says of all layers what is so of the last one.
    "square layers and the output layer": {"target_modules": ["c_proj", "lm_head"]},
    "embeddings": {"target_modules": ["c_attn", "wte"]},
    "embeddings in full": {"target_modules": ["c_attn"], "modules_to_save": ["wte"]},
}


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        *[pytest.param("llama", each, id=f"llama: {name}") for name, each in LORA.items()],
        *[pytest.param("qwen", each, id=f"qwen: {name}") for name, each in LORA.items()],
        *[pytest.param("gpt2", each, id=f"gpt2: {name}") for name, each in TRANSPOSED.items()],
    ],
)
def test_the_logits_of_pefts_model(
    model: str, settings: dict[str, Any], bases: dict[str, Path], tmp_path: Path
) -> None:
    config = LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **settings)
    expected = make_adapter(bases[model], tmp_path / "adapter", config)
    merged = logits(merge(bases[model], tmp_path / "adapter", tmp_path / "merged"))
    torch.testing.assert_close(merged, expected, rtol=1e-5, atol=1e-5)
    assert (expected - logits(load(bases[model]))).abs().max() > 1e-3


REFUSED: dict[str, tuple[Any, str]] = {
    "AdaLoRA": (AdaLoraConfig(target_modules=["q_proj"], total_step=10), "peft_type is 'ADALORA'"),
    "IA3": (IA3Config(target_modules=["q_proj"], feedforward_modules=[]), "peft_type is 'IA3'"),
    "LoHa": (LoHaConfig(target_modules=["q_proj"]), "peft_type is 'LOHA'"),
    "VeRA": (VeraConfig(target_modules=["q_proj"]), "peft_type is 'VERA'"),
    "a prompt": (PromptTuningConfig(num_virtual_tokens=2), "peft_type is 'PROMPT_TUNING'"),
    "rows of the embeddings": (
        LoraConfig(target_modules=["q_proj"], trainable_token_indices=[1, 2]),
        "trainable_token_indices is set",
    ),
    "parameters": (
        LoraConfig(target_modules=["q_proj"], target_parameters=["up_proj.weight"]),
        "target_parameters is set",
    ),
    "biases of its own": (LoraConfig(target_modules=["q_proj"], lora_bias=True), "lora_bias is set"),
    "DoRA on the embeddings": (
        LoraConfig(target_modules=["q_proj", "embed_tokens"], use_dora=True),
        "model.embed_tokens.weight: DoRA on embeddings scales whole columns",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_not_be_merged_is_refused(kind: str, bases: dict[str, Path], tmp_path: Path) -> None:
    config, expected = REFUSED[kind]
    config.task_type = "CAUSAL_LM"
    make_adapter(bases["qwen"], tmp_path / "adapter", config)
    with pytest.raises(ConfigurationError) as caught:
        merge(bases["qwen"], tmp_path / "adapter", tmp_path / "merged")
    assert expected in str(caught.value)
    assert not [*(tmp_path / "merged").iterdir()]


def test_dora_on_transposed_layers_is_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    make_adapter(bases["gpt2"], tmp_path / "adapter", LoraConfig(target_modules=["c_attn"], use_dora=True))
    with pytest.raises(ConfigurationError, match="DoRA on transposed weights scales whole columns"):
        merge(bases["gpt2"], tmp_path / "adapter", tmp_path / "merged")


def test_an_adapter_for_a_larger_vocabulary(bases: dict[str, Path], tmp_path: Path) -> None:
    model = load(bases["llama"])
    model.resize_token_embeddings(70)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj"]))
    adapted.save_pretrained(str(tmp_path / "adapter"), save_embedding_layers=True)
    with pytest.raises(ConfigurationError, match=r"\[70, 32\], in the base \[64, 32\]") as caught:
        merge(bases["llama"], tmp_path / "adapter", tmp_path / "merged")
    assert "added tokens are not supported" in str(caught.value)


def test_a_folder_of_several_adapters(bases: dict[str, Path], tmp_path: Path) -> None:
    model = get_peft_model(load(bases["llama"]), LoraConfig(r=4, target_modules=["q_proj"]), "first")
    model.save_pretrained(str(tmp_path / "adapter"))
    with pytest.raises(ConfigurationError, match="no adapter_config") as caught:
        merge(bases["llama"], tmp_path / "adapter", tmp_path / "merged")
    assert "it has first" in str(caught.value)


def test_a_magnitude_that_is_missing_or_too_much(bases: dict[str, Path], tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    make_adapter(bases["llama"], adapter, LoraConfig(r=4, target_modules=["q_proj"], use_dora=True))
    file = adapter / "adapter_model.safetensors"
    tensors = load_file(file)
    name = next(key for key in tensors if key.endswith("lora_magnitude_vector"))
    save_file({key: tensor for key, tensor in tensors.items() if key != name}, file)
    with pytest.raises(ConfigurationError, match="there is no lora_magnitude_vector for"):
        merge(bases["llama"], adapter, tmp_path / "without")
    save_file(tensors, file)
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "use_dora": False}))
    with pytest.raises(ConfigurationError, match="2 of its tensors have no place"):
        merge(bases["llama"], adapter, tmp_path / "unasked")
