"""The shapes of configuration that mergekit publishes (its examples and README), over 32 layers."""

from __future__ import annotations

import pytest
import yaml
from test_merging_mergekit_config import parse

from prometheus_trainer.merging.mergekit_config import MergeConfig

EMBEDDINGS, NORM, HEAD = "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"
LAYERS = 32


def read(text: str) -> MergeConfig:
    return parse(yaml.safe_load(text))


def attention(layer: int) -> str:
    return f"model.layers.{layer}.self_attn.o_proj.weight"


def mlp(layer: int) -> str:
    return f"model.layers.{layer}.mlp.down_proj.weight"


def test_linear() -> None:
    config = read(
        """
        models:
          - model: first
            parameters:
              weight: 1.0
          - model: second
            parameters:
              weight: 0.3
          - model: third
            parameters:
              weight: 0.5
        merge_method: linear
        dtype: float16
        """
    )
    assert [model.name for model in config.models] == ["first", "second", "third"]
    assert config.dtype is not None
    assert config.dtype.name == "float16"
    for tensor in (EMBEDDINGS, attention(0), mlp(31), NORM, HEAD):
        parameters = config.parameters(tensor, LAYERS)
        assert (parameters.weight, parameters.normalize) == ((1.0, 0.3, 0.5), True)


SLERP_PARAMETERS = """
merge_method: slerp
base_model: first
parameters:
  t:
    - filter: self_attn
      value: [0, 0.5, 0.3, 0.7, 1]
    - filter: mlp
      value: [1, 0.5, 0.7, 0.3, 0]
    - value: 0.5 # all others
dtype: float16
"""
SLICES = """
slices:
  - sources:
      - model: first
        layer_range: [0, 32]
      - model: second
        layer_range: [0, 32]
"""
MODELS = """
models:
  - model: first
  - model: second
"""


@pytest.mark.parametrize("models", [SLICES, MODELS], ids=["slices", "models"])
def test_gradient_slerp(models: str) -> None:
    config = read(models + SLERP_PARAMETERS)
    assert config.base is not None
    assert (config.base.name, [model.name for model in config.models]) == ("first", ["second"])
    # Layer i is at 4i/31 in the list of five: layer 8 at 1 + 1/31, layer 20 at 2 + 18/31.
    expected: dict[str, float] = {
        EMBEDDINGS: 0.5,
        attention(0): 0.0,
        attention(8): 0.5 - 0.2 / 31,
        attention(20): 0.3 + 0.4 * 18 / 31,
        attention(31): 1.0,
        mlp(0): 1.0,
        mlp(8): 0.5 + 0.2 / 31,
        mlp(20): 0.7 - 0.4 * 18 / 31,
        mlp(31): 0.0,
        "model.layers.8.input_layernorm.weight": 0.5,
        NORM: 0.5,
        HEAD: 0.5,
    }
    assert {tensor: config.parameters(tensor, LAYERS).t for tensor in expected} == pytest.approx(
        expected, abs=1e-12
    )


TIES = """
models:
  - model: first
    parameters:
      density: [1, 0.7, 0.1] # a gradient of densities
      weight: 1.0
  - model: second
    parameters:
      density: 0.5
      weight: [0, 0.3, 0.7, 1] # a gradient of weights
  - model: third
    parameters:
      density: 0.33
      weight:
        - filter: mlp
          value: 0.5
        - value: 0
merge_method: METHOD
base_model: base
parameters:
  normalize: true
  int8_mask: true
dtype: float16
"""


@pytest.mark.parametrize("method", ["ties", "dare_ties"])
def test_ties_and_dare_with_gradients_and_filters(method: str) -> None:
    config = read(TIES.replace("METHOD", method))
    assert config.base is not None
    assert config.base.name == "base"
    # Layer 10 is at 20/31 in a list of three, at 30/31 in one of four; layer 31 at the end.
    expected: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
        EMBEDDINGS: ((1, 0, 0), (1, 0.5, 0.33)),
        mlp(0): ((1, 0, 0.5), (1, 0.5, 0.33)),
        attention(10): ((1, 0.3 * 30 / 31, 0), (1 - 0.3 * 20 / 31, 0.5, 0.33)),
        mlp(31): ((1, 1, 0.5), (0.1, 0.5, 0.33)),
        NORM: ((1, 0, 0), (1, 0.5, 0.33)),
        HEAD: ((1, 0, 0), (1, 0.5, 0.33)),
    }
    for tensor, (weight, density) in expected.items():
        parameters = config.parameters(tensor, LAYERS)
        assert parameters.weight == pytest.approx(weight, abs=1e-12), tensor
        assert parameters.density == pytest.approx(density, abs=1e-12), tensor
        assert parameters.normalize is True
        assert parameters.lambda_ == 1.0


@pytest.mark.parametrize("method", ["ties", "dare_ties", "dare_linear"])
def test_a_base_listed_without_parameters(method: str) -> None:
    config = read(
        f"""
        models:
          - model: base
            # no parameters necessary for base model
          - model: first
            parameters: {{density: 0.5, weight: 0.5}}
          - model: second
            parameters: {{density: 0.53, weight: 0.3}}
        merge_method: {method}
        base_model: base
        parameters: {{int8_mask: true}}
        dtype: bfloat16
        """
    )
    parameters = config.parameters(mlp(3), LAYERS)
    assert (parameters.weight, parameters.density) == ((0.5, 0.3), (0.5, 0.53))
    assert parameters.normalize is (method == "ties")
    assert parameters.rescale is True


def test_task_arithmetic() -> None:
    config = read(
        """
        models:
          - model: first
            parameters: {weight: 0.3}
          - model: second
            parameters: {weight: 0.7}
        merge_method: task_arithmetic
        base_model: base
        parameters: {normalize: false, lambda: 1.0}
        dtype: bfloat16
        tokenizer_source: base
        """
    )
    assert config.base is not None
    assert config.tokenizer_source == config.base
    parameters = config.parameters(attention(3), LAYERS)
    assert (parameters.weight, parameters.normalize, parameters.lambda_) == ((0.3, 0.7), False, 1.0)
