"""Pages of JSON: facts."""

from __future__ import annotations

import json

import pytest
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.servers.stage_kinds.pages import ROW_BYTES, Settings


@pytest.mark.parametrize("payload_bytes", [0, 500, 20_000, 1_000_000])
def test_a_page_is_json_and_as_long_as_was_asked_for(payload_bytes: int) -> None:
    async def serve() -> bytes:
        return (await Served(("pages", {"payload_bytes": payload_bytes})).ask())[0].body

    body = run_virtually(serve())
    assert isinstance(json.loads(body), list)
    assert abs(len(body) - payload_bytes) <= ROW_BYTES + 0.02 * payload_bytes


def test_a_page_that_is_too_long_is_refused() -> None:
    with pytest.raises(BadInput, match="payload_bytes must be a whole number from 0 to 1,000,000"):
        Settings(payload_bytes=10**7)
