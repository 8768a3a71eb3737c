"""model_merge as a whole: every element against a float64 reference, layout, determinism, checks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_merging_rounding import exactly_rounded
from tiny_models import MISTRAL, MIXTRAL, read_model, write_model, write_tensors

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.model_merge import merge_models

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def linear_config(*folders: Path, weights: tuple[float, ...] = (1.0, 1.0), **keys: Any) -> dict[str, Any]:
    models = [
        {"model": str(folder), "parameters": {"weight": weight}}
        for folder, weight in zip(folders, weights, strict=True)
    ]
    return {"merge_method": "linear", "models": models, **keys}


def merge(output_dir: Path, config: dict[str, Any], **keys: Any) -> dict[str, Any]:
    job = {"config": config, "output_dir": str(output_dir), "donor": None, **keys}
    return merge_models(job, Events(output_dir.parent / "events.jsonl"))


@pytest.fixture
def experts(tmp_path: Path) -> tuple[Path, Path]:
    write_model(tmp_path / "absolute", MISTRAL, 1)
    write_model(tmp_path / "relative", MISTRAL, 2)
    return tmp_path / "absolute", tmp_path / "relative"


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.6, 0.4), (1.0, 1.0), (3.0, -0.7)])
@pytest.mark.parametrize("output", DTYPES)
@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("architecture", [MISTRAL, MIXTRAL], ids=["mistral", "mixtral"])
def test_each_element_is_the_float64_value_rounded_once(
    tmp_path: Path, architecture: dict[str, Any], source: str, output: str, weights: tuple[float, float]
) -> None:
    a = write_model(tmp_path / "a", architecture, 1, DTYPES[source])
    b = write_model(tmp_path / "b", architecture, 2, DTYPES[source])
    merge(tmp_path / "out", linear_config(tmp_path / "a", tmp_path / "b", weights=weights, dtype=output))
    merged = read_model(tmp_path / "out")
    assert merged.keys() == a.keys()
    for name, values in merged.items():
        assert values.dtype == DTYPES[output]
        x, y = a[name].to(torch.float64).numpy(), b[name].to(torch.float64).numpy()
        expected = exactly_rounded(
            (weights[0] * x + weights[1] * y) / (weights[0] + weights[1]), values.dtype
        )
        np.testing.assert_array_equal(values.to(torch.float64).numpy(), expected, err_msg=name)


def test_tensors_larger_than_a_piece_are_merged_whole(tmp_path: Path) -> None:
    config = {**MISTRAL, "hidden_size": 128, "vocab_size": 5000}
    a = write_model(tmp_path / "a", config, 1, torch.bfloat16)
    b = write_model(tmp_path / "b", config, 2, torch.bfloat16)
    merge(tmp_path / "out", linear_config(tmp_path / "a", tmp_path / "b", weights=(0.6, 0.4)))
    name = "model.embed_tokens.weight"
    expected = 0.6 * a[name].to(torch.float64).numpy() + 0.4 * b[name].to(torch.float64).numpy()
    merged = read_model(tmp_path / "out")[name].to(torch.float64).numpy()
    np.testing.assert_array_equal(merged, exactly_rounded(expected, torch.bfloat16))


def test_normalize_false_leaves_the_sum(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    merge(tmp_path / "out", linear_config(*experts, parameters={"normalize": False}))
    a, b = read_model(experts[0]), read_model(experts[1])
    for name, values in read_model(tmp_path / "out").items():
        expected = a[name].to(torch.float64) + b[name].to(torch.float64)
        assert torch.equal(values, expected.to(torch.float32))


def test_weight_from_the_common_parameters(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    config = linear_config(*experts, parameters={"weight": 3})
    del config["models"][0]["parameters"]
    merge(tmp_path / "out", config)
    merge(tmp_path / "same", linear_config(*experts, weights=(3, 1)))
    assert _digest(tmp_path / "out", "model") == _digest(tmp_path / "same", "model")


def test_the_same_bytes_on_every_run(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    for run in ("first", "second"):
        merge(tmp_path / run, linear_config(*experts, dtype="bfloat16"), max_shard_bytes=4000)
    assert _digest(tmp_path / "first") == _digest(tmp_path / "second")


@pytest.mark.parametrize("architecture", [MISTRAL, MIXTRAL], ids=["mistral", "mixtral"])
def test_shards_load_in_transformers(tmp_path: Path, architecture: dict[str, Any]) -> None:
    from transformers import AutoModelForCausalLM

    write_model(tmp_path / "a", architecture, 1)
    write_model(tmp_path / "b", architecture, 2)
    config = linear_config(tmp_path / "a", tmp_path / "b")
    merge(tmp_path / "whole", config)
    merge(tmp_path / "sharded", config, max_shard_bytes=5000)
    index = json.loads((tmp_path / "sharded" / "model.safetensors.index.json").read_text())
    files = sorted(file.name for file in (tmp_path / "sharded").glob("*.safetensors"))
    assert sorted(set(index["weight_map"].values())) == files
    assert files[0] == f"model-00001-of-{len(files):05d}.safetensors"
    assert len(files) > 2
    assert index["metadata"]["total_size"] == sum(t.nbytes for t in read_model(tmp_path / "whole").values())

    models = []
    for folder in ("whole", "sharded"):
        model, report = AutoModelForCausalLM.from_pretrained(tmp_path / folder, output_loading_info=True)
        assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
        models.append(model)
    ids = torch.arange(12).view(1, -1)
    assert torch.equal(models[0](ids).logits, models[1](ids).logits)
    assert models[1].config.rope_parameters["rope_theta"] == 1000000.0


def test_what_save_pretrained_shards_is_read(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(experts[1]).save_pretrained(
        tmp_path / "resaved", max_shard_size="5KB"
    )
    assert len(list((tmp_path / "resaved").glob("*.safetensors"))) > 2
    merge(tmp_path / "out", linear_config(experts[0], tmp_path / "resaved"))
    merge(tmp_path / "expected", linear_config(*experts))
    assert _digest(tmp_path / "out", "model") == _digest(tmp_path / "expected", "model")


def test_config_and_tokenizer_come_from_the_donor(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    new_style = {key: value for key, value in MISTRAL.items() if key != "rope_theta"}
    new_style["rope_parameters"] = {"rope_theta": 500000.0, "rope_type": "default"}
    write_tensors(tmp_path / "donor", new_style, read_model(experts[0]))
    (tmp_path / "donor" / "chat_template.jinja").write_text("template")
    merge(tmp_path / "out", linear_config(*experts, out_dtype="float16"), donor=str(tmp_path / "donor"))
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config == {**new_style, "rope_theta": 500000.0, "dtype": "float16", "torch_dtype": "float16"}
    for name in ("chat_template.jinja", "generation_config.json", "tokenizer_config.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "donor" / name).read_bytes()


def test_the_donor_is_the_base_model_or_else_the_first(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    (experts[0] / "generation_config.json").write_text('{"from": "absolute"}')
    (experts[1] / "generation_config.json").write_text('{"from": "relative"}')
    merge(tmp_path / "first", linear_config(*experts))
    merge(tmp_path / "base", linear_config(*experts, base_model=str(experts[1])))
    assert "absolute" in (tmp_path / "first" / "generation_config.json").read_text()
    assert "relative" in (tmp_path / "base" / "generation_config.json").read_text()


def test_metrics_and_progress(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    metrics = merge(tmp_path / "out", linear_config(*experts))
    a, b = read_model(experts[0]), read_model(experts[1])
    together_a, together_b = (torch.cat([model[name].view(-1) for name in a]).double() for model in (a, b))
    assert metrics["tensors"] == len(a)
    assert metrics["bytes_read"] == 2 * sum(tensor.nbytes for tensor in a.values())
    assert metrics["bytes_written"] == sum(file.stat().st_size for file in (tmp_path / "out").iterdir())
    # Tensors this small are looked at whole.
    pair = metrics["comparison"]["pairs"][0]
    assert metrics["comparison"]["sampled_elements"] == together_a.numel()
    assert pair["distance"] == pytest.approx(float((together_b - together_a).norm() / together_a.norm()))
    assert pair["cosine"] == pytest.approx(float(torch.cosine_similarity(together_a, together_b, dim=0)))
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    progress = [event for event in events if event["event"] == "progress"]
    assert (progress[-1]["done"], progress[-1]["total"], progress[-1]["unit"]) == (len(a), len(a), "tensors")


def test_tokenizers_that_differ_are_warned_about(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    (experts[1] / "tokenizer_config.json").write_text('{"chat_template": "another"}')
    merge(tmp_path / "out", linear_config(*experts))
    assert f"{experts[1] / 'tokenizer_config.json'} differs" in (tmp_path / "events.jsonl").read_text()


def test_the_same_folder_twice(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    (tmp_path / "link").symlink_to(experts[0])
    for second in (experts[0], tmp_path / "link"):
        with pytest.raises(ConfigurationError, match=r"models\[0\] and models\[1\] are the same model: "):
            merge(tmp_path / "out", linear_config(experts[0], second))
    assert not (tmp_path / "out").exists()


def test_the_same_weights_in_two_folders(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    write_tensors(tmp_path / "copy", MISTRAL, read_model(experts[0]))
    with pytest.raises(ConfigurationError, match=r"every tensor of .* has the same bytes"):
        merge(tmp_path / "out", linear_config(experts[0], tmp_path / "copy"))


def test_models_that_differ_in_one_late_element_are_two(tmp_path: Path) -> None:
    config = {**MISTRAL, "hidden_size": 128, "vocab_size": 300}
    tensors = write_model(tmp_path / "a", config, 1)
    tensors["lm_head.weight"][-1, -1] += 1
    write_tensors(tmp_path / "b", config, tensors)
    merge(tmp_path / "out", linear_config(tmp_path / "a", tmp_path / "b"))
    assert (tmp_path / "out" / "model.safetensors").is_file()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("expert", [0, 1])
def test_values_that_are_not_finite(
    tmp_path: Path, experts: tuple[Path, Path], expert: int, value: float
) -> None:
    tensors = read_model(experts[expert])
    tensors["model.layers.1.mlp.up_proj.weight"][3, 2] = value
    write_tensors(experts[expert], MISTRAL, tensors)
    problem = f"{experts[expert].name}: tensor model.layers.1.mlp.up_proj.weight: 1 of 384 values are NaN"
    with pytest.raises(ConfigurationError, match=problem):
        merge(tmp_path / "out", linear_config(*experts))


def test_overflow_of_the_output_dtype(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    tensors = read_model(experts[0])
    tensors["model.norm.weight"][0] = 1e6
    write_tensors(experts[0], MISTRAL, tensors)
    with pytest.raises(ConfigurationError, match=r"tensor model.norm.weight: .* exceed the range of float16"):
        merge(tmp_path / "out", linear_config(*experts, dtype="float16"))


def test_names_shapes_and_dtypes_must_agree(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    def against(config: dict[str, Any], dtype: torch.dtype = torch.float32) -> ConfigurationError:
        write_model(tmp_path / "other", config, 3, dtype)
        with pytest.raises(ConfigurationError) as caught:
            merge(tmp_path / "out", linear_config(experts[0], tmp_path / "other"))
        assert not (tmp_path / "out").exists()
        return caught.value

    deeper = against({**MISTRAL, "num_hidden_layers": 3}).problem
    assert deeper.startswith(f"{experts[0]}: lacks model.layers.2.input_layernorm.weight, ")
    assert "and 6 more" in deeper
    assert f"{tmp_path / 'other'}: lacks" in against({**MISTRAL, "num_hidden_layers": 1}).problem
    wider = against({**MISTRAL, "intermediate_size": 32}).problem
    assert "layers.0.mlp.down_proj.weight: the shapes differ: [16, 24] in" in wider
    assert "the vocabularies differ in size: [48, 16] in" in against({**MISTRAL, "vocab_size": 50}).problem
    assert "is bfloat16, in" in against(MISTRAL, torch.bfloat16).problem


def test_a_donor_with_another_vocabulary(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    write_model(tmp_path / "donor", {**MISTRAL, "vocab_size": 50}, 3)
    with pytest.raises(ConfigurationError, match=r"vocab_size is 50, lm_head\.weight has 48 rows"):
        merge(tmp_path / "out", linear_config(*experts), donor=str(tmp_path / "donor"))
    with pytest.raises(ConfigurationError, match=r"no config\.json"):
        merge(tmp_path / "out", linear_config(*experts), donor=str(tmp_path))


def test_an_output_folder_in_use(tmp_path: Path, experts: tuple[Path, Path]) -> None:
    merge(tmp_path / "out", linear_config(*experts))
    with pytest.raises(ConfigurationError, match=r"out: already holds model.safetensors"):
        merge(tmp_path / "out", linear_config(*experts))


@pytest.mark.parametrize("size", [0, -1, 1.5, "5GB", True])
def test_shard_sizes_that_are_none(tmp_path: Path, experts: tuple[Path, Path], size: object) -> None:
    with pytest.raises(ConfigurationError, match="max_shard_bytes"):
        merge(tmp_path / "out", linear_config(*experts), max_shard_bytes=size)


def _digest(folder: Path, prefix: str = "") -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob(f"{prefix}*"))}
