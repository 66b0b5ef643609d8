"""Batches: nothing is lost, nothing is written twice, nobody waits longer than allowed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.measure.clock import VirtualClock
from perflab.systems.databases.batcher import Batch, batches, frame_of
from perflab.theory.batching import Cost, simulate_batches

MS = 1_000_000
schedules = st.lists(st.integers(0, 500 * MS), min_size=1, max_size=60).map(lambda times: np.sort(np.array(times)))


def written(
    schedule: np.ndarray, size: int, max_wait_s: float, cost_ns: int = 2 * MS, hold_ns: int = 0, **how: object
) -> list[Batch]:
    clock = VirtualClock()

    def write(numbers: Sequence[int]) -> Sequence[int]:
        clock.advance(cost_ns)
        return []

    found = []
    for batch in batches(schedule, write, size, max_wait_s, clock=clock, **how):  # type: ignore[arg-type]
        found.append(batch)
        clock.advance(hold_ns)
    return found


@settings(max_examples=60)
@given(schedules, st.integers(1, 20), st.sampled_from([0.001, 0.02, 0.2]))
def test_each_request_is_in_one_batch_in_order_and_none_is_too_large(
    schedule: np.ndarray, size: int, max_wait_s: float
) -> None:
    found = written(schedule, size, max_wait_s)
    assert [number for batch in found for number in range(batch.first, batch.end)] == list(range(schedule.size))
    assert all(1 <= batch.end - batch.first <= size for batch in found)
    assert all(schedule[batch.end - 1] <= batch.began_ns for batch in found), "nobody is written before coming"


@settings(max_examples=60)
@given(schedules, st.integers(1, 20), st.sampled_from([0.001, 0.02, 0.2]))
def test_a_free_writer_lets_no_request_wait_longer_than_allowed(
    schedule: np.ndarray, size: int, max_wait_s: float
) -> None:
    for batch in written(schedule, size, max_wait_s, cost_ns=0):
        assert batch.began_ns - schedule[batch.first] <= max_wait_s * 1e9 + 1


def test_the_timer_does_not_wait_for_the_next_request() -> None:
    (first, _) = written(np.array([0, 400 * MS]), 10, 0.02)
    assert (first.end, first.began_ns) == (1, 20 * MS)


def test_what_is_done_between_batches_changes_nothing() -> None:
    schedule = np.sort(np.random.default_rng(1).integers(0, 500 * MS, 50))
    assert written(schedule, 5, 0.02) == written(schedule, 5, 0.02, hold_ns=777 * MS)


@pytest.mark.parametrize(("size", "max_wait_s"), [(1, 0.05), (5, 0.02), (30, 1.0), (50, 0.01)])
def test_it_does_what_the_theory_has_on_paper(size: int, max_wait_s: float) -> None:
    schedule = np.sort(np.random.default_rng(3).integers(0, 500 * MS, 100))
    # On paper nobody knows that the last request is the last: a batch that might have grown is left out.
    found = [
        batch
        for batch in written(schedule, size, max_wait_s)
        if batch.end - batch.first == size or batch.began_ns < schedule[-1]
    ]
    waiting = np.mean([batch.began_ns - schedule[n] for batch in found for n in range(batch.first, batch.end)])
    on_paper = simulate_batches(schedule, size, max_wait_s * 1e9, Cost(2 * MS, 0))
    assert waiting == pytest.approx(on_paper.waiting, rel=1e-6)
    assert on_paper.rows == pytest.approx(np.mean([batch.end - batch.first for batch in found]))


def test_a_learners_policy_decides() -> None:
    schedule = np.arange(0, 100 * MS, 5 * MS)
    pairs = written(schedule, 10, 1.0, when=lambda pending, oldest, size, most: pending >= 2)
    assert {batch.end - batch.first for batch in pairs} == {2}


def test_a_policy_that_lets_the_oldest_wait_longer_than_allowed_does_not_keep_the_clock_from_running() -> None:
    schedule = np.arange(0, 100 * MS, 5 * MS)
    full = written(schedule, 8, 0.001, when=lambda pending, oldest, size, most: pending >= size)
    assert [batch.end - batch.first for batch in full] == [8, 8, 4]


def test_a_policy_that_never_writes_is_overruled_at_the_end() -> None:
    schedule = np.arange(0, 20 * MS, 5 * MS)
    assert written(schedule, 10, 1.0, when=lambda *_: False)[-1].end == 4


def test_a_frame_splits_each_response_into_waiting_and_writing() -> None:
    schedule = np.array([0, 1, 2, 3, 4]) * MS
    frame = frame_of([Batch(0, 2, 3 * MS, 5 * MS), Batch(2, 4, 5 * MS, 9 * MS, (3,))], schedule)
    assert frame.samples["waiting_ns"].tolist() == [3 * MS, 2 * MS, 3 * MS], "a refusal is not a response time"
    assert frame.samples["writing_ns"].tolist() == [2 * MS, 2 * MS, 4 * MS]
    assert frame.samples["latency_ns"].tolist() == [5 * MS, 4 * MS, 7 * MS]
    assert frame.samples["rows"].tolist() == [2], (
        "a batch that was written row by row says nothing of the cost of one commit"
    )
    for name, expected in (("arrived_ns", [0, 1, 2, 3]), ("began_ns", [3, 5]), ("took_ns", [2, 4])):
        assert frame.samples[name].tolist() == [moment * MS for moment in expected]
    assert frame.samples["members"].tolist() == [2, 2]
    assert frame.counts == {"calls": 4, "batches": 2, "refused": 1, "acknowledged": 3}
    assert frame.facts == {"backlog": 1, "elapsed_s": 0.009}


def test_without_a_timer_a_batch_waits_for_the_next_request_and_the_last_is_never_written() -> None:
    (first, last) = written(np.array([0, 400 * MS, 401 * MS]), 10, 0.02, timer=False)
    assert (first.end, first.began_ns) == (2, 400 * MS)
    assert (last.first, last.end) == (2, 2), "an empty batch tells how far the run has come"


@pytest.mark.parametrize(("size", "max_wait_s"), [(1, 0.05), (5, 0.02), (30, 0.1), (50, 0.01)])
def test_without_a_timer_it_does_what_the_theory_simulates(size: int, max_wait_s: float) -> None:
    schedule = np.sort(np.random.default_rng(3).integers(0, 500 * MS, 100))
    found = [batch for batch in written(schedule, size, max_wait_s, timer=False) if batch.end > batch.first]
    waiting = np.mean([batch.began_ns - schedule[n] for batch in found for n in range(batch.first, batch.end)])
    simulated = simulate_batches(schedule, size, max_wait_s * 1e9, Cost(2 * MS, 0), timer=False)
    assert simulated.waiting == pytest.approx(waiting, rel=1e-6)


def test_an_empty_batch_is_yielded_where_none_was_written_for_long() -> None:
    found = written(np.array([0, 400 * MS]), 10, 0.3, tick_s=0.1, hold_ns=50 * MS)
    assert [(batch.first, batch.end, batch.ended_ns // MS) for batch in found] == [
        (0, 0, 100),
        (0, 0, 200),
        (0, 1, 302),
        (1, 2, 402),
    ]


def test_a_frame_of_empty_batches_tells_which_requests_wait() -> None:
    frame = frame_of([Batch(0, 0, 5 * MS, 5 * MS)], np.array([0, 1, 9]) * MS)
    assert frame.facts == {"backlog": 2, "elapsed_s": 0.005}
    assert frame.counts == {"calls": 0, "batches": 0, "refused": 0, "acknowledged": 0}
    assert all(column.size == 0 for column in frame.samples.values())
