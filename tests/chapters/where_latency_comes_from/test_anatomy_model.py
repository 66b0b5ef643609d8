"""The replay of dissected requests stands where client and shop say, on one clock, slice after slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.load_moments import STAGES
from perflab.chapters.where_latency_comes_from import anatomy, anatomy_model
from perflab.lab import Record
from perflab.lab.moments import ANSWERED, AT_WORK, BEFORE, GONE, IN_LINE, SENT, SERVED
from perflab.lab.scene import Film, Scene
from perflab.measure.clock import VirtualClock
from perflab.measure.frame import Frame, merge
from perflab.systems.clients.anatomy import Anatomy
from perflab.systems.http.server_timing import ServerTiming

LAB = anatomy.lab()
MS, START_NS, NOW_NS, SHOPS_NS = 1_000_000, 5_000_000_000, 6_000_000_000, 1_000_000_000


def dissected(began: int, arrived: int, had: int, done: int, gone: int) -> Anatomy:
    """A request with these moments (ms after `START_NS`); it is in line at once, and the shop's clock is 5 s behind."""
    due, read, thread, left, end = (START_NS + MS * moment for moment in (began, arrived, had, done, gone))
    behind = NOW_NS - SHOPS_NS
    queue, held = thread - read, left - thread
    server = ServerTiming(read, queue, 0, held, 0, 0, (), None, (read - behind, queue), (thread - behind, held))
    parts = {"connect": (read - due) // 2, "send": read - due - (read - due) // 2, "queue": queue, "parse": 0}
    return Anatomy(
        end - due, {**parts, "database": held, "compute": 0, "serialise": 0, "receive": end - left}, server, b""
    )


def a_slice(left_out: list[Anatomy], kept: list[Anatomy]) -> Frame:
    return anatomy.as_frame(kept, anatomy_model.turn_of([*left_out, *kept], SHOPS_NS, VirtualClock(NOW_NS)))


def record(*slices: Frame) -> Record:
    return Record("anatomy", LAB.check({"concurrency": 3}), 1, "", merge(slices))


FIRST = [dissected(0, 20, 20, 30, 40), dissected(0, 20, 21, 31, 41), dissected(1, 21, 30, 41, 51)]
NEXT = [dissected(40, 60, 60, 70, 80)]


def test_a_request_is_on_its_way_in_line_on_a_thread_and_on_its_way_back() -> None:
    assert LAB.moments is not None
    run = record(a_slice(FIRST, NEXT), a_slice([], FIRST[:1]))
    assert run.calls == 2 and run.column("latency_ns").size == 2, "the first ones are seen, and not measured"
    moments = LAB.moments(run)
    assert moments is not None and moments.workers == 2 and moments.became.tolist() == [SERVED] * 5
    assert moments.states_at(0.0105).tolist() == [SENT, SENT, SENT, BEFORE, BEFORE]
    assert moments.states_at(0.0255).tolist() == [AT_WORK, AT_WORK, IN_LINE, BEFORE, BEFORE]
    assert moments.states_at(0.0405).tolist() == [GONE, ANSWERED, AT_WORK, SENT, BEFORE]
    assert moments.states_at(0.0815).tolist() == [*[GONE] * 4, SENT] and moments.places.tolist() == [0, 1, 0, 0, 0]
    assert moments.inside(0.07, 0.12)[1].max() == 1, "one slice after the other"
    assert LAB.moments(record()) is None


def random_slice(seed: int) -> list[Anatomy]:
    """Of clients that arrive at random at two threads."""
    generator, free, requests = np.random.default_rng(seed), [0, 0], []
    for began in np.sort(generator.integers(0, 300, 40)).tolist():
        thread = int(np.argmin(free))
        had = max(began + 10, free[thread])
        free[thread] = had + int(generator.integers(5, 20))
        requests.append(dissected(began, began + 10, had, free[thread], free[thread] + 10))
    return requests


def test_at_fifty_moments_as_many_are_in_line_as_the_record_says() -> None:
    requests = random_slice(1), random_slice(2)
    run = record(*(a_slice(each[:3], each[3:]) for each in requests))
    assert LAB.moments is not None
    moments = LAB.moments(run)
    assert moments is not None
    film, turn = Film(moments), np.repeat([0, run.column("turn_s")[0] + 1e-6], 40)
    due_s, queued_s, started_s, done_s, gone_s = (turn + run.column(name) for name in STAGES)

    def between(since_s: NDArray[np.float64], until_s: NDArray[np.float64], at_s: float) -> int:
        return int(np.count_nonzero((since_s <= at_s) & (at_s < until_s)))

    most = 0
    for at_s in np.random.default_rng(3).uniform(0, film.last_s, 50).tolist():
        scene = Scene(film, at_s)
        for state, *span in ((SENT, due_s, queued_s), (IN_LINE, queued_s, started_s), (AT_WORK, started_s, done_s)):
            assert scene.number(state) == between(*span, at_s)
        assert scene.number(ANSWERED) == between(done_s, gone_s, at_s) and scene.gone(SERVED) == (gone_s <= at_s).sum()
        most = max(most, scene.number(IN_LINE))
    assert most > 3 and moments.places.max() == 1
