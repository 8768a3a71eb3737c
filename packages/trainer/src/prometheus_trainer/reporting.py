"""Where else a training is reported, by TRL's own ``report_to``: that it can be, and where its files lie."""

from __future__ import annotations

import difflib
import os
import uuid
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_trainer.errors import ConfigurationError, described
from prometheus_trainer.events import Events

if TYPE_CHECKING:
    from transformers import TrainerCallback

# What a package is called where it is not called as in report_to.
PACKAGES = {
    "azure_ml": "azureml-mlflow",
    "clearml": "clearml",
    "comet_ml": "comet-ml",
    "flyte": "flytekit",
    "dagshub": "dagshub mlflow",
}
RUN_ID_FILE = "wandb-run-id"


def check_reporting(report_to: Collection[str]) -> None:
    """Raises ConfigurationError for a service that transformers does not know, or whose package is not installed.

    Otherwise that would come out after the model is loaded.
    """
    from transformers.integrations import integration_utils

    known = integration_utils.INTEGRATION_TO_CALLBACK
    for name in report_to:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise ConfigurationError(
                f"arguments.report_to: {name} is not known",
                f"Did you mean {close[0]}?" if close else f"There are {', '.join(sorted(known))}.",
            )
        checks = {"azure_ml": "azureml", "comet_ml": "comet", "flyte": "flytekit"}
        available = getattr(integration_utils, f"is_{checks.get(name, name)}_available", None)
        if available is not None and not available():
            raise ConfigurationError(
                f"arguments.report_to: {name} needs the package {PACKAGES.get(name, name)}, which is not installed",
                "tensorboard and wandb are installed when a recipe names them; for others, or with an environment of "
                "your own in PROMETHEUS_PYTHON, install the package there.",
            )


def place_reports(
    report_to: Collection[str], folder: Path | None, checkpoints_dir: Path, *, first: bool
) -> None:
    """Sets, where the environment says nothing else, where the files of TensorBoard and Weights & Biases lie.

    TensorBoard's are in ``folder``, those of Weights & Biases in ``wandb/`` beside it. A run that goes on from a
    checkpoint goes on in Weights & Biases too: the id of its run there is kept beside the checkpoints by the ``first``
    process, which is the one that reports. Raises ConfigurationError where TensorBoard's can't be written.
    """
    if folder is not None:
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(folder))
        os.environ.setdefault("WANDB_DIR", str(folder.parent))
    if "tensorboard" in report_to and first and "TENSORBOARD_LOGGING_DIR" in os.environ:
        _check_writable(Path(os.environ["TENSORBOARD_LOGGING_DIR"]))
    if "wandb" not in report_to or not first:
        return
    file = checkpoints_dir / RUN_ID_FILE
    if not file.exists():
        checkpoints_dir.mkdir(parents=True, exist_ok=True)
        file.write_text(uuid.uuid4().hex[:12], encoding="utf-8")
    if "WANDB_RUN_ID" not in os.environ:
        os.environ["WANDB_RUN_ID"] = file.read_text(encoding="utf-8").strip()
        os.environ.setdefault("WANDB_RESUME", "allow")


def _check_writable(folder: Path) -> None:
    probe = folder / ".prometheus-probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"TensorBoard's files can't be written to {folder} ({described(error)})",
            "Make the folder writable, choose another output folder, or remove tensorboard from report_to.",
        ) from error


def tolerate_reporting_faults(callbacks: Iterable[TrainerCallback], events: Events) -> None:
    """Makes a service that fails once training has begun a warning: it is not reported to any more, training goes on.

    What it refuses at the beginning, such as a missing login, is an error still.
    """
    for callback in callbacks:
        if not type(callback).__module__.startswith("transformers.integrations"):
            continue
        broken: list[str] = []
        for name in dir(callback):
            if name.startswith("on_") and name not in ("on_init_end", "on_train_begin"):
                setattr(callback, name, _tolerant(getattr(callback, name), callback, broken, events))


def _tolerant(
    report: Callable[..., Any], callback: Any, broken: list[str], events: Events
) -> Callable[..., Any]:
    def tolerant(*arguments: Any, **options: Any) -> Any:
        if broken:
            return None
        try:
            return report(*arguments, **options)
        except Exception as error:
            broken.append(described(error))
            service = type(callback).__name__.removesuffix("Callback")
            events.emit(
                "warning",
                message=f"{service} is not reported to any more: {described(error)}. Training goes on without it.",
            )
            return None

    return tolerant
