"""Threads that write as soon as they may, and one writer that commits what has gathered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from threading import Lock
from time import perf_counter_ns

import numpy as np
import pytest
from few_threads import FewThreads

from perflab.measure.guards import BadInput
from perflab.systems.databases import writing_threads
from perflab.systems.databases.writing_threads import Desk, Written, write_for

SOON_S, LATE_NS = 60.0, 3_600_000_000_000


def desk_with(waiting: int, asked_ns: int, **rule: object) -> tuple[Desk, list[Lock]]:
    desk = Desk(**{"size": 4, "max_wait_s": 60.0, **rule})  # type: ignore[arg-type]
    told = [Lock() for _ in range(waiting)]
    for lock in told:
        lock.acquire()
        assert desk.enter(asked_ns, lock)
    return desk, told


def until() -> int:
    return perf_counter_ns() + LATE_NS


def test_a_full_batch_is_taken_at_once_in_the_order_of_arrival_and_the_rest_waits() -> None:
    desk, told = desk_with(6, perf_counter_ns())
    assert desk.take(until()) == told[:4]
    desk.tell()
    assert [lock.locked() for lock in told] == [False] * 4 + [True] * 2
    desk.close()
    assert desk.left == set(told[4:])


def test_a_batch_that_was_taken_in_vain_is_told_so() -> None:
    desk, told = desk_with(4, perf_counter_ns())
    desk.take(until())
    desk.close()
    assert desk.left == set(told) and not any(lock.locked() for lock in told)


def test_what_has_waited_long_enough_is_taken_though_the_batch_is_not_full() -> None:
    desk, told = desk_with(3, perf_counter_ns() - 61 * 10**9)
    assert desk.take(until()) == told


def test_without_a_wait_what_waits_is_taken_up_to_the_size() -> None:
    desk, told = desk_with(3, perf_counter_ns(), max_wait_s=0.0)
    assert desk.take(until()) == told


def test_when_the_time_is_over_nothing_is_taken_and_what_waits_is_told_so() -> None:
    desk, told = desk_with(3, perf_counter_ns())
    assert desk.take(perf_counter_ns() - 1) == []
    desk.close()
    assert desk.left == set(told) and not any(lock.locked() for lock in told)
    assert not desk.enter(perf_counter_ns(), Lock()), "and nothing comes in any more"


def test_a_rule_is_told_what_waits_for_how_long_and_what_the_last_commit_held() -> None:
    asked: list[tuple[int, float, int]] = []

    def when(waiting: int, oldest_wait_s: float, last: int) -> bool:
        asked.append((waiting, oldest_wait_s, last))
        return True

    desk, _ = desk_with(6, perf_counter_ns() - 10**9, when=when)
    assert len(desk.take(until())) == 6, "it takes all, whatever the size"
    lock = Lock()
    desk.enter(perf_counter_ns(), lock)
    assert desk.take(until()) == [lock]
    (six, waited_s, before), (one, _, last) = asked
    assert (six, before, one, last) == (6, 0, 1, 6) and waited_s >= 1.0


def test_the_rate_counts_from_the_end_of_the_first_commit() -> None:
    ends = np.array([5, 10, 20]) * 10**9
    done = Written(np.empty(0, np.int64), ends - 1, ends, np.array([99, 4, 6]))
    assert done.per_s == pytest.approx(10 / 15)
    assert np.isnan(Written(*(np.ones(1, np.int64),) * 4).per_s)


def test_threads_more_than_the_machine_allows_are_refused_before_one_starts() -> None:
    with pytest.raises(BadInput, match="threads"):
        write_for(lambda _: None, 10**6, 0.01)


@pytest.mark.clock
def test_every_request_that_is_answered_was_committed_once() -> None:
    committed: list[int] = []
    done = write_for(committed.append, 5, 0.03, size=3, max_wait_s=0.001)
    assert sum(committed) == done.requests.sum() and committed == done.requests.tolist()
    assert max(committed) <= 3
    # The threads of the last batch may find the desk closed before they have noted their time.
    assert 0 <= done.requests.sum() - done.response_ns.size <= 5
    assert (done.ended_ns >= done.began_ns).all() and (done.began_ns[1:] >= done.ended_ns[:-1]).all()


@pytest.mark.clock
def test_a_batch_that_too_few_threads_can_fill_waits_for_its_timer() -> None:
    done = write_for(lambda _: None, 4, 0.05, size=20, max_wait_s=0.01)
    assert set(done.requests.tolist()) == {4}
    assert done.response_ns.max() >= 10e6, "the oldest of a batch"
    assert done.per_s <= 4 / 0.01


@pytest.mark.clock
def test_a_load_lasts_until_two_commits_are_done_though_the_drive_is_slow() -> None:
    done = write_for(lambda _: time.sleep(0.03), 2, 0.01)
    assert done.requests.size == 2 and done.per_s < 1 / 0.03


@pytest.mark.clock
def test_a_client_that_rests_is_alone() -> None:
    done = write_for(lambda _: None, 1, 0.05, size=20, rest_s=0.005)
    assert set(done.requests.tolist()) == {1}
    assert 1 <= done.requests.size <= 10


def failing(_: int) -> None:
    raise OSError("the disk is full")


def never(waiting: int, oldest_wait_s: float, last: int) -> bool:
    return False


def wrong(waiting: int, oldest_wait_s: float, last: int) -> bool:
    raise ZeroDivisionError


@pytest.mark.clock
@pytest.mark.parametrize(("write", "when", "error"), [(failing, None, OSError), (len, wrong, ZeroDivisionError)])
def test_what_fails_is_raised_and_no_thread_is_left(
    write: Callable[[int], object], when: Callable[..., bool] | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        write_for(write, 3, SOON_S, when=when)


@pytest.mark.process
def test_where_a_thread_cannot_start_those_that_have_are_told_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing_threads, "ThreadPoolExecutor", FewThreads)
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="can't start"):
        write_for(len, 3, SOON_S)
    assert threading.active_count() == before


@pytest.mark.clock
def test_a_rule_that_never_commits_ends_with_the_time() -> None:
    done = write_for(failing, 3, 0.02, when=never)
    assert done.requests.size == done.response_ns.size == 0
