"""Who else used the CPUs while we measured: the host, other programs, and other measurements among them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

MEASURING_SHARE = 0.1
"""Of one CPU: another worker or server of ours that used more of it was measuring, or getting ready to."""
OURS = ("perflab.lab.worker", "perflab.systems.")


@dataclass(frozen=True)
class CpuReading:
    """CPU seconds since some moment in the past: of the machine (in use, in all, taken by its host), and of each process by id;
    `ended` are those of children that it had and that are gone, where the system tells.

    `stolen_s` is None where the system knows no host.
    """

    busy_s: float
    total_s: float
    stolen_s: float | None
    processes: Mapping[int, float]
    ended: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CpuUse:
    """Shares of the machine's CPU time between two readings, and how many other measurements were seen at work; None: unknown."""

    stolen_share: float | None = None
    busy_share: float | None = None
    others_share: float | None = None
    others_measuring: int | None = None


UNKNOWN_USE = CpuUse()


def read_cpu_use() -> CpuReading:
    """Now; raises where a system does not tell. Takes about 2 ms. A process that does not tell of itself is passed over."""
    import psutil

    times = psutil.cpu_times()
    guests_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # in "user" too
    stolen_s = getattr(times, "steal", None)
    total_s = sum(times) - guests_s
    idle_s = times.idle + getattr(times, "iowait", 0.0) + (stolen_s or 0.0)
    told = {process.pid: process.info["cpu_times"] for process in psutil.process_iter(["cpu_times"])}
    used = {pid: each for pid, each in told.items() if each is not None}
    seconds = {pid: each.user + each.system for pid, each in used.items()}
    ended = {pid: each.children_user + each.children_system for pid, each in used.items()}
    return CpuReading(total_s - idle_s, total_s, stolen_s, seconds, ended)


def our_processes() -> set[int]:
    """This process, what it started, and the kernel that started it."""
    import psutil

    return {os.getpid(), os.getppid(), *(child.pid for child in psutil.Process().children(recursive=True))}


def compare_use(before: CpuReading, after: CpuReading, ours: Collection[int], wall_s: float) -> CpuUse:
    """What happened in between; raises where no CPU time has passed. What cannot be seen of others counts as theirs."""
    spent = {pid: seconds - before.processes.get(pid, 0.0) for pid, seconds in after.processes.items()}
    total_s, busy_s = after.total_s - before.total_s, after.busy_s - before.busy_s
    ended = {pid: seconds - before.ended.get(pid, 0.0) for pid, seconds in after.ended.items()}
    others_s = busy_s - sum(spent.get(pid, 0.0) + ended.get(pid, 0.0) for pid in ours)
    at_work = [pid for pid, seconds in spent.items() if pid not in ours and seconds > MEASURING_SHARE * wall_s]
    stolen = None if before.stolen_s is None or after.stolen_s is None else after.stolen_s - before.stolen_s
    return CpuUse(
        stolen_share=None if stolen is None else stolen / total_s,
        busy_share=busy_s / total_s,
        others_share=max(0.0, others_s) / total_s,
        others_measuring=len({_session(pid) for pid in at_work if _measures(pid)}),
    )


def _measures(pid: int) -> bool:
    """Whether it is a worker or a server of this collection. Other users' processes may be hidden."""
    import psutil

    try:
        return any(name in word for word in psutil.Process(pid).cmdline() for name in OURS)
    except psutil.Error:
        return False


def _session(pid: int) -> int:
    """A worker and its servers are one measurement."""
    try:
        return os.getsid(pid)
    except (AttributeError, OSError):
        return pid
