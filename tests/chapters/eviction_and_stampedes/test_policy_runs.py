"""What the labs on eviction share: policies that run in slices, and what is read from their records."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from eviction_records import evict_record, sizes_record

from perflab.chapters.eviction_and_stampedes import policy_runs as runs
from perflab.chapters.eviction_and_stampedes.policy_runs import COUNTED, LRU, POLICIES, REQUESTS, WARM_UP
from perflab.measure.frame import Frame, merge
from perflab.systems.caches.bounded import BoundedCache
from perflab.theory.eviction import hits


@pytest.mark.parametrize("trace", runs.TRACES)
def test_each_trace_has_its_length_and_depends_on_its_seed_alone(trace: str) -> None:
    first, again, other = (runs.keys_of(trace, 1.0, seed) for seed in (1, 1, 2))
    assert first.size == REQUESTS and first.min() >= 0
    assert (first == again).all()
    assert (first != other).any() == (trace != runs.IN_LOOP)
    assert first.max() < 50_000, "the database has a row for each key"


@pytest.mark.process  # it reads the clock, and judges no time
@pytest.mark.parametrize("name", POLICIES)
def test_a_run_in_pieces_counts_the_misses_after_the_warm_up(name: str) -> None:
    keys = runs.keys_of(runs.ZIPF, 1.0, 3).tolist()
    frame = merge(runs.run(POLICIES, name, keys, 500))
    assert frame.samples["misses"].tolist() == [COUNTED - sum(hits(POLICIES[name], keys, 500)[WARM_UP:])]
    assert frame.samples["size"].tolist() == [500] and frame.counts["calls"] == REQUESTS
    assert runs.NAMES[frame.samples["policy"][0]] == name


@pytest.mark.process
def test_a_short_trace_counts_all_its_reads() -> None:
    frame = merge(runs.run(POLICIES, runs.FIFO, list(runs.STRING), 4, 0))
    assert frame.samples["misses"].tolist() == [10] and frame.counts["calls"] == 12


@pytest.mark.process
def test_reads_through_a_cache_hit_where_the_policy_does() -> None:
    keys = runs.keys_of(runs.ZIPF, 1.0, 3).tolist()
    cache = BoundedCache(200, POLICIES[LRU](keys, 200), str)
    frames = list(runs.read(cache, keys))
    frame = merge(frames)
    assert frame.samples["hit"].tolist() == [bool(hit) for hit in hits(POLICIES[LRU], keys, 200)[WARM_UP:]]
    assert frame.samples["latency_ns"].size == COUNTED and frame.counts["calls"] == REQUESTS
    assert cache.misses >= (~frame.samples["hit"].astype(bool)).sum() and len(cache) == 200


@pytest.mark.process
def test_slices_hold_several_frames_and_nothing_is_lost() -> None:
    def frames() -> Iterator[Frame]:
        for number in range(100):
            yield Frame({"number": np.array([number])})

    found = list(runs.in_slices(frames()))
    assert len(found) < 100 and merge(found).samples["number"].tolist() == list(range(100))
    assert list(runs.in_slices(iter(()))) == []


def test_ratios_and_speeds_are_those_of_the_capacity() -> None:
    run = evict_record(policy="CLOCK")
    assert [*runs.misses_at(run)] == ["CLOCK", LRU, runs.RANDOM]
    assert runs.misses_of_chosen(run) == runs.misses_at(run)["CLOCK"]
    assert runs.decisions_per_s(run)["CLOCK"] == pytest.approx(1e7)
    sizes, ratios = runs.curve_of(run)
    assert sizes.tolist() == [300, 1_000] and ratios[0] > ratios[1] == runs.misses_of_chosen(run)
    assert runs.curve_of(sizes_record(trace=runs.BELADY))[1].tolist() == [1, 1, 9 / 12, 10 / 12, 5 / 12, 5 / 12]
    assert runs.rows_of(("a", "b", "c"), {"c": 0.5, "a": 0.1}) == ([0.1, 0.5], [0, 2])


def test_what_is_said_of_the_others() -> None:
    found = {"LRU": 0.4, "LFU": 0.3, "optimum": 0.2, "ARC": 0.35}
    assert runs.others_said(found, "LRU") == "LFU 30%, the optimum 20%"
    assert runs.others_said(found, "optimum") == "LFU 30%"
    assert runs.others_said({"LRU": 0.4}, "LRU") == ""
