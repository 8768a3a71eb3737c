"""Whether the files of a checkpoint still hold what was written.

A machine that loses power may leave a file with its size and blocks of zeros; a disk may return other bytes. Such
weights and moments often load without an error, so each file's digest is kept in the checkpoint.

The digest is XXH3 of 128 bits (the package xxhash, which ``datasets`` needs). It finds damage, not a forgery, and is as
fast as memory. The files are hashed while they are flushed to the disk, which takes longer.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import xxhash

BLOCK = 8 * 2**20
THREADS = 4  # files that are read at a time


def flush_and_digest(paths: Sequence[Path]) -> list[str]:
    """Puts the files on the disk, and gives the digest of each."""
    with ThreadPoolExecutor(THREADS) as flushing, ThreadPoolExecutor(THREADS) as hashing:
        flushed = [flushing.submit(flush, path) for path in paths]
        digests = list(hashing.map(digest, paths))
        for each in flushed:
            each.result()
    return digests


def damage(folder: Path, names: Sequence[str], digests: Mapping[str, str]) -> str | None:
    """Names the first file of a checkpoint whose bytes are not those that were saved, and says so; None where all are.

    A file without a digest, in a checkpoint of an earlier version, is opened as far as its format tells damage.
    """
    with ThreadPoolExecutor(THREADS) as reading:
        found = reading.map(lambda name: _damage(folder / name, digests.get(name)), sorted(names))
        return next(
            (f"{name} {problem}" for name, problem in zip(sorted(names), found, strict=True) if problem), None
        )


def digest(path: Path) -> str:
    found = xxhash.xxh3_128()
    block = memoryview(bytearray(BLOCK))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(block):
            found.update(block[:size])
    return found.hexdigest()


def flush(path: Path) -> None:
    """Puts a file, or what a folder lists, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damage(path: Path, expected: str | None) -> str | None:
    try:
        if expected is not None:
            return None if digest(path) == expected else "does not hold the bytes that were saved"
        return _unreadable(path)
    except OSError as error:
        return f"can't be read ({error.strerror or error})"


def _unreadable(path: Path) -> str | None:
    try:
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="pt"):
                return None
        if path.suffix in (".pt", ".pth", ".bin"):
            with zipfile.ZipFile(path) as archive:
                broken = archive.testzip()
            return f"is damaged in {broken}" if broken else None
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise
    except Exception as error:  # each format has errors of its own
        return f"can't be read ({error})"
    return None
