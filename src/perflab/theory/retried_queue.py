"""A server with one worker whose clients give up and try again: what is sent and answered in a run, attempt by attempt.

Each attempt times out so long after it was sent, so time-outs come in the order of the attempts. Where the first come is served
first, what becomes of an attempt is known when it is sent. Both save a heap of events. Moments are whole numbers (ns).
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Retry = Callable[[int, float], float | None]
"""The pause before the next attempt, or None: gets how many there were, and the tokens left in the client's budget."""
Ask = Callable[[int, int, int], int]
"""Gets the moment of an attempt, its place among all of them, and its service; returns what becomes of it."""
IN_TIME, LATE, REFUSED = range(3)
NOT_SENT = -1


@dataclass(frozen=True)
class Line:
    """At most so many `places` to wait; what has waited for the time-out when its turn has come is not served where it
    `drops_late`; the last come is served first where it `is_lifo`; a client that gives up may have it `cancel` the attempt.
    No service begins during the `stall`.
    """

    places: float = math.inf
    drops_late: bool = False
    is_lifo: bool = False
    cancels: bool = False
    stall: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Budget:
    """A bucket of at most `most` tokens: each request adds a `share`, each retry takes one."""

    share: float = 0.1
    most: float = 10.0


def sent_and_answered(
    due: Sequence[int],
    services: Sequence[int],
    timeout: int,
    retry: Retry,
    line: Line,
    until: int,
    budget: Budget = Budget(),
) -> tuple[list[int], list[int]]:
    """When attempts were sent before `until`, first ones and retries; and when requests were answered in time, in any order.

    All attempts at a request take the same service. `retry` is asked in the order of time-outs and refusals.
    """
    sent: list[int] = []
    answered: list[int] = []
    ask, is_in_time = (_last_come if line.is_lifo else _first_come)(timeout, line, answered)
    open_: deque[tuple[int, int, int, int]] = deque()  # when it times out, its request, attempts so far, its place
    paused: list[tuple[int, int, int, int]] = []
    coming, position, tokens = [*due[: bisect_left(due, until)], until], 0, budget.most
    share, most = budget.share, budget.most
    next_due, times_out, goes_on = coming[0], until, until
    while True:
        if next_due <= times_out and next_due <= goes_on:
            if (now := next_due) >= until:
                break
            number, tries, fails = position, 0, False
            position += 1
            next_due = coming[position]
            if tokens < most:
                tokens = min(most, tokens + share)
        elif times_out <= goes_on:
            now, number, tries, place = open_.popleft()
            times_out = open_[0][0] if open_ else until
            if is_in_time(now, place):
                continue
            fails = True
        else:
            now, number, tries, _ = heapq.heappop(paused)
            goes_on = paused[0][0] if paused else until
            fails = False
        while True:
            if fails:
                pause_s = retry(tries, tokens)
                if pause_s is None:
                    break
                tokens = tokens - 1 if tokens > 1 else 0.0
                if pause_s:
                    heapq.heappush(paused, (now + round(1e9 * pause_s), number, tries, 0))
                    goes_on = paused[0][0]
                    break
            place = len(sent)
            tries += 1
            sent.append(now)
            became = ask(now, place, services[number])
            if became == REFUSED:
                fails = True
                continue
            if became == LATE:
                open_.append((now + timeout, number, tries, place))
                if times_out == until:
                    times_out = open_[0][0]
            break
    is_in_time(until - 1, NOT_SENT)
    return sent, [moment for moment in answered if moment < until]


def _first_come(timeout: int, line: Line, answered: list[int]) -> tuple[Ask, Callable[[int, int], bool]]:
    since, back = line.stall
    places, drops_late, cancels = line.places, line.drops_late, line.cancels
    starts: deque[int] = deque([-1] * int(places), maxlen=int(places)) if math.isfinite(places) else deque(maxlen=0)
    free = 0

    def ask(now: int, place: int, service: int) -> int:
        nonlocal free
        start = free if free > now else now
        if starts.maxlen:
            if starts[0] > now:
                return REFUSED
            starts.append(start)
        gives_up = now + timeout
        if (drops_late and start > gives_up) or (cancels and start >= gives_up):
            return LATE
        end = (back if since <= start < back else start) + service
        if end <= gives_up:
            answered.append(end)
            free = end
            return IN_TIME
        free = gives_up if cancels else end
        return LATE

    return ask, lambda now, place: False


def _last_come(timeout: int, line: Line, answered: list[int]) -> tuple[Ask, Callable[[int, int], bool]]:
    since, back = line.stall
    waiting: list[tuple[int, int, int]] = []
    in_time: set[int] = set()
    free = 0

    def serve(start: int, one: tuple[int, int, int]) -> int:
        came, place, service = one
        end = (back if since <= start < back else start) + service
        if end <= came + timeout:
            answered.append(end)
            in_time.add(place)
        return end

    def is_in_time(now: int, place: int) -> bool:
        nonlocal free
        while waiting and free <= now:
            free = serve(free, waiting.pop())
        return place in in_time

    def ask(now: int, place: int, service: int) -> int:
        nonlocal free
        is_in_time(now, place)
        if free <= now:
            free = serve(now, (now, place, service))
        else:
            waiting.append((now, place, service))
        return LATE

    return ask, is_in_time
