"""The load that is watched while it runs, on a virtual clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from perflab.measure.clock import VirtualClock
from perflab.measure.live_load import LoadSlice, open_loop_slices
from perflab.measure.schedule import constant
from perflab.theory.simulate import simulate

MS = 1_000_000


@dataclass
class Pausable:
    """One server, first come first served; it stands still while it is held."""

    clock: VirtualClock
    service_ns: int
    connections: int = 10_000
    waiting: list[tuple[int, int]] = field(default_factory=list)
    free_at: int = 0
    held_at: int | None = None
    holds: int = 0

    def send(self, number: int) -> bool:
        assert self.held_at is None, "nothing is sent while the server is held"
        if len(self.waiting) >= self.connections:
            return False
        self.free_at = max(self.clock.now_ns(), self.free_at) + self.service_ns
        self.waiting.append((self.free_at, number))
        return True

    def poll(self, timeout_s: float) -> list[tuple[int, bool]]:
        until = self.clock.now_ns() + max(1, round(timeout_s * 1e9))
        first = min((end for end, _ in self.waiting), default=until)
        self.clock.advance(max(0, min(until, first) - self.clock.now_ns()))
        ready = [entry for entry in self.waiting if entry[0] <= self.clock.now_ns()]
        self.waiting = [entry for entry in self.waiting if entry not in ready]
        return [(number, number % 10 != 9) for _, number in ready]

    def hold(self) -> None:
        self.held_at = self.clock.now_ns()
        self.holds += 1

    def go_on(self) -> None:
        assert self.held_at is not None
        stood = self.clock.now_ns() - self.held_at
        self.waiting = [(end + stood, number) for end, number in self.waiting]
        self.free_at += stood
        self.held_at = None


def run(
    service_ms: int, pause_ns: int, rate: float = 100, connections: int = 10_000
) -> tuple[list[LoadSlice], Pausable]:
    clock = VirtualClock()
    server = Pausable(clock, service_ms * MS, connections)
    slices = []
    for piece in open_loop_slices(constant(rate, 2.0), server, 2.0, 0.15, server.hold, server.go_on, clock):
        slices.append(piece)
        clock.advance(pause_ns)
    return slices, server


@pytest.mark.parametrize("service_ms", [2, 12])
def test_what_is_done_between_slices_changes_nothing(service_ms: int) -> None:
    straight, _ = run(service_ms, 0)
    interrupted, _ = run(service_ms, 777 * MS)
    for name in ("numbers", "done_ns", "response_ns", "succeeded"):
        a, b = (np.concatenate([getattr(piece, name) for piece in slices]) for slices in (straight, interrupted))
        np.testing.assert_allclose(a, b, atol=1_000)


def test_response_times_are_those_of_the_queue() -> None:
    slices, _ = run(12, 300 * MS)
    schedule = constant(100, 2.0)
    responses = np.concatenate([piece.response_ns for piece in slices])
    expected = simulate(schedule, np.full(schedule.size, 12 * MS)).responses[: responses.size]
    np.testing.assert_allclose(responses, expected, atol=1_000)


def test_every_request_is_counted_once() -> None:
    slices, _ = run(12, 100 * MS)
    ended = sum(piece.numbers.size for piece in slices)
    assert ended + slices[-1].in_flight == 200
    assert sum(piece.lateness_ns.size for piece in slices) == 200
    assert sum(int((~piece.succeeded).sum()) for piece in slices) == ended // 10


def test_where_no_connection_is_free_the_request_is_dropped_and_counted() -> None:
    slices, _ = run(200, 0, connections=2)
    numbers = np.concatenate([piece.not_sent for piece in slices])
    not_sent = np.unique(numbers).size
    assert not_sent == numbers.size > 100
    assert not set(numbers.tolist()) & set(np.concatenate([piece.numbers for piece in slices]).tolist())
    assert not_sent + sum(piece.numbers.size for piece in slices) + slices[-1].in_flight == 200


def test_a_load_that_is_given_up_leaves_the_server_running() -> None:
    clock = VirtualClock()
    server = Pausable(clock, MS)
    slices = open_loop_slices(constant(100, 2.0), server, 2.0, 0.15, server.hold, server.go_on, clock)
    next(slices)
    assert server.held_at is not None
    slices.close()  # type: ignore[attr-defined]
    assert server.held_at is None
