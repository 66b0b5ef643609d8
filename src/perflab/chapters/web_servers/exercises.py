"""Checks of the exercises of notebook 11. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from perflab.chapters.judging import OPEN, RIGHT, Case, is_function, is_run_of, judge, judge_cases
from perflab.chapters.web_servers import heavy_request_model
from perflab.chapters.web_servers.heavy_request_model import BLOCKED
from perflab.chapters.web_servers.own_handler import check_handle as check_handle
from perflab.lab import Record
from perflab.measure import byte_size, count, duration, number, percentile
from perflab.measure.memory import PSS, memory_of
from perflab.systems.clients.closed_clients import ClosedClients
from perflab.systems.http.connection import request_bytes
from perflab.systems.servers.slow_backend import slow_backend
from perflab.systems.servers.web.web_server import LOOP, PREFORK, web_server, why_missing

MAX_P99_NS, RATE, HEAVY_MS = 80e6, 100, 200


def check_in_pieces(record: Record | None) -> None:
    """Modify: a p99 of the light requests below 80 ms, still on an event loop, with all of the work done, in pieces."""
    if record is None:
        print(f"{OPEN}Run the lab on the event loop with one setting changed; keep it in `in_pieces`.")
        return
    if not is_run_of(record, "heavy_request"):
        return
    chosen, p99_ns = record.parameters, heavy_request_model.of(record, 0.99)
    if chosen["architecture"] not in BLOCKED:
        print(f"Not yet: `architecture` should be {LOOP!r}. Which other setting makes them wait less?")
    elif chosen["rate"] != RATE:
        print(f"Not yet: `rate` should be {RATE}. Do fewer requests make those that wait, wait less?")
    elif chosen["heavy"] != HEAVY_MS:
        print(f"Not yet: `heavy` should be {HEAVY_MS}. All of its work has to be done.")
    elif p99_ns > MAX_P99_NS:
        print(f"Not yet: the p99 is {duration(p99_ns)}, and it should be below {duration(MAX_P99_NS)}.")
    else:
        told = f"{chosen['pieces']} pieces of {HEAVY_MS / chosen['pieces']:g} ms, and the p99 is {duration(p99_ns)}"
        print(f"{RIGHT}: {told}. As many wait as before, but none for longer than one piece.")


WORKERS, CLIENTS, WAIT_MS, TESTED_S = 8, 100, 50, 1.5


def load_test() -> None:
    """Measure a server with too few processes, and print what load tests usually print."""
    if said := why_missing(PREFORK):
        print(said)
        return
    request = request_bytes(f"/wait?ms={WAIT_MS}")
    with (
        slow_backend() as backend,
        web_server(PREFORK, workers=WORKERS, backend_port=backend.port) as server,
        ClosedClients(server.port, request, CLIENTS) as clients,
    ):
        found = clients.window(0.2, TESTED_S, WAIT_MS / 1e3)
    p50, p99 = (duration(percentile(found.response_ns, share)) for share in (0.5, 0.99))
    print(f"{CLIENTS} clients, each asks again as soon as it has its answer: {count(found.per_s)} requests/s,")
    print(f"response time p50 {p50}, p99 {p99}, {count(found.failures)} errors")


WHAT_IS_HIDDEN = {
    "the slowest 1%": "a p99 does leave out one request in a hundred. Count those that are under way at a time: throughput × "
    "response time (Little's law). How many of the 100 clients is that?",
    "most clients have no answer": f"Right: throughput × response time is {WORKERS} requests, not {CLIENTS}. The other clients "
    "have waited since the beginning, and no percentile of answered requests knows them. Count what was never answered beside "
    "every percentile, or let it count as long as it has waited.",
    "the backend is too slow": f"a request waits {WAIT_MS} ms for it, as it should, and the p50 is hardly more.",
    "errors are left out": "there are none: nothing was refused, and no client has given up yet.",
}


def check_what_is_hidden(answer: str | None) -> None:
    """Judge: a perfect p99, and a site that most users do not see."""
    judge(answer, WHAT_IS_HIDDEN)


PAGE_BYTES = 4_096
Pages = frozenset[int]
MemoryOf = Callable[[list[set[int]]], float]
SERVERS: Sequence[tuple[str, Sequence[Pages]]] = (
    ("a process with 3 pages:", [frozenset({1, 2, 3})]),
    ("2 processes that share nothing, 2 pages each:", [frozenset({1, 2}), frozenset({3, 4})]),
    ("3 processes that share their 5 pages:", [frozenset(range(5))] * 3),
    ("2 processes with 4 pages each, of which they share 3:", [frozenset({1, 2, 3, 4}), frozenset({2, 3, 4, 5})]),
    (
        "20 processes that share 1,000 pages, with 50 more each:",
        [frozenset([*range(1_000), *range(1_000 + 50 * each, 1_050 + 50 * each)]) for each in range(20)],
    ),
    (
        "3 processes, of which each two share a page, with 2 pages each:",
        [frozenset({1, 2}), frozenset({2, 3}), frozenset({3, 1})],
    ),
    ("no process:", []),
)
HOW = "`memory_bytes` gets a list with a set of page numbers for each process, and returns bytes."


def check_the_lie(memory_bytes: MemoryOf) -> None:
    """Spot the lie: the memory of a server as the sum of what each of its processes sees."""
    if not is_function(memory_bytes, HOW):
        return
    cases = []
    for asked, pages in SERVERS:
        expected = PAGE_BYTES * len(frozenset().union(*pages))
        cases.append(Case(asked, partial(memory_bytes, [set(each) for each in pages]), expected, 0.5))
    if judge_cases(cases, "a page that processes share is there once.", "servers", " bytes"):
        print(worth())


def worth() -> str:
    """How much too high the sum is for a real server, measured now."""
    architecture, workers = (LOOP, 1) if why_missing(PREFORK) else (PREFORK, 10)
    with web_server(architecture, workers=workers) as server:
        memory = memory_of(server.pids())
    if not np.isfinite(memory.own) or not memory.own:
        return "This system does not tell which pages processes share."
    how = "a shared page divided among them (PSS)" if memory.kind == PSS else "without shared pages (USS)"
    told = f"{architecture} with {count(memory.processes)} processes takes {byte_size(memory.own)}, {how}"
    return f"On this machine {told}; the sum of RSS is {number(memory.rss / memory.own)} times that."
