"""The noise ledger: how quiet the machine was while a run measured."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from perflab.measure.control_groups import throttled_ms
from perflab.measure.others import UNKNOWN_USE, compare_use, our_processes, read_cpu_use
from perflab.measure.told import told

if TYPE_CHECKING:
    import psutil

SPIN_STEPS = 20_000
SPINS = 5
SLOWER_SPIN = 1.25
MAX_STOLEN = 0.02
MAX_SWITCHES_PER_S = 200.0
MAX_OTHERS, MAX_BUSY = 0.4, 0.9
"""Other programs that use more of a machine than this disturb where hardly any of it is left."""
FIGURES = {
    "stolen_share": "how much CPU time the host took",
    "throttled_ms": "whether a CPU quota held it back",
    "involuntary_switches": "how often others took the CPU",
    "others_share": "how much of the CPUs others used",
}
"""What a system should tell, and what is not known where it does not. Only Linux knows hosts and quotas."""
EXPECTED = tuple(FIGURES) if sys.platform == "linux" else ("others_share",)


@dataclass(frozen=True)
class NoiseLedger:
    """What disturbed the measuring process. A figure is None where the system does not tell it: then nothing is called quiet.

    `spin_before_ns`, `spin_after_ns`: a small computation, fastest of a few. `involuntary_switches`: how often others
    took the CPU away. `stolen_share` of the machine's CPU time by the hypervisor. `throttled_ms`: by a quota of a control group.
    `resolution_ns` of the clock. `others_share` of the machine's CPU time went to programs that are not ours, `busy_share` to
    all; `others_measuring`: how many other measurements were seen at work.
    """

    spin_before_ns: float
    spin_after_ns: float
    wall_s: float
    cpu_s: float
    involuntary_switches: int | None
    stolen_share: float | None
    throttled_ms: float | None
    resolution_ns: float
    others_share: float | None = 0.0
    busy_share: float | None = 0.0
    others_measuring: int | None = 0

    @property
    def reasons(self) -> list[str]:
        """What was wrong, one short phrase each; empty on a quiet machine."""
        found = []
        if self.others_measuring:
            found.append("another notebook measured at the same time")
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
        if (self.others_share or 0) > MAX_OTHERS and (self.busy_share or 0) > MAX_BUSY:
            found.append(f"other programs used {self.others_share:.0%} of all CPUs")
        return found

    @property
    def unknown(self) -> list[str]:
        """What this system should tell, and did not."""
        return [FIGURES[name] for name in EXPECTED if getattr(self, name) is None]

    @property
    def noisy(self) -> bool:
        """Whether a small difference measured in this run may be the machine's doing."""
        return bool(self.reasons)

    @property
    def sentence(self) -> str:
        """For the line under the chart: the first reason stands for all."""
        if self.noisy:
            return f"noisy machine: {self.reasons[0]}"
        return f"no noise seen, but unknown here: {self.unknown[0]}" if self.unknown else "quiet machine"


class NoiseWatch:
    """Open until `stop()`, around the measuring, in the process that measures; opening takes about 5 ms."""

    def __init__(self) -> None:
        self._spin_ns = spin_ns()
        self._before = _readings()

    def stop(self) -> NoiseLedger:
        """Close the ledger."""
        before, after = self._before, _readings()
        wall_s = after["wall_s"] - before["wall_s"]
        use = told(lambda: compare_use(before["cpu_use"], after["cpu_use"], our_processes(), wall_s), UNKNOWN_USE)
        switches = _difference(before, after, "switches_by_others")
        return NoiseLedger(
            spin_before_ns=self._spin_ns,
            spin_after_ns=spin_ns(),
            wall_s=wall_s,
            cpu_s=after["cpu_s"] - before["cpu_s"],
            involuntary_switches=None if switches is None else max(0, int(switches)),
            stolen_share=use.stolen_share,
            throttled_ms=_difference(before, after, "throttled_ms"),
            resolution_ns=time.get_clock_info("perf_counter").resolution * 1e9,
            others_share=use.others_share,
            busy_share=use.busy_share,
            others_measuring=use.others_measuring,
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
    return {
        "wall_s": time.perf_counter(),
        "cpu_s": time.process_time(),
        "switches_by_others": told(_switches_by_others, None),
        "cpu_use": told(read_cpu_use, None),
        "throttled_ms": told(throttled_ms, None),
    }


def _switches_by_others() -> int:
    """Involuntary switches that no wake of ours explains: a thread or server that we wake may take our CPU: no harm done."""
    import resource  # not on Windows

    import psutil

    ours, ended = (resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    children = psutil.Process().children(recursive=True)
    at_work = sum(told(partial(_wakes, child), 0) for child in children)
    return ours.ru_nivcsw - ours.ru_nvcsw - ended.ru_nvcsw - at_work


def _wakes(process: psutil.Process) -> int:
    return process.num_ctx_switches().voluntary


def _difference(before: dict[str, Any], after: dict[str, Any], name: str) -> float | None:
    return None if before[name] is None or after[name] is None else float(after[name] - before[name])
