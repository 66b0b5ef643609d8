"""The claims of notebook 11, each judged by what this machine has measured. All are general: one run is enough to refute them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from perflab.chapters.web_servers import heavy_request_model as heavy
from perflab.chapters.web_servers import idle_connections_model as idle
from perflab.chapters.web_servers import waiting_connections_model as waiting
from perflab.lab import Record, pairs
from perflab.lab.claims import Claim, in_every_run, report_claims, unless_refuted
from perflab.lab.verdict import ratio_in_turns, ratio_text
from perflab.measure import byte_size, count, duration, effective_cpus, percent
from perflab.measure.compare import CLEAR
from perflab.systems.servers.web.own import LOOP, PREFORK, PROCESS_EACH
from perflab.systems.servers.web.web_server import APACHE, NGINX, NODE

Found = tuple[bool | None, str] | None
MEGABYTES, ABOUT, FEWEST_PROCESSES = (8e6, 2.0, 5)
"""What a process is said to take; within which factor that is right; of how many processes the mean is taken."""
CONNECTIONS = (150, 400)
STABLE, UNSTABLE = waiting.SLOWER, 2.0
"""Times the response of one connection alone, as the median of many."""
MIN_HEAVY_MS, ISOLATED = 100, 0.5
"""The heavy request that decides; the p99 of the light ones, as a share of it, below which they were kept apart from it."""
OWN_PROCESSES, LOOPS = (PROCESS_EACH, PREFORK, APACHE), (LOOP, NODE, NGINX)
MANY_CONNECTIONS, ALIKE_WITHIN = 1_000, 1.25
"""From which number on an event loop is advised; amounts of memory within this factor are not told apart."""
NOT_TOLD = "the system does not tell which pages processes share."


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
        return None, NOT_TOLD
    said = f"{record.parameters['architecture']}, {count(processes)} processes: {byte_size(own)} each"
    told = f"{said} with each page counted once; the sum of RSS says {byte_size(rss)}."
    return MEGABYTES / ABOUT <= own <= MEGABYTES * ABOUT, told


def _serves(record: Record) -> Found:
    """How many connections were served, where some were not. With fewer processes than is claimed it can be no more."""
    chosen, left = record.parameters, waiting.never(record)
    if chosen["architecture"] not in waiting.WITH_WORKERS or not left or not record.column(waiting.PER_S).size:
        return None
    served = int(chosen["connections"] - left)
    told = f"{waiting.who(chosen)}: {count(served)} of {count(chosen['connections'])} connections were served."
    holds = CONNECTIONS[0] <= served <= CONNECTIONS[1] if chosen["workers"] >= CONNECTIONS[0] else None
    return holds, f"{told} It is a setting: one connection for each process."


def _loop_waits_well(record: Record) -> Found:
    """Requests that only wait; where the CPUs should be busy with so many, a median as short as alone speaks for it."""
    chosen, known = record.parameters, record.constants
    if chosen["architecture"] not in LOOPS or not record.column(waiting.RESPONSE).size:
        return None
    alone_ns = 1e6 * chosen["wait"] + known.get(waiting.added(chosen["architecture"]), 0.0)
    times = waiting.response(record, 0.5) / alone_ns
    told = f"{idle.named(chosen)}, {count(chosen['connections'])} connections: {count(waiting.rate(record))} requests/s"
    said = f"{told}, which wait {chosen['wait']} ms and take {duration(times * alone_ns)} (p50)."
    if times > UNSTABLE:
        return False, said
    could = waiting.predict(**chosen, constants=known).response_ns > UNSTABLE * alone_ns
    return (True, said) if times < STABLE and could else None


def _beside(record: Record) -> str:
    chosen, p99 = record.parameters, duration(heavy.of(record, 0.99))
    found = f"{percent(heavy.waited(record))} of the light requests waited for a heavy one, p99 {p99}"
    return f"{chosen['architecture']}, beside requests of {chosen['heavy']} ms of computing: {found}."


def _decides(record: Record, architectures: Sequence[str]) -> bool:
    """Whether this run has heavy requests on one of these servers."""
    chosen = record.parameters
    is_asked = chosen["architecture"] in architectures and chosen["heavy"] / chosen["pieces"] >= MIN_HEAVY_MS
    return bool(is_asked and record.column(heavy.HEAVY).size and record.column(heavy.LATENCY).size)


def _is_apart(record: Record) -> bool:
    """Whether the light requests were kept apart from the heavy one."""
    median_ns = float(np.median(record.column(heavy.HEAVY)))
    return heavy.waited(record) < heavy.HARDLY and heavy.of(record, 0.99) < ISOLATED * median_ns


def _loop_is_stable(record: Record) -> Found:
    return (_is_apart(record), _beside(record)) if _decides(record, heavy.BLOCKED) else None


def _processes_isolate(record: Record) -> Found:
    """On a noisy machine, light requests may wait for others than the heavy one."""
    if not _decides(record, OWN_PROCESSES):
        return None
    is_noisy = record.noise is not None and record.noise.noisy
    return None if is_noisy and not _is_apart(record) else (_is_apart(record), _beside(record))


def _two(records: Sequence[Record], first: Sequence[str], second: Sequence[str]) -> Iterator[tuple[Record, Record]]:
    """Pairs of runs that differ in their architecture only, which is one of the first, and one of the second."""
    for pair in pairs(records, "architecture"):
        for one, other in (pair, pair[::-1]):
            if one.parameters["architecture"] in first and other.parameters["architecture"] in second:
                yield one, other


def _creation(architecture: str, records: Sequence[Record]) -> Iterator[Found]:
    """A process made for a connection against one that is there; both had one to spare, and were measured in turns.

    Where the one that is made for it takes longer, prefork makes none.
    """
    for each, prefork in _two(records, [PROCESS_EACH], [PREFORK]):
        if each.parameters["idle"] < each.parameters["workers"] and each.turns == prefork.turns != "":
            ratio = ratio_in_turns(each, prefork, idle.RESPONSE)
            if ratio is not None and ratio.has_interval and ratio.verdict == CLEAR:
                told = f"one more request on a new connection takes {ratio_text(ratio)} as long as with prefork."
                yield (ratio.low > 1) == (architecture == PROCESS_EACH), told


def _loop_answers_more(records: Sequence[Record]) -> Iterator[Found]:
    """Clients with an answer, who are counted."""
    many = [run for run in reversed(records) if run.parameters["connections"] >= MANY_CONNECTIONS]
    measured = [run for run in many if run.column(waiting.PER_S).size]
    for loop in (run for run in measured if run.parameters["architecture"] in LOOPS):
        for processes in (run for run in measured if run.parameters["architecture"] in OWN_PROCESSES):
            answers = f"{idle.named(loop.parameters)} answers {count(loop.fact('answered'))}"
            told = f"{answers}, {idle.named(processes.parameters)} {count(processes.fact('answered'))}"
            yield waiting.never(loop) < waiting.never(processes), f"of {count(MANY_CONNECTIONS)} clients {told}."


def _loop_takes_less(records: Sequence[Record]) -> Iterator[Found]:
    """Memory with the same idle connections, of servers in the same language, each page counted once."""
    for loop, processes in _two(records, [LOOP], [PROCESS_EACH, PREFORK]):
        own = [idle.bytes_of(run, idle.OWN) for run in (loop, processes)]
        if not np.isfinite(own).all():
            yield None, NOT_TOLD
        elif loop.parameters["idle"] and not 1 / ALIKE_WITHIN < own[1] / own[0] < ALIKE_WITHIN:
            each = [
                f"{idle.named(run.parameters)} {byte_size(one)}"
                for run, one in zip((loop, processes), own, strict=True)
            ]
            yield own[0] < own[1], f"with {count(loop.parameters['idle'])} idle connections, {', '.join(each)}."


def _prefork_computes(records: Sequence[Record]) -> Iterator[Found]:
    """What arrives beside a request that computes, on both servers in turns."""
    for loop, prefork in _two(records, [LOOP], [PREFORK]):
        if loop.turns == prefork.turns != "" and _decides(loop, [LOOP]) and _decides(prefork, [PREFORK]):
            ratio = ratio_in_turns(loop, prefork, heavy.LATENCY, 0.99)
            if ratio is not None and ratio.has_interval and ratio.verdict == CLEAR:
                took = " and ".join(heavy.heavy_said(run) for run in (loop, prefork))
                told = f"beside it, the p99 on an event loop is {ratio_text(ratio)} that of prefork; it took {took} itself."
                yield ratio.low > 1, told


def _not_raced(_: Sequence[Record]) -> Found:
    cpus = f"{effective_cpus():.3g} here"
    return (
        None,
        f"that is a matter of CPUs: processes use all of them ({cpus}), an event loop uses one. No lab races them.",
    )


CREATION = {
    "A server that forks for each connection": partial(_creation, PROCESS_EACH),
    "Prefork": partial(_creation, PREFORK),
}
CLAIMS = (
    Claim(
        "An event loop remains stable beside a request that computes.", "heavy_request", in_every_run(_loop_is_stable)
    ),
    Claim(
        "An event loop remains stable under load, if requests only wait.",
        "waiting_connections",
        in_every_run(_loop_waits_well),
    ),
    Claim("Processes isolate work that computes.", "heavy_request", in_every_run(_processes_isolate)),
    Claim("A process per connection: 150 to 400 connections.", "waiting_connections", in_every_run(_serves)),
    Claim("A process takes about 8 MB.", "idle_connections", in_every_run(_process_takes)),
    *(
        Claim(f"{name}: each new connection costs the creation of a process.", "idle_connections", unless_refuted(tell))
        for name, tell in CREATION.items()
    ),
    Claim("1,000 connections or more: an event loop.", "waiting_connections", unless_refuted(_loop_answers_more)),
    Claim("Memory is short: an event loop.", "idle_connections", unless_refuted(_loop_takes_less)),
    Claim("Requests that compute: prefork.", "heavy_request", unless_refuted(_prefork_computes)),
    Claim("Prefork gets twice as many of them done.", "heavy_request", _not_raced),
)
