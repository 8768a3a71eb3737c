"""mergekit's own command ``mergekit-yaml``, which ends when its starter does."""

from __future__ import annotations

import runpy

from prometheus_trainer.lifeline import hold_lifeline

if __name__ == "__main__":
    hold_lifeline()
    runpy.run_module("mergekit.scripts.run_yaml", run_name="__main__", alter_sys=True)
