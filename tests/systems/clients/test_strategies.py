"""Bursts of requests on a shop that is overloaded, with one strategy at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from relations import assert_more, two_of_three

from perflab.systems.clients.strategies import (
    ASYNC,
    CACHING,
    MAX_BURST,
    SERVERS,
    SWITCHES,
    UNCHANGED,
    Strategies,
    path_of,
    strategies,
)

pytestmark = pytest.mark.clock

PATHS = [path_of(product) for product in range(40)]
AT_ONCE = np.zeros(len(PATHS), np.int64)


@pytest.fixture(scope="module")
def shop() -> Iterator[Strategies]:
    with strategies() as running:
        yield running


@pytest.mark.parametrize("name", [UNCHANGED, *SWITCHES])
def test_each_request_of_a_burst_is_answered(shop: Strategies, name: str) -> None:
    done = shop.burst(name, AT_ONCE, PATHS)
    assert done.response_ns.size == len(PATHS)
    assert done.failures == done.timeouts == done.not_sent == 0
    queued = shop.queued(done)
    assert all(column.size == len(PATHS) for column in queued.values())
    assert np.unique(queued["server"]).tolist() == ([0, 1] if name == SERVERS else [0])
    assert np.all(queued["arrived_ns"] <= queued["started_ns"]) and np.all(queued["started_ns"] < queued["done_ns"])


def bursts(shop: Strategies, name: str, paths: list[str], wait_ms: float) -> Callable[[], float]:
    """What gets through; nothing is written, so that a disk that stalls has no say."""
    return lambda: shop.burst(name, AT_ONCE, paths, wait_ms=wait_ms, counted=False).throughput


def test_who_awaits_holds_no_thread(shop: Strategies) -> None:
    assert_more(bursts(shop, ASYNC, PATHS, 50), bursts(shop, UNCHANGED, PATHS, 50), 2)


def test_two_servers_have_twice_the_threads(shop: Strategies) -> None:
    assert_more(bursts(shop, SERVERS, PATHS, 50), bursts(shop, UNCHANGED, PATHS, 50), 1.4)


def test_a_cache_is_empty_at_first_and_hits_spare_the_wait(shop: Strategies) -> None:
    misses, hits = (bursts(shop, CACHING, paths, 20) for paths in (PATHS, PATHS[:1] * len(PATHS)))
    two_of_three(
        lambda: misses() / bursts(shop, UNCHANGED, PATHS, 20)(),
        lambda times: times < 1.5,
        "forty pages are forty misses",
    )
    assert_more(hits, bursts(shop, UNCHANGED, PATHS, 20), 4)


def test_an_answer_that_comes_too_late_is_not_taken_for_one_of_the_next_burst(
    shop: Strategies, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as impatient:
        impatient.setattr("perflab.systems.clients.strategies.TIMEOUT_S", 0.15)
        late = shop.burst(UNCHANGED, AT_ONCE, PATHS, wait_ms=100)
    assert late.timeouts > 0
    assert shop.queued(late)["server"].size < len(PATHS), "who was not answered has told nothing"
    next_one = shop.burst(ASYNC, AT_ONCE[:5], PATHS[:5], wait_ms=100)
    assert next_one.response_ns.size == 5 and next_one.timeouts == next_one.failures == 0
    assert next_one.response_ns.min() >= 100e6


def test_what_is_not_there_is_refused(shop: Strategies) -> None:
    with pytest.raises(KeyError, match="magic"):
        shop.burst("magic", AT_ONCE, PATHS)
    with pytest.raises(ValueError, match="at most"):
        shop.burst(UNCHANGED, np.zeros(MAX_BURST + 1, np.int64), PATHS[:1] * (MAX_BURST + 1))
