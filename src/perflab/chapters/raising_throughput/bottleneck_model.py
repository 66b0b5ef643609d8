"""What a server can do at most: what one request needs of each resource, and how much of it this machine has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.systems.servers.worker_kinds import Work

CPU, MEMORY, NETWORK, DISK = "CPU", "memory", "network", "disk"
RESOURCES = (CPU, MEMORY, NETWORK, DISK)
MEGA, KILO = 1_000_000, 1_000
NEEDS = np.logspace(-1, np.log10(30), 60)
LOADS = np.linspace(0, 99, 100)
MOST_PER_S = 4_000.0
SMALL, LARGE = 4_000, 1_000_000
"""Bytes of the two writes from which those of other sizes are estimated."""


@dataclass(frozen=True)
class Expected:
    """`limits` of each resource (requests per s) over `needs` (ms of CPU); where the request lies, and the smallest limit there.

    `loads` in % of that limit, and the mean response time at each (ns); `load` is what is likely to be offered (%).
    """

    needs: NDArray[np.float64]
    limits: Mapping[str, NDArray[np.float64]]
    here: float
    smallest: str
    loads: NDArray[np.float64]
    response_ns: NDArray[np.float64]
    load: float


def predict(cpu: float, memory: int, network: int, disk: int, load: int, constants: Mapping[str, Any]) -> Expected:
    """X ≤ 1/D of each resource (Denning and Buzen 1978); the smallest is the bottleneck. One at a time computes, because of
    the interpreter's lock. Only at the bottleneck requests queue, as in M/D/1: R = ΣD + D·ρ/(2(1 − ρ)).
    """
    here = cpu + constants["handling_ms"]
    demands = demands_s(work_of(cpu, memory, network, disk), constants)
    limits = {name: np.full(NEEDS.size, 1 / need if need else np.inf) for name, need in demands.items()}
    limits[CPU] = 1e3 / NEEDS
    longest = max(demands.values())
    share = LOADS / 100
    response_s = sum(demands.values()) + longest * share / (2 * (1 - share))
    smallest = max(demands, key=lambda name: demands[name])
    offered = 100 * held(load / 100, 1 / longest)
    return Expected(NEEDS, limits, here, smallest, LOADS, 1e9 * response_s, offered)


def demands_s(work: Work, constants: Mapping[str, Any]) -> dict[str, float]:
    """Seconds that each resource has to do for one request: what it needs, over what the resource does in a second."""
    small, large = constants["small_write_s"], constants["large_write_s"]
    each_byte = max(0.0, large - small) / (LARGE - SMALL)
    return {
        CPU: (work.compute_ms + constants["handling_ms"]) / 1e3,
        MEMORY: work.copy_bytes / constants["memory_per_s"],
        NETWORK: work.reply_bytes / constants["network_per_s"],
        DISK: small + each_byte * (work.write_bytes - SMALL) if work.write_bytes else 0.0,
    }


def work_of(cpu: float, memory: int, network: int, disk: int) -> Work:
    """Milliseconds of CPU, MB of memory copied, kB sent in reply, kB written to the disk."""
    return Work(compute_ms=cpu, copy_bytes=memory * MEGA, write_bytes=disk * KILO, reply_bytes=network * KILO)


def held(share: float, most: float) -> float:
    """The share of the most (per s) that is offered: what was asked for, or what the generator may send."""
    return min(share, MOST_PER_S / most)
