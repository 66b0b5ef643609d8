"""How many requests per second the CPUs let through, from the CPU time that a request costs all who take part in it.

A throughput is lower while other programs are at work, or this machine pauses; CPU time hardly depends on either.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import psutil

from perflab.measure.machine import effective_cpus

FEWEST = 50
"""Answers that tell what one costs: where others have the CPUs there may be one or two, at the price of all under way."""


def cpu_s(pids: Sequence[int]) -> float:
    """CPU time (s) that these processes have had; raises `psutil.Error` for one that is gone."""
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


def limit_per_s(load: Callable[[], int], single: Sequence[int], several: Sequence[int]) -> float:
    """Requests per second when all CPUs are busy, or one of them with this process or one of `single`.

    `load` asks from this process, and returns how many requests were answered; of too few the limit is infinite, as it is not
    known. `several` are processes that share one kind of work.
    """
    before = [time.process_time(), *(cpu_s([pid]) for pid in single), cpu_s(several)]
    requests = load()
    after = [time.process_time(), *(cpu_s([pid]) for pid in single), cpu_s(several)]
    used = [max(0.0, end - begin) for end, begin in zip(after, before, strict=True)]
    if requests < FEWEST:
        return math.inf
    return requests / max(*used[:-1], sum(used) / effective_cpus(), 1e-3)
