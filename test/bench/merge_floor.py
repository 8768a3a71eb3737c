"""The least that merging can take: reads models, writes as many bytes as one has, and flushes them to the disk.

Usage: merge_floor.py THREADS OUTPUT_FOLDER MODEL_FOLDER ... Nothing is computed: a thread reads into one small buffer
and writes that buffer. Each thread has an even part of the bytes.
"""

import os
import sys
import threading
from pathlib import Path

# As fast as any from 256 kB to 8 MB, and small enough to stay in the processor's cache.
BUFFER_BYTES = 1 << 20


def main() -> None:
    threads, output, *models = int(sys.argv[1]), Path(sys.argv[2]), *map(Path, sys.argv[3:])
    output.mkdir(parents=True)
    files = [sorted(model.glob("*.safetensors")) for model in models]
    target = os.open(output / "model.safetensors", os.O_WRONLY | os.O_CREAT)
    os.ftruncate(target, sum(file.stat().st_size for file in files[0]))
    workers = [
        threading.Thread(target=copy, args=(files, target, number, threads)) for number in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    os.fsync(target)


def copy(models: list[list[Path]], target: int, number: int, threads: int) -> None:
    """One thread's part: the same part of each file of each model, and of the output."""
    buffer = memoryview(bytearray(BUFFER_BYTES))
    written = 0
    for shards in zip(*models, strict=True):
        sources = [os.open(file, os.O_RDONLY) for file in shards]
        size = os.fstat(sources[0]).st_size
        place, end = size * number // threads, size * (number + 1) // threads
        while place < end:
            part = buffer[: min(BUFFER_BYTES, end - place)]
            for source in sources:
                os.preadv(source, [part], place)
            place += os.pwrite(target, part, written + place)
        written += size


main()
