"""A server as a client in a few lines sees it: send a request, keep its ticket, ask later when it was answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perflab.measure.clock import SYSTEM_CLOCK, Clock, VirtualClock
from perflab.measure.guards import BadInput, check_number
from perflab.measure.load import TIMEOUT_S, Target

Client = Callable[[Sequence[float], "TicketServer"], Sequence[float]]
"""`client(due_s, server)`: sends a request at each of the times (s from the start) and returns the latency (s) of each."""


class TicketServer:
    """A `target` under load. All times are seconds from the start; a ticket is the number of the request, from 0."""

    def __init__(self, target: Target, clock: Clock = SYSTEM_CLOCK, timeout_s: float = TIMEOUT_S) -> None:
        self._target, self._clock, self._timeout_s = target, clock, timeout_s
        self._start_ns = clock.now_ns()
        self.sent_s: list[float] = []
        self.answered_s: dict[int, float] = {}

    def now(self) -> float:
        """Seconds since the start."""
        return (self._clock.now_ns() - self._start_ns) / 1e9

    def wait_until(self, moment_s: float) -> None:
        """Wait until then, and take note of answers meanwhile."""
        until = check_number("wait_until(moment_s)", moment_s, 0, 600)
        self._take_note(until - self.now())
        while (left_s := until - self.now()) > 0:
            self._take_note(left_s)

    def send(self) -> int:
        """Send a request, and return its ticket at once. Where a slow machine keeps all connections busy, it waits for one."""
        self._take_note(0)
        ticket = len(self.sent_s)
        self._wait_for(lambda: self._target.send(ticket), f"no connection was free for request {ticket}")
        self.sent_s.append(self.now())
        return ticket

    def answered_at(self, ticket: int) -> float:
        """When the request with this ticket was answered; waits for it if need be."""
        if isinstance(ticket, bool) or ticket not in range(len(self.sent_s)):
            raise BadInput(f"answered_at: {ticket!r} is no ticket. A ticket is what send() returns.")
        self._wait_for(lambda: ticket in self.answered_s, f"request {ticket} was not answered")
        return self.answered_s[ticket]

    def _wait_for(self, is_done: Callable[[], bool], otherwise: str) -> None:
        deadline = self.now() + self._timeout_s
        while not is_done():
            if (left_s := deadline - self.now()) <= 0:
                raise TimeoutError(f"{otherwise} within {self._timeout_s:g} s")
            self._take_note(left_s)

    def _take_note(self, timeout_s: float) -> None:
        for number, _ in self._target.poll(max(0.0, timeout_s)):
            self.answered_s[number] = self.now()


class VirtualTarget:
    """One server, first come first served, on a virtual clock: each request takes `service_s`, and it stops for `stall` (begin
    and end, s). `late_s`: how long after what it waits for a client wakes up, as if another program had the CPU.
    """

    def __init__(self, clock: VirtualClock, service_s: float, stall: tuple[float, float], late_s: float = 0.0) -> None:
        self._clock, self._service_s, self._stall, self._late_s = clock, service_s, stall, late_s
        self.done_s: list[float] = []
        self._told = 0

    def send(self, number: int) -> bool:
        """Begin a request."""
        begin = max(self._now(), self.done_s[-1] if self.done_s else 0.0)
        if self._stall[0] <= begin < self._stall[1]:
            begin = self._stall[1]
        self.done_s.append(begin + self._service_s)
        return True

    def poll(self, timeout_s: float) -> list[tuple[int, bool]]:
        """Requests that have ended; time passes until the first does, or the time is up."""
        waiting = self.done_s[self._told :]
        wake = min([self._now() + timeout_s, *waiting[:1]])
        if wake > self._now():
            self._clock.sleep(wake - self._now() + self._late_s)
            self._clock.advance(1)  # not before what it waits for, however it is rounded
        first = self._told
        while self._told < len(self.done_s) and self.done_s[self._told] <= self._now():
            self._told += 1
        return [(number, True) for number in range(first, self._told)]

    def _now(self) -> float:
        return self._clock.now_ns() / 1e9
