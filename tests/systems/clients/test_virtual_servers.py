"""A run on a virtual clock: as the simulation of its queue has it, with a stall, cancelling and several servers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.measure.frame import Frame
from perflab.systems.clients.attempts import Attempts, Patience
from perflab.systems.clients.virtual_servers import play
from perflab.systems.servers.waiting_line import FIRST, LAST, LATE, SHORTEST, LineRules
from perflab.theory.simulate import fifo, lifo, shortest_first, simulate

ORDERS = {FIRST: fifo, LAST: lifo, SHORTEST: shortest_first}
MS = st.integers(0, 40)
TIMES = st.lists(st.tuples(MS, st.integers(1, 40)), min_size=1, max_size=40)


def run(due_ms: Any, services_ms: Any, seconds: float = 10.0, patience: Patience | None = None, **more: Any) -> Frame:
    schedule, work = (np.round(np.asarray(each, float) * 1e6).astype(np.int64) for each in (due_ms, services_ms))
    rules = more.pop("rules", LineRules())
    client = Attempts(schedule, patience or Patience(), more.get("servers", 1))
    return play(client, schedule, work // 1_000, rules, seconds, **more)


def done_ms(frame: Frame) -> dict[int, float]:
    numbers, moments = frame.samples["number"].tolist(), frame.samples["completed_s"]
    return dict(zip(numbers, np.round(1e3 * moments, 3).tolist(), strict=True))


@given(TIMES, st.integers(1, 3), st.sampled_from([*ORDERS]), st.integers(0, 5))
def test_it_serves_as_the_simulation_of_the_queue(
    pairs: list[tuple[int, int]], workers: int, order: str, places: int
) -> None:
    gaps, services = np.array(pairs).T
    arrivals = np.cumsum(gaps + 1 / 128 + np.arange(len(gaps)) / 4096)
    frame = run(arrivals, services, rules=LineRules(workers=workers, order=order, places=places))
    expected = simulate(arrivals, services, workers, places, ORDERS[order])
    served = np.flatnonzero(~expected.lost)
    assert done_ms(frame) == pytest.approx(dict(zip(served, expected.departures[served], strict=True)), abs=0.01)
    assert frame.samples["rejected_number"].tolist() == np.flatnonzero(expected.lost).tolist()
    assert frame.counts["calls"] == served.size and frame.facts["in_flight"] == 0


def test_in_a_stall_no_service_begins() -> None:
    frame = run([0, 9, 20, 21], [10, 4, 4, 4], stall=(0.010, 0.300))
    assert done_ms(frame) == {0: 10, 1: 304, 2: 308, 3: 312}


def test_what_has_waited_past_its_deadline_is_dropped() -> None:
    frame = run([0, 1, 2], [50, 4, 4], rules=LineRules(drop=LATE), deadline_us=48_500)
    assert done_ms(frame) == {0: 50, 2: 54} and frame.samples["rejected_number"].tolist() == [1]


def test_a_client_that_cancels_frees_the_worker_and_the_place_in_line() -> None:
    patience = Patience(timeout_s=0.02, cancels=True)
    frame = run([0, 1, 19], [100, 100, 4], patience=patience)
    assert done_ms(frame) == {2: 25}, "a worker was free at 20 ms, taken again until 21 ms"
    assert frame.samples["failed_number"].tolist() == [0, 1] and frame.counts["needless"] == 0
    without = run([0, 1, 19], [100, 100, 4], patience=Patience(timeout_s=0.02))
    assert done_ms(without) == {} and without.counts == {"calls": 0, "rejected": 0, "failures": 3, "needless": 3}


def test_retries_and_hedges_are_told_with_their_moments() -> None:
    retried = run([0], [50], patience=Patience(timeout_s=0.02, retry=lambda tries, _: 0.0 if tries < 3 else None))
    assert retried.samples["retried_s"].tolist() == [0.02, 0.04]
    hedged = run(
        [0, 0], [50, 4], servers=2, patience=Patience(hedge_after=lambda _: 0.006), again_us=np.array([2_000, 1])
    )
    assert hedged.samples["hedged_s"].tolist() == [0.006] and done_ms(hedged) == {0: 8, 1: 4}
    assert hedged.counts["needless"] == 1


def test_moments_of_the_server_and_what_is_still_in_flight() -> None:
    frame = run([0, 1, 2], [4, 4, 4], seconds=0.009)
    moments = [frame.samples[name].tolist() for name in ("arrived_ns", "started_ns", "done_ns")]
    assert moments == [[0, 1e6], [0, 4e6], [4e6, 8e6]]
    assert frame.facts == {"elapsed_s": 0.009, "in_flight": 1} and frame.samples["lateness_ns"].tolist() == [0, 0, 0]
