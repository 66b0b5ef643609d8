"""A given amount of computing, which takes longer when CPUs are shared: work is counted, never timed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from time import perf_counter_ns

from perflab.interpreter import open_channel

PROBED_STEPS = 20_000
PROBES = 15


def per_ms(work: Callable[[int], object], amount: int) -> float:
    """How much of such work this machine does in a millisecond when nothing else wants the CPU: the best of some probes."""
    times = []
    for _ in range(PROBES):
        started = perf_counter_ns()
        work(amount)
        times.append(perf_counter_ns() - started)
    return amount * 1e6 / min(times)


def steps_per_ms() -> float:
    """How many steps of `compute` take a millisecond."""
    return per_ms(compute, PROBED_STEPS)


def pieces(milliseconds: float, piece_ms: float, each_ms: float) -> Iterator[int]:
    """Work of so many milliseconds in pieces of at most `piece_ms`, where so much of it takes a millisecond."""
    left_ms = milliseconds
    while left_ms > 0:
        yield int(min(left_ms, piece_ms) * each_ms)
        left_ms -= piece_ms


def compute(steps: int) -> int:
    """So many steps in pure Python: threads take turns at it, because each holds the GIL."""
    state = 1
    for _ in range(steps):
        state = (state * 69_069 + 1) & 0xFFFF_FFFF
    return state


def _answer() -> None:
    """As a process: compute the steps that each line asks for; ends with its input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = open_channel(sys.argv[-1])
    for line in sys.stdin:
        compute(int(line))
        channel.write(b"\n")
        channel.flush()


if __name__ == "__main__":
    _answer()
