"""One pass gives what a run at each size gives; and what becomes of it when keys are sampled."""

from __future__ import annotations

import tracemalloc
from random import Random

import numpy as np
import pytest

from perflab.theory import traces
from perflab.theory.eviction import hits
from perflab.theory.eviction.queues import lru
from perflab.theory.stack_distances import (
    NEVER,
    last_uses,
    lru_hits,
    sampled,
    smaller_before,
    stack_distances,
)

ZIPF = traces.popular(100_000, 1, np.random.default_rng(1))


def by_a_stack(keys: list[int]) -> list[int]:
    stack: list[int] = []
    found = []
    for key in keys:
        found.append(stack.index(key) + 1 if key in stack else NEVER)
        stack = [key, *(each for each in stack if each != key)]
    return found


def test_distances_are_the_depths_in_a_stack_of_keys() -> None:
    draw = Random(5)
    for _ in range(1_000):
        keys = [draw.randrange(12) for _ in range(draw.randint(1, 70))]
        assert stack_distances(keys).tolist() == by_a_stack(keys)


def test_hits_at_every_size_are_those_of_a_run_at_this_size() -> None:
    keys = ZIPF[:3_000]
    distances = stack_distances(keys)
    sizes = [*range(1, 40), 100, 300, 1_000, 5_000]
    assert lru_hits(distances, sizes).tolist() == [sum(hits(lru, keys.tolist(), size)) for size in sizes]


def test_known_totals() -> None:
    assert lru_hits(stack_distances(ZIPF), [100, 1_000, 5_000]).tolist() == [39_094, 67_347, 87_516]
    loop = stack_distances(traces.loop(100_000))
    assert lru_hits(loop, [1_249, 1_250]).tolist() == [0, 98_750], "a cliff"


def test_hits_never_become_fewer_with_more_places() -> None:
    for trace in (ZIPF, traces.with_scans(ZIPF), traces.shifting(ZIPF)):
        assert (np.diff(lru_hits(stack_distances(trace), np.arange(1, 12_000))) >= 0).all()


def test_the_parts() -> None:
    assert last_uses([7, 8, 7, 7]).tolist() == [-1, -1, 0, 2]
    values = np.random.default_rng(3).integers(0, 50, 333)
    expected = [int((values[:at] <= value).sum()) for at, value in enumerate(values)]
    assert smaller_before(values).tolist() == expected, "of equal ones the first counts as smaller"
    assert stack_distances([]).size == 0 and stack_distances([4]).tolist() == [NEVER]


@pytest.mark.long
def test_a_million_requests_fit_into_200_megabytes() -> None:
    trace = np.random.default_rng(1).integers(0, 100_000, 1_000_000)
    tracemalloc.start()
    try:
        stack_distances(trace)
        assert tracemalloc.get_traced_memory()[1] + trace.nbytes < 200e6
    finally:
        tracemalloc.stop()


def test_a_sample_of_all_keys_is_exact_and_an_empty_one_says_nothing() -> None:
    sizes = [10, 100, 1_000]
    whole = sampled(ZIPF, 1.0, sizes, since=50_000)
    exact = 1 - lru_hits(stack_distances(ZIPF)[50_000:], sizes) / 50_000
    assert whole.reads == whole.expected == 50_000
    assert whole.raw.tolist() == whole.corrected.tolist() == exact.tolist()
    empty = sampled([3, 3], 1e-9, [1])
    assert empty.reads == 0 and np.isnan(empty.raw).all() and empty.corrected.tolist() == [0]


def test_raw_samples_are_wrong_by_whether_the_hottest_key_is_in_and_the_correction_helps() -> None:
    sizes = [100, 300, 1_000, 3_000]
    exact = 1 - lru_hits(stack_distances(ZIPF), sizes) / ZIPF.size
    samples = [sampled(ZIPF, 0.1, sizes, seed) for seed in range(16)]
    raw, corrected = (np.array([getattr(each, name) - exact for each in samples]) for name in ("raw", "corrected"))
    assert np.abs(raw[:, 0]).mean() > 2 * np.abs(corrected[:, 0]).mean()
    has_hottest = np.array([np.random.default_rng(seed).random() < 0.1 for seed in range(16)])
    assert 0 < has_hottest.sum() < 16, "key 0 is in some of these samples"
    assert raw[has_hottest, 0].max() < raw[~has_hottest, 0].mean()


@pytest.mark.parametrize("size", [1, 2])
def test_the_smallest_caches(size: int) -> None:
    assert lru_hits(stack_distances([1, 1, 2, 1]), size) == [1, 2][size - 1]
