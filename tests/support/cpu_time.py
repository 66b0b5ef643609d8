"""What processes have used of the CPUs: no time that passes while others have them."""

from __future__ import annotations

import psutil


def cpu_s(*processes: psutil.Process) -> float:
    """Seconds of CPU time, of all of them together, so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)
