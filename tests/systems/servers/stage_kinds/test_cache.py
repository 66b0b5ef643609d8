"""A cache of replies: facts on a virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.servers.stage_kinds.cache import Settings

BEHIND: tuple[Any, ...] = ("database", {"query_ms": 100}), ("pages", {"payload_bytes": 300})


def hits(served: Served, *queries: str) -> Any:
    async def ask() -> list[int | None]:
        return [(await served.ask("/product", sku=query))[1].get("hit") for query in queries]

    return ask()


def test_the_first_read_of_each_query_misses_and_the_next_hits() -> None:
    async def serve() -> tuple[list[int | None], dict[str, int], float]:
        served = Served(("cache", {"ttl_s": 10}), *BEHIND)
        found = await hits(served, "a", "a", "b", "a")
        return found, served.frame.requests["counts"](), served.left[-1][1]

    assert run_virtually(serve()) == ([False, True, False, True], {"hits": 2, "misses": 2}, 0.2)


def test_a_reply_lives_for_its_time_which_a_hit_does_not_renew_and_a_pause_does_not_use_up() -> None:
    async def serve() -> list[int | None]:
        served = Served(("cache", {"ttl_s": 1.0}), *BEHIND)
        found = await hits(served, "a")
        await asyncio.sleep(0.9)
        served.host.clock.pause()
        await asyncio.sleep(100)
        served.host.clock.resume()
        found += await hits(served, "a")
        await asyncio.sleep(0.11)
        return found + await hits(served, "a")

    assert run_virtually(serve()) == [False, True, False]


def test_switched_off_it_notes_nothing_and_every_request_is_asked_of_what_is_behind_it() -> None:
    async def serve() -> list[int | None]:
        served = Served(("cache", {}), *BEHIND)
        found = await hits(served, "a", "a")
        served.frame.set(ttl_s=9)
        return found + await hits(served, "a", "a")

    assert run_virtually(serve()) == [None, None, False, True]


def test_only_replies_with_status_200_are_kept() -> None:
    async def serve() -> list[int | None]:
        served = Served(("cache", {"ttl_s": 9}), ("admission", {"served_at_once": 1, "queue_length": 0}), *BEHIND)
        answered = asyncio.ensure_future(served.ask("/product", sku="other"))
        await asyncio.sleep(0)
        found = await hits(served, "a", "a")
        await answered
        return found + await hits(served, "a", "a")

    assert run_virtually(serve()) == [False, False, False, True]


def test_reset_empties_it() -> None:
    async def emptied() -> list[int | None]:
        served = Served(("cache", {"ttl_s": 9}), *BEHIND)
        found = await hits(served, "a", "a")
        served.frame.requests["reset"]()
        return found + await hits(served, "a")

    assert run_virtually(emptied()) == [False, True, False]


def test_a_time_to_live_out_of_range_is_refused() -> None:
    with pytest.raises(BadInput, match="ttl_s must be a number from 0"):
        Settings(ttl_s=-1)
