"""What of a recipe reaches TRL, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.training_arguments import parse_training_arguments


def _parse(arguments: dict[str, Any], folder: Path, **changes: Any) -> tuple[Any, Any]:
    options: dict[str, Any] = {
        "profile": "parity",
        "checkpoints_dir": str(folder),
        "has_test_rows": True,
        **changes,
    }
    return parse_training_arguments(arguments, **options)


def test_a_recipes_arguments_arrive_as_they_are(tmp_path: Path) -> None:
    sft, model = _parse(
        {
            "learning_rate": 1e-5,
            "per_device_train_batch_size": 4,
            "lora_r": 256,
            "lora_target_modules": ["w1", "w2"],
            "use_peft": True,
            "dtype": "bfloat16",
            "warmup_steps": 0.05,
            "max_length": 512,
            "save_strategy": "no",
        },
        tmp_path,
    )
    assert (sft.learning_rate, sft.per_device_train_batch_size, sft.max_length) == (1e-5, 4, 512)
    assert (sft.warmup_steps, sft.save_strategy) == (0.05, "no")
    assert (model.lora_r, model.lora_target_modules, model.use_peft) == (256, ["w1", "w2"], True)
    assert model.dtype == "bfloat16"


def test_parity_is_the_originals_where_a_recipe_says_nothing(tmp_path: Path) -> None:
    sft, _ = _parse({}, tmp_path)
    assert (sft.loss_type, sft.average_tokens_across_devices, sft.router_aux_loss_coef) == ("nll", False, 0.0)
    assert (sft.optim, sft.lr_scheduler_type, sft.warmup_steps) == ("adamw_torch", "cosine", 0.1)
    assert (sft.max_length, sft.seed, sft.data_seed) == (4096, 42, 42)
    assert (sft.gradient_checkpointing, sft.gradient_checkpointing_kwargs) == (True, {"use_reentrant": False})
    assert (sft.eval_strategy, sft.save_strategy, sft.save_total_limit) == ("epoch", "epoch", 1)
    assert (sft.disable_tqdm, sft.output_dir) == (True, str(tmp_path))
    assert (sft.adam_beta1, sft.adam_beta2, sft.adam_epsilon, sft.weight_decay) == (0.9, 0.999, 1e-8, 0.0)


def test_the_seed_orders_the_rows_too(tmp_path: Path) -> None:
    assert _parse({"seed": 7}, tmp_path)[0].data_seed == 7


def test_without_test_rows_nothing_is_evaluated(tmp_path: Path) -> None:
    assert _parse({"eval_strategy": "epoch"}, tmp_path, has_test_rows=False)[0].eval_strategy == "no"


@pytest.mark.parametrize(
    ("arguments", "problem", "hint"),
    [
        ({"lerning_rate": 1}, "arguments.lerning_rate is not an argument", "learning_rate"),
        ({"packing": True}, "arguments.packing is True, which the profile parity excludes", "False"),
        ({"average_tokens_across_devices": True}, "profile parity excludes", "False"),
        ({"router_aux_loss_coef": 0.001}, "arguments.router_aux_loss_coef is 0.001", "0.0"),
        ({"loss_type": "dft"}, "arguments.loss_type is 'dft'", "'nll' or 'chunked_nll'"),
        ({"model_name_or_path": "x"}, "arguments.model_name_or_path is 'x'", "Leave model_name_or_path out"),
        ({"trust_remote_code": True}, "arguments.trust_remote_code is True", "Leave trust_remote_code out"),
        ({"lr_scheduler_type": "cosinus"}, "cosinus", "training file"),
    ],
)
def test_what_is_wrong_is_said_with_a_way_out(
    arguments: dict[str, Any], problem: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _parse(arguments, tmp_path)
    assert problem in caught.value.problem
    assert hint in (caught.value.hint or "")


def test_an_unknown_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the profile 'quick' is not known"):
        _parse({}, tmp_path, profile="quick")
