"""How every stage module starts: read the job file, run, report an error as an event and an exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_trainer.disk_space import FREE_SPACE, full_disk, job_folders
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.lifeline import hold_lifeline


def run_stage(
    stage: Callable[[dict[str, Any], Events], dict[str, Any] | None], *, stops_itself: bool = False
) -> None:
    """Runs ``stage(job, events)`` for the job file named on the command line and ends the process.

    The job has the key ``events``: where to append events. Only the first process of a launch writes there. What
    the stage returns is emitted as the metrics of ``done``; ``None`` means that it was stopped and has said so.
    Exit codes: 0 done or stopped, 2 the user's mistake, 1 anything else.

    The process ends as soon as its starter dies, so that another run finds the outputs to itself: by SIGTERM, unless
    the stage ``stops_itself``, by what it does on its lifeline.
    """
    if not stops_itself:
        hold_lifeline()
    parser = argparse.ArgumentParser(description=stage.__doc__)
    parser.add_argument("--job", type=Path, required=True, help="job file (JSON)")
    job = json.loads(parser.parse_args().job.read_text(encoding="utf-8"))
    events = Events(job.get("events") if int(os.environ.get("RANK", "0")) == 0 else None)
    try:
        metrics = stage(job, events)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in a library written in Rust is no Exception
        mistake = _users_mistake(error, job)
        if mistake:
            if mistake is not error:
                traceback.print_exc()
            print(f"error: {mistake}", file=sys.stderr)
            events.emit("error", kind="configuration", message=mistake.problem, hint=mistake.hint)
            raise SystemExit(2) from None
        events.emit("error", kind="internal", message=f"{type(error).__name__}: {error}", hint=None)
        traceback.print_exc()
        raise SystemExit(1) from error
    if metrics is not None:
        events.emit("done", metrics=metrics)


def _users_mistake(error: BaseException, job: dict[str, Any]) -> ConfigurationError | None:
    if isinstance(error, ConfigurationError):
        return error
    problem = full_disk(error, job_folders(job))
    return ConfigurationError(problem, FREE_SPACE) if problem else None
