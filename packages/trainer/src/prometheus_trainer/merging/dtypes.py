"""The number formats that models are merged from and to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prometheus_trainer.errors import ConfigurationError


@dataclass(frozen=True)
class DType:
    """``name`` as in a config.json, ``code`` as in a safetensors header, ``width`` in bytes.

    ``raw`` is how numpy holds it: bfloat16, which numpy lacks, as whole numbers of 16 bits.
    """

    name: str
    code: str
    width: int
    raw: np.dtype


BFLOAT16 = DType("bfloat16", "BF16", 2, np.dtype("<u2"))
FLOAT16 = DType("float16", "F16", 2, np.dtype("<f2"))
FLOAT32 = DType("float32", "F32", 4, np.dtype("<f4"))
DTYPES = (BFLOAT16, FLOAT16, FLOAT32)


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


def any_dtype(code: str) -> DType:
    """A dtype that is not merged, for tensors that are passed over or refused: only its code is known."""
    return DType(code.lower(), code, 0, np.dtype("u1"))
