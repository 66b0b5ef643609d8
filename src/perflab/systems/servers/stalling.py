"""A server that stops now and then: one request at a time, first come first served, and none during a stall.

Garbage collections, checkpoints, failovers and noisy neighbours look like this from outside.
"""

from __future__ import annotations

import asyncio
import time

from perflab.measure.guards import check_number
from perflab.systems.http.http11 import Reply, Request, start_server
from perflab.systems.process.child import Handlers, keep_serving, run_server

MAX_STALL_S = 2.0


class StallingServer:
    """Each request takes `service_s` of computing; in a stall that `stall` has announced, it waits for its end first."""

    def __init__(self, service_s: float = 0.0) -> None:
        self.set_service(service_s)
        self._turn = asyncio.Lock()
        self._stall_from = self._stall_until = 0.0

    async def answer(self, _: Request) -> Reply:
        """Serve one request when its turn has come."""
        async with self._turn:
            now = time.perf_counter()
            if self._stall_from <= now < self._stall_until:
                await asyncio.sleep(self._stall_until - now)
            compute(self._service_s)
        return Reply(b"served")

    def set_service(self, service_s: float) -> None:
        """How long a request computes."""
        self._service_s = check_number("service_s", service_s, 0, 0.1)

    def stall(self, after_s: float, for_s: float) -> None:
        """Stall once, `after_s` from now, for `for_s`."""
        check_number("for_s", for_s, 0, MAX_STALL_S)
        self._stall_from = time.perf_counter() + check_number("after_s", after_s, 0, MAX_STALL_S)
        self._stall_until = self._stall_from + for_s


def compute(seconds: float) -> None:
    """Keep one CPU busy."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def _main(service_s: float) -> None:
    stalling = StallingServer(service_s)
    requests: Handlers = {"stall": stalling.stall, "service": stalling.set_service}
    await keep_serving(await start_server(stalling.answer), requests)


if __name__ == "__main__":
    run_server(_main)
