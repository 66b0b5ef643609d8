"""The Server-Timing header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.measure.http_reply import Reply
from perflab.systems.http.server_timing import (
    HEADER,
    ServerTiming,
    decode,
    encode_state,
    note_queue,
    state_of,
    timing_of,
)

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


def reply(value: str) -> Reply:
    return Reply(f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{HEADER}: {value}".encode(), b"")


@pytest.mark.parametrize(("hit", "noted"), [(True, 1), (False, 0), (None, 0)])
def test_a_reply_tells_when_its_request_had_a_thread_and_whether_the_cache_had_the_answer(
    hit: bool | None, noted: int
) -> None:
    timing = ServerTiming(0, 1, 2, 3, 4, 5, (), hit, line=(100, 20), thread=(120, 30))
    assert timing_of(reply(timing.encode())) == timing
    assert note_queue(reply(timing.encode())) == {"arrived_ns": 100, "started_ns": 120, "done_ns": 150, "hit": noted}


def test_a_reply_without_the_header_is_refused() -> None:
    with pytest.raises(ValueError, match="no Server-Timing"):
        timing_of(Reply(b"HTTP/1.1 200 OK", b""))


def test_stages_and_whole_numbers_survive_their_way_through_a_reply() -> None:
    state = {"cache": (1_000_001, 23_456_789_012), "hit": True, "commit": 20, "pool": (5, 5)}
    assert state_of(reply(encode_state(state))) == state


def test_a_reply_that_tells_no_stages_has_no_state() -> None:
    assert state_of(Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 0", b"")) == {}
    assert state_of(reply(encode_state({}))) == {}
