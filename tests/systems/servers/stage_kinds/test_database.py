"""A query that takes its time: facts on a virtual clock."""

from __future__ import annotations

import pytest
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.servers.stage_kinds.database import Settings


@pytest.mark.parametrize("query_ms", [0, 5, 200])
def test_all_queries_pass_their_time_at_once(query_ms: float) -> None:
    async def serve() -> list[tuple[str, float]]:
        return await Served(("database", {"query_ms": query_ms})).crowd(0, 0, 1)

    assert [left_s for _, left_s in run_virtually(serve())] == [query_ms / 1e3, query_ms / 1e3, 1 + query_ms / 1e3]


def test_a_query_out_of_range_is_refused() -> None:
    with pytest.raises(BadInput, match="query_ms must be a number from 0 to 1,000"):
        Settings(query_ms=-1)
