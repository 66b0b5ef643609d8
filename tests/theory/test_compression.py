"""When compressing pays: known answers, and a second computation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perflab.theory.compression import Codec, crossing

KNOWN = Codec(0.25, 100e6, 100e6)


def test_the_known_answer_is_480_megabits_per_second() -> None:
    assert KNOWN.break_even == pytest.approx(60e6)
    assert 8 * KNOWN.break_even == pytest.approx(480e6)


@pytest.mark.parametrize("ratio", [1.0, 1.01])
def test_what_does_not_shrink_is_never_worth_it(ratio: float) -> None:
    assert Codec(ratio, 100e6, 100e6).break_even == 0


@pytest.mark.parametrize("codec", [KNOWN, Codec(0.185, 250e6, 90e6), Codec(0.9, 20e6, 300e6)])
def test_at_the_break_even_both_replies_take_equally_long_and_on_either_side_one_is_quicker(codec: Codec) -> None:
    links = codec.break_even * np.array([0.5, 1.0, 2.0])
    plain = 200e3 / links
    found = codec.reply_time(200e3, links) / plain
    assert found[0] < 1 < found[2] and found[1] == pytest.approx(1)


def test_the_time_of_a_reply_is_the_sum_of_its_steps() -> None:
    steps = 1e6 / 100e6, 0.25e6 / 10e6, 0.25e6 / 100e6
    assert float(KNOWN.reply_time(1e6, 10e6)) == pytest.approx(sum(steps))


@pytest.mark.parametrize("values", [(0, 1, 1), (0.5, 0, 1), (0.5, 1, -1), (math.nan, 1, 1)])
def test_a_codec_of_nonsense_is_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Codec(*values)


def test_the_crossing_is_read_between_the_links_on_either_side_of_it() -> None:
    links = np.geomspace(10, 1_600, 9)
    shape = np.log(links / 100)  # crosses at 100, straight on log axes
    assert crossing(links[::-1], np.exp(shape)[::-1]) == pytest.approx(100)
    assert math.isnan(crossing([10, 100], [0.5, 0.9])) and math.isnan(crossing([10, 100], [1.5, 2.0]))
    assert math.isnan(crossing([10], [0.5]))
