"""Writes packages/recipe/src/launch-keys.json: the keys of a launch config, as ``accelerate launch`` reads it.

The top is accelerate's ``ClusterConfig``; unknown keys there are errors of accelerate's too. The keys of a section
(``keys`` within it) become arguments of its command by name, and one that is no argument is passed over in silence.
Sections of which the command line does not have all keys are any object here. Run by ``npm run generate``.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import typing
from pathlib import Path
from typing import Any

from accelerate import __version__ as accelerate_version
from accelerate.commands.config.config_args import ClusterConfig
from accelerate.commands.launch import launch_command_parser
from accelerate.utils import ComputeEnvironment, DistributedType
from key_types import JSON_TYPES, describe, write_keys

TARGET = Path(__file__).parents[3] / "packages/recipe/src/launch-keys.json"
# Sections, the titles of their arguments in `accelerate launch --help`, and what the names of their keys begin with.
SECTIONS = {
    "deepspeed_config": ("DeepSpeed Arguments", ""),
    "dynamo_config": ("Resource Selection Arguments", "dynamo_"),
    "fsdp_config": ("FSDP Arguments", "fsdp_"),
    "parallelism_config": ("ParallelismConfig Arguments", "parallelism_config_"),
}
# Read by accelerate without being an argument of its command.
MORE_KEYS = {"fsdp_config": {"fsdp_ignored_modules": {"types": ["string"]}}}
# DeepSpeed may take these from the trainer.
AUTO = {"gradient_accumulation_steps", "gradient_clipping"}


def launch_keys() -> dict[str, dict[str, Any]]:
    hints = typing.get_type_hints(ClusterConfig)
    filled = ClusterConfig.process_config({"distributed_type": DistributedType.NO})
    parser = launch_command_parser()
    arguments = {
        group.title: {action.dest: action for action in group._group_actions}
        for group in parser._action_groups
    }
    keys: dict[str, dict[str, Any]] = {}
    for field in dataclasses.fields(ClusterConfig):
        described = describe(hints[field.name])
        if field.default is None and "null" not in described["types"]:
            described["types"] = sorted({*described["types"], "null"})
        if field.name in SECTIONS:
            title, prefix = SECTIONS[field.name]
            described["keys"] = _section_keys(arguments[title], prefix) | MORE_KEYS.get(field.name, {})
        default = filled.get(field.name, field.default)
        if isinstance(default, str | int):
            described["default"] = default
        keys[field.name] = described
    # The other computing environment is SageMaker, with other keys.
    keys["compute_environment"] = {"types": ["string"], "choices": [ComputeEnvironment.LOCAL_MACHINE.value]}
    keys["distributed_type"] = describe(DistributedType)
    # The launcher is always told the recipe's.
    del keys["num_processes"]["default"]
    precisions = arguments["Resource Selection Arguments"]["mixed_precision"].choices
    keys["mixed_precision"] = {"types": ["null", "string"], "choices": precisions, "default": "no"}
    # `accelerate config` writes the text "no".
    keys["downcast_bf16"]["types"].append("string")
    return dict(sorted(keys.items()))


def _section_keys(arguments: dict[str, argparse.Action], prefix: str) -> dict[str, dict[str, Any]]:
    return {
        name: {"types": _argument_types(action)}
        for name, action in sorted(arguments.items())
        if name.startswith(prefix)
    }


def _argument_types(action: argparse.Action) -> list[str]:
    if action.nargs == 0:
        return ["boolean"]
    kind = JSON_TYPES.get(action.type, "string")
    if kind == "string":
        # Texts such as "true" and "1" on a command line, and what they mean in YAML.
        return ["boolean", "integer", "string"]
    return [kind, "string"] if action.dest in AUTO else [kind]


if __name__ == "__main__":
    sys.exit(write_keys(TARGET, {"accelerate": accelerate_version}, launch_keys()))
