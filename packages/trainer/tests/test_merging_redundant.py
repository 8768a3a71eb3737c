"""Tensors that one model carries and another does not: left out where a loader passes over them, refused where not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from merging_models import merge_config, run_merge
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tiny_models import read_model
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.lora_merge import merge_lora

HEAD, EMBEDDINGS = "lm_head.weight", "model.embed_tokens.weight"
IDS = torch.tensor([[1, 7, 3, 9, 30, 2]])
Tensors = dict[str, torch.Tensor]


def llama(folder: Path, seed: int, tied: bool = True, **config: Any) -> Tensors:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}
    made = LlamaForCausalLM(LlamaConfig(vocab_size=48, tie_word_embeddings=tied, **sizes, **config))
    made.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


def add(folder: Path, more: Tensors, **config: Any) -> None:
    """Writes tensors and keys of the config to a model."""
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, **more}, folder / "model.safetensors", {"format": "pt"})
    set_config(folder, **config)


def set_config(folder: Path, **keys: Any) -> None:
    file = folder / "config.json"
    config = {**json.loads(file.read_text()), **keys}
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


def with_head(folder: Path) -> None:
    add(folder, {HEAD: load_file(folder / "model.safetensors")[EMBEDDINGS].clone()})


def logits_of(folder: Path) -> torch.Tensor:
    model, found = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, output_loading_info=True)
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    with torch.no_grad():
        return model(IDS).logits


def logits_of_sum(folders: Mapping[Path, float]) -> torch.Tensor:
    """Of a model whose parameters are the weighted sum, in float64, of those that transformers loads."""
    total: Any = None
    for folder, weight in folders.items():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
        if total is None:
            total, state = model, {name: values * 0 for name, values in model.state_dict().items()}
        for name, values in model.state_dict().items():
            state[name] = state[name] + weight * values
    total.load_state_dict(state)
    with torch.no_grad():
        return total(IDS).logits


def notices(folder: Path, kind: str = "notice") -> str:
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return "\n".join(event["message"] for event in events if event["event"] == kind)


def linear(*folders: Path, **keys: Any) -> dict[str, Any]:
    return merge_config("linear", folders, models=[{"weight": 1.0}] * len(folders), **keys)


@pytest.mark.parametrize("carriers", ["a", "b", "ab", "c", "abc"])
def test_a_tied_head_that_is_written(carriers: str, tmp_path: Path) -> None:
    """Whichever of the models has it, the result is that of the models without."""
    folders = [tmp_path / name for name in "abc"]
    for seed, folder in enumerate(folders):
        llama(folder, seed)
    run_merge(tmp_path / "without", linear(*folders, dtype="float32"))
    for name in carriers:
        with_head(tmp_path / name)
    run_merge(tmp_path / "out", linear(*folders, dtype="float32"))
    assert (tmp_path / "out/model.safetensors").read_bytes() == (
        tmp_path / "without/model.safetensors"
    ).read_bytes()
    expected = logits_of_sum(dict.fromkeys(folders, 1 / 3))
    torch.testing.assert_close(logits_of(tmp_path / "out"), expected, rtol=1e-5, atol=1e-6)
    for name in "abc":
        assert (f"{tmp_path / name}: left out of the merge: {HEAD}" in notices(tmp_path)) == (
            name in carriers
        )


@pytest.mark.parametrize("method", ["task_arithmetic", "ties"])
def test_a_base_with_a_tied_head(method: str, tmp_path: Path) -> None:
    for seed, name in enumerate(("base", "a", "b")):
        llama(tmp_path / name, seed)
    with_head(tmp_path / "base")
    experts = [tmp_path / "a", tmp_path / "b"]
    config = merge_config(method, experts, base=tmp_path / "base", parameters={"weight": 0.5})
    run_merge(tmp_path / "out", config)
    assert HEAD not in read_model(tmp_path / "out")
    if method == "task_arithmetic":
        expected = logits_of_sum({tmp_path / "base": 0.0, tmp_path / "a": 0.5, tmp_path / "b": 0.5})
        torch.testing.assert_close(logits_of(tmp_path / "out"), expected, rtol=1e-5, atol=1e-6)


def test_a_tied_head_in_a_shard_of_its_own(tmp_path: Path) -> None:
    """The embeddings that it repeats are in another file."""
    llama(tmp_path / "a", 0)
    llama(tmp_path / "b", 1)
    tensors = read_model(tmp_path / "a")
    (tmp_path / "a/model.safetensors").unlink()
    shards = {"model-00001-of-00002.safetensors": tensors}
    shards["model-00002-of-00002.safetensors"] = {HEAD: tensors[EMBEDDINGS].clone()}
    for name, held in shards.items():
        save_file(held, tmp_path / "a" / name)
    weight_map = {tensor: name for name, held in shards.items() for tensor in held}
    (tmp_path / "a/model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    run_merge(tmp_path / "out", linear(tmp_path / "a", tmp_path / "b"))
    assert read_model(tmp_path / "out").keys() == read_model(tmp_path / "b").keys()


def test_a_config_that_says_nothing_of_ties(tmp_path: Path) -> None:
    """A Llama has an output layer of its own then; a Gemma has none, and what it carries is left out."""
    for name in "ab":
        llama(tmp_path / name, ord(name), tied=False)
    set_config(tmp_path / "a", tie_word_embeddings=...)
    run_merge(tmp_path / "llama", linear(tmp_path / "a", tmp_path / "b"))
    assert HEAD in read_model(tmp_path / "llama")
    for name in "ab":
        with_head(tmp_path / name)
        set_config(tmp_path / name, tie_word_embeddings=..., model_type="gemma")
    run_merge(tmp_path / "gemma", linear(tmp_path / "a", tmp_path / "b"))
    assert HEAD not in read_model(tmp_path / "gemma")


def refused(folder: Path, *folders: Path, **keys: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        run_merge(folder / "out", linear(*folders), **keys)
    assert caught.value.hint
    assert not list(folder.glob("out/*.safetensors"))
    return str(caught.value)


@pytest.mark.parametrize("changed", ["a value", "the dtype", "the shape"])
def test_a_tied_head_with_other_values(changed: str, tmp_path: Path) -> None:
    """Readers disagree on such a model, so neither reading may be chosen without a word."""
    for name in "ab":
        llama(tmp_path / name, ord(name))
    head = read_model(tmp_path / "a")[EMBEDDINGS].clone()
    head[-1, -1] += 1
    heads = {"a value": head, "the dtype": head.half(), "the shape": head[:-1].contiguous()}
    add(tmp_path / "a", {HEAD: heads[changed]})
    message = refused(tmp_path, tmp_path / "b", tmp_path / "a")
    assert f"{tmp_path / 'a/model.safetensors'}: tensor {HEAD} differs from {EMBEDDINGS}" in message
    assert "transformers 5 reads both" in message


@pytest.mark.parametrize("written", [False, True], ids=["not written", "written"])
@pytest.mark.parametrize("first", ["tied", "own"])
def test_a_tied_model_and_one_with_an_output_layer_of_its_own(
    first: str, written: bool, tmp_path: Path
) -> None:
    """The result has its own, for which the tied model's embeddings count, whether it writes them twice or not."""
    folders = {"tied": tmp_path / "tied", "own": tmp_path / "own"}
    llama(folders["tied"], 0)
    llama(folders["own"], 1, tied=False)
    if written:
        with_head(folders["tied"])
    order = [folders.pop(first), *folders.values()]
    run_merge(tmp_path / "out", linear(*order, dtype="float32"))
    expected = logits_of_sum({tmp_path / "own": 0.5, tmp_path / "tied": 0.5})
    torch.testing.assert_close(logits_of(tmp_path / "out"), expected, rtol=1e-5, atol=1e-6)
    assert HEAD in read_model(tmp_path / "out")
    assert json.loads((tmp_path / "out/config.json").read_text())["tie_word_embeddings"] is False
    assert "an lm_head.weight of its own, and tie_word_embeddings: false" in notices(tmp_path)


def test_an_output_layer_that_a_model_without_a_config_lacks(tmp_path: Path) -> None:
    """Nothing says that its embeddings are meant."""
    llama(tmp_path / "tied", 0)
    (tmp_path / "tied/config.json").unlink()
    llama(tmp_path / "own", 1, tied=False)
    message = refused(tmp_path, tmp_path / "own", tmp_path / "tied")
    assert f"{tmp_path / 'tied'}: lacks {HEAD}, which {tmp_path / 'own'} has" in message


def test_a_config_without_the_output_layer_that_it_promises(tmp_path: Path) -> None:
    for name in "ab":
        llama(tmp_path / name, ord(name))
    set_config(tmp_path / "b", tie_word_embeddings=False)
    message = refused(tmp_path, tmp_path / "a", tmp_path / "b")
    assert f"{tmp_path / 'b/config.json'}: it says that the output layer has weights of its own" in message


@pytest.mark.parametrize("tied", [True, False])
def test_a_donor_that_disagrees_about_the_output_layer(tied: bool, tmp_path: Path) -> None:
    for name in "ab":
        llama(tmp_path / name, ord(name), tied=not tied)
    llama(tmp_path / "donor", 3, tied=tied)
    message = refused(tmp_path, tmp_path / "a", tmp_path / "b", donor=str(tmp_path / "donor"))
    assert f"{tmp_path / 'donor/config.json'}: it says that the" in message


def frequencies(layers: int) -> Tensors:
    own = {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": torch.rand(2) for i in range(layers)}
    return {**own, "model.rotary_emb.inv_freq": torch.rand(2), "model.position_ids": torch.arange(9)[None]}


@pytest.mark.parametrize("carriers", ["a", "b", "ab"])
def test_rotary_frequencies_and_positions(carriers: str, tmp_path: Path) -> None:
    """Saved by older versions of transformers; positions are whole numbers, which are no weights."""
    for name in "ab":
        llama(tmp_path / name, ord(name))
    run_merge(tmp_path / "without", linear(tmp_path / "a", tmp_path / "b"))
    for name in carriers:
        add(tmp_path / name, frequencies(2))
    run_merge(tmp_path / "out", linear(tmp_path / "a", tmp_path / "b"))
    assert (tmp_path / "out/model.safetensors").read_bytes() == (
        tmp_path / "without/model.safetensors"
    ).read_bytes()
    assert "left out of the merge" in notices(tmp_path)


def gpt2(folder: Path, seed: int, masks: bool, head: bool) -> None:
    torch.manual_seed(seed)
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 16}
    GPT2LMHeadModel(GPT2Config(vocab_size=48, **sizes)).save_pretrained(folder)
    more: Tensors = {}
    for layer in range(2 if masks else 0):
        more[f"transformer.h.{layer}.attn.bias"] = torch.ones(16, 16, dtype=torch.uint8).tril()[None, None]
        more[f"transformer.h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    if head:
        more[HEAD] = load_file(folder / "model.safetensors")["transformer.wte.weight"].clone()
    add(folder, more)


def test_causal_masks_are_told_from_biases(tmp_path: Path) -> None:
    gpt2(tmp_path / "a", 0, masks=True, head=False)
    gpt2(tmp_path / "b", 1, masks=False, head=True)
    run_merge(tmp_path / "out", linear(tmp_path / "a", tmp_path / "b"))
    names = read_model(tmp_path / "out").keys()
    assert "transformer.h.1.attn.c_attn.bias" in names
    assert not any(name.endswith(("attn.bias", "masked_bias")) for name in names if "c_attn" not in name)
    expected = logits_of_sum({tmp_path / "a": 0.5, tmp_path / "b": 0.5})
    torch.testing.assert_close(logits_of(tmp_path / "out"), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "carry",
    [with_head, lambda folder: add(folder, frequencies(2))],
    ids=["a tied head", "rotary frequencies"],
)
def test_a_base_of_an_adapter(carry: Callable[[Path], None], tmp_path: Path) -> None:
    """lora-merge, and an adapter that model-merge merges on the fly, against PEFT's logits."""
    llama(tmp_path / "base", 0)
    llama(tmp_path / "other", 1)
    torch.manual_seed(2)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    trained = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "down_proj"]))
    for name, values in trained.named_parameters():
        if "lora_" in name:
            values.data.normal_(std=0.1)
    trained.save_pretrained(tmp_path / "adapter")
    carry(tmp_path / "base")
    job = {"base": {"path": str(tmp_path / "base")}, "adapter": str(tmp_path / "adapter")}
    merge_lora({**job, "output_dir": str(tmp_path / "merged")}, Events(tmp_path / "events.jsonl"))
    assert "left out of the merge" in notices(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float64)
    with torch.no_grad():
        expected = PeftModel.from_pretrained(loaded, tmp_path / "adapter")(IDS).logits
    torch.testing.assert_close(logits_of(tmp_path / "merged"), expected, rtol=1e-5, atol=1e-6)

    config = linear(tmp_path / "other", tmp_path / "merged")
    run_merge(tmp_path / "two", config)
    config["models"][1]["model"] = f"{tmp_path / 'base'}+{tmp_path / 'adapter'}"
    run_merge(tmp_path / "one", config)
    torch.testing.assert_close(logits_of(tmp_path / "one"), logits_of(tmp_path / "two"), rtol=1e-5, atol=1e-6)


def test_a_model_with_its_head_is_the_same_model(tmp_path: Path) -> None:
    llama(tmp_path / "a", 0)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with_head(tmp_path / "b")
    assert "models[0] and models[1] are the same model" in refused(tmp_path, tmp_path / "a", tmp_path / "b")
