"""The anatomy lab."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labs import measure

from perflab.chapters.where_latency_comes_from import anatomy
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.anatomy import PARTS

START = {"payload": 10_000, "round_trip": 0, "concurrency": 1, "work": 5, "calls": anatomy.IN_A_ROW}
CONSTANTS = {
    **dict.fromkeys(PARTS, 1e5),
    "database per ms": 1e6,
    "compute per ms": 1e6,
    "serialise per byte": 5.0,
    "receive per byte": 1.0,
    "connect relay": 2e5,
    "send relay": 3e5,
    "receive relay": 3e5,
    "cpus": 2.0,
}


def expected(**changes: Any) -> Any:
    return anatomy.predict(**{**START, **changes}, constants=CONSTANTS)


def record(frame: Frame, **changes: Any) -> Record:
    return Record("anatomy", {**START, **changes}, 1, "", frame, 1.0, "complete")


def test_a_new_connection_to_a_far_server_costs_two_round_trips() -> None:
    relay_ns = sum(CONSTANTS[f"{part} relay"] for part in anatomy.WAYS)
    assert expected(round_trip=50).total - expected().total == pytest.approx(2 * 50e6 + relay_ns)


def test_calls_side_by_side_spare_a_lone_request_time_and_a_busy_server_none() -> None:
    def both(clients: int) -> list[float]:
        calls = (anatomy.IN_A_ROW, anatomy.SIDE_BY_SIDE)
        return [expected(concurrency=clients, calls=kind).parts["database"] for kind in calls]

    in_a_row, side_by_side = both(1)
    assert in_a_row - side_by_side == pytest.approx(2.5e6)
    in_a_row, side_by_side = both(4)
    assert in_a_row == pytest.approx(side_by_side)


def test_more_clients_than_threads_wait_in_the_queue_and_nowhere_else() -> None:
    two, eight = expected(concurrency=2), expected(concurrency=8)
    assert eight.parts["queue"] > 5 * two.parts["queue"]
    assert {part: eight.parts[part] for part in PARTS if part != "queue"} == pytest.approx(
        {part: two.parts[part] for part in PARTS if part != "queue"}
    )
    in_thread = sum(eight.parts[part] for part in ("database", "compute", "serialise"))
    assert eight.total == pytest.approx(8 * in_thread / anatomy.THREADS, rel=0.05)


def test_the_parts_of_a_real_request_sum_to_the_whole_and_its_work_is_where_it_was_put() -> None:
    frame = measure(anatomy.lab(), 0.6, round_trip=0, work=10)
    assert sum(frame.samples[f"{part}_ns"] for part in PARTS) == pytest.approx(frame.samples["latency_ns"])
    typical = anatomy.typical(frame)
    assert typical.parts["database"] + typical.parts["compute"] > 0.5 * typical.total
    assert len(typical.calls) == anatomy.CALLS


def test_a_far_server_takes_as_long_as_the_ways_at_least() -> None:
    typical = anatomy.typical(measure(anatomy.lab(), 0.8, round_trip=50, work=1))
    assert typical.parts["connect"] > 50e6
    assert min(typical.parts["send"], typical.parts["receive"]) > 24e6
    assert anatomy.what_a_far_server_takes([]) is None


def test_the_prediction_is_settled_by_the_whole_of_a_typical_request() -> None:
    def of(total_ns: float) -> Record:
        samples = {"latency_ns": np.full(8, total_ns), "calls_ns": np.zeros(8 * anatomy.CALLS * 2)}
        parts = {f"{part}_ns": np.full(8, total_ns / len(PARTS)) for part in PARTS}
        return record(Frame({**samples, **parts}, {"calls": 8}), round_trip=20)

    assert anatomy.what_a_far_server_takes([of(52e6)]) == "50 ms"
    assert anatomy.what_a_far_server_takes([of(11e6)]) == "10 ms"


def test_a_run_without_a_request_has_no_verdict() -> None:
    assert anatomy.verdict(record(Frame()), None).kind == "invalid"
    assert anatomy.table(record(Frame()), None) == []
