"""Clients that try again at a server with one worker: small runs worked out by hand; the labs' tests have the real client's."""

from __future__ import annotations

from perflab.theory.retried_queue import Budget, Line, sent_and_answered


def never(tries: int, tokens: float) -> None:
    return None


def at_once(tries: int, tokens: float) -> float | None:
    return 0.0 if tries <= 2 else None


def test_without_trouble_each_request_is_sent_once_and_answered() -> None:
    assert sent_and_answered([0, 5, 20], [4, 4, 4], 10, never, Line(), 100) == ([0, 5, 20], [4, 9, 24])
    assert sent_and_answered([], [], 10, never, Line(), 100) == ([], [])


def test_what_is_due_or_answered_after_the_end_is_left_out() -> None:
    assert sent_and_answered([0, 5, 100], [4, 96, 4], 200, never, Line(), 100) == ([0, 5], [4])
    assert sent_and_answered([0, 5], [4, 96], 200, never, Line(is_lifo=True), 100) == ([0, 5], [4])


def test_a_stalled_server_keeps_working_for_attempts_that_have_timed_out() -> None:
    stalled = Line(stall=(0, 12))
    # The first attempt is served from 12 to 16, its retries of 10 and 20 until 20 and 24: only the last one is awaited.
    assert sent_and_answered([0], [4], 10, at_once, stalled, 100) == ([0, 10], [20])
    assert sent_and_answered([0], [4], 10, never, stalled, 100) == ([0], [])


def test_an_attempt_that_is_cancelled_is_not_served_any_more() -> None:
    due, services = [0, 1], [12, 3]
    assert sent_and_answered(due, services, 10, never, Line(), 100) == ([0, 1], [])
    # The first is given up at 10, in service; the second, which can wait until 11, is then served from 10 to 11.
    assert sent_and_answered(due, [12, 1], 10, never, Line(cancels=True), 100) == ([0, 1], [11])


def test_what_has_waited_too_long_is_not_begun() -> None:
    due, services = [0, 1, 13], [14, 8, 2]
    assert sent_and_answered(due, services, 10, never, Line(), 100) == ([0, 1, 13], [])
    assert sent_and_answered(due, services, 10, never, Line(drops_late=True), 100) == ([0, 1, 13], [16])


def test_the_last_come_is_served_first() -> None:
    due, services = [0, 1, 2], [4, 4, 4]
    assert sent_and_answered(due, services, 7, never, Line(), 100) == ([0, 1, 2], [4, 8])
    assert sorted(sent_and_answered(due, services, 7, never, Line(is_lifo=True), 100)[1]) == [4, 8]
    assert sent_and_answered(due, [4, 1, 4], 7, at_once, Line(is_lifo=True), 100) == ([0, 1, 2, 8], [4, 8, 10])


def test_a_full_queue_refuses_and_a_refused_request_is_tried_again_without_waiting() -> None:
    due, services = [0, 1, 2], [9, 9, 9]
    assert sent_and_answered(due, services, 30, never, Line(places=1), 100) == ([0, 1, 2], [9, 18])
    assert sent_and_answered(due, services, 30, at_once, Line(places=1), 100) == ([0, 1, 2, 2, 2], [9, 18])


def test_pauses_and_the_budget() -> None:
    later = sent_and_answered([0], [30], 10, lambda tries, tokens: 5e-9 if tries < 3 else None, Line(), 100)
    assert later == ([0, 15, 30], [])
    asked = []

    def note(tries: int, tokens: float) -> float | None:
        asked.append((tries, tokens))
        return 0.0 if tokens >= 1 else None

    sent_and_answered([0, 1], [90, 90], 10, note, Line(), 100, Budget(share=0.5, most=2))
    assert asked == [(1, 2.0), (1, 1.0), (2, 0.0), (2, 0.0)]
