"""Every lab with a queue: what it measured, replayed with the recorded arrivals and services, agrees with the measurement.

The number of servers is what the lab itself says in its row of the replay, so the row on screen is what is tested.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence

import corpus
import numpy as np
import pytest
from labs import find_labs

from perflab.chapters import load
from perflab.lab import Lab
from perflab.lab.record import Record
from perflab.systems.clients import balancer, loading, strategies, worker_load

LOADERS = {module.__name__ for module in (loading, worker_load, balancer, strategies)}
REPLAYED = load.replayed()[0]
LONG_S, NEAR = 3.0, 0.05
CLOSED = {"saturated"}
"""What of these modules is a closed loop, which has no arrivals to replay."""


def puts_load_on_a_queue(lab: Lab) -> bool:
    """Whether the module of the lab's experiment uses a way to put load on a server."""
    module = importlib.import_module(lab.experiment.__module__)
    used = {name for name, value in vars(module).items() if getattr(value, "__module__", None) in LOADERS}
    return bool(used - CLOSED)


QUEUES = sorted(name for name, lab in find_labs().items() if puts_load_on_a_queue(lab()))


def test_there_are_labs_with_a_queue() -> None:
    assert len(QUEUES) >= 5


def replay_shown(lab: Lab, record: Record) -> str:
    tables = [table(record, None) for name in ("table", "trust") if (table := getattr(lab, name, None)) is not None]
    rows = [" ".join(cells) for table in tables for name, *cells in table if name == REPLAYED]
    assert len(rows) == 1, f"one row {REPLAYED!r} in the tables of {lab.name}"
    return rows[0]


def runs_of(lab: Lab, name: str) -> Sequence[Record]:
    """Those of the lab's question; a longer one where they were over before a queue was."""
    records = corpus.click(name).records
    if all("apart" in replay_shown(lab, record) for record in records):
        return records
    return [corpus.record_of(lab, {}, corpus.run(name, length=(LONG_S, 2)))]


@pytest.mark.clock
@pytest.mark.parametrize("name", QUEUES)
def test_the_queue_replayed_agrees_with_what_was_measured(name: str) -> None:
    lab = find_labs()[name]()
    for record in runs_of(lab, name):
        shown = replay_shown(lab, record)
        found = [float(number) / 100 for number in re.findall(r"([\d.]+)% apart", shown)]
        assert found, shown
        late = load.Load(record).lateness_p99_ns / max(1.0, _measured_ns(record))
        assert max(found) <= NEAR + late + 0.005, f"{shown}; late by {late:.1%} of the mean"


def _measured_ns(record: Record) -> float:
    """Mean time in queue and service, of whatever columns there are."""
    prefixes = [name.removesuffix("arrived_ns") for name in record.frame.samples if name.endswith("arrived_ns")]
    times = [record.column(f"{each}done_ns") - record.column(f"{each}arrived_ns") for each in prefixes]
    return min((float(each.mean()) for each in times if each.size), default=0.0)


SHOWN = sorted(name for name, lab in find_labs().items() if lab().moments is not None)
BURSTS = {"raising_throughput.which_strategy"}
"""Many short runs, of which none is worth a look in slow motion."""
NEAR_S = 0.001


def test_each_lab_with_a_queue_has_a_replay() -> None:
    assert set(QUEUES) - BURSTS <= set(SHOWN) and len(SHOWN) >= 12


@pytest.mark.clock
@pytest.mark.parametrize("name", SHOWN)
def test_real_requests_are_sent_queued_served_and_answered_in_this_order_by_so_many_workers(name: str) -> None:
    lab = find_labs()[name]()
    assert lab.moments is not None
    lengths = ((corpus.RUN_S, corpus.SLICES), (LONG_S, 2))
    found = (lab.moments(corpus.record_of(lab, {}, corpus.run(name, length=length))) for length in lengths)
    moments = next(each for each in found if each is not None and np.isfinite(each.done_s).any())
    known = np.isfinite(moments.done_s) & np.isfinite(moments.gone_s)
    stages = [moments.due_s, moments.queued_s, moments.started_s, moments.done_s, moments.gone_s]
    assert np.diff([stage[known] for stage in stages], axis=0).min() > -NEAR_S
    assert moments.places.max() < moments.workers
