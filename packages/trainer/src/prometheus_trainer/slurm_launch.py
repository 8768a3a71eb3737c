"""Trains on the nodes of a Slurm allocation: ``python -m prometheus_trainer.slurm_launch … -m MODULE --job JOB.json``.

Runs on the machine from which steps are started; where there is no allocation yet, ``salloc`` gets one and runs this
module in it. First a short step looks whether each node can do its part (:mod:`~prometheus_trainer.node_check`); then
one step runs ``accelerate launch`` once a node (:mod:`~prometheus_trainer.slurm_node`). Asked to stop, or left by its
starter, it closes the standard input that Slurm brings to every node, which is the workers' lifeline: they save and
end, also where this process is killed meanwhile. A step that still runs when training is started again is waited for.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from prometheus_trainer.checkpoints import last_complete_checkpoint
from prometheus_trainer.errors import ConfigurationError
from prometheus_trainer.events import Events
from prometheus_trainer.lifeline import hold_lifeline, run_on_lifeline
from prometheus_trainer.node_check import PORT_TAKEN
from prometheus_trainer.stop_request import StoppedBeforeTraining, StopRequest

OWN_ALLOCATION = "prometheus-sft-train"  # name of the jobs that are allocations made here
CHECK_SECONDS = 90
ENDING_SECONDS = 60  # for a step that can no longer be signalled
PYTHON = (sys.executable, "-P")  # nothing is imported from the working folder, on no node
PORTS = (20_000, 32_000)  # below the ports that Linux gives to outgoing connections


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--num_processes", type=int, required=True, help="over all nodes")
    parser.add_argument("--config_file", required=True, help="accelerate's")
    parser.add_argument("--main_process_port", type=int, help="chosen at random when absent")
    parser.add_argument("--cpu", action="store_true", help="train without GPU")
    parser.add_argument("--salloc", action="append", default=[], help="option for an allocation; repeatable")
    parser.add_argument("-m", dest="module", required=True)
    parser.add_argument("--job", type=Path, required=True)
    options = parser.parse_args()
    job = json.loads(options.job.read_text(encoding="utf-8"))
    events = Events(job.get("events"))
    request = StopRequest()
    request.install()
    hold_lifeline()
    try:
        code = launch(options, events, request)
    except ConfigurationError as error:
        events.emit("error", kind="configuration", message=error.problem, hint=error.hint)
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except StoppedBeforeTraining:
        resumable = last_complete_checkpoint(Path(job["checkpoints_dir"]))
        events.emit("stopped", step=resumable.step if resumable else 0)
        code = 0
    raise SystemExit(code)


def launch(options: argparse.Namespace, events: Events, request: StopRequest) -> int:
    """Runs the two steps; the exit code of the training. Raises ConfigurationError where a node can't train.

    Outside an allocation it does not return: this process becomes that of ``salloc``.
    """
    name = f"sft-{hashlib.sha256(str(options.job.resolve()).encode()).hexdigest()[:12]}"
    _wait_for_earlier(name, events)
    if not os.environ.get("SLURM_JOB_ID"):
        events.emit("phase", name=f"waiting for an allocation of {options.nodes} nodes")
        salloc = ["salloc", f"--nodes={options.nodes}", f"--job-name={OWN_ALLOCATION}", *options.salloc]
        os.execvp("salloc", [*salloc, *PYTHON, "-m", "prometheus_trainer.slurm_launch", *sys.argv[1:]])
    nodes = _nodes(options.nodes)
    step = [
        *("srun", f"--nodes={len(nodes)}", f"--ntasks={len(nodes)}", "--ntasks-per-node=1"),
        # Beside other steps of the allocation: the shell of somebody who works in it is one.
        *(f"--nodelist={','.join(nodes)}", "--overlap", "--export=ALL", "--label"),
    ]
    events.emit("phase", name=f"checking {', '.join(nodes)}")
    address = _address(nodes[0])
    port = _check(step, nodes, address, options)
    events.emit("phase", name="starting")
    failures: list[str] = []

    def on_error_line(line: str) -> None:
        print(line, file=sys.stderr, flush=True)
        if found := re.match(r"srun: error: (.+)", line):
            failures.append(found[1])

    request.training_begins()
    code = run_on_lifeline(
        [
            *step,
            *(f"--job-name={name}", "--kill-on-bad-exit=1"),
            *(*PYTHON, "-m", "prometheus_trainer.slurm_node"),
            *("--config_file", options.config_file, "--num_processes", str(options.num_processes)),
            *("--num_machines", str(len(nodes)), "--main_process_ip", address),
            *("--main_process_port", str(port), "--same_network", "--rdzv_backend", "static"),
            *("--deepspeed_multinode_launcher", "standard"),
            # Not by its own Python: for DeepSpeed it adds the working folder to PYTHONPATH.
            *("--no_python", "/bin/sh", "-c", 'export PYTHONPATH="$0" PYTHONSAFEPATH=1; exec "$@"'),
            *(
                os.environ.get("PYTHONPATH", ""),
                *PYTHON,
                "-u",
                "-m",
                options.module,
                "--job",
                str(options.job),
            ),
        ],
        request,
        on_error_line=on_error_line,
    )
    if code < 0:  # srun was killed, and can no longer tell the nodes to stop
        _wait_for_earlier(name, events)
    if code and not request.requested:
        message = f"the step on {', '.join(nodes)} failed: {'; '.join(failures) or f'srun ended with {code}'}"
        message += _unheard(nodes, failures)
        events.emit("error", kind="internal", message=message, hint=None)
        print(f"error: {message}", file=sys.stderr)
    return abs(code)


def _nodes(wanted: int) -> list[str]:
    """The first nodes of the allocation."""
    names = _slurm("scontrol", "show", "hostnames", os.environ["SLURM_JOB_NODELIST"]).split()
    if len(names) < wanted:
        raise ConfigurationError(
            f"the allocation {os.environ['SLURM_JOB_ID']} has {len(names)} nodes ({', '.join(names)}), and training "
            f"takes {wanted}",
            "Allocate more nodes (--nodes), or change launch.slurm.nodes in recipe.yaml.",
        )
    return names[:wanted]


def _address(node: str) -> str:
    """Where Slurm itself reaches a node; its name may mean nothing outside Slurm."""
    found = re.search(r"\bNodeAddr=(\S+)", _slurm("scontrol", "show", "node", node, "--oneliner"))
    return found[1] if found else node


def _check(step: list[str], nodes: list[str], address: str, options: argparse.Namespace) -> int:
    """Has every node look whether it can train; the port of the first where all meet.

    Raises ConfigurationError that says of each node what it lacks.
    """
    port = options.main_process_port or random.randint(*PORTS)
    arguments = [
        *("--nodes", str(len(nodes)), "--processes", str(options.num_processes // len(nodes))),
        *("--main", f"{address}:{port}", "--sees", str(options.job)),
        *(["--cpu"] if options.cpu else []),
    ]
    check = subprocess.Popen(
        [
            *(*step, "--job-name=node-check", "--kill-on-bad-exit=0", "--input=none"),
            *(*PYTHON, "-m", "prometheus_trainer.node_check", *arguments),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    timed_out = False
    try:
        output, errors = check.communicate(timeout=CHECK_SECONDS)
    except subprocess.TimeoutExpired:
        timed_out = True
        check.terminate()  # srun ends the step
        output, errors = check.communicate()
    finally:
        if check.poll() is None:
            check.terminate()
    problems: dict[str, tuple[str, str | None]] = {}
    for index, node in enumerate(nodes):
        report = _report(output, index)
        if report is None:
            said = [
                line
                for line in errors.splitlines()
                if line.startswith((f"{index}: ", "srun: ")) or node in line
            ]
            reason = "did not answer" + (f" within {CHECK_SECONDS} s" if timed_out else "")
            problems[node] = (
                "; ".join([reason, *said[-3:]]),
                f"Is the node up (sinfo)? Does it see {sys.executable} and {Path(__file__).parent}?",
            )
        elif report["problem"]:
            problems[node] = (report["problem"], report["hint"])
    if not problems:
        return port
    first, *others = problems.values()
    if not options.main_process_port and first[0].startswith(PORT_TAKEN):
        return _check(step, nodes, address, options)
    hints = dict.fromkeys(hint for _, hint in [first, *others] if hint)
    raise ConfigurationError(
        "not every node can train: "
        + "; ".join(f"{node}: {problem}" for node, (problem, _) in problems.items()),
        " ".join(hints) or None,
    )


def _report(output: str, index: int) -> dict[str, Any] | None:
    """What the check of the node of that index printed."""
    for line in output.splitlines():
        label, _, text = line.partition(": ")
        if label.strip() == str(index) and text.startswith("{"):
            return json.loads(text)
    return None


def _wait_for_earlier(name: str, events: Events) -> None:
    """Has steps of the same training that still run, as after a kill of their srun, save and end; waits for that.

    Allocations that a command asked for and did not live to give back are given back then.
    """
    asked: set[str] = set()
    given_up: dict[str, float] = {}  # when, by time.monotonic()
    while True:
        listing = _slurm("squeue", "--me", "--steps", "--noheader", "--format=%i %j")
        named = [step for step, *rest in map(str.split, listing.splitlines()) if rest == [name]]
        steps = [step for step in named if time.monotonic() < given_up.get(step, math.inf)]
        if not steps:
            break
        for step in set(steps) - asked:
            message = f"the Slurm step {step} of this training still runs: waiting until it has saved"
            events.emit("notice", message=f"{message} (scancel {step} ends it at once)")
            if not _cancel("--signal=TERM", step):
                given_up[step] = time.monotonic() + ENDING_SECONDS
        asked.update(steps)
        time.sleep(1)
    for job in {step.partition(".")[0] for step in asked} - {os.environ.get("SLURM_JOB_ID")}:
        _cancel(f"--name={OWN_ALLOCATION}", job)


def _cancel(*arguments: str) -> bool:
    """Runs ``scancel``; False where what it is to signal has ended, though a lost node keeps it listed for a while."""
    try:
        _slurm("scancel", *arguments)
    except ConfigurationError as error:
        if "Invalid job id" not in error.problem:
            raise
        return False
    return True


def _unheard(nodes: list[str], failures: list[str]) -> str:
    """Names the nodes of which srun reported no end, if it reported any: they may be down."""
    reported = [found[1] for failure in failures if (found := re.match(r"(\S+): tasks? [\d,-]+:", failure))]
    if not reported:
        return ""
    heard = {node for some in reported for node in _slurm("scontrol", "show", "hostnames", some).split()}
    silent = [node for node in nodes if node not in heard]
    return f"; nothing was heard of {', '.join(silent)}" if silent else ""


def _slurm(*command: str) -> str:
    """What a Slurm command prints. Raises ConfigurationError with what it says where it fails."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(
            f"{' '.join(command)} fails: {error}", "Does Slurm answer (sinfo)?"
        ) from None
    if ended.returncode != 0:
        raise ConfigurationError(
            f"{' '.join(command)} fails: {ended.stderr.strip()}", "Does Slurm answer (sinfo)?"
        )
    return ended.stdout


if __name__ == "__main__":
    main()
