"""A cache before a store: facts on a virtual clock, and request for request as the simulation has it."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.servers.stage_kinds.lru import Lru, Settings
from perflab.theory.cached_store import simulate

MS = st.integers(0, 30)
READS = st.lists(st.tuples(MS, st.integers(1, 6), st.integers(1, 30)), min_size=1, max_size=40)


def moments(served: Served, *reads: tuple[float, int, float]) -> Any:
    """When each request arrived, started and was done (ms), None where it was rejected; `reads` are (s, key, ms of the store)."""

    async def one(at_s: float, key: int, service_ms: float) -> list[float] | None:
        reply, _ = await served.ask("/", at_s, key=str(key), service_us=str(round(1_000 * service_ms)))
        return [int(word) / 1e6 for word in reply.body.split()] if reply.status == 200 else None

    return asyncio.gather(*(one(*read) for read in reads))


def lru_of(served: Served) -> Any:
    return served.frame.stages["lru"]


@pytest.mark.long
@given(READS, st.integers(1, 5), st.integers(1, 2), st.integers(0, 4), st.booleans(), st.integers(0, 400))
def test_it_answers_request_for_request_as_the_simulation(
    reads: list[tuple[int, int, int]], capacity: int, workers: int, places: int, single_flight: bool, flush_ms: int
) -> None:
    # No two moments are the same: which comes first then is not said.
    gaps, keys, services = np.array(reads).T
    arrivals = np.cumsum(gaps + 1 / 128 + np.arange(len(gaps)) / 4096)
    flushed = flush_ms + 1 / 3000

    async def serve() -> list[list[float] | None]:
        served = Served(
            ("lru", {"capacity": capacity, "single_flight": single_flight}),
            ("queue", {"workers": workers, "places": places}),
        )
        served.frame.requests["warm"](keys=[1, 2][:capacity])
        served.frame.requests["flush"](after_s=flushed / 1e3)
        found: list[list[float] | None] = await moments(
            served, *zip((arrivals / 1e3).tolist(), keys.tolist(), services.tolist(), strict=True)
        )
        assert len(lru_of(served)._held) <= capacity and not lru_of(served)._pending
        return found

    expected = simulate(
        arrivals,
        keys,
        services,
        capacity,
        workers=workers,
        places=places,
        single_flight=single_flight,
        flushed=flushed,
        held=[1, 2][:capacity],
    )
    found = run_virtually(serve())
    assert [np.nan if each is None else each[2] for each in found] == pytest.approx(
        expected.answered.tolist(), abs=0.1, nan_ok=True
    )
    assert [each is not None and each[1] < each[2] for each in found] == expected.from_store.tolist()


def test_what_was_read_longest_ago_makes_room() -> None:
    async def serve() -> Any:
        served = Served(("lru", {"capacity": 2}), ("queue", {}))
        found = await moments(served, (0, 1, 5), (0.01, 2, 5), (0.02, 1, 5), (0.03, 3, 5), (0.04, 1, 5), (0.05, 2, 5))
        return [round(done - arrived) for arrived, _, done in found], list(lru_of(served)._held)

    assert run_virtually(serve()) == ([5, 5, 0, 5, 0, 5], [1, 2])


def test_in_single_flight_one_read_serves_all_and_its_rejection_rejects_all() -> None:
    async def serve(places: int, single_flight: bool) -> Any:
        served = Served(("lru", {"single_flight": single_flight}), ("queue", {"places": places}))
        found = await moments(served, (0, 1, 40), (0.001, 2, 40), (0.01, 1, 40), (0.02, 1, 40))
        return [each and round(each[2]) for each in found]

    assert run_virtually(serve(9, True)) == [40, 80, 40, 40]
    assert run_virtually(serve(9, False)) == [40, 80, 120, 160]
    assert run_virtually(serve(0, True)) == [40, None, 40, 40]


def test_a_request_that_is_given_up_while_it_waits_for_another_one_gives_up_nothing_else() -> None:
    async def serve() -> Any:
        served = Served(("lru", {"single_flight": True}), ("queue", {}))
        first, given_up, last = (asyncio.ensure_future(moments(served, (at, 7, 40))) for at in (0, 0.01, 0.02))
        await asyncio.sleep(0.03)
        given_up.cancel()
        return [round(each[0][2]) for each in (await first, await last)]

    assert run_virtually(serve()) == [40, 40]


def test_where_the_read_is_given_up_those_that_wait_for_it_are_rejected_and_the_next_one_reads() -> None:
    async def serve() -> Any:
        served = Served(("lru", {"single_flight": True}), ("queue", {}))
        first, follower = (asyncio.ensure_future(moments(served, (at, 7, 40))) for at in (0, 0.01))
        await asyncio.sleep(0.02)
        first.cancel()
        return await follower, round((await moments(served, (0.01, 7, 40)))[0][2])

    assert run_virtually(serve()) == ([None], 70)


def test_a_flush_comes_when_it_was_announced_and_a_pause_does_not_bring_it_nearer() -> None:
    async def serve() -> Any:
        served = Served(("lru", {}), ("queue", {}))
        served.frame.requests["warm"](keys=[5])
        served.frame.requests["flush"](after_s=0.1)
        before = await moments(served, (0.09, 5, 40))
        served.host.clock.pause()
        await asyncio.sleep(5)
        served.host.clock.resume()
        found = [*before, *(await moments(served, (0.005, 5, 40), (0.02, 5, 40), (0.1, 5, 40)))]
        return [round(done - arrived) for arrived, _, done in found]

    assert run_virtually(serve()) == [0, 0, 40, 0]


@pytest.mark.parametrize(
    ("wrong", "said"), [({"capacity": 0}, "capacity must be"), ({"single_flight": 1}, "single_flight must be")]
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Settings(**wrong)


@pytest.mark.parametrize("key", ["-1", "x", "1000000"])
def test_a_key_out_of_range_is_an_error_of_the_client(key: str) -> None:
    async def serve() -> int:
        reply, _ = await Served(("lru", {}), ("queue", {})).ask("/", key=key)
        return reply.status

    if key == "x":
        with pytest.raises(ValueError, match="invalid literal"):
            run_virtually(serve())
    else:
        assert run_virtually(serve()) == 400


def test_a_flush_too_far_away_is_refused() -> None:
    async def serve() -> None:
        served = Served(("lru", {}))
        assert isinstance(lru_of(served), Lru)
        served.frame.requests["flush"](after_s=11)

    with pytest.raises(BadInput, match="after_s must be"):
        run_virtually(serve())
