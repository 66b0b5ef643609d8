"""Threads that serve in order, and since when a job has had its thread."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from patience import wait_until

from perflab.systems.servers.fair_threads import FairThreads

SOON_S = 30.0


@pytest.fixture
def one() -> Iterator[FairThreads]:
    before = threading.active_count()
    threads = FairThreads(1, time.perf_counter_ns)
    yield threads
    threads.close()
    wait_until(lambda: threading.active_count() == before, "the end of the thread")


def test_a_job_has_an_idle_thread_from_the_moment_at_which_it_came(one: FairThreads) -> None:
    one.submit(lambda since_ns: None).result(SOON_S)
    time.sleep(0.05)
    before = time.perf_counter_ns()
    told = one.submit(lambda since_ns: since_ns)
    after = time.perf_counter_ns()
    assert before <= told.result(SOON_S) <= after, "not when the thread was awake"


def test_jobs_are_done_in_their_order_each_from_the_end_of_the_one_before(one: FairThreads) -> None:
    hold = threading.Event()

    def job(since_ns: int) -> tuple[int, int]:
        hold.wait(SOON_S)
        return since_ns, time.perf_counter_ns()

    jobs = [one.submit(job) for _ in range(4)]
    hold.set()
    times = [each.result(SOON_S) for each in jobs]
    assert all(done <= since for (_, done), (since, _) in itertools.pairwise(times))


def test_what_a_job_raises_is_told_and_the_thread_goes_on(one: FairThreads) -> None:
    def fail(since_ns: int) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        one.submit(fail).result(SOON_S)
    assert one.submit(lambda since_ns: 7).result(SOON_S) == 7


def test_a_cancelled_job_is_not_done(one: FairThreads) -> None:
    hold = threading.Event()
    done: list[str] = []
    one.submit(lambda since_ns: hold.wait(SOON_S))
    unwanted = one.submit(lambda since_ns: done.append("unwanted"))
    wanted = one.submit(lambda since_ns: done.append("wanted"))
    assert unwanted.cancel()
    hold.set()
    wanted.result(SOON_S)
    assert done == ["wanted"]


@pytest.mark.clock
def test_the_next_job_has_the_thread_before_the_end_of_the_last_one_is_told(one: FairThreads) -> None:
    """To tell takes long where others compute: it is a part of what holds the next one, not a time that belongs to nobody."""
    told, hold = threading.Event(), threading.Event()
    began = one.submit(lambda since_ns: hold.wait(SOON_S))

    def slow_to_hear(_: Future[bool]) -> None:
        time.sleep(0.1)
        told.set()

    began.add_done_callback(slow_to_hear)
    following = one.submit(lambda since_ns: (since_ns, time.perf_counter_ns()))
    hold.set()
    since_ns, begun_ns = following.result(SOON_S)
    assert told.is_set() and begun_ns - since_ns >= 100e6
