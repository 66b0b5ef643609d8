"""Each frame tells what is new, and nothing twice."""

from __future__ import annotations

import numpy as np

from perflab.measure.frame import merge
from perflab.systems.clients.attempt_frames import TOLD, AttemptFrames
from perflab.systems.clients.attempts import Attempts, Patience


def test_frames_tell_what_is_new() -> None:
    schedule = np.array([0, 5, 9], np.int64) * 1_000_000
    attempts = Attempts(schedule, Patience(timeout_s=0.02, retry=lambda tries, _: 0.0 if tries < 2 else None))
    frames = AttemptFrames(attempts, schedule)
    attempts.advance(5_500_000)
    attempts.on_reply(1, True, 8_000_000)
    frames.note(1, True, (6, 7, 8))
    first = frames.next(8_000_000)
    assert first.samples["arrived_s"].tolist() == [0, 0.005] and first.samples["lateness_ns"].tolist() == [
        5_500_000,
        500_000,
    ]
    assert first.samples["number"].tolist() == [1] and first.samples["latency_ns"].tolist() == [3_000_000]
    assert first.samples["done_ns"].tolist() == [8] and first.facts == {"elapsed_s": 0.008, "in_flight": 1}
    attempts.advance(26_000_000)
    attempts.on_reply(2, False, 27_000_000)
    attempts.advance(60_000_000)
    attempts.on_reply(0, True, 61_000_000)
    frames.note(0, False, (26, 30, 60))
    second = frames.next(61_000_000)
    assert second.samples["arrived_s"].tolist() == [0.009] and second.samples["number"].size == 0
    assert second.samples["retried_s"].tolist() == [0.026, 0.027]
    assert sorted(second.samples["failed_number"]) == [0, 2] and second.counts["failures"] == 2
    assert second.counts == {"calls": 0, "rejected": 0, "failures": 2, "needless": 1}
    assert [second.samples[f"needless_{name}"].tolist() for name in TOLD] == [[26], [30], [60], [0]]
    assert first.samples["needless_done_ns"].size == frames.next(61_500_000).samples["needless_done_ns"].size == 0
    assert second.samples["failed_s"].tolist() == [0.06, 0.06] and second.samples["rejected_s"].size == 0
    assert merge([first, second, frames.next(62_000_000)]).counts == {
        "calls": 1,
        "rejected": 0,
        "failures": 2,
        "needless": 1,
    }


def test_a_run_before_its_first_request_has_all_columns_empty() -> None:
    frame = AttemptFrames(Attempts(np.empty(0, np.int64), Patience()), np.empty(0, np.int64)).next(1)
    assert all(column.size == 0 for column in frame.samples.values()) and len(frame.samples) == 19


def test_the_key_of_each_request_that_succeeded_is_told_where_they_read_keys() -> None:
    schedule = np.array([0, 5, 9], np.int64) * 1_000_000
    attempts = Attempts(schedule, Patience())
    frames = AttemptFrames(attempts, schedule, np.array([70, 80, 90]))
    attempts.advance(10_000_000)
    for answered in (2, 0):
        assert attempts.on_reply(answered, True, 11_000_000)
        frames.note(answered, True, (1, 2, 3))
    assert frames.next(12_000_000).samples["key"].tolist() == [90, 70]


def test_the_server_that_answered_first_is_told_and_the_other_ones_answer_is_needless() -> None:
    schedule = np.array([0, 5], np.int64) * 1_000_000
    attempts = Attempts(schedule, Patience(hedge_after=lambda _: 0.001), servers=2)
    frames = AttemptFrames(attempts, schedule)
    for at_ms in (0, 2, 5, 7):
        attempts.advance(at_ms * 1_000_000)
    copies = [number for number, each in enumerate(attempts.all) if each.kind == "hedge"]
    assert [(attempts.all[copy].number, attempts.all[copy].server) for copy in copies] == [(0, 1), (1, 0)]
    for attempt in (*copies, *(number for number in range(4) if number not in copies)):
        frames.note(attempt, attempts.on_reply(attempt, True, 8_000_000), (1, 2, 3))
    told = frames.next(9_000_000).samples
    assert told["number"].tolist() == [0, 1] and told["server"].tolist() == [1, 0]
    assert told["needless_server"].tolist() == [0, 1]
