"""The conductor's loop: posted actions in order, timers by name, faults told."""

from __future__ import annotations

import threading

from patience import PATIENCE_S

from perflab.lab.loop import Loop


class Stage:
    def __init__(self) -> None:
        self.time = 0.0
        self.faults: list[str] = []
        self.loop = Loop(lambda error: self.faults.append(str(error)), lambda: self.time)


def test_posted_actions_are_done_in_order_with_those_they_post() -> None:
    stage, done = Stage(), []
    stage.loop.post(lambda: (done.append(1), stage.loop.post(lambda: done.append(3))))  # type: ignore[func-returns-value]
    stage.loop.post(lambda: done.append(2))
    stage.loop.do_posted()
    assert done == [1, 2, 3]


def test_timers_are_done_when_due_the_earliest_first_and_once() -> None:
    stage, done = Stage(), []
    stage.loop.set_timer("late", 2, lambda: done.append("late"))
    stage.loop.set_timer("early", 1, lambda: done.append("early"))
    stage.time = 0.9
    stage.loop.do_due()
    assert done == []
    stage.time = 5
    stage.loop.do_due()
    stage.loop.do_due()
    assert done == ["early", "late"]


def test_a_timer_is_replaced_and_cleared_by_its_name() -> None:
    stage, done = Stage(), []
    stage.loop.set_timer("rest", 1, lambda: done.append("first"))
    stage.loop.set_timer("rest", 2, lambda: done.append("second"))
    stage.loop.set_timer("other", 1, lambda: stage.loop.clear_timer("rest", "unknown"))
    stage.time = 1
    stage.loop.do_due()
    stage.time = 3
    stage.loop.do_due()
    assert done == []


def test_a_fault_is_told_and_the_rest_goes_on() -> None:
    stage, done = Stage(), []
    stage.loop.post(lambda: done[7])
    stage.loop.post(lambda: done.append("after"))
    stage.loop.do_posted()
    assert stage.faults == ["list index out of range"]
    assert done == ["after"]


def test_on_a_thread_it_does_posts_and_timers_until_it_is_closed() -> None:
    loop = Loop(lambda error: None)
    ticked, posted = threading.Event(), threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    loop.post(lambda: loop.set_timer("tick", 0.01, ticked.set))
    loop.post(posted.set)
    assert posted.wait(PATIENCE_S)
    assert ticked.wait(PATIENCE_S)
    loop.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
