"""The claims of notebook 11, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perflab.chapters.web_servers import heavy_request_model as heavy
from perflab.chapters.web_servers import idle_connections_model as idle
from perflab.chapters.web_servers import waiting_connections_model as waiting
from perflab.lab import Record, one_run, pairs
from perflab.lab.claims import Claim, report_claims
from perflab.lab.verdict import ratio_in_turns, ratio_text
from perflab.measure import byte_size, count, duration, percent
from perflab.measure.compare import CLEAR
from perflab.systems.servers.web.own import PREFORK, PROCESS_EACH
from perflab.systems.servers.web.web_server import APACHE

Found = tuple[bool | None, str] | None
MEGABYTES, ABOUT, FEWEST_PROCESSES = (8e6, 2.0, 5)
"""What a process is said to take; within which factor that is right; of how many processes the mean is taken."""
CONNECTIONS = (150, 400)
MIN_HEAVY_MS, ISOLATED = 100, 0.5
"""The heavy request that decides; the p99 of the light ones, as a share of it, below which they were kept apart from it."""
OWN_PROCESSES = (PROCESS_EACH, PREFORK, APACHE)


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _process_takes(record: Record) -> Found:
    """The memory of a process, each page counted once."""
    processes = record.fact(idle.PROCESSES, 0)
    if record.parameters["architecture"] not in OWN_PROCESSES or processes < FEWEST_PROCESSES:
        return None
    own, rss = (idle.bytes_of(record, column) / processes for column in (idle.OWN, idle.RSS))
    if not np.isfinite(own):
        return None, "the system does not tell which pages processes share."
    said = f"{record.parameters['architecture']}, {count(processes)} processes: {byte_size(own)} each"
    told = f"{said} with each page counted once; the sum of RSS says {byte_size(rss)}."
    return MEGABYTES / ABOUT <= own <= MEGABYTES * ABOUT, told


def _serves(record: Record) -> Found:
    """How many connections were served, where some were not."""
    chosen, left = record.parameters, waiting.never(record)
    if chosen["architecture"] not in waiting.WITH_WORKERS or not left or not record.column(waiting.PER_S).size:
        return None
    served = int(chosen["connections"] - left)
    told = f"{waiting.who(chosen)}: {count(served)} of {count(chosen['connections'])} connections were served."
    return CONNECTIONS[0] <= served <= CONNECTIONS[1], f"{told} It is a setting."


def _beside(record: Record) -> str:
    chosen, p99 = record.parameters, duration(heavy.of(record, 0.99))
    found = f"{percent(heavy.waited(record))} of the light requests waited for a heavy one, p99 {p99}"
    return f"{chosen['architecture']}, beside requests of {chosen['heavy']} ms of computing: {found}."


def _decides(record: Record, architectures: Sequence[str]) -> bool:
    """Whether this run has heavy requests on one of these servers."""
    chosen = record.parameters
    is_asked = chosen["architecture"] in architectures and chosen["heavy"] >= MIN_HEAVY_MS
    return bool(is_asked and record.column(heavy.HEAVY).size and record.column(heavy.LATENCY).size)


def _is_apart(record: Record) -> bool:
    """Whether the light requests were kept apart from the heavy one."""
    median_ns = float(np.median(record.column(heavy.HEAVY)))
    return heavy.waited(record) < heavy.HARDLY and heavy.of(record, 0.99) < ISOLATED * median_ns


def _loop_is_stable(record: Record) -> Found:
    return (_is_apart(record), _beside(record)) if _decides(record, heavy.BLOCKED) else None


def _processes_isolate(record: Record) -> Found:
    return (_is_apart(record), _beside(record)) if _decides(record, OWN_PROCESSES) else None


def _processes_cost(records: Sequence[Record]) -> Found:
    """A process made for a connection against one that is there; both had one to spare, and were measured in turns."""
    for one, other in pairs(records, "architecture"):
        runs = {run.parameters["architecture"]: run for run in (one, other)}
        if {*runs} != {PROCESS_EACH, PREFORK} or one.parameters["idle"] >= one.parameters["workers"]:
            continue
        ratio = (
            ratio_in_turns(runs[PROCESS_EACH], runs[PREFORK], idle.RESPONSE) if one.turns == other.turns != "" else None
        )
        if ratio is not None and ratio.has_interval and ratio.verdict == CLEAR:
            return (
                ratio.low > 1,
                f"one more request on a new connection takes {ratio_text(ratio)} as long as with prefork.",
            )
    return None


CLAIMS = (
    Claim("An event loop remains stable under load.", "heavy_request", one_run(_loop_is_stable)),
    Claim("Processes isolate work that computes.", "heavy_request", one_run(_processes_isolate)),
    Claim("A process per connection: 150 to 400 connections.", "waiting_connections", one_run(_serves)),
    Claim("A process takes about 8 MB.", "idle_connections", one_run(_process_takes)),
    Claim("Each new connection costs the creation of a process.", "idle_connections", _processes_cost),
)
