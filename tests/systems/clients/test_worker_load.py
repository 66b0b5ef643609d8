from __future__ import annotations

import itertools
import os
import signal
import threading
import time

import numpy as np
import pytest
from relations import two_of_three

from perflab.measure.frame import Frame, merge
from perflab.measure.schedule import constant
from perflab.systems.clients.worker_load import saturated, watch, watched_load
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.worker_kinds import Work
from perflab.systems.servers.worker_server import Stages, worker_server
from perflab.theory.replay import replay

pytestmark = pytest.mark.clock


def test_every_request_is_there_with_its_stages() -> None:
    frame = merge(watched_load(4, constant(50, 0.6), np.full(30, 20.0), 1.0))
    assert frame.counts == {"calls": 30 - frame.facts["in_flight"], "rejected": 0, "failures": 0, "not_sent": 0}
    assert frame.samples["arrived_s"].size == 30 and frame.samples["completed_s"].size == frame.counts["calls"] > 15
    stages = [frame.samples[name] for name in Stages._fields]
    assert all(np.all(before <= after) for before, after in itertools.pairwise(stages))
    assert np.all(frame.samples["done_ns"] - frame.samples["begun_ns"] >= 19e6)


def deviation(frame: Frame, workers: int = 1) -> float:
    return replay(*(frame.samples[name] for name in ("arrived_ns", "started_ns", "done_ns")), workers).deviation


def test_a_pause_of_the_watcher_does_not_change_the_queue() -> None:
    def watched_with_pauses() -> float:
        frames = []
        for frame in watched_load(1, constant(20, 0.6), np.full(12, 40.0), 0.75):
            frames.append(frame)
            time.sleep(0.15)
        whole = merge(frames)
        assert np.median(whole.samples["latency_ns"]) > 39e6
        return deviation(whole)

    two_of_three(watched_with_pauses, lambda found: found < 0.15, "as replayed")


@pytest.mark.parametrize("workers", [1, 3])
def test_a_queue_in_front_of_the_workers_is_first_come_first_served(workers: int) -> None:
    generator = np.random.default_rng(1)
    waits = generator.exponential(30.0, 36)
    schedule, seconds = constant(30 * workers, 36 / (30 * workers)), 36 / (30 * workers)
    two_of_three(
        lambda: deviation(merge(watched_load(workers, schedule, waits, seconds)), workers),
        lambda found: found < 0.15,
        "as replayed",
    )


def test_a_hung_worker_delays_no_other() -> None:
    waits = np.full(20, 5.0)
    waits[0] = 1_000.0
    frame = merge(watched_load(2, constant(50, 0.4), waits, 0.5))
    assert 0 not in frame.samples["number"]
    assert frame.counts["calls"] + frame.facts["in_flight"] == 20
    assert frame.counts["calls"] > 10, "all of them long before the first"


def test_a_server_that_is_killed_while_it_does_its_most_is_told_to_be_dead() -> None:
    with pytest.raises(ServerFailed, match="worker server died"), worker_server(2) as server:
        killer = threading.Timer(0.1, os.kill, (server.pid, signal.SIGKILL))
        killer.start()
        try:
            saturated(server.port, Work(wait_ms=5), 4, 5.0)
        finally:
            killer.join()


def test_a_server_that_is_killed_in_mid_run_ends_the_load_with_words() -> None:
    with worker_server(2) as server:
        frames = watch(server, lambda number: Work(wait_ms=5), constant(50, 1.0), 1.0)
        next(frames)
        server.kill()
        with pytest.raises(ServerFailed, match="is gone"):
            list(frames)


def test_a_server_that_hangs_answers_nothing_more_while_requests_go_on_arriving() -> None:
    with worker_server(4) as server:
        frames = []
        for frame in watch(server, lambda number: Work(wait_ms=5.0), constant(50, 0.9), 0.9):
            frames.append(frame)
            if len(frames) == 2:
                server.hang()
    assert all(frame.counts["calls"] > 0 for frame in frames[:2])
    assert all(frame.counts["calls"] == 0 and frame.samples["arrived_s"].size > 0 for frame in frames[2:])
    assert frames[-1].facts["in_flight"] > 20
