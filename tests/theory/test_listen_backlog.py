"""The queue of connections, against hand-made cases, a fluid, and a simulation in small steps of time."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from perflab.theory.listen_backlog import Handshake, fluid_wait, simulated

EVENLY = np.arange(300) / 300.0
"""A second of 300 requests per second; 10 workers that take 50 ms serve 200 of them."""


def ticking(arrivals: np.ndarray, workers: int, service: int, room: int, pause: int) -> tuple[list[int], list[int]]:
    """The same in whole ticks: at each, who is done leaves, the queue moves up, and who arrives is let in or not."""
    size = len(arrivals)
    ended, tries, due = [0] * size, [0] * size, dict(enumerate(arrivals.tolist()))
    busy: dict[int, int] = {}
    queue: deque[int] = deque()
    tick = 0
    while due or busy:
        busy = {number: until for number, until in busy.items() if until > tick}
        while queue and len(busy) < workers:
            number = queue.popleft()
            busy[number] = ended[number] = tick + service
        # Of one moment, first tries come before others, and both in the order of their numbers.
        for number in sorted(
            (each for each, at in due.items() if at == tick), key=lambda each: (tries[each] > 0, each)
        ):
            tries[number] += 1
            if len(busy) < workers:
                busy[number] = ended[number] = tick + service
            elif len(queue) < room:
                queue.append(number)
            else:
                due[number] = tick + pause
                continue
            del due[number]
        tick += 1
    return ended, tries


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_a_walk_through_time_comes_to(seed: int) -> None:
    chance = np.random.default_rng(seed)
    # No two differ by a multiple of the pause: then no two of their tries meet at one moment.
    arrivals = np.sort(chance.choice(401, 120, replace=False) + 401 * chance.integers(0, 5, 120))
    found = simulated(arrivals, 3, 60, 4, Handshake((401.0,)))
    ended, tries = ticking(arrivals, 3, 60, 4, 401)
    assert found.ended.tolist() == ended and found.tries.tolist() == tries
    assert max(tries) > 1


def test_below_the_capacity_all_are_served_at_once() -> None:
    found = simulated(EVENLY[::2], 10, 0.05, 5, Handshake())
    assert found.ended - EVENLY[::2] == pytest.approx(0.05)
    assert (found.tries == 1).all() and not found.early.any()


def test_with_room_for_all_the_wait_grows_like_a_fluid() -> None:
    found = simulated(EVENLY, 10, 0.05, 10_000, Handshake())
    waits = found.ended - EVENLY - 0.05
    assert waits == pytest.approx(fluid_wait(EVENLY, 300, 10, 0.05, 10_000), abs=0.06), "up to a service time"
    assert fluid_wait(1.0, 300, 10, 0.05, 10_000) == pytest.approx(0.5)
    assert fluid_wait(1.0, 300, 10, 0.05, 20) == pytest.approx(0.1), "a full queue"
    assert fluid_wait(1.0, 100, 10, 0.05, 20) == 0


def test_what_finds_no_room_comes_again_after_each_pause() -> None:
    found = simulated([0.0, 0.0, 0.0, 0.0], 1, 10.0, 1, Handshake((1.0, 2.0, 4.0, 8.0), step=0.0))
    assert found.tries.tolist() == [1, 1, 5, 5], "after 1, 3, 7 and 15 s"
    assert found.ended.tolist() == [10, 20, 30, 40]
    assert found.early.tolist() == [False, False, False, True], "both saw the room for one"


def test_a_third_of_one_and_a_half_times_the_capacity_finds_a_small_queue_full() -> None:
    found = simulated(EVENLY, 10, 0.05, 11, Handshake((1.0,), 0.032))
    assert np.mean(found.tries > 1) == pytest.approx(1 / 3, abs=0.06)
    assert (found.ended - EVENLY)[found.tries == 2].min() > 1


def test_tries_of_one_step_of_the_timers_arrive_together() -> None:
    arrivals = [0.0, 0.01, 0.02]
    alone = simulated(arrivals, 1, 0.9, 0, Handshake((1.0,), step=0.0))
    assert alone.tries.tolist() == [1, 2, 3] and not alone.early.any()
    together = simulated(arrivals, 1, 0.9, 0, Handshake((1.0,), step=0.5, resend=0.2))
    assert together.tries.tolist() == [1, 2, 2] and together.early.tolist() == [False, False, True]
    assert together.ended == pytest.approx([0.9, 2.4, 3.8]), (
        "sent again after 0.2, 0.4 and 0.8 s: at 1.7, 2.1 and 2.9 s"
    )


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"service": 0.0}, {"room": -1}, {"handshake": Handshake((0.0,))}])
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    settings = {"workers": 1, "service": 1.0, "room": 1, "handshake": Handshake(), **wrong}
    with pytest.raises(ValueError, match="there must be"):
        simulated([0.0], **settings)  # type: ignore[arg-type]
