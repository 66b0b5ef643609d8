"""What a server can do at most: what one request needs of each resource, and how much of it this machine has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.systems.servers.worker_kinds import Work

NEEDS = np.logspace(-1, np.log10(30), 60)
"""Milliseconds of CPU at which limits are drawn."""
LOADS = np.linspace(0, 99, 100)
"""Loads (% of the smallest limit) at which response times are drawn."""
MAX_PER_S = 4_000.0
"""Requests per second that the generator can send in time."""
SMALL, LARGE = 4_000, 1_000_000
"""Bytes of the two writes from which those of other sizes are estimated."""


@dataclass(frozen=True)
class Expected:
    """`limits` of each resource (requests per s) over `NEEDS`; CPU that the request needs (ms), and its smallest limit.

    Mean response (ns) over `LOADS`; the load that is offered (%).
    """

    limits: Mapping[str, NDArray[np.float64]]
    here: float
    smallest: str
    response_ns: NDArray[np.float64]
    load: float

    @property
    def roof(self) -> NDArray[np.float64]:
        """The smallest limit at each of the `NEEDS`."""
        return np.min(list(self.limits.values()), axis=0)


def predict(cpu: float, memory: int, network: int, disk: int, load: int, constants: Mapping[str, Any]) -> Expected:
    """X ≤ 1/D of each resource (Denning and Buzen 1978); the smallest is the bottleneck. One thread computes at a time, because
    of the GIL. Requests queue only at the bottleneck, as in M/D/1: R = ΣD + D·ρ/(2(1 − ρ)).
    """
    demands = demands_s(work_of(cpu, memory, network, disk), constants)
    limits = {name: np.full(NEEDS.size, 1 / need if need else np.inf) for name, need in demands.items()}
    smallest = max(demands, key=demands.__getitem__)
    longest, utilisation = demands[smallest], LOADS / 100
    response_s = sum(demands.values()) + longest * utilisation / (2 * (1 - utilisation))
    return Expected(
        limits={**limits, "CPU": 1e3 / NEEDS},
        here=cpu + constants["handling_ms"],
        smallest=smallest,
        response_ns=1e9 * response_s,
        load=100 * offered_share(load / 100, 1 / longest),
    )


def demands_s(work: Work, constants: Mapping[str, Any]) -> dict[str, float]:
    """Seconds that each resource is busy with one request: what the request needs, over what the resource does in a second."""
    small, large = constants["small_write_s"], constants["large_write_s"]
    each_byte = max(0.0, large - small) / (LARGE - SMALL)
    return {
        "CPU": (work.compute_ms + constants["handling_ms"]) / 1e3,
        "memory": work.copy_bytes / constants["memory_per_s"],
        "network": work.reply_bytes / constants["network_per_s"],
        "disk": small + each_byte * (work.write_bytes - SMALL) if work.write_bytes else 0.0,
    }


def work_of(cpu: float, memory: int, network: int, disk: int) -> Work:
    """From milliseconds of CPU, MB of memory copied, kB sent in reply, kB written to the disk."""
    return Work(compute_ms=cpu, copy_bytes=memory * 1_000_000, write_bytes=disk * 1_000, reply_bytes=network * 1_000)


def offered_share(chosen: float, most_per_s: float) -> float:
    """The share of the maximum (per s) that is offered: the one that was chosen, or what the generator can send."""
    return min(chosen, MAX_PER_S / most_per_s)
