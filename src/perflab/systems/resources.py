"""What a request can need of a machine beside its CPU: memory, disk and network.

Workers use memory and disk here, and a probe finds how much of each there is; what a network carries is found by sending.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from perflab.measure.machine import sync_file

MOST_COPIED, MOST_WRITTEN, MOST_SENT = 64_000_000, 4_000_000, 1_000_000
COPY_BYTES = 16_000_000
"""A copy of more than this is done in parts: larger than any cache, small enough for a machine with little memory."""
PROBE_S = 0.15


class Scratch(threading.local):
    """Memory and a nameless file of each thread; both are gone with it."""

    def __init__(self) -> None:
        self._from = np.ones(COPY_BYTES, np.uint8)
        self._to = np.ones(COPY_BYTES, np.uint8)
        self._file = _Nameless()
        self._written = bytes(MOST_WRITTEN)

    def copy(self, size: int) -> None:
        """Copy so many bytes of memory; others run meanwhile."""
        while size > 0:
            part = min(size, COPY_BYTES)
            np.copyto(self._to[:part], self._from[:part])
            size -= part

    def write(self, size: int) -> None:
        """Write so many bytes, and wait until the disk has them; nothing for 0."""
        if size:
            self._file.rewrite(self._written[:size])


class _Nameless:
    """A file without a name, closed as soon as nobody holds it any more: threads end without telling."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115

    def rewrite(self, content: bytes) -> None:
        self._file.seek(0)
        left = memoryview(content)
        while left:  # a disk that is nearly full takes a part, and refuses the next
            left = left[self._file.write(left) :]
        sync_file(self.fileno())

    def fileno(self) -> int:
        return self._file.fileno()

    def __del__(self) -> None:
        self._file.close()


def memory_per_s(threads: int) -> float:
    """Bytes that so many threads copy in a second, all together."""
    scratch = Scratch()
    return COPY_BYTES * _rate(lambda: scratch.copy(COPY_BYTES), threads)


def disk_s(size: int, threads: int) -> float:
    """Seconds between two writes of so many bytes that the disk has, where so many threads write."""
    scratch = Scratch()
    return 1 / _rate(lambda: scratch.write(size), threads)


def _rate(work: Callable[[], object], threads: int) -> float:
    def go(_: int) -> float:
        work()
        done, began = 0, time.perf_counter()
        while not done or time.perf_counter() - began < PROBE_S:
            work()
            done += 1
        return done / (time.perf_counter() - began)

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(go, range(threads)))
