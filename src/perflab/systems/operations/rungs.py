"""The rungs of the ladder: from one step of the interpreter to a new process, each really done on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import repeat

from perflab.measure.caches import private_cache_bytes
from perflab.measure.units import duration, duration_range
from perflab.systems.machine.chase import chase, gather
from perflab.systems.machine.handover import between_processes, between_threads, can_pin, on_one_cpu
from perflab.systems.machine.storage import disk_caveat, disk_read, page_cache_read, sqlite_commit
from perflab.systems.operations.operations import Operation, append_and_fsync, tcp_round_trip

LIST = "“Latency numbers every programmer should know” (J. Dean, P. Norvig; many copies since)"
EXTENDED_LIST = "the same list, extended by others: measured on an Intel 5150 of 2006"
WISDOM = "common wisdom"
STEPS = 2_000
TEXT = (b"It was fast, they said, and measured the mean of ten runs on an idle machine. " * 14)[:1_000]
PROGRAM = "true"
FLOOR, CALL = "Python: one pass of an empty loop", "Python: one function call"
HAND_OVER, LOOPBACK, FSYNC = "lock hand-over between threads", "round trip, loopback", "append 4 kB + fsync"
YOURS, DISK_READ = "memory, your working set", "read 4 kB, disk"


Caveat = Callable[[], str | None]


def nothing() -> None:
    """An operation without work, a caveat without words."""


@dataclass(frozen=True)
class Rung:
    """One operation, and what is commonly quoted for it.

    `ready` is a context manager that yields a function; one call of it does the operation `per_call` times. Where that is
    above 1, a call's time divided by it is a mean, never a percentile's sample. `calls` fill a slice of about 0.1 s. It is called
    within `during()`, a slice at a time.
    `quoted_ns` is a range, or None without a known source. `caveat` tells why the number may not be what its name promises on
    this machine; it may look at the disk for that.
    """

    ready: Callable[[], AbstractContextManager[Operation]]
    calls: int
    quoted_ns: tuple[float, float] | None = None
    source: str = ""
    per_call: int = 1
    caveat: Caveat = nothing
    during: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def is_mean(self) -> bool:
        """Whether a value is the mean of several operations."""
        return self.per_call > 1

    @property
    def quote(self) -> str:
        """`5.0–20 ms`, or `105 ns` where a single number is quoted; empty where nothing is."""
        low_ns, high_ns = self.quoted_ns or (0.0, 0.0)
        return "" if not high_ns else duration(low_ns) if low_ns == high_ns else duration_range(low_ns, high_ns)


@contextmanager
def interpreter_step() -> Iterator[Operation]:
    """Pass after pass through an empty loop of Python."""

    def loop() -> None:
        for _ in repeat(None, STEPS):
            pass

    yield loop


@contextmanager
def repeated(operation: Operation, times: int) -> Iterator[Operation]:
    """So many calls of a function, one after another."""

    def loop() -> None:
        for _ in repeat(None, times):
            operation()

    yield loop


@contextmanager
def compress() -> Iterator[Operation]:
    """1 kB of English through zlib at its fastest level."""
    yield lambda: zlib.compress(TEXT, 1)


@contextmanager
def process_start() -> Iterator[Operation]:
    """A new process that does nothing, and its end."""
    program = shutil.which(PROGRAM)
    if program is None or not hasattr(os, "posix_spawn"):
        yield lambda: subprocess.run([sys.executable, "-S", "-E", "-c", "pass"], check=True)
        return

    def start() -> int:
        child = os.posix_spawn(program, [program], {})
        return os.waitpid(child, 0)[1]

    yield start


def process_caveat() -> str | None:
    """Which program is started, where it is not the smallest there is."""
    if shutil.which(PROGRAM) is None or not hasattr(os, "posix_spawn"):
        return f"There is no `{PROGRAM}` here: a Python interpreter is started, which takes many times longer."
    return None


def switch_caveat() -> str | None:
    """What the hand-over between processes holds besides the switch."""
    pinned = "" if can_pin() else " They cannot be kept on one CPU here, so another CPU has to wake up too."
    return "Holds two system calls on a pipe and two steps of Python for each switch." + pinned


def always(text: str) -> Caveat:
    """A caveat that holds on every machine."""
    return lambda: text


lock_caveat = always("Holds the hand-over of the GIL too, the interpreter's lock, where this Python has one.")
memory_caveat = always("Holds what the interpreter takes for a step: about the time of the 16 kB rung.")
loopback_caveat = always(
    "It never leaves this machine: two wake-ups and the system's network code, no cable. A local network (0.5–1 ms are quoted) "
    "is another thing."
)


def _memory(size: int, calls: int, quoted_ns: tuple[float, float] | None) -> Rung:
    return Rung(partial(chase, size, STEPS), calls, quoted_ns, LIST if quoted_ns else "", STEPS, memory_caveat)


RUNGS: dict[str, Rung] = {
    FLOOR: Rung(interpreter_step, 4_000, per_call=STEPS),
    CALL: Rung(partial(repeated, nothing, STEPS), 500, per_call=STEPS),
    "memory, 16 kB in use": _memory(16_000, 1_000, (0.5, 1)),
    "memory, 256 kB in use": _memory(256_000, 1_000, (4, 7)),
    "memory, 8 MB in use": _memory(8_000_000, 400, None),
    "memory, 64 MB in use": _memory(64_000_000, 200, (100, 100)),
    "memory, 64 MB, many reads at once": Rung(partial(gather, 64_000_000, STEPS), 4_000, per_call=STEPS),
    "system call": Rung(partial(repeated, os.getppid, STEPS // 10), 1_000, (105, 105), EXTENDED_LIST, STEPS // 10),
    "read 4 kB, page cache": Rung(page_cache_read, 20_000),
    "context switch": Rung(between_processes, 8_000, (4.3e3, 4.3e3), EXTENDED_LIST, 2, switch_caveat, on_one_cpu),
    "compress 1 kB": Rung(compress, 10_000, (2e3, 10e3), LIST + ", for Zippy"),
    HAND_OVER: Rung(between_threads, 2_000, per_call=2, caveat=lock_caveat),
    LOOPBACK: Rung(tcp_round_trip, 1_500, caveat=loopback_caveat),
    DISK_READ: Rung(disk_read, 500, (16e3, 1e6), LIST + "; " + WISDOM, caveat=disk_caveat),
    FSYNC: Rung(append_and_fsync, 200, (5e6, 20e6), WISDOM + ": disk", caveat=disk_caveat),
    "SQLite commit": Rung(sqlite_commit, 50, caveat=disk_caveat),
    "process start": Rung(process_start, 60, caveat=process_caveat),
}

PARTS: dict[str, tuple[str, ...]] = {
    "memory": (FLOOR, "memory, 16 kB in use"),
    "system": (FLOOR, CALL, "system call", "context switch", "compress 1 kB", HAND_OVER, LOOPBACK, "process start"),
    "storage": (FLOOR, "read 4 kB, page cache", DISK_READ, FSYNC, "SQLite commit"),
}
PARTS["all"] = tuple(name for name in RUNGS if any(name in part for part in PARTS.values()))


def rungs_of(part: str, working_set: int) -> dict[str, Rung]:
    """The rungs of a part; that of a working set (bytes) last, because a large one takes a moment to lay out."""
    chosen = {name: RUNGS[name] for name in PARTS[part]}
    if part in ("all", "memory"):
        chosen[YOURS] = Rung(partial(chase, working_set, STEPS), 200, per_call=STEPS, caveat=working_set_caveat)
    return chosen


def working_set_caveat() -> str | None:
    """What a step holds besides the read, and where the size of the cache is not this machine's own."""
    told = "" if private_cache_bytes()[1] else " The system does not tell its cache: the model's is a typical one."
    return f"{memory_caveat()}{told}"
