"""What became of the requests of a load, slice by slice: facts on a virtual clock, and one real server."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest

from perflab.measure.clock import VirtualClock
from perflab.measure.frame import Frame, merge
from perflab.measure.http_reply import Reply
from perflab.measure.live_load import open_loop_slices
from perflab.measure.schedule import constant
from perflab.systems.clients import loading
from perflab.systems.clients.loading import Notes, load_on, load_slices
from perflab.systems.http.connection import request_bytes
from perflab.systems.servers.worker_server import worker_server

MS = 1_000_000
SERVED, REJECTED, BROKEN = (
    Reply(b"HTTP/1.1 200 OK", b"7"),
    Reply(b"HTTP/1.1 503 no", b""),
    Reply(b"HTTP/1.1 500 no", b""),
)


class FakeTarget:
    """Answers each request after 10 ms of its clock; every fifth is rejected, every seventh fails."""

    def __init__(self, clock: VirtualClock, notes: Notes, connections: int = 100) -> None:
        self._clock, self._notes, self._connections = clock, notes, connections
        self._ends: dict[int, int] = {}

    def send(self, number: int) -> bool:
        if len(self._ends) >= self._connections:
            return False
        self._ends[number] = self._clock.now_ns() + 10 * MS
        return True

    def poll(self, timeout_s: float) -> list[tuple[int, bool]]:
        until = self._clock.now_ns() + max(1, round(timeout_s * 1e9))
        self._clock.advance(max(0, min([until, *self._ends.values()]) - self._clock.now_ns()))
        ended = [number for number, end in self._ends.items() if end <= self._clock.now_ns()]
        for number in ended:
            del self._ends[number]
            self._notes.on_reply(number, BROKEN if number % 7 == 6 else REJECTED if number % 5 == 4 else SERVED)
        return [(number, number % 7 != 6 and number % 5 != 4) for number in ended]


def note(reply: Reply) -> Mapping[str, Any]:
    return {"size": int(reply.body)}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    virtual = VirtualClock()
    monkeypatch.setattr(loading, "open_loop_slices", partial(open_loop_slices, clock=virtual))
    return virtual


def loaded(clock: VirtualClock, connections: int = 100) -> list[Frame]:
    notes, noted = Notes(note), iter(range(1_000))
    target = FakeTarget(clock, notes, connections)
    frames = load_slices(
        target,
        notes,
        constant(100, 1.0),
        1.0,
        lambda: {"busy": [next(noted)], "paused_ns": [7]},
        lambda: clock.advance(333 * MS),
    )
    return list(frames)


def test_every_request_is_counted_once_as_what_became_of_it(clock: VirtualClock) -> None:
    whole = merge(loaded(clock))
    failed = {number for number in range(100) if number % 7 == 6}
    rejected = {number for number in range(100) if number % 5 == 4} - failed
    # The request that is due at 0.99 s has its reply at 1.00 s, which is the end.
    assert whole.counts["failures"] == len(failed) == whole.samples["failed_s"].size
    assert whole.counts["rejected"] + whole.counts["calls"] + int(whole.facts["in_flight"]) == 100 - len(failed)  # type: ignore[call-overload]
    assert whole.counts["rejected"] in (len(rejected), len(rejected) - 1) and whole.counts["not_sent"] == 0
    assert not set(whole.samples["number"].tolist()) & (failed | rejected)
    assert set(whole.samples["failed_number"].tolist()) == failed
    for name in ("failed", "rejected"):
        due_s = constant(100, 1.0)[whole.samples[f"{name}_number"].astype(int)] / 1e9
        np.testing.assert_allclose(whole.samples[f"{name}_s"], due_s + 0.01, atol=1e-6)
    assert whole.counts["rejected"] == whole.samples["rejected_number"].size
    assert whole.samples["arrived_s"].size == whole.samples["lateness_ns"].size == 100


def test_a_pause_takes_no_time_of_the_load(clock: VirtualClock) -> None:
    whole = merge(loaded(clock))
    np.testing.assert_allclose(whole.samples["latency_ns"], 10 * MS, atol=1_000)
    due_s = constant(100, 1.0)[whole.samples["number"].astype(int)] / 1e9
    np.testing.assert_allclose(whole.samples["completed_s"], due_s + 0.01, atol=1e-6)
    assert whole.facts["elapsed_s"] == pytest.approx(1.0)


def test_what_replies_and_the_paused_server_tell_is_in_columns(clock: VirtualClock) -> None:
    frames = loaded(clock)
    whole = merge(frames)
    assert whole.samples["size"].tolist() == [7] * whole.counts["calls"]
    assert whole.samples["busy"].tolist() == list(range(len(frames)))
    assert whole.samples["paused_s"].tolist() == [frame.facts["elapsed_s"] for frame in frames]


def test_requests_without_a_free_connection_are_counted_as_not_sent(clock: VirtualClock) -> None:
    whole = merge(loaded(clock, connections=0))
    assert whole.counts["not_sent"] == 100 == whole.samples["arrived_s"].size
    assert whole.samples["not_sent_number"].tolist() == list(range(100))
    assert whole.counts["calls"] == whole.samples["lateness_ns"].size == whole.facts["in_flight"] == 0


@pytest.mark.clock
@pytest.mark.clock
def test_a_real_server_is_loaded_with_requests_by_number_or_always_the_same() -> None:
    schedule = constant(100, 0.3)
    with worker_server(2) as server:
        for request in (request_bytes("/work?wait=1"), lambda number: request_bytes(f"/work?wait={number % 3}")):
            whole = merge(load_on(server, request, schedule, 0.6, lambda reply: {"length": len(reply.body)}))
            in_flight = whole.facts["in_flight"]
            assert whole.counts == {"calls": 30 - in_flight, "rejected": 0, "failures": 0, "not_sent": 0}
            clocks = np.diff([whole.samples["paused_ns"] / 1e9, whole.samples["paused_s"]], axis=1)
            np.testing.assert_allclose(*clocks, atol=0.1, err_msg="they go on together, and stand still together")
            assert whole.samples["length"].size == whole.counts["calls"] > 15
