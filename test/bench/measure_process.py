"""Runs a command and writes what it took: wall seconds, CPU seconds, and peak memory in bytes.

Usage: measure_process.py REPORT.json COMMAND [ARGUMENT ...]

``wait4`` tells it of exactly this process, when it has ended. What ``/proc`` says would have to be read just before
that. The peak is at least that of this small script, of which the process is a copy until it starts the command.
A signal to end is passed on.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes; getrusage(2) of each system."""


def main() -> int:
    report, *command = sys.argv[1:]
    started = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(pid, number))
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - started
    exit_code = os.waitstatus_to_exitcode(status)
    measured = {
        "wallSeconds": wall,
        "cpuSeconds": usage.ru_utime + usage.ru_stime,
        "peakBytes": usage.ru_maxrss * MAXRSS_UNIT,
    }
    Path(report).write_text(json.dumps(measured), encoding="utf-8")
    if exit_code < 0:
        print(f"{command[0]} was ended by signal {-exit_code}", file=sys.stderr)
    return exit_code if exit_code >= 0 else 128 - exit_code


sys.exit(main())
