"""A stall: facts on a virtual clock."""

from __future__ import annotations

from typing import Any

import pytest
from virtual_loop import Served, run_virtually

from perflab.measure.guards import BadInput
from perflab.systems.servers.stage_kinds.stall import MAX_STALL_S


def test_requests_in_a_stall_wait_for_its_end_and_no_others() -> None:
    async def serve() -> list[tuple[str, float]]:
        served = Served(("stall", {}))
        served.frame.requests["stall"](after_s=1.0, for_s=0.5)
        return await served.crowd(0.9, 1.1, 1.4, 1.6)

    assert sorted(run_virtually(serve())) == [("0", 0.9), ("1", 1.5), ("2", 1.5), ("3", 1.6)]


def test_one_at_a_time_what_has_piled_up_is_worked_off_in_order() -> None:
    async def serve() -> list[tuple[str, float]]:
        served = Served(("concurrency", {}), ("stall", {}), ("computing", {"service_s": 0.1}))
        served.frame.requests["stall"](after_s=0, for_s=1)
        return await served.crowd(0, 0.2, 0.4)

    assert run_virtually(serve()) == [("0", 1.1), ("1", 1.2), ("2", 1.3)]


@pytest.mark.parametrize(
    "wrong", [{"after_s": -1, "for_s": 1}, {"after_s": 0, "for_s": 2 * MAX_STALL_S}, {"after_s": "now", "for_s": 1}]
)
def test_a_stall_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    async def ask() -> None:
        Served(("stall", {})).frame.requests["stall"](**wrong)

    with pytest.raises(BadInput, match="after_s|for_s"):
        run_virtually(ask())
