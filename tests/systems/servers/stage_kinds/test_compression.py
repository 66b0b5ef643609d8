"""Compressed replies: facts."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.http.http11 import Reply
from perflab.systems.servers.stage_kinds.compression import ENCODED, Settings


def asked(payload_bytes: int, level: int) -> tuple[Reply, dict[str, Any]]:
    async def serve() -> tuple[Reply, dict[str, Any]]:
        return await Served(("compression", {"level": level}), ("pages", {"payload_bytes": payload_bytes})).ask()

    return run_virtually(serve())


@pytest.mark.parametrize("payload_bytes", [300, 60_000, 200_000])
@pytest.mark.parametrize("level", [1, 6, 9])
def test_what_is_decompressed_is_the_page_and_it_is_what_zlib_makes_of_it(payload_bytes: int, level: int) -> None:
    plain, _ = asked(payload_bytes, 0)
    reply, state = asked(payload_bytes, level)
    assert zlib.decompress(reply.body) == plain.body
    assert len(reply.body) <= len(zlib.compress(plain.body, level)) + 8, "as much as in one piece"
    assert ENCODED in reply.headers and ENCODED not in plain.headers
    assert state["plain_bytes"] == len(plain.body)


def test_a_list_of_products_shrinks_to_a_quarter_or_so() -> None:
    ratio = {level: len(asked(200_000, level)[0].body) / len(asked(200_000, 0)[0].body) for level in (1, 6, 9)}
    assert 0.2 < ratio[9] <= ratio[6] < ratio[1] < 0.35, ratio


def test_level_0_changes_nothing() -> None:
    reply, state = asked(1_000, 0)
    assert reply.body.startswith(b"[{") and "plain_bytes" not in state


@pytest.mark.parametrize("level", [-1, 10, 1.5, "best"])
def test_a_level_that_zlib_does_not_have_is_refused(level: Any) -> None:
    with pytest.raises(BadInput, match="level must be a whole number from 0 to 9"):
        Settings(level=level)
