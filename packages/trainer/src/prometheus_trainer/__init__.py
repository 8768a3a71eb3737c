"""Training and merging of judge models: the Python side of prometheus-actions.

Each stage is a module run as ``python -m prometheus_trainer.STAGE --job JOB.json``: it reads one job file, writes
one output folder and tells what happens as JSON lines (see :mod:`prometheus_trainer.events`). It knows nothing of
GitHub, recipes or fingerprints.
"""
