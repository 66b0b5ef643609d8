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
from perflab.chapters.web_servers.waiting_connections_model import CLIENT, PER_S
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.servers.web.web_server import LOOP, PREFORK, PROCESS_EACH, THREADS

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


def memory(each: float, processes: int = 11, architecture: str = PREFORK) -> Record:
    samples = {OWN: np.array([each * processes]), RSS: np.array([14e6 * processes]), RESPONSE: 1e6 * SCATTER}
    frame = Frame(samples, {"calls": 12}, {KIND: "PSS", PROCESSES: processes})
    return record(idle_connections, "idle_connections", frame, architecture=architecture)


def one_more(architecture: str, ms: float, idle: int = 0) -> Record:
    frame = Frame({RESPONSE: 1e6 * ms * SCATTER}, {"calls": 12}, {})
    return record(idle_connections, "idle_connections", frame, architecture=architecture, idle=idle)


def both(each_ms: float, prefork_ms: float, **changes: Any) -> list[Record]:
    return side_by_side(one_more(PROCESS_EACH, each_ms, **changes), one_more(PREFORK, prefork_ms, **changes))


CASES = [
    (0, [beside_a_heavy_one(LOOP, 0.0, 1)], [beside_a_heavy_one(LOOP, 0.34, 194)]),
    (1, [beside_a_heavy_one(PREFORK, 0.01, 5)], [beside_a_heavy_one(PREFORK, 0.3, 190)]),
    (2, [served(200)], [served(10)]),
    (3, [memory(7e6)], [memory(2.5e6)]),
    (4, both(4.0, 0.2), both(0.2, 0.4)),
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
        (1, [beside_a_heavy_one(THREADS, 0.0, 20)]),
        (2, [served(10, LOOP)]),
        (2, [served(10, connections=10)]),
        (3, [memory(7e6, processes=1)]),
        (3, [memory(7e6, architecture=LOOP)]),
        (4, both(0.3, 0.3)),
        (4, both(4.0, 0.2, idle=20)),
        (4, [one_more(PROCESS_EACH, 4.0), one_more(PREFORK, 0.2)]),
        (4, side_by_side(one_more(THREADS, 4.0), one_more(PREFORK, 0.2))),
    ],
)
def test_runs_that_cannot_tell_decide_nothing(place: int, runs: list[Record]) -> None:
    assert CLAIMS[place].report(runs).startswith("·"), CLAIMS[place].report(runs)


def test_where_memory_is_not_told_the_claim_is_not_judged() -> None:
    unknown = memory(float("nan"))
    assert CLAIMS[3].report([unknown]).startswith("–")
    assert "7.0 MB each" in CLAIMS[3].report([memory(7e6)]) and "14 MB" in CLAIMS[3].report([memory(7e6)])
    assert "It is a setting." in CLAIMS[2].report([served(10)])


def test_a_stopped_run_decides_nothing() -> None:
    for claim in CLAIMS:
        for run in (beside_a_heavy_one(LOOP, 0.3, 190), served(10), memory(7e6)):
            if run.lab == claim.lab:
                assert claim.report([replace(run, frame=Frame())]).startswith("·")
