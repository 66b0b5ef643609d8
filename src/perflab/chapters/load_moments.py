"""The moments of a loaded run's requests, on one clock: what its replay shows."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.lab.moments import ASIDE, FAILED, NEEDLESS, OPEN, REJECTED, SERVED, Moments
from perflab.systems.caches.hot_key import COMPUTE, REFRESH, WAIT

Number = int | float | Callable[[Record], float]
"""The same for all runs, or a function of the run."""
QUEUE = ("arrived_ns", "started_ns", "done_ns")
STAGES = ("due_s", "queued_s", "started_s", "done_s", "gone_s")
COLUMNS = (*STAGES, "became", "server")
APART_S = 1e-6
"""Between the last request of a turn and the first of the next, so that these are not inside at once."""


def moments(workers: Number = 1, servers: Number = 1) -> Callable[[Record], Moments | None]:
    """For `Lab(moments=…)`: of a record of requests that were sent on schedule. Of so many workers at each of so many servers.

    Client and server stand still together between two slices. What both clocks showed then puts the server's moments on the
    client's clock; in between both run alike. None where a record tells neither of these readings nor of any request.
    """

    def of(record: Record) -> Moments | None:
        due_s = record.column("arrived_s").astype(float)
        if not due_s.size or not record.column("paused_ns").size:
            return None
        stages = np.full((len(QUEUE), due_s.size), np.nan)
        gone_s, became, server = np.full(due_s.size, np.nan), np.full(due_s.size, OPEN), np.zeros(due_s.size, int)
        served = record.column("number").astype(int)
        by = _servers(record, "server", served.size)
        gone_s[served], became[served], server[served] = record.column("completed_s"), SERVED, by
        stages[:, served] = [_on_clients_clock(record, record.column(name), by) for name in QUEUE]
        for name, fate in (("rejected", REJECTED), ("failed", FAILED)):
            those = record.column(f"{name}_number").astype(int)
            gone_s[those], became[those] = record.column(f"{name}_s"), fate
        not_sent = record.column("not_sent_number").astype(int)
        gone_s[not_sent], became[not_sent] = due_s[not_sent], FAILED
        columns = dict(zip(COLUMNS, (due_s, *stages, gone_s, became, server), strict=True))
        columns = {name: np.append(columns[name], more) for name, more in _needless(record).items()}
        until_s = float(record.fact("elapsed_s", 0.0))
        each, several = (int(number_of(number, record)) for number in (workers, servers))
        return Moments(**columns, until_s=until_s, workers=each, servers=several)

    return of


def moments_of_connections(workers: Number) -> Callable[[Record], Moments | None]:
    """For `Lab(moments=…)`: of a record of requests that were sent on schedule, each on a new connection, to so many workers.

    A connection that has come about is in line until a worker begins with it; before, its client still tries. All times are of
    one clock. None where a record does not tell when workers began.
    """

    def of(record: Record) -> Moments | None:
        due_s, response_s = (record.column(name) / 1e9 for name in ("arrived_ns", "response_ns"))
        queued_s, started_s, done_s = (record.column(name) / 1e9 for name in ("connected_ns", "started_ns", "done_ns"))
        if not due_s.size or not np.isfinite(done_s).any():
            return None
        is_served = record.column("reply").astype(bool)
        gone_s, became = np.where(is_served, due_s + response_s, np.nan), np.where(is_served, SERVED, OPEN)
        until_s, number = float((due_s + response_s).max()), int(number_of(workers, record))
        return Moments(due_s, queued_s, started_s, done_s, gone_s, became, 0 * became, until_s, number)

    return of


def moments_of_queries(at_once: Number) -> Callable[[Record], Moments | None]:
    """For `Lab(moments=…)`: of a record of reads of a hot key (`hot_key_load`), of which so many may run a query at once.

    A read has been sent until a thread begins it. In line are those that wait for a place, or for the query of another read; at
    work those that run one. What the cache answers is never in line, and a query that runs after its read was answered is aside.
    """

    def of(record: Record) -> Moments | None:
        due_s = record.column("arrived_s").astype(float)
        if not due_s.size:
            return None
        number, kind = record.column("number").astype(int), record.column("kind").astype(int)
        begun_ns = np.round(1e9 * due_s[number] + record.column("waited_ns"))
        nan, queries = np.nan, defaultdict[float, deque[tuple[float, float]]](deque)
        told = (record.column(f"{name}_s").tolist() for name in ("of", "began", "ended"))
        for decided_s, began_s, ended_s in zip(*told, strict=True):
            queries[np.round(1e9 * decided_s)].append((began_s, ended_s))
        stages, gone_s, became = np.full((3, due_s.size), nan), np.full(due_s.size, nan), np.full(due_s.size, OPEN)
        gone_s[number], became[number] = record.column("completed_s"), SERVED
        begun_s = dict(zip(record.column("begun_number").tolist(), record.column("begun_s").tolist(), strict=True))
        aside = list[tuple[float, ...]]()
        for read, does, ns in zip(number.tolist(), kind.tolist(), begun_ns.tolist(), strict=True):
            span = (
                queries[ns].popleft() if does in (COMPUTE, REFRESH) and queries[ns] else (begun_s.get(read, nan), nan)
            )
            if does in (COMPUTE, WAIT):
                stages[:, read] = ns / 1e9, *span
            elif does == REFRESH:
                aside.append((ns / 1e9, nan if np.isnan(span[0]) else ns / 1e9, *span, span[1]))
        for read, began_s in begun_s.items():
            if became[read] == OPEN:  # since when it was in line for a place, it tells with its answer
                stages[:2, read] = began_s
        moments_s = np.column_stack([np.array([due_s, *stages, gone_s]), np.array(aside).reshape(-1, 5).T])
        became = np.append(became, np.full(len(aside), ASIDE))
        columns: dict[str, Any] = dict(zip(COLUMNS, (*moments_s, became, 0 * became), strict=True))
        return Moments(**columns, until_s=record.fact("elapsed_s", 0.0), workers=int(number_of(at_once, record)))

    return of


def turn_of(stages_ns: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """Columns for `moments_of_turns`: `STAGES` of each request of a turn, from its first request on; "requests", how many these
    are, and "turn_s", when the last one was gone. `stages_ns`, of shape (5, requests), is by any one clock.
    """
    columns = dict(zip(STAGES, (stages_ns - stages_ns[0].min(initial=2**62)) / 1e9, strict=True))
    many, last_s = stages_ns.shape[1], float(np.fmax.reduce(columns["gone_s"], initial=0.0))
    return {**columns, "requests": np.array([many]), "turn_s": np.array([last_s])}


def moments_of_turns(workers: Number = 1, least_s: Number = 0.0) -> Callable[[Record], Moments | None]:
    """For `Lab(moments=…)`: of a record of turns (`turn_of`), shown one after the other, each for `least_s` or until its last
    request is gone, which it is then at the latest. None where a request failed: when is not recorded.
    """

    def of(record: Record) -> Moments | None:
        requests = record.column("requests").astype(int)
        if not requests.sum() or record.count("failures"):
            return None
        lasts_s = np.maximum(record.column("turn_s") + APART_S, number_of(least_s, record))
        begins_s, ends_s = np.repeat([np.cumsum(lasts_s) - lasts_s, np.cumsum(lasts_s)], requests, axis=1)
        stages = [begins_s + record.column(name) for name in STAGES]
        stages[-1] = np.where(np.isnan(stages[-1]), ends_s, stages[-1])
        became = np.where(np.isnan(stages[-2]), FAILED, SERVED)
        columns: dict[str, Any] = dict(zip(COLUMNS, (*stages, became, 0 * became), strict=True))
        return Moments(**columns, until_s=float(lasts_s.sum()), workers=int(number_of(workers, record)))

    return of


def _needless(record: Record) -> dict[str, Any]:
    """The columns of attempts that were worked on in vain: they came when they were in line, and left when they were done."""
    columns = [record.column(f"needless_{name}") for name in QUEUE]
    server = _servers(record, "needless_server", columns[0].size)
    queued_s, started_s, done_s = (_on_clients_clock(record, each, server) for each in columns)
    fate = np.full(server.size, NEEDLESS)
    return dict(zip(COLUMNS, (queued_s, queued_s, started_s, done_s, done_s, fate, server), strict=True))


def _servers(record: Record, name: str, size: int) -> NDArray[np.int64]:
    """Which server each was at, by this column; the only one where that is not told."""
    told = record.column(name).astype(int)
    return told if told.size else np.zeros(size, int)


def _on_clients_clock(record: Record, moments_ns: NDArray[Any], server: NDArray[Any]) -> NDArray[np.float64]:
    """A server's moments in seconds of the client's clock; `server` is whose each is."""
    found = np.full(moments_ns.size, np.nan)
    whose = record.column("paused_server")
    for each in np.unique(server):
        read = whose == each if whose.size else slice(None)
        # A server that hangs stands still for good: its first reading there is the one that counts.
        there_ns, first = np.unique(record.column("paused_ns")[read], return_index=True)
        here_s = record.column("paused_s")[read][first]
        if here_s.size:
            found[server == each] = _read_off(moments_ns[server == each], there_ns, here_s)
    return found


def _read_off(moments_ns: NDArray[Any], there_ns: NDArray[Any], here_s: NDArray[Any]) -> NDArray[np.float64]:
    """Both clocks run alike until they are read. A server runs a little longer: what it does while the client's clock stands
    still happens when that stands.
    """
    after = np.minimum(np.searchsorted(there_ns, moments_ns), there_ns.size - 1)
    read_s = here_s[after] - (there_ns[after] - moments_ns) / 1e9
    return np.maximum(read_s, np.append(-np.inf, here_s)[after])


def number_of(number: Number, record: Record) -> float:
    """Of this run."""
    return number(record) if callable(number) else number
