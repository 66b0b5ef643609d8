"""Work of five kinds: each scales as its limit lets it, and every thread ends."""

from __future__ import annotations

import threading
import time

import psutil
import pytest
from relations import two_of_three

from perflab.measure.guards import BadInput
from perflab.systems.machine.resources import ROOM_BYTES
from perflab.systems.machine.work import (
    COMPUTING,
    KINDS,
    LOCKING,
    MEMORY,
    REPLICATING,
    WAIT_S,
    WAITING,
    Work,
    replicas,
    throughput,
    work_of,
)


def gain(kind: str, workers: int, locked: float = 0.0) -> float:
    """How many times more than one worker."""
    work = work_of(kind, workers, locked)
    return throughput(work, workers, 0.1) / throughput(work, 1, 0.1)


@pytest.mark.clock
@pytest.mark.parametrize(("kind", "workers"), [(WAITING, 8), (LOCKING, 8)])
def test_what_only_waits_scales(kind: str, workers: int) -> None:
    two_of_three(lambda: gain(kind, workers), lambda times: times > workers / 2, f"{workers} times {kind}")


@pytest.mark.clock
def test_what_holds_a_lock_does_not_scale() -> None:
    two_of_three(lambda: gain(LOCKING, 16, 0.5), lambda times: times < 4, "16 times locking")


@pytest.mark.clock
def test_threads_that_compute_take_turns() -> None:
    """By CPU time, which no other process adds to: how much they get done depends on what else wants the CPUs."""
    todo = work_of(COMPUTING, 32)
    used_s, began = time.process_time(), time.monotonic()
    assert throughput(todo, 32, 0.3) > 0
    assert time.process_time() - used_s < 1.1 * (time.monotonic() - began)


@pytest.mark.parametrize("workers", [8, 64])
def test_locked_work_stays_below_its_bound(workers: int) -> None:
    assert throughput(work_of(LOCKING, workers, 0.5), workers, 0.1) <= 1.001 / (0.5 * WAIT_S)


@pytest.mark.clock
def test_copies_share_the_memory() -> None:
    """Where there are CPUs enough the memory bus is the limit, else the CPUs are."""
    two_of_three(lambda: gain(MEMORY, 16), lambda times: times < 8, "16 times as many copies")


def test_all_copies_share_one_buffer() -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    work = work_of(MEMORY, 64)
    work.operation(64)
    assert 0.9 * ROOM_BYTES < process.memory_info().rss - before < 1.2 * ROOM_BYTES


@pytest.mark.clock
def test_one_worker_that_waits_does_as_many_as_fit() -> None:
    two_of_three(
        lambda: throughput(work_of(WAITING, 1), 1, 0.2) * WAIT_S,
        lambda share: 0.5 < share < 1.001,
        "time spent waiting",
    )


@pytest.mark.clock
@pytest.mark.parametrize("workers", [1, 3])
def test_operations_that_do_not_fit_the_window_evenly_are_counted_with_all_of_their_time(workers: int) -> None:
    """17 ms into 40 ms goes 2.35 times: three operations in 51 ms are neither two nor three in 40."""
    two_of_three(
        lambda: throughput(Work(lambda _: time.sleep(0.017)), workers, 0.04) * 0.017 / workers,
        lambda share: 0.75 < share < 1.0,
        "time spent in operations",
    )


@pytest.mark.clock
def test_an_operation_longer_than_the_window_has_a_rate() -> None:
    assert 0 < throughput(Work(lambda _: time.sleep(0.1)), 1, 0.01) < 10


@pytest.mark.parametrize("workers", [1, 4, 16])
def test_in_rounds_all_finish_as_often(workers: int) -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def operation(number: int) -> None:
        with lock:
            begun.append(number)

    assert throughput(Work(operation, in_rounds=True), workers, 0.005) > 0
    assert set(begun) == {workers}
    assert len(begun) % workers == 0


@pytest.mark.parametrize(("in_rounds", "early"), [(True, False), (False, True)])
def test_no_round_begins_before_the_last_one_is_over(in_rounds: bool, early: bool) -> None:
    workers, begun, finished, too_early = 4, [0], [0], [False]
    lock = threading.Lock()

    def operation(number: int) -> None:
        with lock:
            too_early[0] |= finished[0] < begun[0] // number * number
            late = begun[0] % number == 0
            begun[0] += 1
        time.sleep(0.002 if late else 0)
        with lock:
            finished[0] += 1

    throughput(Work(operation, in_rounds), workers, 0.02)
    assert too_early[0] == early and begun == finished


def test_replicas_are_alike_and_apart() -> None:
    first, second = replicas(2)
    assert first == second and first is not second
    second[0] = -1
    assert first[0] == 0


@pytest.mark.clock
def test_many_workers_that_write_into_each_others_copies_do_less_than_few() -> None:
    def found() -> float:
        work = work_of(REPLICATING, 64)
        return throughput(work, 64, 0.1) / throughput(work, 16, 0.1)

    two_of_three(found, lambda times: times < 1, "what 64 do, in times of what 16 do")


@pytest.mark.parametrize("kind", KINDS)
def test_every_thread_has_ended(kind: str) -> None:
    before = threading.active_count()
    assert throughput(work_of(kind, 4, 0.2), 4, 0.02) > 0
    assert threading.active_count() == before


def test_where_not_all_threads_can_be_started_those_that_were_end_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, starts, faults = threading.active_count(), [], []
    start = threading.Thread.start

    def start_four(thread: threading.Thread) -> None:
        starts.append(thread)
        if len(starts) > 4:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_four)
    monkeypatch.setattr(threading, "excepthook", faults.append)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        throughput(work_of(WAITING, 8), 8, 0.05)
    assert threading.active_count() == before
    assert faults == []


def test_too_much_is_refused() -> None:
    with pytest.raises(BadInput, match="threads"):
        work_of(WAITING, 100_000)
    with pytest.raises(BadInput):
        throughput(work_of(WAITING, 1), 1, 60.0)
    with pytest.raises(BadInput):
        work_of(LOCKING, 1, 1.5)
    with pytest.raises(ValueError, match="waiting, computing"):
        work_of("dancing", 1)
