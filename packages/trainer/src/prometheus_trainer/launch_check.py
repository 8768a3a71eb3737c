"""Whether the processes were launched as the job says, whoever launched them."""

from __future__ import annotations

import os
from typing import Any

from prometheus_trainer.errors import ConfigurationError


def check_launch(launch: dict[str, Any]) -> None:
    """Compares the environment of a launcher with the job's ``launch``, and sets what only some launchers set.

    ``launch`` has ``processes``, ``deepspeed`` and ``mixed_precision``. Raises ConfigurationError for another number
    of processes, which would be another global batch, and for DeepSpeed where it is missing or not asked for.
    """
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if launched != launch["processes"]:
        raise ConfigurationError(
            f"{launched} processes were launched (WORLD_SIZE), and the job is made for {launch['processes']}",
            "Launch that many, or state the processes (--processes, or launch.processes in recipe.yaml) and make the "
            "job anew.",
        )
    with_deepspeed = os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true"
    if with_deepspeed != launch["deepspeed"]:
        raise ConfigurationError(
            f"the job is to be trained {'with' if launch['deepspeed'] else 'without'} DeepSpeed, and was launched "
            f"{'with' if with_deepspeed else 'without'}",
            "Launch it with accelerate launch and the launch config of the recipe."
            if launch["deepspeed"]
            else "Launch it with torchrun, or with accelerate launch and the launch config of the recipe.",
        )
    os.environ.setdefault("ACCELERATE_MIXED_PRECISION", launch["mixed_precision"])
