"""What a checkpoint belongs to: the plan of its training and the parameters that are trained, kept inside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from prometheus_trainer.errors import ConfigurationError

FILE = "training.json"
HINT = "Give each training a checkpoints_dir of its own, or remove the checkpoints there to start again."


def write_plan(checkpoint: Path, plan: dict[str, Any], model: Any) -> None:
    """Writes both into a checkpoint that is being saved."""
    content = {"plan": plan, "parameters": _trained_parameters(model)}
    (checkpoint / FILE).write_text(json.dumps(content), encoding="utf-8")


def check_plan(checkpoint: Path, plan: dict[str, Any]) -> None:
    """Raises ConfigurationError where the checkpoint's training was planned otherwise."""
    there = _read(checkpoint)["plan"]
    differing = [
        f"{key} is {plan.get(key)} now and was {there.get(key)}"
        for key in sorted({*plan, *there})
        if plan.get(key) != there.get(key)
    ]
    if differing:
        raise ConfigurationError(f"{checkpoint} is of another training: {', '.join(differing)}", HINT)


def check_parameters(checkpoint: Path, model: Any) -> None:
    """Raises ConfigurationError where the model's trained parameters are not the checkpoint's, by name and shape."""
    there = _read(checkpoint)["parameters"]
    here = _trained_parameters(model)
    problems = [
        *(f"{name} is not in it" for name in here if name not in there),
        *(f"{name} is trained there alone" for name in there if name not in here),
        *(
            f"{name} is {there[name]} there and {shape} here"
            for name, shape in here.items()
            if name in there and there[name] != shape
        ),
    ]
    if problems:
        raise ConfigurationError(
            f"{checkpoint} is of another training: {len(problems)} of the parameters differ: {', '.join(problems[:2])}",
            HINT,
        )


def _read(checkpoint: Path) -> dict[str, Any]:
    try:
        return json.loads((checkpoint / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{checkpoint} has no {FILE}: another version made it", HINT) from None


def _trained_parameters(model: nn.Module) -> dict[str, list[int]]:
    """Shape by name; under ZeRO-3, where a process holds a part of each, the shape of the whole."""
    return {
        name: list(getattr(parameter, "ds_shape", parameter.shape))
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
