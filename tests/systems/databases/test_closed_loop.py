"""Connections that ask again as soon as they are answered: all from one moment on, and none forgotten."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from few_threads import FewThreads

from perflab.systems.databases import closed_loop
from perflab.systems.databases.closed_loop import Queried, query_for

pytestmark = pytest.mark.process


def test_every_query_is_counted_and_has_a_response() -> None:
    counted: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        found = query_for(pool, [lambda: counted.append(1)] * 4, 0.01)
    assert found.done == len(counted) == len(found.response_ns) >= 4
    assert found.seconds > 0 and found.per_s == found.done / found.seconds


def test_all_are_there_before_the_first_begins() -> None:
    seen: list[set[int]] = []
    threads: set[int] = set()

    def query() -> None:
        threads.add(threading.get_ident())
        seen.append(set(threads))
        time.sleep(0.002)

    with ThreadPoolExecutor(8) as pool:
        found = query_for(pool, [query] * 8, 0.01)
    assert len(threads) == 8, "a thread for each"
    assert found.done >= 8


def test_responses_that_are_left_out_count_as_done() -> None:
    with ThreadPoolExecutor(3) as pool:
        found = query_for(pool, [lambda: time.sleep(0.001)] * 3, 0.0001, left_out=2, longest_s=10)
    assert found.done == 9 and len(found.response_ns) == 3, "each goes on until one counts"


def test_what_takes_too_long_has_no_response_that_counts() -> None:
    with ThreadPoolExecutor(2) as pool:
        found = query_for(pool, [lambda: time.sleep(0.02)] * 2, 0.001, left_out=1, longest_s=0.001)
    assert found.done == 2 and found.response_ns == []


def test_what_a_query_raises_is_raised() -> None:
    def fails() -> None:
        raise OSError("disk full")

    with ThreadPoolExecutor(2) as pool, pytest.raises(OSError, match="disk full"):
        query_for(pool, [fails, lambda: None], 0.01)


def test_where_the_system_allows_no_more_threads_those_that_started_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_loop, "PATIENCE_S", 60.0)
    with FewThreads(3) as pool, pytest.raises(RuntimeError, match="new thread"):
        query_for(pool, [lambda: time.sleep(0.001)] * 3, 0.01)


def test_throughput_is_what_was_done_until_the_last_was() -> None:
    assert Queried([], 30, 1.5).per_s == 20
