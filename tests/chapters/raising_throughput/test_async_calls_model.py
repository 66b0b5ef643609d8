"""The model of calls and crowds: what overlaps, what takes turns, and what real calls of both kinds do."""

from __future__ import annotations

import numpy as np
import pytest
from relations import two_of_three

from perflab.chapters.raising_throughput import async_calls_model
from perflab.chapters.raising_throughput.async_calls_model import DATABASE, HTTP, POOL
from perflab.measure.guards import machine_limits
from perflab.systems.clients.calls import IN_A_ROW, ON_A_LOOP, ON_THREADS, callers
from perflab.systems.servers.worker_kinds import LOOP, THREADS

CONSTANTS = {HTTP: 3e5, DATABASE: 4e5, "threads_ns": 2e5, "event loop_ns": 1e5}


def test_the_model_adds_waits_in_a_row_and_only_work_when_gathered() -> None:
    model = async_calls_model.predict(HTTP, 4, 100, 10, CONSTANTS)
    row, loop = model.calls[IN_A_ROW], model.calls[ON_A_LOOP]
    assert (row.low, row.high) == (40e6, pytest.approx(41.2e6))
    assert (loop.low, loop.high) == (10e6, pytest.approx(11.2e6))


def test_in_the_model_clients_on_threads_wait_in_turns() -> None:
    limit = machine_limits().threads
    assert async_calls_model.turns(THREADS, limit) == 1
    assert async_calls_model.turns(THREADS, limit + 1) == 2
    assert async_calls_model.turns(LOOP, 10 * limit) == 1


@pytest.mark.parametrize(("calls", "turns"), [(1, 1), (POOL, 1), (POOL + 1, 2), (2 * POOL + 1, 3)])
def test_in_the_model_database_calls_overlap_as_far_as_connections_go(calls: int, turns: int) -> None:
    rows = async_calls_model.predict(DATABASE, calls, 100, 10, CONSTANTS).calls
    for way in (ON_THREADS, ON_A_LOOP):
        assert (rows[way].low, rows[way].high) == (turns * 10e6, pytest.approx(turns * 10e6 + calls * 4e5))
    assert rows[IN_A_ROW].low == calls * 10e6


@pytest.mark.clock
def test_real_database_calls_take_turns_and_http_calls_do_not() -> None:
    generator, calls, wait_ms = np.random.default_rng(1), 2 * POOL, 100
    with async_calls_model.server() as running, callers(running.port, calls) as made:

        def medians(what: str) -> dict[str, float]:
            times = async_calls_model.rounds(made.ways, async_calls_model.path_of(what, wait_ms), generator).samples
            return {way: float(np.median(column)) for way, column in times.items()}

        def look() -> tuple[dict[str, float], dict[str, float]]:
            return medians(HTTP), medians(DATABASE)

        def in_turns(found: tuple[dict[str, float], dict[str, float]]) -> bool:
            http, database = found
            return all(http[way] < 0.8 * database[way] < 0.8 * database[IN_A_ROW] for way in (ON_THREADS, ON_A_LOOP))

        # No machine is too busy for this: a call that has to wait for a connection waits for another call.
        for way, took_ns in medians(DATABASE).items():
            assert took_ns > wait_ms * 1e6 * (calls if way == IN_A_ROW else 2)
        two_of_three(look, in_turns, "calls over HTTP wait at the same time")


@pytest.mark.clock
def test_calibration_finds_all_that_the_model_asks_for() -> None:
    (frame,) = async_calls_model.calibrate()
    assert set(frame.facts) == set(CONSTANTS)
