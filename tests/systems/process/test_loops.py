from __future__ import annotations

import asyncio
import selectors
from contextlib import closing

from perflab.systems.process.loops import precise_loop


def test_a_precise_loop_waits_in_select_whose_timeout_has_microseconds() -> None:
    async def selector() -> object:
        return asyncio.get_running_loop()._selector  # type: ignore[attr-defined]

    with closing(precise_loop()) as loop:
        assert type(loop.run_until_complete(selector())) is selectors.SelectSelector
