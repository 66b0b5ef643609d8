"""Collecting latencies one by one."""

from __future__ import annotations

import threading

import pytest

from perflab.measure.clock import VirtualClock
from perflab.measure.samples import Recorder


def test_start_and_end_are_matched_by_token_whatever_their_order() -> None:
    clock = VirtualClock()
    recorder = Recorder(clock=clock)
    first = recorder.start()
    clock.advance(10)
    second = recorder.start()
    clock.advance(5)
    recorder.finish(second)
    clock.advance(100)
    recorder.finish(first)
    latencies = recorder.latencies()
    assert latencies.latencies_ns.tolist() == [115, 5]
    assert latencies.started_ns.tolist() == [0, 10]


def test_failures_are_counted_apart_and_their_exceptions_go_on() -> None:
    clock = VirtualClock()
    recorder = Recorder(clock=clock)

    @recorder.timed
    def operation(fails: bool) -> str:
        clock.advance(3)
        if fails:
            raise KeyError("gone")
        return "done"

    assert operation(False) == "done"
    with pytest.raises(KeyError):
        operation(True)
    with pytest.raises(ZeroDivisionError), recorder.request():
        clock.advance(9)
        _ = 1 / 0
    latencies = recorder.latencies()
    assert (latencies.latencies_ns.tolist(), latencies.failures) == ([3], 2)


@pytest.mark.parametrize("token", [0, 5, -1])
def test_a_token_that_is_not_open_is_refused(token: int) -> None:
    recorder = Recorder()
    recorder.finish(recorder.start())
    with pytest.raises(ValueError, match=f"token {token} is not open"):
        recorder.finish(token)


def test_it_grows_and_loses_nothing_from_many_threads() -> None:
    recorder = Recorder(capacity=1)

    def work() -> None:
        for _ in range(500):
            with recorder.request():
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    latencies = recorder.latencies()
    assert latencies.latencies_ns.size == 4_000
    assert (latencies.latencies_ns >= 0).all()
    assert (latencies.started_ns[1:] >= latencies.started_ns[:-1]).all()


def test_as_a_frame_it_names_columns_counts_and_facts() -> None:
    recorder = Recorder()
    recorder.finish(recorder.start())
    frame = recorder.latencies().frame()
    assert set(frame.samples) == {"latency_ns", "started_ns"}
    assert (frame.counts, frame.facts) == ({"calls": 1, "failures": 0}, {"batch": 1})


def test_nothing_collected_is_an_empty_result() -> None:
    assert Recorder().latencies().latencies_ns.size == 0
