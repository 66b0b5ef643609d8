"""What a server can do at most: what one request needs of each resource, and how much of it this machine has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.changes import only_change
from perflab.chapters.load import mean_response_ns
from perflab.lab import Record
from perflab.lab.verdict import ratio_in_turns
from perflab.measure.compare import EQUAL
from perflab.measure.frame import Frame
from perflab.measure.units import DASH, count, percent
from perflab.systems.clients.worker_load import saturated
from perflab.systems.machine.resources import disk_s, memory_per_s
from perflab.systems.servers.worker_kinds import Work
from perflab.systems.servers.worker_server import worker_server
from perflab.theory.queues import closed

NEEDS = np.logspace(-1, np.log10(30), 60)
"""Milliseconds of CPU at which limits are drawn."""
LOADS = np.linspace(0, 99, 100)
"""Loads (% of the smallest limit) at which response times are drawn."""
WORKERS, CLIENTS, WINDOW_S = 4, 8, 0.15
MOST, CALM = "most_per_s", "calm_ns"
MAX_PER_S = 4_000.0
"""Requests per second that the generator can send in time."""
SMALL, LARGE = 4_000, 1_000_000
"""Bytes of the two writes from which those of other sizes are estimated."""


HALF, NEARLY = 0.5, 0.9
"""Shares of its maximum at which the server is loaded."""


@dataclass(frozen=True)
class Expected:
    """`limits` of each resource (requests per s) over `NEEDS`; CPU that the request needs (ms), and its limits there.

    Mean response (ns) over `LOADS`. Where the threads are on average while all of them have a request, working or waiting.
    """

    limits: Mapping[str, NDArray[np.float64]]
    here: float
    most: Mapping[str, float]
    response_ns: NDArray[np.float64]
    threads_at: Mapping[str, float]

    @property
    def roof(self) -> NDArray[np.float64]:
        """The smallest limit at each of the `NEEDS`."""
        return np.min(list(self.limits.values()), axis=0)

    @property
    def smallest(self) -> str:
        """The resource that runs out first."""
        return min(self.most, key=self.most.__getitem__)


def calibrate() -> Iterator[Frame]:
    """Four probes: CPU by empty requests, the network by large replies, copies of memory, writes to the disk."""
    with worker_server(WORKERS) as server:
        empty = max(saturated(server.port, Work(), CLIENTS, WINDOW_S) for _ in range(3))
        yield Frame(facts={"handling_ms": 1e3 / empty})
        sent = [size * saturated(server.port, Work(reply_bytes=size), CLIENTS, WINDOW_S) for size in (100_000, 300_000)]
        yield Frame(facts={"network_per_s": max(sent)})
    yield Frame(facts={"memory_per_s": memory_per_s(WORKERS)})
    yield Frame(facts={"small_write_s": disk_s(SMALL, WORKERS), "large_write_s": disk_s(LARGE, WORKERS)})


def predict(cpu: float, memory: int, network: int, disk: int, constants: Mapping[str, Any]) -> Expected:
    """X ≤ 1/D of each resource (Denning and Buzen 1978); the smallest is the bottleneck. One thread computes at a time, because
    of the GIL. Requests queue only at the bottleneck, as in M/D/1: R = ΣD + D·ρ/(2(1 − ρ)). At the maximum all threads have a
    request: a closed system.
    """
    demands = demands_s(work_of(cpu, memory, network, disk), constants)
    most = {name: 1 / need if need else np.inf for name, need in demands.items()}
    longest, utilisation = max(demands.values()), LOADS / 100
    response_s = sum(demands.values()) + longest * utilisation / (2 * (1 - utilisation))
    limits = {name: np.full(NEEDS.size, each) for name, each in most.items()}
    here = cpu + constants["handling_ms"]
    threads_at = dict(zip(demands, closed(WORKERS, [*demands.values()]).inside, strict=True))
    return Expected({**limits, "CPU": 1e3 / NEEDS}, here, most, 1e9 * response_s, threads_at)


def most_per_s(record: Record) -> float:
    """Maximum throughput: the median of the windows; NaN before the first."""
    rates = record.column(MOST)
    return float(np.median(rates)) if rates.size else float("nan")


def expected_of(record: Record) -> Expected | None:
    """The limits of a run's request on this machine; None without a calibration."""
    return predict(**record.parameters, constants=record.constants) if record.constants else None


def responses(record: Record) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The loads that were offered (% of the maximum), and the mean response at each (ns); NaN where there is none."""
    shares, calm = (record.fact(f"{name}_share", np.nan) for name in ("calm", "load")), record.column(CALM)
    return 100 * np.array([*shares]), np.array([calm.mean() if calm.size else np.nan, mean_response_ns(record)])


def limits_said(expected: Expected) -> str:
    """All four limits, the smallest first."""
    ordered = sorted(expected.most, key=expected.most.__getitem__)
    said = [f"{name} {count(expected.most[name])}/s" for name in ordered if np.isfinite(expected.most[name])]
    return ", ".join([*said, *(f"{name} none" for name in ordered if np.isinf(expected.most[name]))])


def limit_row(name: str) -> tuple[str, Callable[[Record], str]]:
    """A row of the table: what a resource allows, whether it is the bottleneck, and how many threads are there."""

    def text(record: Record) -> str:
        model = expected_of(record)
        if model is None or not np.isfinite(model.most[name]):
            return DASH
        said = f"{count(model.most[name])} (smallest)" if name == model.smallest else count(model.most[name])
        return f"{said}; {model.threads_at[name]:.1f}"

    return f"limit of {name}, requests/s; threads there of {WORKERS} (model)", text


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


RESOURCES = {"CPU": "the CPU", "memory": "memory", "network": "the network", "disk": "the disk"}
UNITS = {"cpu": "ms of CPU", "memory": "MB copied", "network": "kB sent", "disk": "kB written"}
NEEDED = {
    "cpu": "computes for {:g} ms",
    "memory": "copies {:,} MB",
    "disk": "writes {:,} kB",
    "network": "replies with {:,} kB",
}


def finding(record: Record, pinned: Record | None) -> str | None:
    """The smallest limit, and how near the server came to it; or what another need of one resource did to both."""
    most, model = most_per_s(record), expected_of(record)
    if not np.isfinite(most):
        return None
    if pinned is not None and only_change(record, pinned) and np.isfinite(most_per_s(pinned)):
        return _effect(only_change(record, pinned), pinned, record)
    if model is None:
        return f"The server's maximum is {count(most)} requests/s."
    limit = model.most[model.smallest]
    first = f"By its limits, {RESOURCES[model.smallest]} runs out first, at {count(limit)} requests/s"
    return f"{first}; the server reached {count(most)}, {percent(most / limit)} of that."


def _effect(need: str, pinned: Record, record: Record) -> str:
    """What a change of a need did to the maximum; and the smallest limit of both runs, where it is known."""
    before, after = (f"{run.parameters[need]:,g}" for run in (pinned, record))
    compared = ratio_in_turns(record, pinned, MOST)
    went = f"went from {count(most_per_s(pinned))}/s to {count(most_per_s(record))}/s"
    if compared is not None and compared.verdict == EQUAL:
        went = f"stayed at about {count(most_per_s(record))}/s"
    smallest = [RESOURCES[model.smallest] for run in (pinned, record) if (model := expected_of(run))]
    limits = f"; smallest limit: {', then '.join(dict.fromkeys(smallest))}" if len(smallest) == 2 else ""
    return f"From {before} to {after} {UNITS[need]}, the maximum {went}{limits}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    needs = [text.format(chosen[name]) for name, text in NEEDED.items() if chosen[name]]
    each = (
        f"{', '.join(needs[:-1])} and {needs[-1]}" if len(needs) > 1 else (*needs, "needs nothing but its handling")[0]
    )
    then = f"First {CLIENTS} clients at full speed; then half and 90% of that rate (at most {count(MAX_PER_S)}/s)"
    return f"A request {each}. {then}."
