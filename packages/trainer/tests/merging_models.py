"""Models and jobs for tests of merging: tensors of every awkward size and value, and a merge as the stage runs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny_models import MISTRAL, write_tensors

from prometheus_trainer.events import Events
from prometheus_trainer.model_merge import merge_models

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}

# Around the sizes at which the engine cuts: 8 elements of a random mask, 32,000 of a piece, 262,144 of a block; rows of
# a length that suits none of them.
SHAPES: dict[str, tuple[int, ...]] = {
    "model.embed_tokens.weight": (48, 9001),
    "model.layers.0.input_layernorm.weight": (1,),
    "model.layers.0.self_attn.q_proj.weight": (7, 13),
    "model.layers.0.self_attn.k_proj.weight": (31_999,),
    "model.layers.0.self_attn.v_proj.weight": (32_000,),
    "model.layers.0.mlp.up_proj.weight": (3, 32_003),
    "model.layers.1.self_attn.q_proj.weight": (300_001,),
    "model.layers.1.mlp.down_proj.weight": ((1 << 16) + 1,),
    "model.layers.1.block_sparse_moe.gate.weight": (8, 129),
    "model.norm.weight": (2,),
    "lm_head.weight": (48, 21),
}
# The largest exponent drawn: far enough from float16's range that no method's result leaves it.
_LARGEST = {torch.float16: 8, torch.bfloat16: 30, torch.float32: 30}
_SMALLEST = {torch.float16: -26, torch.bfloat16: -136, torch.float32: -152}


def difficult_models(
    folder: Path, names: Sequence[str], dtype: torch.dtype, seed: int = 0
) -> list[dict[str, torch.Tensor]]:
    """Models of the shapes ``SHAPES`` under ``folder``, by name; returns their tensors, the first being the base.

    A sixth each of the elements: weights as trained ones are, with small task vectors; values of all magnitudes, each
    model its own; subnormals and zeros; the neighbours of the base's value, so that means are ties; the base's value
    with another sign, so that sums cancel; and the base's own.
    """
    generator = np.random.default_rng(seed)
    base: dict[str, torch.Tensor] = {}
    models = []
    for place, name in enumerate(names):
        tensors = {
            tensor: _values(generator, shape, dtype, base.get(tensor)) for tensor, shape in SHAPES.items()
        }
        base = base or tensors
        models.append(tensors)
        write_tensors(folder / name, MISTRAL, tensors)
        (folder / name / "generation_config.json").write_text(f'{{"place": {place}}}')
    return models


def _values(
    generator: np.random.Generator, shape: tuple[int, ...], dtype: torch.dtype, base: torch.Tensor | None
) -> torch.Tensor:
    size = int(np.prod(shape))
    trained = 0.02 * generator.standard_normal(size)
    signs = generator.choice([-1.0, 1.0], size)
    spread = signs * np.exp2(generator.uniform(_SMALLEST[dtype], _LARGEST[dtype], size))
    tiny = spread * 0 + signs * np.exp2(_SMALLEST[dtype] + generator.integers(0, 12, size).astype(float))
    kinds = [trained, spread, np.where(generator.random(size) < 0.3, 0.0, tiny)]
    if base is None:
        kinds += [trained, spread, trained]
    else:
        known = base.view(-1)
        away = torch.from_numpy(generator.choice([-np.inf, np.inf], size)).to(dtype)
        beside = torch.nextafter(known, away).to(torch.float64).numpy()
        known = known.to(torch.float64).numpy()
        beside = np.where(np.abs(beside) < 2.0 ** _LARGEST[dtype], beside, known)
        kinds[0] = known + 0.001 * generator.standard_normal(size)
        kinds += [beside, -known + generator.choice([0, 0.001], size) * trained, known]
    # The place decides on the kind in every model, so that what is built on the base's value is of one kind there.
    place = np.random.default_rng(size).integers(0, len(kinds), size)
    values = np.choose(place, kinds)
    return torch.from_numpy(values).to(dtype).view(shape)


def merge_config(
    method: str,
    folders: Sequence[Path],
    *,
    base: Path | None = None,
    models: Sequence[dict[str, Any]] | None = None,
    parameters: dict[str, Any] | None = None,
    **keys: Any,
) -> dict[str, Any]:
    """A configuration; ``models`` are the parameters of each model, ``parameters`` those of all."""
    own = models or [{} for _ in folders]
    config: dict[str, Any] = {
        "merge_method": method,
        "models": [
            {"model": str(folder), "parameters": given} if given else {"model": str(folder)}
            for folder, given in zip(folders, own, strict=True)
        ],
        **keys,
    }
    if base is not None:
        config["base_model"] = str(base)
    if parameters is not None:
        config["parameters"] = parameters
    return config


def run_merge(output_dir: Path, config: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Runs the stage in this process; returns its metrics."""
    job = {"config": config, "models": {}, "output_dir": str(output_dir), "donor": None, **keys}
    return merge_models(job, Events(output_dir.parent / "events.jsonl"))
