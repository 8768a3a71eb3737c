"""Fixtures that several files of tests use."""

from small_disk import mount

__all__ = ["mount"]
