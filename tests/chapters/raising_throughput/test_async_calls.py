"""The lab on waiting for many things at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labs import measure_slices

from perflab.chapters.raising_throughput import async_calls
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.guards import machine_limits
from perflab.systems.calls import IN_A_ROW, ON_A_LOOP, ON_THREADS
from perflab.systems.worker_kinds import LOOP, THREADS

EACH_ONCE = 5
"""Slices of a round: the calls, and of each kind of clients what they cost and how long they took."""
START = {"calls": 3, "clients": 100, "wait": 20}
CONSTANTS = {"call_ns": 3e5, "threads_ns": 2e5, "event loop_ns": 1e5}


def record(times: float = 1.0, **changes: Any) -> Record:
    """Calls that take what the model says; a crowd of a hundred."""
    noise = np.random.default_rng(1).normal(1, 0.01, 30)
    samples = {
        IN_A_ROW: 61e6 * noise,
        ON_THREADS: 21e6 * times * noise,
        ON_A_LOOP: 20.5e6 * times * noise,
        f"{THREADS} ns": np.full(100, 30e6),
        f"{LOOP} ns": np.full(100, 25e6),
        f"{THREADS} bytes": np.array([30_000.0, 28_000.0]),
        f"{LOOP} bytes": np.array([3_000.0, 0.0, 2_900.0]),
    }
    return Record("async_calls", {**START, **changes}, 1, "", Frame(samples, {"calls": 30}), 4.0, "complete")


def test_the_verdict_names_gain_response_and_memory() -> None:
    said = async_calls.verdict(record(), None)
    assert said.kind == "clear"
    assert "3.0× (" in said.text or "2.98× (" in said.text
    for part in ("30 ms on 100 threads", "25 ms on one event loop", "29 kB and 2.9 kB"):
        assert part in said.text, said.text


def test_the_verdict_compares_with_the_pinned_run() -> None:
    assert "pinned run" in async_calls.verdict(record(2.0), record()).text
    assert async_calls.verdict(record(), record()).kind == "practically equal"


def test_nothing_measured_is_no_verdict() -> None:
    empty = Record("async_calls", START, 1, "")
    assert async_calls.verdict(empty, None).kind == "invalid"
    assert async_calls.table(empty, None) == []


def test_the_table_has_both_runs() -> None:
    rows = async_calls.table(record(), record(2.0))
    assert {len(row) for row in rows} == {3}
    assert len(rows) == 1 + 3 + 2 * 3


@pytest.mark.parametrize(("times", "answer"), [(1.0, "20 ms"), (3.0, "60 ms"), (0.4, "7 ms")])
def test_the_prediction_is_settled_by_what_was_measured(times: float, answer: str) -> None:
    assert async_calls.what_gathering_does([record(times)]) == answer


@pytest.mark.parametrize("change", [{"calls": 4}, {"wait": 10}])
def test_other_settings_settle_nothing(change: dict[str, int]) -> None:
    assert async_calls.what_gathering_does([record(**change)]) is None


def test_the_model_adds_waits_in_a_row_and_only_work_when_gathered() -> None:
    model = async_calls.predict(4, 100, 10, CONSTANTS)
    row, loop = model.calls[IN_A_ROW], model.calls[ON_A_LOOP]
    assert (row.low, row.high) == (40e6, pytest.approx(41.2e6))
    assert (loop.low, loop.high) == (10e6, pytest.approx(11.2e6))


def test_in_the_model_a_crowd_on_threads_waits_in_turns() -> None:
    limit = machine_limits().threads
    assert async_calls.turns(THREADS, limit) == 1
    assert async_calls.turns(THREADS, limit + 1) == 2
    assert async_calls.turns(LOOP, 10 * limit) == 1


def test_measured_and_model_agree_about_calls() -> None:
    lab = async_calls.lab()
    frame = measure_slices(lab, 0.6, fewest=EACH_ONCE, calls=5, clients=5, wait=20).frame
    ways = async_calls.of_ways(Record("async_calls", lab.check({"calls": 5, "wait": 20}), 1, "", frame))
    assert ways[IN_A_ROW].value > 100e6
    assert ways[ON_A_LOOP].value < 0.5 * ways[IN_A_ROW].value
    assert ways[ON_THREADS].value < 0.5 * ways[IN_A_ROW].value
    assert len(frame.samples[f"{THREADS} ns"]) % 5 == 0
