"""Clients that ask a service again and again, and the rate that a load has once it is under way."""

from __future__ import annotations

import time

import numpy as np
import pytest

from perflab.measure import Frame
from perflab.systems.clients.service import NEW_EVERY, TTL_S, Answered, service
from perflab.systems.process.child import ServerFailed

QUICK = {"rows": 0, "iterations": 1, "payload_bytes": 2_000}


def answered(*done_ms: float, until_ms: float = 100.0) -> Answered:
    done = np.array([round(each * 1e6) for each in done_ms])
    return Answered(done, done, round(until_ms * 1e6))


def test_the_rate_is_that_between_the_first_replies_and_the_end_of_asking() -> None:
    assert answered(50, 60, 70, 80, 90, 130, until_ms=100).per_s(skipped=2) == pytest.approx(100)
    assert answered(*range(10, 110, 10)).per_s(skipped=1) == pytest.approx(100)


def test_the_mean_is_that_of_the_replies_that_are_counted() -> None:
    assert answered(50, 60, 70, 80, 90, 130, until_ms=100).mean_ns(skipped=2) == pytest.approx(80e6)


def test_replies_that_come_in_bunches_are_counted_from_the_end_of_one() -> None:
    assert answered(20, 20, 20, 40, 40, 40, 60, 60, 60, 110, 110).per_s(skipped=3) == pytest.approx(150)


@pytest.mark.parametrize("done_ms", [(), (50,), (10, 50, 130, 140), (20, 20)])
def test_without_replies_in_that_time_there_is_no_rate(done_ms: tuple[float, ...]) -> None:
    assert np.isnan(answered(*done_ms).per_s(skipped=2)) and np.isnan(answered(*done_ms).mean_ns(skipped=2))


@pytest.mark.process
def test_each_client_asks_again_when_it_has_a_reply_and_every_fifth_page_is_new() -> None:
    with service(4, **QUICK, ttl_s=TTL_S) as served:
        for clients in (1, 4):
            found = served.load(clients, 0.1)
            assert found.done_ns.size == found.took_ns.size > clients
            assert np.all(np.diff(found.done_ns) >= 0)
            assert np.all(found.took_ns > 0) and np.all(found.took_ns <= found.done_ns)
            assert found.done_ns[-clients:].max() >= found.until_ns, "nobody stopped asking before"
        counts = served._server.ask("counts")
        asked = counts["hits"] + counts["misses"]
        assert abs(counts["misses"] - asked / NEW_EVERY) <= 5, "the known page, by each client that found none at first"


@pytest.mark.process
def test_settings_are_changed_between_loads_and_compressed_replies_are_decompressed() -> None:
    with service(1, **QUICK) as served:
        plain = served.load(1, 0.02)
        served.set(level=6)
        packed = served.load(1, 0.02)
        assert plain.took_ns.size and packed.took_ns.size
        with pytest.raises(ServerFailed, match="level"):
            served.set(level=10)


@pytest.mark.process
@pytest.mark.parametrize(("batch", "each"), [("none", 3), ("what waits", 1)])
def test_commits_are_counted(batch: str, each: int) -> None:
    with service(1, **{**QUICK, "rows": 3}, batch=batch) as served:
        assert served.commits() == 0
        found = served.load(1, 0.02)
        assert served.commits() == each * found.took_ns.size > 0


@pytest.mark.process
def test_a_service_that_dies_ends_the_load_and_says_so() -> None:
    with pytest.raises(ServerFailed, match="The configurable server died"), service(2, **QUICK) as served:
        served._server.kill()
        served.load(2, 5.0)


@pytest.mark.process
def test_between_the_slices_of_a_load_service_and_times_stand_still() -> None:
    with service(4, **QUICK, query_ms=30.0) as served:
        slices, frames, drawn_s = served.load_in_slices(4, 0.3, slice_s=0.1), 0, 0.2
        while True:
            try:
                assert next(slices) == Frame()
            except StopIteration as ended:
                found = ended.value
                break
            frames += 1
            time.sleep(drawn_s)
    assert frames >= 2
    assert np.median(found.took_ns) < 1e9 * drawn_s, "what is drawn meanwhile is in no time"
    assert found.done_ns[-1] < 1e9 * frames * drawn_s + 3e8, "nor in the length of the load"


@pytest.mark.process
def test_a_load_that_is_given_up_while_it_stands_still_leaves_the_service_running() -> None:
    with service(2, **QUICK, query_ms=30.0) as served:
        slices = served.load_in_slices(2, 0.2, slice_s=0.05)
        next(slices)
        slices.close()
        assert not served._server._clock.is_paused
