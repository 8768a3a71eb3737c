"""The number formats that models are merged from and to."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from prometheus_trainer.errors import ConfigurationError


@dataclass(frozen=True)
class DType:
    """``name`` as in a config.json, ``code`` as in a safetensors header, ``width`` in bytes."""

    name: str
    code: str
    width: int
    torch: torch.dtype


DTYPES = (
    DType("bfloat16", "BF16", 2, torch.bfloat16),
    DType("float16", "F16", 2, torch.float16),
    DType("float32", "F32", 4, torch.float32),
)


def dtype_named(name: object, place: str) -> DType:
    """The dtype called ``name`` in a configuration; ``place`` says where it stands, for the error."""
    for dtype in DTYPES:
        if dtype.name == name:
            return dtype
    raise ConfigurationError(
        f"{place}: {name!r} is not a dtype that can be written",
        f"use one of {', '.join(dtype.name for dtype in DTYPES)}",
    )


def dtype_coded(code: str) -> DType | None:
    """The dtype with this safetensors code; ``None`` for one that can't be merged (whole numbers …)."""
    return next((dtype for dtype in DTYPES if dtype.code == code), None)
