"""The claims of notebook 11 are judged by records, both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from predictions import assert_judged_both_ways
from turns import side_by_side

from perflab.chapters.web_servers import heavy_request, idle_connections, waiting_connections
from perflab.chapters.web_servers.claims import CLAIMS
from perflab.chapters.web_servers.idle_connections_model import KIND, OWN, PROCESSES, RESPONSE, RSS
from perflab.chapters.web_servers.waiting_connections_model import CLIENT, LONG_MS, PER_S, added, most
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.noise import NoiseLedger
from perflab.systems.servers.web.web_server import APACHE, LOOP, NODE, PREFORK, PROCESS_EACH, THREADS

SCATTER = np.linspace(0.99, 1.01, 12)
pytestmark = pytest.mark.skipif(
    PREFORK not in heavy_request.lab().controls["architecture"].values, reason="this system cannot fork"
)


def record(lab: Any, name: str, frame: Frame, **changes: Any) -> Record:
    return Record(name, lab.lab().check(changes), 1, "", frame, 2.0, "complete")


def beside_a_heavy_one(architecture: str, waited: float, p99_ms: float, heavy: int = 200) -> Record:
    latencies, each = np.full(420, 3e5), np.zeros(420, bool)
    latencies[:20] = 1e6 * p99_ms
    each[: round(420 * waited)] = True
    samples = {"latency_ns": latencies, "waited": each, "heavy_ns": np.full(7 if heavy else 0, 1e6 * heavy)}
    return record(heavy_request, "heavy_request", Frame(samples), architecture=architecture, heavy=heavy)


def served(clients: int, architecture: str = PREFORK, connections: int = 1_000) -> Record:
    frame = Frame(
        {PER_S: 100 * SCATTER, "response_ns": 5e7 * SCATTER, CLIENT: np.arange(12)}, {}, {"answered": clients}
    )
    return record(waiting_connections, "waiting_connections", frame, architecture=architecture, connections=connections)


def prefork_of(workers: int, clients: int) -> Record:
    run = served(clients)
    return replace(run, parameters={**run.parameters, "workers": workers})


def waiting_on(architecture: str, response_ms: float, connections: int = 1_000, per_s: float = 5_000.0) -> Record:
    """Requests that wait 50 ms, at a server whose CPUs let through so many per second."""
    samples = {PER_S: 100 * SCATTER, "response_ns": 1e6 * response_ms * SCATTER, CLIENT: np.arange(12)}
    frame = Frame(samples, {}, {"answered": connections})
    run = record(waiting_connections, "waiting_connections", frame, connections=connections)
    constants = {added(architecture): 1e5, **{most(architecture, wait): per_s for wait in LONG_MS}}
    return replace(run, parameters={**run.parameters, "architecture": architecture}, constants=constants)


def memory(each: float, processes: int = 11, architecture: str = PREFORK) -> Record:
    samples = {OWN: np.array([each * processes]), RSS: np.array([14e6 * processes]), RESPONSE: 1e6 * SCATTER}
    frame = Frame(samples, {"calls": 12}, {KIND: "PSS", PROCESSES: processes})
    return record(idle_connections, "idle_connections", frame, architecture=architecture)


def one_more(architecture: str, ms: float, idle: int = 0) -> Record:
    frame = Frame({RESPONSE: 1e6 * ms * SCATTER}, {"calls": 12}, {})
    return record(idle_connections, "idle_connections", frame, architecture=architecture, idle=idle)


def both(each_ms: float, prefork_ms: float, **changes: Any) -> list[Record]:
    return side_by_side(one_more(PROCESS_EACH, each_ms, **changes), one_more(PREFORK, prefork_ms, **changes))


def idling(architecture: str, own: float, idle: int = 9) -> Record:
    samples = {OWN: np.array([own]), RSS: np.array([3 * own]), RESPONSE: 1e6 * SCATTER}
    return record(idle_connections, "idle_connections", Frame(samples), architecture=architecture, idle=idle)


def heavy_on_both(loop_ms: float, prefork_ms: float, **changes: Any) -> list[Record]:
    """In eight slices of a cycle each."""

    def cycles(architecture: str, p99_ms: float) -> Record:
        whole = beside_a_heavy_one(architecture, 0.3, p99_ms, **changes)
        latencies = np.concatenate([np.append(np.full(58, 3e5), 2 * [1e6 * p99_ms * each]) for each in SCATTER[:8]])
        samples = {**whole.frame.samples, "latency_ns": latencies}
        return replace(whole, frame=Frame(samples), sizes={"latency_ns": (60,) * 8})

    return [replace(run, turns="both") for run in (cycles(LOOP, loop_ms), cycles(PREFORK, prefork_ms))]


def noisy(run: Record) -> Record:
    """As if another notebook had measured at the same time."""
    return replace(run, noise=NoiseLedger(1.0, 1.0, 1.0, 1.0, 0, 0.0, 0.0, 1.0, others_measuring=1))


CASES = [
    (0, [beside_a_heavy_one(LOOP, 0.0, 1)], [beside_a_heavy_one(LOOP, 0.34, 194)]),
    (1, [waiting_on(LOOP, 51)], [waiting_on(LOOP, 240)]),
    (2, [beside_a_heavy_one(PREFORK, 0.01, 5)], [beside_a_heavy_one(PREFORK, 0.3, 190)]),
    (3, [prefork_of(150, 150)], [prefork_of(150, 100)]),
    (4, [memory(7e6)], [memory(2.5e6)]),
    (5, both(4.0, 0.2), both(0.2, 0.4)),
    (6, both(0.2, 0.4), both(4.0, 0.2)),
    (7, [served(1_000, LOOP), served(10)], [served(10), served(10, NODE)]),
    (8, [idling(LOOP, 14e6), idling(PREFORK, 45e6)], [idling(PROCESS_EACH, 9e6), idling(LOOP, 14e6)]),
    (9, heavy_on_both(195, 5), heavy_on_both(5, 195)),
]


@pytest.mark.parametrize(("place", "holding", "failing"), CASES)
def test_a_claim_is_judged_by_what_was_measured(place: int, holding: list[Record], failing: list[Record]) -> None:
    assert_judged_both_ways(CLAIMS[place], holding, failing)


@pytest.mark.parametrize(
    ("place", "runs"),
    [
        (0, [beside_a_heavy_one(PREFORK, 0.0, 1)]),
        (0, [beside_a_heavy_one(LOOP, 0.03, 19, heavy=20)]),
        (0, [beside_a_heavy_one(LOOP, 0.0, 1, heavy=0)]),
        (2, [beside_a_heavy_one(THREADS, 0.0, 20)]),
        (3, [served(10, LOOP)]),
        (3, [served(10, connections=10)]),
        (4, [memory(7e6, processes=1)]),
        (4, [memory(7e6, architecture=LOOP)]),
        (5, both(0.3, 0.3)),
        (5, both(4.0, 0.2, idle=20)),
        (5, [one_more(PROCESS_EACH, 4.0), one_more(PREFORK, 0.2)]),
        (5, side_by_side(one_more(THREADS, 4.0), one_more(PREFORK, 0.2))),
        (7, [served(1_000, LOOP)]),
        (7, [served(10), served(1_000, THREADS)]),
        (7, [served(100, LOOP, connections=100), served(10, connections=100)]),
        (8, [idling(LOOP, 14e6), idling(PREFORK, 45e6, idle=19)]),
        (8, [idling(LOOP, 14e6, idle=0), idling(PREFORK, 45e6, idle=0)]),
        (8, [idling(LOOP, 14e6), idling(PREFORK, 15e6)]),
        (8, [idling(LOOP, 14e6), idling(APACHE, 5e6)]),
        (9, heavy_on_both(20, 0.5, heavy=20)),
        (9, heavy_on_both(195, 195)),
        (9, [replace(run, turns="") for run in heavy_on_both(195, 5)]),
        (1, [waiting_on(LOOP, 51, per_s=50_000.0)]),
        (1, [waiting_on(LOOP, 51, connections=100)]),
        (1, [waiting_on(LOOP, 80)]),
        (1, [waiting_on(PREFORK, 240)]),
        (6, both(0.3, 0.3)),
        (2, [noisy(beside_a_heavy_one(PREFORK, 0.3, 190))]),
    ],
)
def test_runs_that_cannot_tell_decide_nothing(place: int, runs: list[Record]) -> None:
    assert CLAIMS[place].report(runs).startswith("·"), CLAIMS[place].report(runs)


def test_where_memory_is_not_told_the_claim_is_not_judged() -> None:
    unknown = memory(float("nan"))
    assert CLAIMS[4].report([unknown]).startswith("–")
    assert "7.0 MB each" in CLAIMS[4].report([memory(7e6)]) and "14 MB" in CLAIMS[4].report([memory(7e6)])
    assert CLAIMS[8].report([idling(LOOP, float("nan")), idling(PREFORK, 45e6)]).startswith("–")


def test_how_many_are_served_is_a_setting_that_fewer_processes_cannot_decide() -> None:
    report = CLAIMS[3].report([prefork_of(50, 50)])
    assert report.startswith("–") and report.endswith("It is a setting: one connection for each process.")
    for order in ([prefork_of(50, 50), prefork_of(150, 150)], [prefork_of(150, 150), prefork_of(50, 50)]):
        assert CLAIMS[3].report(order).startswith("✓")


def test_what_no_lab_measures_is_told_with_the_reason() -> None:
    assert (
        CLAIMS[10].report([]).startswith("–  Prefork gets twice as many of them done.\n   Not measured here: that is")
    )


def test_the_numbers_of_what_was_advised_are_told() -> None:
    many, memory_, computing = (CLAIMS[place].report(holding) for place, holding, _ in CASES[7:])
    assert many.endswith("of 1,000 clients an event loop answers 1,000, prefork with 10 processes 10.")
    assert memory_.endswith("with 9 idle connections, an event loop 14 MB, prefork with 10 processes 45 MB.")
    assert "the p99 on an event loop is 39" in computing and computing.endswith("it took 200 ms and 200 ms itself.")
    assert "an event loop, 1,000 connections: 100 requests/s, which wait 50 ms and take 240 ms (p50)." in (
        CLAIMS[1].report([waiting_on(LOOP, 240)])
    )


def test_prefork_is_named_where_making_a_process_is_what_takes_long() -> None:
    forking, prefork = CLAIMS[5:7]
    assert forking.report(both(4.0, 0.2)).startswith("✓  A server that forks for each connection: each new connection")
    assert prefork.report(both(4.0, 0.2)).startswith("✗  Prefork: each new connection costs the creation of a process.")


def test_a_stopped_run_decides_nothing() -> None:
    for claim in CLAIMS[:-1]:
        for run in (beside_a_heavy_one(LOOP, 0.3, 190), served(10), memory(7e6)):
            if run.lab == claim.lab:
                assert claim.report([replace(run, frame=Frame())]).startswith("·")
