"""Whether this machine can do its part of a training: ``python -m prometheus_trainer.node_check``, in under a second.

Prints one JSON object: ``{"node": NAME, "problem": TEXT, "hint": TEXT}``, the latter two null where all is well. Run on
several nodes at once, with ``--main HOST:PORT``, the first listens there and the others connect: that they can meet.
PyTorch is not imported.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
from pathlib import Path

from prometheus_trainer.gpus import gpu_problem

Problem = tuple[str, str]
MEETING_SECONDS = 20.0
PORT_TAKEN = "port taken"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, required=True, help="training processes of this machine")
    parser.add_argument("--cpu", action="store_true", help="they need no GPU")
    parser.add_argument("--main", help="host:port of the first node, where the processes meet")
    parser.add_argument("--nodes", type=int, default=1, help="nodes that take part")
    parser.add_argument(
        "--sees", type=Path, help="a file that this machine has to see, in a folder to write to"
    )
    parser.add_argument("--node", help="this machine's name")
    options = parser.parse_args()
    rank = int(os.environ.get("SLURM_PROCID", "0"))
    # All meet, also those with problems: otherwise the others would report that they can't see them.
    found: Problem | None = None
    if options.main:
        host, _, port = options.main.rpartition(":")
        found = meeting_problem(rank, options.nodes, host, int(port))
    found = (options.sees and folder_problem(options.sees)) or found
    found = (None if options.cpu else gpu_problem(options.processes)) or found
    problem, hint = found or (None, None)
    name = options.node or os.environ.get("SLURMD_NODENAME") or socket.gethostname()
    print(json.dumps({"node": name, "problem": problem, "hint": hint}))


def folder_problem(file: Path) -> Problem | None:
    """A problem where ``file`` is not there or its folder can't be written to."""
    try:
        file.read_bytes()
    except OSError as error:
        return (
            f"{file} can't be read: {error.strerror}",
            "The folder of the artifacts (--artifacts-dir) must be on a disk that all nodes share.",
        )
    if not os.access(file.parent, os.W_OK):
        return f"{file.parent} can't be written to", "Give the user who trains the right to write there."
    return None


def meeting_problem(
    rank: int, nodes: int, host: str, port: int, seconds: float = MEETING_SECONDS
) -> Problem | None:
    """A problem where the first node can't listen, or this one can't reach it; the first waits for all others."""
    limit = time.monotonic() + seconds
    if rank == 0:
        return _listen(nodes - 1, host, port, limit)
    while True:
        try:
            with socket.create_connection((host, port), timeout=max(0.1, limit - time.monotonic())):
                return None
        except OSError as error:
            if time.monotonic() > limit:
                return (
                    f"the first node, {host}:{port}, can't be reached within {seconds:.0f} s: {error}",
                    "Nodes that train together must be able to open connections to each other on any port. Is there "
                    "a firewall between them?",
                )
            time.sleep(0.1)


def _listen(expected: int, host: str, port: int, limit: float) -> Problem | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of a run before may linger
        try:
            server.bind(("", port))
        except OSError as error:
            return f"{PORT_TAKEN}: {port} ({error.strerror})", "State another main_process_port."
        server.listen(expected)
        for _ in range(expected):
            server.settimeout(max(0.0, limit - time.monotonic()) + 1)
            try:
                server.accept()[0].close()
            except OSError:
                return None  # who did not come reports it
    return None


if __name__ == "__main__":
    main()
    sys.exit(0)
