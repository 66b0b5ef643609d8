"""When TCP sends each segment."""

from __future__ import annotations

import pytest

from perflab.measure.guards import BadInput
from perflab.systems.servers.slow_start import SEGMENT, Line, Sender
from perflab.theory.tcp import transfer_s

WIDE, WINDOW = 1e11, 4_000_000


def leave_s(segments: int, round_trip_s: float, bits_per_s: float = WIDE, window: float = WINDOW) -> list[float]:
    sender = Sender(Line(bits_per_s, window))
    return [sender.leaves(SEGMENT, 0.0, round_trip_s) for _ in range(segments)]


def test_ten_segments_leave_at_once_and_twice_as_many_each_round_trip() -> None:
    rounds = [round(moment) for moment in leave_s(160, 1.0)]
    assert [rounds.count(number) for number in range(5)] == [10, 20, 40, 80, 10]


def test_no_more_than_the_window_of_the_receiver_is_on_its_way() -> None:
    rounds = [round(moment) for moment in leave_s(200, 1.0, window=30 * SEGMENT)]
    assert [rounds.count(number) for number in range(4)] == [10, 20, 30, 30]


def test_a_line_sends_one_segment_after_another() -> None:
    assert leave_s(3, 0.0, bits_per_s=8e6) == pytest.approx([1.46e-3, 2.92e-3, 4.38e-3])


@pytest.mark.parametrize(("size", "round_trip_s"), [(100_000, 0.1), (1_000_000, 0.1), (1_000_000, 0.005)])
def test_the_last_one_leaves_when_theory_says(size: int, round_trip_s: float) -> None:
    last_s = leave_s(round(size / SEGMENT), round_trip_s, 1e8)[-1]
    assert last_s + round_trip_s / 2 == pytest.approx(transfer_s(size, round_trip_s, 1e8, WINDOW), rel=0.02)


def test_what_is_sent_later_on_a_connection_that_is_kept_finds_the_window_grown() -> None:
    sender = Sender(Line(WIDE, WINDOW))
    for _ in range(160):
        sender.leaves(SEGMENT, 0.0, 1.0)
    assert [round(sender.leaves(SEGMENT, 100.0, 1.0)) for _ in range(160)] == [100] * 160


@pytest.mark.parametrize("wrong", [(0, 1e6), (1e8, 1_000), (float("nan"), 1e6), (1e8, 1e12)])
def test_a_line_that_cannot_be_is_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(BadInput):
        Line(*wrong)
