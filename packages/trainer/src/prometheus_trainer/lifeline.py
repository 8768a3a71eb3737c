"""Ends a run whose starter has died, so that no orphan trains on: a pipe that closes when the starter ends."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import IO

from prometheus_trainer.stop_request import StopRequest

VARIABLE = "PROMETHEUS_LIFELINE"
POLL_SECONDS = 0.1


def hold_lifeline() -> None:
    """With ``PROMETHEUS_LIFELINE=stdin``: SIGTERM to this process as soon as its standard input ends.

    The starter gives a pipe as standard input, writes nothing and keeps it open; the system closes it when the
    starter dies, however that happens. Workers that are in a session of their own, as torchrun starts them, inherit
    the pipe and end too. Without the variable nothing happens: a terminal or /dev/null is no lifeline.
    """
    if os.environ.get(VARIABLE) == "stdin":
        threading.Thread(target=_wait_for_end, name="lifeline", daemon=True).start()


def run_on_lifeline(
    command: list[str], request: StopRequest, *, on_error_line: Callable[[str], None] | None = None
) -> int:
    """Runs a command that holds its lifeline, and closes that when this process is asked to stop.

    The command is in a session of its own, out of reach of signals to this process's group. ``on_error_line`` is
    called for each line of its standard error; None leaves that where it is. Returns the exit code, negative for a
    signal.
    """
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE if on_error_line else None,
        start_new_session=True,
        env={**os.environ, VARIABLE: "stdin"},
        text=True,
        errors="replace",
    )
    assert child.stdin is not None
    reader = None
    if on_error_line and child.stderr:
        reader = threading.Thread(target=_read_lines, args=(child.stderr, on_error_line), daemon=True)
        reader.start()
    while True:
        try:
            code = child.wait(POLL_SECONDS)
            break
        except subprocess.TimeoutExpired:
            if request.requested and not child.stdin.closed:
                child.stdin.close()
    if reader:
        reader.join(timeout=5)
    return code


def _read_lines(stream: IO[str], on_line: Callable[[str], None]) -> None:
    for line in stream:
        on_line(line.rstrip("\n"))


def _wait_for_end() -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:  # a closed descriptor is the end too
        pass
    os.kill(os.getpid(), signal.SIGTERM)
