"""A line before workers that wait: the time of a service passes, and hardly any CPU is used, so that noise hardly enters.

The reply tells when a request was in line, had a worker, and was done (ns of the server's running). A service begins when the
one before should have ended, however late a busy machine noticed that: its capacity is what the services say.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

from perflab.measure.guards import check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stages import Host, Next, SettableStage
from perflab.systems.servers.waiting_line import Line, LineRules, Waiting

REJECTED, DROPPED = Reply(b"rejected", 503), Reply(b"dropped", 503)
MAX_US = 10_000_000


class Queue(SettableStage[LineRules]):
    """Workers, and the requests that wait for one of them by the `LineRules`; a worker is held while the next stages answer."""

    settings_type = LineRules

    def __init__(self, host: Host, settings: LineRules) -> None:
        super().__init__(host, settings)
        self._line, self._busy = Line(settings), 0

    async def answer(self, settings: LineRules, request: Request, following: Next) -> Reply:
        now_ns = self.host.now_ns
        service_ns, deadline_ns = (1_000 * _asked_us(request, name) for name in ("service_us", "deadline_us"))
        one = Waiting(now_ns(), service_ns, deadline_ns or math.inf)
        if self._busy >= self._line.rules.workers:
            one.token = asyncio.get_running_loop().create_future()
            if not self._line.enter(one):
                return REJECTED
            started_ns = await self._turn(one)
        elif self._line.is_dropped(one, one.arrived_ns):
            started_ns = None
        else:
            self._busy, started_ns = self._busy + 1, one.arrived_ns
        if started_ns is None:
            return DROPPED
        ended_ns = None
        try:
            before_ns = now_ns()
            reply = await following(request)
            ended_ns = started_ns + now_ns() - before_ns + one.service_ns
            await self.host.wait((ended_ns - now_ns()) / 1e9)
        except asyncio.CancelledError:
            ended_ns = None
            raise
        finally:
            self._free(now_ns() if ended_ns is None else ended_ns)
        return reply if reply.status != 200 else Reply(b"%d %d %d" % (one.arrived_ns, started_ns, ended_ns))

    async def _turn(self, one: Waiting) -> int | None:
        """When it has a worker; None where it is dropped."""
        try:
            started_ns: int | None = await one.token
            return started_ns
        except asyncio.CancelledError:
            if one.token.cancelled():
                self._line.leave(one)
            elif one.token.result() is not None:  # it had just got a worker
                self._free(self.host.now_ns())
            raise

    def _free(self, since_ns: int) -> None:
        """A worker is free, or should have been since then: it takes the next request."""
        while self._busy <= self._line.rules.workers and (one := self._line.next()) is not None:
            if not one.token.cancelled():
                started_ns = max(since_ns, one.arrived_ns)
                is_dropped = self._line.is_dropped(one, started_ns)
                one.token.set_result(None if is_dropped else started_ns)
                if not is_dropped:
                    return
        self._busy -= 1

    def change(self, settings: LineRules) -> None:
        self._line.follow(settings)

    def settle(self) -> Mapping[str, Any]:
        self._line.check()
        return {}


def _asked_us(request: Request, name: str) -> int:
    return int(check_number(name, int(request.query.get(name, "0")), 0, MAX_US, whole=True))
