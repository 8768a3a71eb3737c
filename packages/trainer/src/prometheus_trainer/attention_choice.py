"""Attention that a recipe asks for and this environment does not have."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

# transformers' names of FlashAttention, and the packages that they are in.
PACKAGES = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface"}


def with_available_attention(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """``arguments`` without an ``attn_implementation`` whose package is missing, and what to tell about it.

    Published recipes ask for FlashAttention as a matter of course. PyTorch's own attention computes the same, and is
    what is taken then: the same kernel, where the profile ``fast`` packs rows.
    """
    asked = arguments.get("attn_implementation")
    package = PACKAGES.get(asked) if isinstance(asked, str) else None
    if package is None or importlib.util.find_spec(package) is not None:
        return dict(arguments), None
    left = {key: value for key, value in arguments.items() if key != "attn_implementation"}
    return (
        left,
        f"{asked} needs the package {package}, which is not installed: PyTorch's own attention computes the same",
    )
