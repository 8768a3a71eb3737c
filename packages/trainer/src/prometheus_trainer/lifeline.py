"""Ends a run whose starter has died, so that no orphan trains on."""

from __future__ import annotations

import os
import signal
import threading

VARIABLE = "PROMETHEUS_LIFELINE"


def hold_lifeline() -> None:
    """With ``PROMETHEUS_LIFELINE=stdin``: SIGTERM to this process as soon as its standard input ends.

    The starter gives a pipe as standard input, writes nothing and keeps it open; the system closes it when the
    starter dies, however that happens. Workers that are in a session of their own, as torchrun starts them, inherit
    the pipe and end too. Without the variable nothing happens: a terminal or /dev/null is no lifeline.
    """
    if os.environ.get(VARIABLE) == "stdin":
        threading.Thread(target=_wait_for_end, name="lifeline", daemon=True).start()


def _wait_for_end() -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:  # a closed descriptor is the end too
        pass
    os.kill(os.getpid(), signal.SIGTERM)
