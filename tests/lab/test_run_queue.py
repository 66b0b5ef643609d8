"""The queue before the run lock: first come, first served, and nobody waits for one who is gone."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from perflab.lab import run_queue
from perflab.lab.run_queue import GONE_S, REFRESH_S, RunQueue


class Moment:
    """A clock that the test sets."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def queues(tmp_path: Path, moment: Moment) -> list[RunQueue]:
    return [RunQueue(tmp_path / "queue", moment) for _ in range(3)]


def test_places_follow_the_order_of_coming(queues: list[RunQueue]) -> None:
    assert [queue.enter() for queue in queues] == [0, 1, 2]
    assert [queue.ahead() for queue in queues] == [0, 1, 2]
    queues[1].leave()
    assert [queue.ahead() for queue in queues] == [0, 2, 1], "who does not wait has all others ahead"
    assert queues[1].enter() == 2


def test_a_waiter_that_says_nothing_for_long_is_gone_and_one_that_asks_keeps_its_place(
    queues: list[RunQueue], moment: Moment
) -> None:
    first, second, _ = queues
    first.enter()
    second.enter()
    for _ in range(round(GONE_S / REFRESH_S) + 1):
        moment.now += REFRESH_S
        second.enter()
    assert second.ahead() == 0
    assert first.enter() == 1


def test_frequent_requests_make_rare_writes(queues: list[RunQueue], moment: Moment, tmp_path: Path) -> None:
    queues[0].enter()
    content = (tmp_path / "queue").read_text()
    moment.now += 0.5 * REFRESH_S
    queues[0].enter()
    assert (tmp_path / "queue").read_text() == content
    moment.now += REFRESH_S
    queues[0].enter()
    assert (tmp_path / "queue").read_text() != content


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a\nb c\n  \n1 2 3\n", b"x nan\n", b"y inf\n" * 50_000])
def test_whatever_stands_in_the_file_no_kernel_waits_because_of_it(
    content: bytes, queues: list[RunQueue], tmp_path: Path
) -> None:
    (tmp_path / "queue").write_bytes(content)
    assert queues[0].enter() == 0
    assert queues[1].enter() == 1
    queues[0].leave()
    assert queues[1].ahead() == 0
    assert len((tmp_path / "queue").read_bytes()) < 100


def test_waiters_of_an_earlier_start_of_the_machine_are_gone(queues: list[RunQueue], moment: Moment) -> None:
    queues[0].enter()
    moment.now = 10.0  # the system's clock begins anew with the system
    assert queues[1].enter() == 0


def test_without_a_file_or_without_locks_no_kernel_is_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = RunQueue(tmp_path / "missing" / "queue")
    assert queue.enter() == 0
    queue.leave()

    def no_locks(_: int) -> bool:
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(run_queue, "try_lock", no_locks)
    assert RunQueue(tmp_path / "queue").enter() == 0


def test_a_process_that_stands_still_while_it_writes_delays_no_other(
    queues: list[RunQueue], monkeypatch: pytest.MonkeyPatch
) -> None:
    queues[0].enter()
    monkeypatch.setattr(run_queue, "try_lock", lambda _: False)
    assert queues[1].enter() == 1
    queues[0].leave()
