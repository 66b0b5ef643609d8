"""The Server-Timing header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.systems.http.server_timing import HEADER, ServerTiming, decode, told_hit

NS = st.integers(0, 10**18)
SPANS = st.tuples(NS, NS)
CALLS = st.lists(SPANS, max_size=4).map(tuple)
TIMINGS = st.builds(ServerTiming, NS, NS, NS, NS, NS, NS, CALLS, st.none() | st.booleans(), SPANS, SPANS)


@given(TIMINGS)
def test_what_was_encoded_comes_back_to_the_nanosecond(timing: ServerTiming) -> None:
    assert decode(timing.encode()) == timing


def test_durations_are_in_milliseconds_as_other_tools_expect() -> None:
    text = ServerTiming(0, 1_500_000, 20, 3, 4, 5, ((7, 2_000_000),), True).encode()
    assert "queue;dur=1.500000" in text and "parse;dur=0.000020" in text
    assert "call;start=0.000007;dur=2.000000" in text and text.endswith("cache;desc=hit")


def test_the_total_is_the_sum_of_the_serial_parts() -> None:
    assert ServerTiming(1_000, 1, 2, 3, 4, 5, ((0, 100),)).total == 15


def test_a_header_without_all_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="does not tell parse, compute, serialise"):
        decode("queue;dur=1, database;dur=2, cache;desc=miss")


def test_a_hit_is_told_by_the_reply_itself() -> None:
    def reply(hit: bool | None) -> bytes:
        return f"HTTP/1.1 200 OK\r\n{HEADER}: {ServerTiming(0, 1, 2, 3, 4, 5, (), hit).encode()}\r\n\r\n{{}}".encode()

    assert [told_hit(reply(hit)) for hit in (True, False, None)] == [True, False, False]
