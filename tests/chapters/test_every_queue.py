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
from perflab.systems.clients import balancer, loading, strategies, streams, worker_load

LOADERS = {module.__name__ for module in (loading, worker_load, balancer, strategies, streams)}
REPLAYED = load.replayed()[0]
LONG_S, NEAR, NEAR_PER_S = 3.0, 0.05, 25
CLOSED = {"saturated"}
"""What of these modules is a closed loop, which has no arrivals to replay."""
SIMULATED, SIMULATES = "the same requests simulated", "tails_and_overload.overload"
WITHOUT = {
    SIMULATES: "another request than the oldest may be next, and some are dropped: it simulates the same requests",
    "tails_and_overload.storm": "the server stands still for a moment, and most of its work is for attempts that were given up",
    "caching_strategies.hit_ratio": "a cache and a store, which has a line of its own",
    "caching_strategies.restart": "a cache and a store, which has a line of its own",
}
"""Where first come, first served does not tell the response times, and why."""


def puts_load_on_a_queue(lab: Lab) -> bool:
    """Whether the module of the lab's experiment, or one of its chapter that it uses, has a way to put load on a server."""
    module = importlib.import_module(lab.experiment.__module__)
    chapter = f"{module.__name__.rpartition('.')[0]}."
    sources = {str(getattr(value, "__module__", getattr(value, "__name__", ""))) for value in vars(module).values()}
    modules = [module, *(importlib.import_module(name) for name in sources if name.startswith(chapter))]
    used = {
        name for each in modules for name, value in vars(each).items() if getattr(value, "__module__", None) in LOADERS
    }
    return bool(used - CLOSED)


LOADED = sorted(name for name, lab in find_labs().items() if puts_load_on_a_queue(lab()))
QUEUES = [name for name in LOADED if name not in WITHOUT]


def test_there_are_labs_with_a_queue() -> None:
    assert len(QUEUES) >= 11 and set(WITHOUT) <= set(LOADED)
    assert {"tails_and_overload.fan_out", "tails_and_overload.hockey_stick"} <= set(QUEUES)


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
    names = [name for name in record.frame.samples if name.endswith("arrived_ns") and "needless" not in name]
    prefixes = [name.removesuffix("arrived_ns") for name in names]
    times = [record.column(f"{each}done_ns") - record.column(f"{each}arrived_ns") for each in prefixes]
    return min((float(each.mean()) for each in times if each.size), default=0.0)


@pytest.mark.clock
def test_the_same_requests_simulated_are_in_time_as_often_as_they_were_measured() -> None:
    lab = find_labs()[SIMULATES]()
    for record in corpus.click(SIMULATES).records:
        (shown,) = (text for name, text in lab.trust(record, None) if name == SIMULATED)  # type: ignore[misc]
        simulated, measured = (float(number.replace(",", "")) for number in re.findall(r"([\d,]+)/s", shown))
        assert abs(simulated - measured) <= NEAR_PER_S, shown


SHOWN = sorted(name for name, lab in find_labs().items() if lab().moments is not None)
SHORT = {"raising_throughput.which_strategy", "tails_and_overload.fan_out"}
"""Many short runs, or the same pages twice, of which none is worth a look in slow motion."""
QUICK = {"eviction_and_stampedes.stampede": {"query": 5}}
"""Settings with which something is worked on to its end on a busy machine, too."""
NEAR_S = 0.001


def test_each_lab_with_a_queue_has_a_replay() -> None:
    assert set(QUEUES) - SHORT <= set(SHOWN) and len(SHOWN) >= 12


@pytest.mark.clock
@pytest.mark.parametrize("name", SHOWN)
def test_real_requests_are_sent_queued_served_and_answered_in_this_order_by_so_many_workers(name: str) -> None:
    lab = find_labs()[name]()
    assert lab.moments is not None
    lengths, settings = ((corpus.RUN_S, corpus.SLICES), (LONG_S, 2)), QUICK.get(name, {})
    found = (lab.moments(corpus.record_of(lab, settings, corpus.run(name, settings, length))) for length in lengths)
    moments = next(each for each in found if each is not None and np.isfinite(each.done_s).any())
    known = np.isfinite(moments.done_s) & np.isfinite(moments.gone_s)
    stages = [moments.due_s, moments.queued_s, moments.started_s, moments.done_s, moments.gone_s]
    assert np.diff([stage[known] for stage in stages], axis=0).min() > -NEAR_S
    assert moments.places.max() < moments.workers
