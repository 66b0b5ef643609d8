"""The replay of both loops stands where client and server say, on one clock."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perflab.chapters.load_moments import APART_S, STAGES
from perflab.chapters.measuring_latency import coordinated_omission
from perflab.chapters.measuring_latency import coordinated_omission_model as model
from perflab.lab import Record
from perflab.lab.moments import AT_WORK, BEFORE, GONE, IN_LINE, SENT, SERVED
from perflab.lab.scene import Film, Scene
from perflab.measure.frame import Frame, merge
from perflab.measure.http_reply import Reply
from perflab.measure.load import LoadResult
from perflab.systems.http.server_timing import HEADER, encode_state

LAB = coordinated_omission.lab()
MS, AHEAD_NS, START_NS = 1_000_000, -7_000_000_000, 9_000_000_000


def a_turn(closed: bool, *requests: tuple[int, int, int, int, int], timeouts: int = 0) -> Frame:
    """Of requests with due, queued, started, done and gone in ms after `START_NS`, numbered from 0 on."""
    moments_ns = START_NS + MS * np.array(requests, np.int64).reshape(-1, 5)
    replies = {}
    for number, (_, queued, started, done, gone) in enumerate((moments_ns).tolist()):
        entered, turn, left = (moment + AHEAD_NS for moment in (queued, started, done))
        state = {"concurrency": (entered, left), "stall": (turn, left), "computing": (left - MS, left)}
        replies[number] = gone, Reply(f"HTTP/1.1 200 OK\r\n{HEADER}: {encode_state(state)}".encode(), b"served")
    response_ns, no = moments_ns[:, 4] - moments_ns[:, 0], np.empty(0, np.int64)
    result = LoadResult(np.arange(len(requests)), response_ns, response_ns, no, 0.1, 0, timeouts, 0, closed)
    return coordinated_omission.as_frame(result, model.turn_of(result, replies, AHEAD_NS))


OPEN = a_turn(False, (5, 6, 6, 8, 9), (15, 16, 16, 116, 117), (25, 26, 116, 118, 119), (35, 36, 118, 120, 121))
CLOSED = a_turn(True, (0, 1, 1, 3, 4), (10, 11, 11, 111, 112), (113, 114, 114, 116, 117))


def replay_of(*turns: Frame, every: int = 300) -> Any:
    assert LAB.moments is not None
    return LAB.moments(Record("coordinated_omission", LAB.check({"every": every}), 1, "", merge(turns)))


def test_the_open_loops_requests_pile_up_during_a_stall_and_the_other_loop_has_one() -> None:
    moments = replay_of(OPEN, CLOSED)
    assert moments.until_s == 0.6 and moments.places.max() == 0 and moments.became.tolist() == [SERVED] * 7
    assert moments.states_at(0.0205).tolist() == [GONE, AT_WORK, SENT, *[BEFORE] * 4], "due, and not there yet"
    assert moments.states_at(0.05).tolist() == [GONE, AT_WORK, IN_LINE, IN_LINE, *[BEFORE] * 3]
    assert moments.states_at(0.35).tolist() == [*[GONE] * 4, GONE, AT_WORK, BEFORE]
    assert moments.in_line(0, 0.3)[1].max() == 2 and moments.in_line(0.305, 0.6)[1].max() <= 1
    assert moments.inside(0.3, 0.6)[1].max() == 1


def test_a_turn_is_as_long_as_a_period_or_until_its_last_answer() -> None:
    late = a_turn(False, (0, 1, 1, 2, 3), (290, 291, 291, 349, 350))
    assert replay_of(late, CLOSED).due_s[2] == pytest.approx(0.35 + APART_S)
    assert replay_of(late, CLOSED, every=400).due_s[2] == pytest.approx(0.4)


def test_what_was_not_answered_is_no_replay() -> None:
    nobody: dict[int, tuple[int, Reply]] = {}
    hung = LoadResult(np.arange(1), np.array([MS]), np.array([MS]), np.zeros(1, int), 0.0, 0, 1, 0, False)
    told = model.turn_of(hung, nobody, 0)
    assert told["requests"].tolist() == told["turn_s"].tolist() == [0] and told["due_s"].size == 0
    assert replay_of(coordinated_omission.as_frame(hung, told)) is None and replay_of(Frame()) is None
    assert replay_of(OPEN, a_turn(True, (0, 1, 1, 2, 3), timeouts=1)) is None


def test_at_fifty_moments_as_many_are_in_line_as_the_record_says() -> None:
    generator, turns = np.random.default_rng(4), []
    for closed in (False, True):
        due = np.arange(0, 250, 5)
        started = np.maximum.accumulate(due + generator.integers(2, 60, due.size))
        done, gone = started + 1, started + 2
        turns.append(a_turn(closed, *zip(due.tolist(), (due + 1).tolist(), started, done, gone, strict=True)))
    run = Record("coordinated_omission", LAB.check({"every": 400}), 1, "", merge(turns))
    film, turn = Film(replay_of(*turns, every=400)), np.repeat([0, 0.4], 50)
    due_s, queued_s, started_s, done_s, gone_s = (turn + run.column(name) for name in STAGES)
    for at_s in generator.uniform(0, 0.8, 50).tolist():
        scene = Scene(film, at_s)
        assert scene.number(SENT) == ((due_s <= at_s) & (at_s < queued_s)).sum()
        assert scene.number(IN_LINE) == ((queued_s <= at_s) & (at_s < started_s)).sum()
        assert scene.number(AT_WORK) == ((started_s <= at_s) & (at_s < done_s)).sum()
        assert scene.gone(SERVED) == (gone_s <= at_s).sum()
