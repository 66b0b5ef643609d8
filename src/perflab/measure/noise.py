"""The noise ledger: how quiet the machine was while a run measured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPIN_STEPS = 20_000
SPINS = 5
SLOWER_SPIN = 1.25
MAX_STOLEN = 0.02
MAX_SWITCHES_PER_S = 200.0
CGROUP_STATS = ("/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat")


@dataclass(frozen=True)
class NoiseLedger:
    """What disturbed the measuring process. A figure is None where the system does not tell it.

    `spin_before_ns`, `spin_after_ns`: a small computation, fastest of a few. `involuntary_switches`: how often the system took
    the CPU away. `stolen_share` of the machine's CPU time by the hypervisor. `throttled_ms`: by the container's CPU quota.
    `resolution_ns` of the clock.
    """

    spin_before_ns: float
    spin_after_ns: float
    wall_s: float
    cpu_s: float
    involuntary_switches: int | None
    stolen_share: float | None
    throttled_ms: float | None
    resolution_ns: float

    @property
    def reasons(self) -> list[str]:
        """What was wrong, one short phrase each; empty on a quiet machine."""
        found = []
        spins = sorted((self.spin_before_ns, self.spin_after_ns))
        if spins[1] > SLOWER_SPIN * spins[0]:
            found.append(f"its speed changed by {spins[1] / spins[0] - 1:.0%}")
        if (self.stolen_share or 0) > MAX_STOLEN:
            found.append(f"its host took {self.stolen_share:.0%} of the CPU time")
        if self.throttled_ms:
            found.append(f"a CPU quota held it back for {self.throttled_ms:.0f} ms")
        switches = self.involuntary_switches or 0
        if switches > MAX_SWITCHES_PER_S * max(self.wall_s, 0.05):
            found.append(f"others took the CPU {switches:,} times")
        return found

    @property
    def noisy(self) -> bool:
        """Whether a small difference measured in this run may be the machine's doing."""
        return bool(self.reasons)

    @property
    def sentence(self) -> str:
        """For the line under the chart: the first reason stands for all."""
        return f"noisy machine: {self.reasons[0]}" if self.noisy else "quiet machine"


class NoiseWatch:
    """Open until `stop()`, around the measuring, in the process that measures; opening takes about 5 ms."""

    def __init__(self) -> None:
        self._spin_ns = spin_ns()
        self._before = _readings()

    def stop(self) -> NoiseLedger:
        """Close the ledger."""
        after = _readings()
        cpus_s = _difference(self._before, after, "cpu_total_s")
        stolen_s = _difference(self._before, after, "stolen_s")
        switches = _difference(self._before, after, "switches")
        return NoiseLedger(
            spin_before_ns=self._spin_ns,
            spin_after_ns=spin_ns(),
            wall_s=after["wall_s"] - self._before["wall_s"],
            cpu_s=after["cpu_s"] - self._before["cpu_s"],
            involuntary_switches=None if switches is None else int(switches),
            stolen_share=stolen_s / cpus_s if stolen_s is not None and cpus_s else None,
            throttled_ms=_difference(self._before, after, "throttled_ms"),
            resolution_ns=time.get_clock_info("perf_counter").resolution * 1e9,
        )


def spin_ns() -> float:
    """The fastest of a few runs of a small fixed computation."""
    best = float("inf")
    for _ in range(SPINS):
        started = time.perf_counter_ns()
        total = 0
        for step in range(SPIN_STEPS):
            total += step
        best = min(best, time.perf_counter_ns() - started)
    return best


def _readings() -> dict[str, Any]:
    import psutil

    times = psutil.cpu_times()
    return {
        "wall_s": time.perf_counter(),
        "cpu_s": time.process_time(),
        "switches": _involuntary_switches(),
        "stolen_s": getattr(times, "steal", None),
        "cpu_total_s": sum(times),
        "throttled_ms": _throttled_ms(),
    }


def _involuntary_switches() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _throttled_ms() -> float | None:
    for path, unit in zip(CGROUP_STATS, (1e-3, 1e-6), strict=True):
        try:
            stats = dict(line.split() for line in Path(path).read_text().splitlines())
        except (OSError, ValueError):
            continue
        value = stats.get("throttled_usec", stats.get("throttled_time"))
        if value is not None:
            return float(value) * unit
    return None


def _difference(before: dict[str, Any], after: dict[str, Any], name: str) -> float | None:
    return None if before[name] is None or after[name] is None else float(after[name] - before[name])
