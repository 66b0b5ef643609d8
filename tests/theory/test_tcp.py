"""TCP over a distance: the formula against each segment sent one by one, and against known answers."""

from __future__ import annotations

import math

import pytest

from perflab.theory.tcp import INITIAL_WINDOW, SEGMENT, rounds, transfer_s


def segment_by_segment_s(size: int, round_trip_s: float, bits_per_s: float, window: float) -> float:
    """Each segment leaves when the line is free and the window has room; each acknowledgement makes room for two."""
    congestion, in_flight, free_s = float(INITIAL_WINDOW), 0, 0.0
    acknowledged: list[tuple[float, int]] = []
    while size > 0:
        segment = min(size, SEGMENT)
        while in_flight + segment > min(congestion, max(window, SEGMENT)):
            when_s, freed = acknowledged.pop(0)
            free_s = max(free_s, when_s)
            in_flight, congestion = in_flight - freed, congestion + freed
        free_s += segment * 8 / bits_per_s
        in_flight += segment
        acknowledged.append((free_s + round_trip_s, segment))
        size -= segment
    return free_s + round_trip_s / 2


@pytest.mark.parametrize("round_trip_s", [0.001, 0.01, 0.1, 0.3])
@pytest.mark.parametrize("bits_per_s", [1e7, 1e8, 1e12])
@pytest.mark.parametrize("window", [65_535, 4_000_000])
@pytest.mark.parametrize("size", [500, 14_600, 14_601, 100_000, 1_000_000])
def test_the_formula_is_what_becomes_of_single_segments(
    size: int, round_trip_s: float, bits_per_s: float, window: float
) -> None:
    exact = segment_by_segment_s(size, round_trip_s, bits_per_s, window)
    # A window that holds no whole number of segments may cost a burst more.
    assert transfer_s(size, round_trip_s, bits_per_s, window) == pytest.approx(exact, rel=0.1)


def test_a_megabyte_takes_six_round_trips_more_than_a_small_reply_and_100_kb_two() -> None:
    assert [rounds(size) for size in (0, 1_000, 14_600, 14_601, 100_000, 1_000_000)] == [1, 1, 1, 2, 3, 7]
    small, middle, large = (transfer_s(size, 0.1) for size in (1_000, 100_000, 1_000_000))
    assert small == pytest.approx(0.05)
    assert (middle - small, large - small) == (pytest.approx(0.2), pytest.approx(0.6))


def test_a_window_of_64_kb_allows_5_megabits_per_second_over_100_ms_whatever_the_line_can_do() -> None:
    took_s = transfer_s(2_000_000_000, 0.1, window=65_535) - transfer_s(1_000_000_000, 0.1, window=65_535)
    assert 8e9 / took_s == pytest.approx(5.2428e6, rel=1e-4)


def test_a_window_as_large_as_bandwidth_times_round_trip_keeps_the_line_busy() -> None:
    half, enough = (transfer_s(1_000_000_000, 0.08, 1e8, window) for window in (500_000, 1_000_000))
    assert enough == pytest.approx(80, rel=0.02) and half == pytest.approx(160, rel=0.02)


def test_without_a_distance_the_line_decides() -> None:
    assert transfer_s(1_000_000, 0, 1e8) == pytest.approx(0.08)
    assert transfer_s(0, 0.1, 1e8) == pytest.approx(0.05)


@pytest.mark.parametrize("wrong", [(-1, 0.1, 1e8, 1e6), (1, -0.1, 1e8, 1e6), (1, 0.1, 0, 1e6), (1, 0.1, 1e8, 0)])
def test_what_cannot_be_is_refused(wrong: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="negative"):
        transfer_s(*wrong)


def test_nothing_limits_where_no_limit_is_named() -> None:
    assert math.isfinite(transfer_s(1e12, 0.1))
