from __future__ import annotations

import time

import numpy as np
import pytest

from perflab.measure.frame import merge
from perflab.measure.schedule import constant
from perflab.systems.worker_load import watched_load
from perflab.theory.replay import replay


def test_every_request_is_there_with_its_stages() -> None:
    frame = merge(watched_load(4, constant(50, 0.6), np.full(30, 20.0), 1.0))
    assert frame.counts == {"calls": 30, "rejected": 0, "failures": 0, "dropped": 0}
    assert frame.samples["came_s"].size == frame.samples["done_s"].size == 30
    stages = [frame.samples[name] for name in ("arrived_ns", "started_ns", "done_ns")]
    assert np.all(stages[0] <= stages[1])
    assert np.all(stages[2] - stages[1] >= 19e6)
    assert frame.facts["inside"] == 0


def test_a_pause_of_the_watcher_does_not_change_the_queue() -> None:
    frames = []
    for frame in watched_load(1, constant(20, 1.0), np.full(20, 40.0), 1.0):
        frames.append(frame)
        time.sleep(0.2)
    whole = merge(frames)
    assert np.median(whole.samples["latency_ns"]) > 39e6
    found = replay(*(whole.samples[name] for name in ("arrived_ns", "started_ns", "done_ns")))
    assert found.deviation < 0.15


@pytest.mark.parametrize("workers", [1, 3])
def test_a_queue_in_front_of_the_workers_is_first_come_first_served(workers: int) -> None:
    generator = np.random.default_rng(1)
    waits = generator.exponential(30.0, 60)
    frame = merge(watched_load(workers, constant(30 * workers, 60 / (30 * workers)), waits, 60 / (30 * workers)))
    found = replay(*(frame.samples[name] for name in ("arrived_ns", "started_ns", "done_ns")), workers)
    assert found.deviation < 0.15
