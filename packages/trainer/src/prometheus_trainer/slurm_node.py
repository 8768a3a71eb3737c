"""One node's part of a training under Slurm: ``srun … python -m prometheus_trainer.slurm_node ARGUMENTS``.

Runs ``accelerate launch`` with the arguments and this node's rank. Slurm's SIGTERM (``scancel --signal``, ``--signal``,
pre-emption) reaches, by the cluster's settings, only this process or all below it; the workers hear of it by their
lifeline in either case, save, and end. The launcher itself must not hear of it: it would end with an error, for which
Slurm kills the other nodes while they save.
"""

from __future__ import annotations

import os
import signal
import sys

from prometheus_trainer.lifeline import hold_lifeline, run_on_lifeline
from prometheus_trainer.stop_request import StopRequest


def main() -> None:
    request = StopRequest()
    request.training_begins()
    request.install()
    hold_lifeline()
    os.environ["PET_SIGNALS_TO_HANDLE"] = "SIGHUP"  # torchrun's --signals-to-handle, without SIGTERM
    code = run_on_lifeline(
        [
            *("/bin/sh", "-c", 'trap "" TERM; exec "$@"', "sh"),
            *(sys.executable, "-P", "-m", "accelerate.commands.launch"),
            *("--machine_rank", os.environ["SLURM_PROCID"], *sys.argv[1:]),
        ],
        request,
    )
    if code < 0:
        print(f"the launcher was killed by {signal.Signals(-code).name}", file=sys.stderr)
    raise SystemExit(0 if request.requested else abs(code))


if __name__ == "__main__":
    main()
