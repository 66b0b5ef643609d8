"""A cache before a store in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from full_drive import fill_up_the_drive_of

from perflab.measure.guards import BadInput
from perflab.systems.caches.strategies import STRATEGIES, WRITE_BEHIND
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers import cached_store
from perflab.systems.servers.cached_store import CachedStore, Client, Memory


@pytest.mark.process
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_strategy_reads_and_writes_and_leaves_nothing(strategy: str) -> None:
    with CachedStore(strategy, 0.3, 1.0, 0.0, 1) as cached:
        folder = Path(cached._folder.name)
        found = cached.load(0.1)
        more = cached.load(0.05)
        assert list(folder.iterdir())
    assert min(map(len, (found.hit_ns, found.write_ns, more.hit_ns))) > 0
    assert (found.rows > 0) == (strategy == WRITE_BEHIND)
    assert not folder.exists() and not psutil.pid_exists(cached.pid)


@pytest.mark.process
def test_the_added_time_is_in_each_access_and_in_no_hit() -> None:
    with CachedStore("cache-aside", 0.3, 1.0, 5.0, 1) as cached:
        found = cached.load(0.3)
        parts = cached.probe()
    assert min(found.write_ns) > 5e6 and min(found.miss_ns) > 5e6
    assert np.median(found.hit_ns) < 1e6
    assert set(parts) == {"row_ns", "late_ns"} and min(parts.values()) >= 0


@pytest.mark.process
def test_a_process_that_dies_is_said_and_nothing_is_left() -> None:
    with pytest.raises(ServerFailed, match="cached_store"), CachedStore("cache-aside", 0.9, 1.0, 0.0, 1) as cached:
        folder = Path(cached._folder.name)
        cached.kill()
        cached.load(0.1)
    assert not folder.exists()


@pytest.mark.process
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_drive_that_is_full_in_mid_run_is_one_sentence_and_nothing_is_left(strategy: str) -> None:
    with pytest.raises(ServerFailed) as raised, CachedStore(strategy, 0.9, 1.0, 0.0, 1) as cached:
        folder = Path(cached._folder.name)
        cached.load(0.05)
        fill_up_the_drive_of(cached.pid)
        for _ in range(20):
            cached.load(0.05)
    said = str(raised.value)
    assert (
        said.startswith("A flush failed (" if strategy == WRITE_BEHIND else "The store failed (") and "\n" not in said
    )
    assert not folder.exists() and not psutil.pid_exists(cached.pid)


@pytest.mark.process
def test_a_last_flush_that_fails_is_said_at_the_end_of_a_run() -> None:
    def slices() -> Iterator[None]:
        with CachedStore(WRITE_BEHIND, 0.9, 1.0, 300.0, 1) as cached:
            cached.load(0.01)  # acknowledged, and not yet stored: a flush takes 300 ms
            fill_up_the_drive_of(cached.pid)
            yield

    run = slices()
    next(run)
    with pytest.raises(ServerFailed, match=r"A flush failed .*: acknowledged writes of \d+ keys are not stored"):
        run.close()  # type: ignore[attr-defined]
    assert not psutil.Process().children()


@pytest.mark.parametrize(
    ("strategy", "writes", "store_ms", "said"),
    [("no cache", 0.5, 0.0, "strategy"), ("cache-aside", 1.5, 0.0, "writes"), ("cache-aside", 0.5, -1.0, "store_ms")],
)
def test_what_is_not_allowed_is_refused_before_anything_starts(
    strategy: str, writes: float, store_ms: float, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        CachedStore(strategy, writes, 1.0, store_ms, 1)


def test_before_the_first_time_the_cache_is_as_after_many_requests() -> None:
    class Store(Memory):
        wait_s = 0.5

    cached, store = STRATEGIES["write-through"](Memory(), cached_store.TTL), Store()
    client = Client(cached, 0.2, 1.0, 1)
    client.warm_up(store)  # type: ignore[arg-type]
    assert cached.store is store and store.wait_s == 0.5
    assert cached.now == cached_store.WARM_UP
    assert all(store.versions.get(key, 0) == version for key, (version, _) in cached.entries.items())
