"""Computing holds up all other requests of its event loop: facts on a virtual clock."""

from __future__ import annotations

import pytest
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.servers.stage_kinds.computing import Settings


def test_one_computes_after_the_other() -> None:
    async def serve() -> list[tuple[str, float]]:
        return await Served(("computing", {"service_s": 0.05})).crowd(0, 0, 0)

    assert [left_s for _, left_s in run_virtually(serve())] == pytest.approx([0.05, 0.1, 0.15], abs=0.005)


def test_a_service_out_of_range_is_refused() -> None:
    with pytest.raises(BadInput, match="service_s must be a number from 0 to 0.1"):
        Settings(service_s=1)
