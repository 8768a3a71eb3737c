"""Merge configurations: what is read from them, and what the error says where there is a mistake."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.merging.mergekit_config import MergeConfig, ModelSource, parse_merge_config

LINEAR: dict[str, Any] = {
    "merge_method": "linear",
    "models": [
        {"model": "a", "parameters": {"weight": 1.0}},
        {"model": "b", "parameters": {"weight": 1}},
    ],
    "dtype": "bfloat16",
}
TIES: dict[str, Any] = {
    "merge_method": "ties",
    "base_model": "base",
    "models": [
        {"model": "a", "parameters": {"weight": 1.0, "density": 0.5}},
        {"model": "b", "parameters": {"weight": 0.5}},
    ],
}
SLERP: dict[str, Any] = {
    "merge_method": "slerp",
    "base_model": "a",
    "models": [{"model": "a"}, {"model": "b"}],
    "parameters": {"t": 0.5},
}
METHODS = {"linear": LINEAR, "ties": TIES, "slerp": SLERP}
NORM = "model.norm.weight"


def find(name: str) -> ModelSource:
    if name.startswith("/no"):
        raise ConfigurationError(f"{name}: no such folder", "name the folder of a model")
    folder, _, adapter = name.partition("+")
    return ModelSource(Path(folder), Path(adapter) if adapter else None, name)


def parse(config: Any, **changes: Any) -> MergeConfig:
    return parse_merge_config({**config, **changes} if changes else config, find)


def changed(config: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    result = copy.deepcopy(config)
    place: Any = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return result


def names(config: MergeConfig) -> list[str]:
    return [model.name for model in config.models]


def test_a_right_one() -> None:
    parsed = parse(LINEAR)
    assert parsed.models == (ModelSource(Path("a"), None, "a"), ModelSource(Path("b"), None, "b"))
    assert parsed.base is None
    assert parsed.dtype is not None
    assert parsed.dtype.name == "bfloat16"
    parameters = parsed.parameters(NORM, 2)
    assert parameters.weight == (1.0, 1.0)
    assert parameters.normalize is True
    assert parameters.density == ()


def test_dtypes() -> None:
    assert parse(LINEAR, out_dtype="float32").dtype.name == "float32"  # type: ignore[union-attr]
    assert parse(LINEAR, dtype="torch.float16").dtype.name == "float16"  # type: ignore[union-attr]
    assert parse(LINEAR, dtype=None).dtype is None


def test_a_base_that_is_listed_and_one_that_is_not() -> None:
    listed = parse(TIES, models=[{"model": "base"}, *TIES["models"]])
    for config in (parse(TIES), listed):
        assert names(config) == ["a", "b"]
        assert config.base == ModelSource(Path("base"))
        assert config.parameters(NORM, 2).weight == (1.0, 0.5)
    assert names(parse(SLERP)) == ["b"]
    assert names(parse(SLERP, models=[{"model": "b"}, {"model": "a"}])) == ["b"]
    assert names(parse(SLERP, models=[{"model": "b"}])) == ["b"]


def test_a_base_of_linear_is_a_donor_unless_it_is_listed() -> None:
    parsed = parse(LINEAR, base_model="base")
    assert parsed.base == ModelSource(Path("base"))
    assert names(parsed) == ["a", "b"]
    listed = [*LINEAR["models"], {"model": "base", "parameters": {"weight": 2}}]
    assert parse(LINEAR, base_model="base", models=listed).parameters(NORM, 2).weight == (1.0, 1.0, 2.0)


def test_adapters_on_one_base_are_different_models() -> None:
    models = [{"model": f"base+{name}", "parameters": {"weight": 1}} for name in ("first", "second")]
    parsed = parse(LINEAR, models=models)
    assert [model.adapter for model in parsed.models] == [Path("first"), Path("second")]


def test_defaults() -> None:
    parameters = parse(TIES).parameters(NORM, 2)
    assert parameters.density == (0.5, 1.0)
    assert parameters.normalize is True
    assert parameters.lambda_ == 1.0
    parameters = parse(TIES, merge_method="dare_linear").parameters(NORM, 2)
    assert (parameters.normalize, parameters.rescale) == (False, True)
    models = [{"model": "a"}, {"model": "b"}]
    parameters = parse(TIES, merge_method="supermario", models=models).parameters(NORM, 2)
    assert (parameters.p, parameters.lambda_, parameters.weight) == (0.1, 1.95, ())


def test_a_model_goes_before_its_slice_and_a_slice_before_all() -> None:
    source = {"layer_range": [0, 4]}
    config = {
        "merge_method": "ties",
        "base_model": "base",
        "slices": [
            {
                "sources": [
                    {**source, "model": "a", "parameters": {"weight": [{"filter": "mlp", "value": 1}]}},
                    {**source, "model": "base"},
                    {**source, "model": "b"},
                ],
                "parameters": {"weight": [{"filter": "layers.0", "value": 2}], "lambda": 0.5},
            }
        ],
        "parameters": {"weight": 3, "lambda": 0.7, "density": 0.25},
    }
    parsed = parse(config)
    assert names(parsed) == ["a", "b"]
    for tensor, weight in {
        "model.layers.0.mlp.up_proj.weight": (1.0, 2.0),
        "model.layers.0.self_attn.q_proj.weight": (2.0, 2.0),
        "model.layers.1.mlp.up_proj.weight": (1.0, 3.0),
        "lm_head.weight": (3.0, 3.0),
    }.items():
        parameters = parsed.parameters(tensor, 4)
        assert parameters.weight == weight, tensor
        assert (parameters.lambda_, parameters.density) == (0.5, (0.25, 0.25))
    with pytest.raises(ConfigurationError, match="ends at 4, the models have 32 layers"):
        parsed.parameters(NORM, 32)


def test_the_first_filter_that_matches_counts() -> None:
    t = [
        {"filter": "q_proj", "value": 0.1},
        {"filter": "self_attn", "value": 0.2},
        {"filter": "*", "value": 0.3},
    ]
    parsed = parse(SLERP, parameters={"t": t})
    assert parsed.parameters("model.layers.0.self_attn.q_proj.weight", 2).t == 0.1
    assert parsed.parameters("model.layers.0.self_attn.k_proj.weight", 2).t == 0.2
    assert parsed.parameters(NORM, 2).t == 0.3
    parsed = parse(SLERP, parameters={"t": {"value": 0.4, "filter": None}})
    assert parsed.parameters(NORM, 2).t == 0.4


def test_where_a_gradient_is_read() -> None:
    parsed = parse(SLERP, parameters={"t": [0, 1, 3]})
    expected = {
        "model.embed_tokens.weight": 0.0,
        "model.layers.0.mlp.up_proj.weight": 0.0,
        "model.layers.1.mlp.up_proj.weight": 0.5,
        "model.layers.2.mlp.up_proj.weight": 1.0,
        "model.layers.3.mlp.up_proj.weight": 2.0,
        "model.layers.4.block_sparse_moe.experts.3.w1.weight": 3.0,
        "model.norm.weight": 0.0,
        "lm_head.weight": 0.0,
    }
    assert {tensor: parsed.parameters(tensor, 5).t for tensor in expected} == expected
    assert parsed.parameters("model.layers.0.mlp.up_proj.weight", 1).t == 3.0
    assert parsed.parameters(NORM, 1).t == 0.0


@pytest.mark.parametrize(
    "value", [1, "yes", "on", True, "True", 1.0, [True], [{"filter": "norm", "value": 1}]]
)
def test_booleans(value: Any) -> None:
    assert parse(TIES, parameters={"normalize": value}).parameters(NORM, 2).normalize is True


def test_a_gradient_of_booleans_has_steps() -> None:
    parsed = parse(TIES, parameters={"normalize": [1, 0]})
    found = [parsed.parameters(f"model.layers.{i}.mlp.up_proj.weight", 4).normalize for i in range(4)]
    assert found == [True, True, True, False]


def test_numbers_in_scientific_notation_may_be_strings() -> None:
    assert parse(SLERP, parameters={"t": ["1e-1", "3e-1"]}).parameters(NORM, 2).t == 0.1


def test_what_has_no_effect_here_is_accepted() -> None:
    parsed = parse(TIES, parameters={"int8_mask": True, "rescale": False, "normalize": False})
    assert parsed.parameters(NORM, 2).normalize is False
    assert parse(LINEAR, parameters={"int8_mask": 1}, tokenizer=None, modules=None).method_name == "linear"


def test_tokenizer_source() -> None:
    assert parse(LINEAR).tokenizer_source is None
    assert parse(LINEAR, tokenizer_source="b").tokenizer_source == ModelSource(Path("b"))
    assert parse(TIES, tokenizer_source="base").tokenizer_source == ModelSource(Path("base"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"merge_metod": "linear"}, r"unknown key 'merge_metod'\n  did you mean merge_method\?"),
        ({"merge_method": "liner"}, r"merge_method: 'liner' is not there\n  did you mean linear\?"),
        ({"merge_method": None}, r"merge_method: None is not there\n  methods: linear"),
        ({"merge_method": "della"}, r"merge_method: della is not one .*\n  write engine: mergekit"),
        ({"merge_method": "passthrough"}, "write engine: mergekit"),
        ({"modules": {}}, r"modules: this engine .*\n  write engine: mergekit"),
        ({"tokenizer": {"source": "union"}}, r"tokenizer: this engine .*\n  write engine: mergekit"),
        ({"tokenizer_source": "union"}, r"tokenizer_source: union: .*\n  write engine: mergekit"),
        ({"tokenizer_source": "base"}, "tokenizer_source: base: there is no base_model"),
        ({"tokenizer_source": "/no"}, "tokenizer_source: /no: no such folder"),
        ({"tokenizer_source": 3}, "tokenizer_source: found int 3"),
        ({"chat_template": "chatml"}, "chat_template: chatml: this is the name of a template"),
        ({"chat_template": "plain"}, "chat_template: 'plain' is no template"),
        ({"chat_template": 3}, "chat_template: found int 3"),
        ({"dtype": "int8"}, "dtype: 'int8' is not a dtype that can be written"),
        ({"out_dtype": 16}, "out_dtype: 16 is not a dtype"),
        ({"models": None}, "models: found nothing"),
        ({"models": [{"model": "a"}]}, "models: found 1 of them"),
        ({"models": ["a", "b"]}, r"models\[0\]: found str 'a'"),
        ({"models": [{"path": "a"}, {}]}, r"models\[0\]: unknown key 'path'"),
        ({"models": [{}, {}]}, r"models\[0\].model: found nothing"),
        ({"models": [{"model": "/no/such"}, {}]}, r"models\[0\].model: /no/such: no such folder"),
        ({"models": [LINEAR["models"][0]] * 2}, r"models\[0\] and models\[1\] are the same model: a"),
        ({"parameters": 3}, "parameters: found int 3, not a mapping"),
        ({"parameters": {"normalise": True}}, "unknown parameter 'normalise' .*\n  did you mean normalize"),
        ({"parameters": {"normalize": "perhaps"}}, "parameters.normalize: normalize is 'perhaps'"),
        ({"parameters": {"normalize": 0.5}}, "parameters.normalize: normalize is 0.5"),
        ({"parameters": {"int8_mask": "maybe"}}, "parameters.int8_mask: int8_mask is 'maybe'"),
        (
            {"parameters": {"density": 0.5}},
            "unknown parameter 'density' of linear.*\n  leave it out: density belongs to",
        ),
        ({"parameters": {"gamma": 0.5}}, "unknown parameter 'gamma' of linear, which has normalize, weight"),
        ({"base_model": "/no/such"}, "base_model: /no/such: no such folder"),
        (
            {"base_model": "c", "parameters": {"weight": 1}},
            "mergekit gives this weight to the base_model too",
        ),
        ({"slices": []}, "both models and slices are there"),
        ({"slices": [], "models": None}, r"slices: found list \[\]"),
        ({"slices": [{"sources": []}, {}], "models": None}, r"slices\[1\]: .*\n  write engine: mergekit"),
        ({"slices": ["a"], "models": None}, r"slices\[0\]: found str 'a'"),
        (
            {"slices": [{"source": []}], "models": None},
            r"slices\[0\]: unknown key 'source'\n  did you mean sources",
        ),
        ({"slices": [{"sources": None}], "models": None}, r"slices\[0\].sources: found nothing"),
    ],
)
def test_mistakes(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        parse(LINEAR, **change)


@pytest.mark.parametrize(
    ("ranges", "problem"),
    [
        (([0, 32], [0, 24]), r"sources\[1\].layer_range: \[0, 24\]: this engine merges all layers"),
        (([8, 32], [8, 32]), r"sources\[0\].layer_range: \[8, 32\]: .*\n  write engine: mergekit"),
        (([0, 32], 32), r"sources\[1\].layer_range: found int 32"),
        (([0, 32], None), r"sources\[1\].layer_range: found nothing"),
        (([0, "32"], None), r"sources\[0\].layer_range: found list"),
    ],
)
def test_slices_that_are_not_whole_models(ranges: tuple[Any, Any], problem: str) -> None:
    sources = [{"model": name, "layer_range": end} for name, end in zip("ab", ranges, strict=True)]
    with pytest.raises(ConfigurationError, match=problem):
        parse(LINEAR, models=None, slices=[{"sources": sources}])


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({}, r"models\[1\]: no parameters.weight"),
        ({"wieght": 1}, "unknown parameter 'wieght' .*\n  did you mean weight"),
        ({"weight": [0, None]}, r"models\[1\].parameters.weight\[1\]: weight is None"),
        ({"weight": []}, "weight: the list is empty"),
        ({"weight": True}, "weight is True"),
        ({"weight": float("nan")}, "weight is nan"),
        ({"weight": "heavy"}, "weight is 'heavy'"),
        ({"weight": 1, "normalize": False}, "normalize: this concerns all models together"),
        ({"weight": -1}, "the weights 1.0, -1.0 of all tensors sum to 0"),
        ({"weight": {"value": 1, "filtre": "mlp"}}, "weight: unknown key 'filtre'\n  did you mean filter"),
        (
            {"weight": [{"pattern": "mlp", "value": 1}]},
            r"weight\[0\]: unknown key 'pattern'\n  did you mean filter",
        ),
        ({"weight": [{"filter": 3, "value": 1}]}, r"models\[1\].parameters.weight\[0\].filter: found int 3"),
        ({"weight": [{"filter": "", "value": 1}]}, r"weight\[0\].filter: it is empty"),
        ({"weight": [{"filter": "mlp"}]}, r"weight\[0\]: no value"),
        ({"weight": [{"filter": "mlp", "value": [1, "x"]}]}, r"weight\[0\].value\[1\]: weight is 'x'"),
        ({"weight": [{"value": 1}, 2]}, r"weight\[1\]: found int 2 among conditions"),
        ({"weight": {"value": {"value": 1}}}, r"weight.value: weight is \{'value': 1\}"),
    ],
)
def test_mistakes_in_a_model(parameters: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        parse(changed(LINEAR, ("models", 1, "parameters"), parameters))


@pytest.mark.parametrize(
    ("method", "path", "value", "problem"),
    [
        ("ties", ("base_model",), None, "ties needs a base_model"),
        (
            "ties",
            ("models",),
            [{"model": "base"}],
            "found 0 of them beside the base_model, ties takes 1 or more",
        ),
        (
            "ties",
            ("models", 0, "parameters", "density"),
            1.5,
            r"models\[0\].parameters.density: density is 1.5",
        ),
        ("ties", ("parameters",), {"rescale": True}, "ties does not rescale here"),
        ("ties", ("models", 1, "model"), "base", "this is the base model, which has none with ties"),
        ("slerp", ("base_model",), None, "slerp needs a base_model"),
        ("slerp", ("base_model",), "c", "found 2 of them beside the base_model, slerp takes 1"),
        ("slerp", ("models",), [{"model": "a"}], "found 0 of them beside the base_model, slerp takes 1"),
        ("slerp", ("parameters",), {}, "slerp needs parameters.t"),
        (
            "slerp",
            ("models", 1, "parameters"),
            {"t": 1},
            r"models\[1\].parameters.t: this concerns all models",
        ),
        ("slerp", ("parameters", "weight"), 1, "unknown parameter 'weight' of slerp, which has t"),
    ],
)
def test_mistakes_that_a_method_makes_of_it(
    method: str, path: tuple[Any, ...], value: Any, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        parse(changed(METHODS[method], path, value))


def test_a_probability_of_supermario_below_1() -> None:
    config = {**TIES, "merge_method": "supermario", "models": [{"model": "a"}], "parameters": {"p": 1}}
    with pytest.raises(ConfigurationError, match=r"parameters.p: p is 1\n.* from 0 to below 1"):
        parse(config)


def test_no_filter_matches_a_tensor() -> None:
    parsed = parse(changed(LINEAR, ("models", 1, "parameters", "weight"), [{"filter": "mlp", "value": 1}]))
    assert parsed.parameters("model.layers.0.mlp.up_proj.weight", 2).weight == (1.0, 1.0)
    with pytest.raises(ConfigurationError, match=r"models\[1\] \(b\): no weight for model.norm.weight"):
        parsed.parameters(NORM, 2)
    parsed = parse(SLERP, parameters={"t": [{"filter": "mlp", "value": 1}]})
    with pytest.raises(ConfigurationError, match=r"no t for model.norm.weight: no filter matches it"):
        parsed.parameters(NORM, 2)


def test_weights_that_sum_to_0_in_one_layer() -> None:
    parsed = parse(changed(LINEAR, ("models", 1, "parameters", "weight"), [1, -1]))
    assert parsed.parameters(NORM, 2).weight == (1.0, 1.0)
    with pytest.raises(
        ConfigurationError, match=r"weights 1.0, -1.0 of model.layers.1.mlp.up_proj.weight sum to 0"
    ):
        parsed.parameters("model.layers.1.mlp.up_proj.weight", 2)
    parse(changed(LINEAR, ("models", 1, "parameters", "weight"), -1), parameters={"normalize": False})
    parse(changed(TIES, ("models", 1, "parameters", "weight"), -1))


def test_a_list_in_place_of_a_mapping() -> None:
    with pytest.raises(ConfigurationError, match="found list"):
        parse([])
