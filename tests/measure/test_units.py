"""Numbers as text."""

from __future__ import annotations

import pytest

from perflab.measure import units


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 ns"),
        (1.26, "1.3 ns"),
        (65.4, "65 ns"),
        (999.7, "1.0 µs"),
        (1_340, "1.3 µs"),
        (44_000_000, "44 ms"),
        (1e9, "1.0 s"),
        (123e9, "123 s"),
        (float("nan"), "–"),
        (float("inf"), "–"),
    ],
)
def test_a_duration_reads_in_the_unit_that_suits_it(nanoseconds: float, text: str) -> None:
    assert units.duration(nanoseconds) == text


def test_an_interval_has_one_unit() -> None:
    assert units.duration_range(990, 3_400) == "0.99–3.4 µs"


def test_an_interval_without_an_upper_end_says_at_least() -> None:
    assert units.duration_range(2_900, None) == "≥ 2.9 µs"


@pytest.mark.parametrize(
    ("value", "text"), [(23_000, "23,000"), (1.6, "2"), (0, "0"), (float("nan"), "–"), (float("inf"), "–")]
)
def test_counts_mark_thousands(value: float, text: str) -> None:
    assert units.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.05, "0.050"), (2.14, "2.1"), (213.4, "213"), (12_345.6, "12,346"), (-3.14, "-3.1"), (0, "0")]
)
def test_numbers_keep_significant_digits_and_their_whole_part(value: float, text: str) -> None:
    assert units.number(value) == text


def test_shares_rates_factors_and_sizes_carry_their_sign() -> None:
    assert units.percent(0.25) == "25%"
    assert units.rate(5_000) == "5,000 requests/s"
    assert [units.ratio(each) for each in (2.1, 1.04, 0.96, 1.0)] == ["2.1×", "1.04×", "0.960×", "1.0×"]
    assert units.byte_size(65_535) == "66 kB"


def test_what_is_not_all_is_not_said_to_be_all() -> None:
    assert [units.percent(share) for share in (1, 0.999, 0.9972, 0.995, 0.004)] == [
        "100%",
        "99.9%",
        "99.7%",
        "99.5%",
        "0.40%",
    ]


def test_one_thing_is_singular() -> None:
    assert [units.things(number, "request") for number in (0, 1, 2_000)] == [
        "0 requests",
        "1 request",
        "2,000 requests",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.50 seconds"),
        (10, "10 seconds"),
        (90, "1.5 minutes"),
        (3_600, "1.0 hours"),
        (1.8e6, "21 days"),
        (4e7, "1.3 years"),
    ],
)
def test_seconds_are_told_in_the_units_of_everyday_life(seconds: float, text: str) -> None:
    assert units.seconds_as_people_say(seconds) == text
