"""Open and closed loop on a virtual clock, against a server of which everything is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from perflab.measure.clock import VirtualClock
from perflab.measure.load import LoadResult, closed_loop, open_loop
from perflab.measure.percentiles import percentile
from perflab.measure.schedule import constant

MS = 1_000_000


@dataclass
class OneServer:
    """First come first served, fixed service time, one stall; only the virtual clock moves."""

    clock: VirtualClock
    service_ns: int = MS
    stall_from_ns: int = 0
    stall_ns: int = 0
    connections: int = 10_000
    failing: frozenset[int] = frozenset()
    mute: frozenset[int] = frozenset()
    ends: list[tuple[int, int]] = field(default_factory=list)
    free_at: int = 0

    def send(self, number: int) -> bool:
        if len(self.ends) >= self.connections:
            return False
        begin = max(self.clock.now_ns(), self.free_at)
        if self.stall_from_ns <= begin < self.stall_from_ns + self.stall_ns:
            begin = self.stall_from_ns + self.stall_ns
        self.free_at = begin + self.service_ns
        self.ends.append((self.free_at if number not in self.mute else 10**18, number))
        return True

    def poll(self, timeout_s: float) -> list[tuple[int, bool]]:
        now = self.clock.now_ns()
        until = now + round(timeout_s * 1e9)
        upcoming = min((end for end, _ in self.ends), default=10**18)
        self.clock.advance(min(until, max(now, upcoming)) - now)
        ready = [(end, number) for end, number in self.ends if end <= self.clock.now_ns()]
        for entry in ready:
            self.ends.remove(entry)
        return [(number, number not in self.failing) for _, number in ready]


def measured(result: LoadResult, share: float) -> float:
    return percentile(result.response_ns, share) / MS


def stalled() -> tuple[VirtualClock, OneServer]:
    clock = VirtualClock()
    return clock, OneServer(clock, stall_from_ns=5_000 * MS, stall_ns=1_000 * MS)


def test_the_open_loop_sees_the_whole_stall() -> None:
    clock, server = stalled()
    result = open_loop(constant(100, 10), server, clock=clock)
    assert result.response_ns.size == 1_000
    shares = {0.9: 101, 0.95: 551, 0.99: 911, 0.999: 992, 1.0: 1001}
    assert {share: measured(result, share) for share in shares} == pytest.approx(shares)
    assert result.response_ns.mean() / MS == pytest.approx(57.056, abs=1e-3)
    assert (result.not_sent, result.failures, result.timeouts, result.closed) == (0, 0, 0, False)
    assert result.lateness_ns.max() == 0


def test_the_closed_loop_hides_it() -> None:
    clock, server = stalled()
    result = closed_loop(constant(100, 10), server, clock=clock)
    assert result.response_ns.size == 901
    assert (measured(result, 0.99), measured(result, 0.999)) == (1, 1001)
    assert result.response_ns.mean() / MS == pytest.approx(2.110, abs=1e-3)
    assert result.closed


def test_throughput_ends_at_the_last_completion() -> None:
    clock = VirtualClock()
    result = open_loop(constant(100, 1), OneServer(clock), clock=clock)
    assert result.seconds == pytest.approx(0.991)
    assert result.throughput == pytest.approx(100 / 0.991)


def test_without_a_free_connection_a_request_is_dropped_and_counted() -> None:
    clock, server = stalled()
    server.connections = 5
    result = open_loop(constant(100, 10), server, clock=clock)
    assert result.not_sent > 80
    assert result.response_ns.size + result.not_sent == 1_000


def test_failures_are_counted_and_not_mixed_in() -> None:
    clock = VirtualClock()
    result = open_loop(constant(100, 1), OneServer(clock, failing=frozenset({3, 4})), clock=clock)
    assert (result.response_ns.size, result.failures) == (98, 2)


def test_a_request_without_answer_counts_as_what_it_waited() -> None:
    clock = VirtualClock()
    result = open_loop(constant(100, 1), OneServer(clock, mute=frozenset({7})), timeout_s=0.5, clock=clock)
    assert result.timeouts == 1
    assert result.response_ns[7] == result.service_ns[7] == (990 + 500 - 70) * MS
    assert result.response_ns.size == 100


@dataclass
class Slow(OneServer):
    """Each request has a server of its own; those in `late` take longer."""

    late: frozenset[int] = frozenset()
    late_ns: int = 0

    def send(self, number: int) -> bool:
        took = self.late_ns if number in self.late else self.service_ns
        self.ends.append((self.clock.now_ns() + took if number not in self.mute else 10**18, number))
        return True


def test_what_was_never_answered_ranks_above_what_was_answered_late() -> None:
    clock = VirtualClock()
    mute, late = frozenset(range(0, 1_000, 10)), frozenset(range(5, 1_000, 10))
    server = Slow(clock, mute=mute, late=late, late_ns=5_000 * MS)
    result = open_loop(constant(100, 10), server, timeout_s=2.0, clock=clock)
    assert result.numbers.tolist() == list(range(1_000))
    assert measured(result, 0.8) == 1
    assert (measured(result, 0.801), measured(result, 0.9)) == (5_000, 5_000)
    assert result.response_ns[list(mute)].min() >= 5_000 * MS
    assert not result.failures


@pytest.mark.parametrize("number", [0, 50, 99])
@pytest.mark.parametrize(("took_ms", "timed_out"), [(1_999, False), (3_000, True)])
def test_the_limit_is_the_same_in_mid_run_and_at_the_end(number: int, took_ms: int, timed_out: bool) -> None:
    clock = VirtualClock()
    result = open_loop(constant(10, 10), Slow(clock, late=frozenset({number}), late_ns=took_ms * MS), clock=clock)
    assert result.timeouts == timed_out
    assert result.response_ns[number] >= min(took_ms, 2_000) * MS
    done = 100 - timed_out
    assert result.throughput == pytest.approx(done / result.seconds)


def test_a_closed_loop_gives_up_at_the_same_limit() -> None:
    clock = VirtualClock()
    result = closed_loop(constant(10, 10), Slow(clock, mute=frozenset({3})), timeout_s=2.0, clock=clock)
    assert result.timeouts == 1
    assert result.response_ns.max() >= 2_000 * MS


def test_a_generator_that_cannot_keep_up_says_so() -> None:
    clock = VirtualClock()

    class SlowToSend(OneServer):
        def send(self, number: int) -> bool:
            self.clock.advance(20 * MS)
            return super().send(number)

    result = open_loop(constant(100, 1), SlowToSend(clock), clock=clock)
    assert np.median(result.lateness_ns) > 10 * MS
    prompt = VirtualClock()
    assert open_loop(constant(100, 1), OneServer(prompt), clock=prompt).lateness_ns.max() < MS


def test_responses_agree_with_the_recursion_of_lindley() -> None:
    clock = VirtualClock()
    arrivals = np.sort(np.random.default_rng(5).integers(0, 10**10, 5_000)).astype(np.int64)
    result = open_loop(arrivals, OneServer(clock, service_ns=int(1.6 * MS)), clock=clock)
    waiting, expected = 0, []
    for gap in [0, *np.diff(arrivals).tolist()]:
        waiting = max(0, waiting + (int(1.6 * MS) if expected else 0) - gap)
        expected.append(waiting + int(1.6 * MS))
    assert np.abs(result.response_ns - np.array(expected)).max() <= 1


class Seeing(OneServer):
    """It knows when its answers came, and takes time to hand them on."""

    seen_ns = 0

    def poll(self, timeout_s: float) -> list[tuple[int, bool]]:
        ended = super().poll(timeout_s)
        self.seen_ns = self.clock.now_ns()
        self.clock.advance(MS // 10)
        return ended


def test_an_answer_counts_from_when_the_system_had_it_not_from_when_it_was_read() -> None:
    clock = VirtualClock()
    result = open_loop(constant(100, 1), Seeing(clock), clock=clock)
    assert set((result.service_ns // (MS // 100)).tolist()) == {100}
