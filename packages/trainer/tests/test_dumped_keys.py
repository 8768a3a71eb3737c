"""What the scripts tell TypeScript about the keys of TRL and accelerate, against these two themselves."""

from __future__ import annotations

import enum
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from accelerate.commands.config import cluster
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser

from prometheus_trainer.training_arguments import FIXED, parse_training_arguments

TRAINER = Path(__file__).resolve().parents[1]
RECIPE = TRAINER.parent / "recipe/src"
# Rewritten by TRL's own class, or worked out from the machine and other keys.
NOT_COMPARED = {
    "dataloader_pin_memory",
    "debug",
    "do_eval",
    "include_num_input_tokens_seen",
    "report_to",
    "use_cpu",
}


def _keys(name: str) -> dict[str, dict[str, Any]]:
    return json.loads((RECIPE / name).read_text(encoding="utf-8"))["keys"]


@pytest.mark.parametrize("script", ["dump_training_keys", "dump_launch_keys"])
def test_the_committed_keys_are_those_of_the_installed_version(script: str) -> None:
    command = [sys.executable, str(TRAINER / "scripts" / f"{script}.py"), "--check"]
    run = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(TRAINER / "src")}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


def test_the_defaults_are_what_a_run_has_where_its_file_says_nothing(tmp_path: Path) -> None:
    sft, model = parse_training_arguments(
        {}, profile="parity", checkpoints_dir=str(tmp_path), has_test_rows=True
    )
    different = {}
    for key, described in _keys("training-keys.json").items():
        used = getattr(sft if hasattr(sft, key) else model, key)
        used = used.value if isinstance(used, enum.Enum) else used
        if "default" in described and key not in NOT_COMPARED and used != described["default"]:
            different[key] = (used, described["default"])
    assert different == {}


def test_all_that_the_profiles_fix_is_told() -> None:
    profiles = json.loads((RECIPE / "training-keys.json").read_text(encoding="utf-8"))["profiles"]
    assert profiles == {
        profile: {key: list(values) for key, values in fixed.items()} for profile, fixed in FIXED.items()
    }
    for key, values in profiles["parity"].items():
        assert _keys("training-keys.json")[key].get("default") == values[0]


def test_what_accelerates_questions_write_is_known() -> None:
    keys = _keys("launch-keys.json")
    source = inspect.getsource(cluster)
    for section in ("deepspeed_config", "fsdp_config"):
        written = set(re.findall(rf'\b{section}\["(\w+)"\]', source))
        assert len(written) > 10
        assert written <= set(keys[section]["keys"])
    assert set(keys) == set(ClusterConfig.__dataclass_fields__)


def test_accelerate_refuses_an_unknown_key_at_the_top_only(tmp_path: Path) -> None:
    """Why the checker refuses them in sections too: accelerate would train with another setting and not say so."""
    config = tmp_path / "launch.yaml"
    config.write_text("distributed_type: DEEPSPEED\nnum_proceses: 2\n")
    with pytest.raises(ValueError, match="num_proceses"):
        load_config_from_file(str(config))
    config.write_text("distributed_type: DEEPSPEED\nnum_processes: 2\ndeepspeed_config:\n  zero_stge: 3\n")
    parser = launch_command_parser()
    arguments, _, _ = _validate_launch_command(
        parser.parse_args(["--config_file", str(config), "--num_machines", "1", "script.py"])
    )
    assert arguments.zero_stage is None


def test_accelerate_reads_no_without_quotes_as_false(tmp_path: Path) -> None:
    config = tmp_path / "launch.yaml"
    config.write_text("distributed_type: MULTI_GPU\nmixed_precision: no\n")
    assert load_config_from_file(str(config)).mixed_precision is False
