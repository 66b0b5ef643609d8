"""Threads that read one hot key in a process of their own; no time is judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from perflab.measure.frame import Frame, merge
from perflab.measure.guards import BadInput
from perflab.systems.caches.hot_key import COMPUTE, HIT, REFRESH, STALE, WAIT, Cure, XFetch
from perflab.systems.clients.hot_key_load import hot_key_load
from perflab.systems.servers.hot_key_server import HotKeyServer

pytestmark = pytest.mark.process

AT_ONCE = np.full(6, 300_000_000)
"""Six reads that are due at the same moment, after the value has expired."""


def load(cure: Cure, schedule: np.ndarray = AT_ONCE, seconds: float = 1.0) -> Frame:
    with HotKeyServer(threads=6, query_ms=20) as server:
        server.begin(schedule, cure, 0.2, seed=1)
        return merge(hot_key_load(server, schedule, seconds))


def column(frame: Frame, name: str) -> NDArray[np.float64]:
    return np.asarray(frame.samples[name], float)


def kinds(frame: Frame) -> list[int]:
    return np.bincount(column(frame, "kind").astype(int), minlength=REFRESH + 1).tolist()


def fails(left_s: float, took_s: float, drawn: float) -> bool:
    return bool(1 // 0)


def test_a_single_flight_runs_one_query_and_all_reads_get_an_answer() -> None:
    frame = load(Cure(single=True))
    assert frame.samples["decided_s"].size == kinds(frame)[COMPUTE] == 1
    assert kinds(frame)[WAIT] + kinds(frame)[HIT] == 5, "some threads may come when it is over"
    assert sorted(frame.samples["number"].tolist()) == list(range(6))
    assert frame.counts == {"calls": 6} and frame.facts["in_flight"] == 0
    assert frame.samples["of_s"].tolist() == frame.samples["decided_s"].tolist()
    computed = np.flatnonzero(column(frame, "kind") == COMPUTE)
    assert frame.samples["begun_number"].tolist() == frame.samples["number"][computed].tolist()
    assert frame.samples["begun_s"].tolist() == frame.samples["began_s"].tolist()
    assert column(frame, "ended_s").min() > column(frame, "began_s").min() > 0 and column(frame, "cpu_ns").min() > 0


def test_without_a_rule_more_than_one_query_runs() -> None:
    frame = load(Cure())
    assert frame.samples["decided_s"].size == kinds(frame)[COMPUTE] >= 2 and kinds(frame)[WAIT] == 0
    assert column(frame, "latency_ns").min() > 0 and column(frame, "waited_ns").min() >= 0


def test_an_expired_value_is_answered_before_it_is_computed() -> None:
    frame = load(Cure(single=True, serves_stale=True))
    assert kinds(frame)[REFRESH] == 1 and kinds(frame)[COMPUTE] == 0 and kinds(frame)[STALE] + kinds(frame)[HIT] == 5


def test_a_rule_of_the_learner_decides_and_one_that_fails_is_one_sentence() -> None:
    early = np.full(2, 100_000_000)
    assert kinds(load(Cure(early=lambda left_s, took_s, drawn: True), early, 0.6))[COMPUTE] == 2
    assert kinds(load(Cure(early=XFetch(1e-9)), early, 0.6)) == [2, 0, 0, 0, 0]
    with pytest.raises(BadInput, match="The rule raised ZeroDivisionError"):
        load(Cure(early=fails), early, 5.0)


def test_nothing_goes_on_in_a_pause_and_nothing_is_left_after_a_stop() -> None:
    schedule = np.arange(0, 1_000_000_000, 5_000_000)
    with HotKeyServer(threads=6, query_ms=20) as server:
        folder, process = Path(server._folder.name), psutil.Process(server.pid)
        server.begin(schedule, Cure(), 0.05, seed=1)
        frames = hot_key_load(server, schedule, 30.0)
        first = next(frames)
        while psutil.Process(server.pid).cpu_times() != (before := process.cpu_times()):
            pass
        assert process.cpu_times() == before, "all threads stand still"
        again = next(frames)
        assert float(again.facts["elapsed_s"]) > float(first.facts["elapsed_s"])
        assert min(again.samples["number"], default=9) >= 0 and folder.exists()
        frames.close()  # type: ignore[attr-defined]
    assert not folder.exists() and not psutil.pid_exists(server.pid)


def test_impossible_settings_are_refused_and_leave_nothing() -> None:
    with pytest.raises(BadInput, match="threads"):
        HotKeyServer(threads=10**6, query_ms=20)
    with pytest.raises(BadInput, match="query_ms"):
        HotKeyServer(threads=2, query_ms=10**6)


def test_it_tells_what_its_cpus_are_worth() -> None:
    with HotKeyServer(threads=2, query_ms=10) as server:
        assert all(server.ask("speed_up", threads=threads)["times"] > 0 for threads in (1, 2))
