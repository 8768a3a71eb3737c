"""numba, which compiles loops over elements: how it is started and told what to do."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from numba import njit, types
from numba.extending import intrinsic


def _load_without(library: str, module: str) -> None:
    """Imports a module that does without a library where that can't be imported."""
    loaded = sys.modules.get(library)
    # "It can't be imported."
    sys.modules[library] = None  # pyright: ignore[reportArgumentType]
    try:
        importlib.import_module(module)
    finally:
        if loaded is None:
            del sys.modules[library]
        else:
            sys.modules[library] = loaded


# With scipy, it would offer linear algebra that nothing here uses; loading that takes half as long as loading numba.
_load_without("scipy", "numba.np.arraymath")


def kernel(function: Callable[..., Any]) -> Any:
    """Compiles a function over numbers and arrays, once a machine.

    Without "fastmath", so that no multiplication and addition are fused and the order of operations is the one written:
    the same bits on every processor. numba keeps the result beside the module, or in the user's cache folder where that
    can't be written; where neither can, every process compiles anew, which takes seconds.
    """
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return njit(**options, cache=True)(function)
    except RuntimeError:  # no place to keep it
        return njit(**options)(function)


def _bit_cast(source: types.Type, target: types.Type) -> Any:
    """A function that reads the bits of one type as another of the same width."""

    @intrinsic
    def cast(_: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), generate

    return cast


float32_of_bits = _bit_cast(types.uint32, types.float32)
bits_of_float32 = _bit_cast(types.float32, types.uint32)
float64_of_bits = _bit_cast(types.uint64, types.float64)
bits_of_float64 = _bit_cast(types.float64, types.uint64)
