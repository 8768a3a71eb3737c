"""The merge methods. A new one is a pure function in a file of its own and an entry in ``METHODS``."""

from __future__ import annotations

from prometheus_trainer.merging.methods.dare import DARE_LINEAR, DARE_TIES
from prometheus_trainer.merging.methods.linear import LINEAR
from prometheus_trainer.merging.methods.slerp import SLERP
from prometheus_trainer.merging.methods.supermario import SUPERMARIO
from prometheus_trainer.merging.methods.task_arithmetic import TASK_ARITHMETIC
from prometheus_trainer.merging.methods.ties import TIES

METHODS = {
    "linear": LINEAR,
    "slerp": SLERP,
    "task_arithmetic": TASK_ARITHMETIC,
    "ties": TIES,
    "dare_ties": DARE_TIES,
    "dare_linear": DARE_LINEAR,
    "supermario": SUPERMARIO,
}
