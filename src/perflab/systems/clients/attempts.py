"""What a client does about its requests: sends them on schedule, waits so long, tries again, hedges, gives up.

Only decisions: moments (ns) come in, and what is to be sent goes to `outbox`. The driver has sockets and a clock (`streams`); on
a virtual clock the same decisions are facts, and a model.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perflab.measure.guards import BadInput, check_number, is_number
from perflab.measure.load import NEVER_NS

MAX_TOKENS, MAX_PAUSE_S, MAX_SERVERS, MAX_ATTEMPTS = 10.0, 10.0, 8, 200_000
RECENT = 200

Kind = Literal["first", "retry", "hedge"]
Retry = Callable[[int, float], float | None]
"""Asked when a request has no attempt left that could succeed: how many there were, and the tokens left in the client's budget.
Returns the pause (s) before the next attempt, or None: give up."""
HedgeAfter = Callable[[Sequence[float]], float | None]
"""Asked when a request is sent, with the latest response times (s), newest last: after how many seconds without an answer a
second attempt goes to the next server; None: never."""


def never(*_: Any) -> None:
    """No retry, or no hedge."""


@dataclass(frozen=True)
class Patience:
    """An attempt times out after `timeout_s`, and is then cancelled at the server where the client `cancels`. The budget is a
    bucket of at most `MAX_TOKENS`: each request adds `share`, each retry and each hedge takes one (Finagle, gRPC throttling).
    `retry` may look at it; a hedge is sent only while there is a token where the client `saves`.
    """

    timeout_s: float = MAX_PAUSE_S
    retry: Retry = never
    hedge_after: HedgeAfter = never
    cancels: bool = False
    saves: bool = False
    share: float = 0.1

    def __post_init__(self) -> None:
        check_number("timeout_s", self.timeout_s, 0.001, MAX_PAUSE_S)
        check_number("share", self.share, 0, 1)


@dataclass(slots=True)
class Attempt:
    """One sending of a request; `number` is the request's place in the schedule. It is open until answered, late or needless."""

    number: int
    server: int
    kind: Kind
    sent_ns: int
    is_open: bool = True


class Attempts:
    """The requests of a schedule (ns, shape (n,)) at so many servers: a request goes to the next one, a second attempt to the one
    after it.

    `answered_ns` has when each succeeded, -1 where it has not; `ended` the numbers of those that succeeded, and `failed` of those
    that were given up, in this order. `outbox` gets ("send" or "cancel", place of the attempt in `all`).
    """

    def __init__(self, schedule_ns: NDArray[np.int64], patience: Patience, servers: int = 1) -> None:
        check_number("servers", servers, 1, MAX_SERVERS, whole=True)
        self._patience, self._servers = patience, servers
        self._due = [*schedule_ns.tolist(), NEVER_NS]
        self._timeout_ns = round(patience.timeout_s * 1e9)
        self._timers: list[tuple[int, int, Callable[[int, int], None], int]] = []
        self._order = itertools.count()
        self._of: dict[int, list[int]] = {}
        self._recent: deque[float] = deque(maxlen=RECENT)
        self.tokens = MAX_TOKENS
        self.position = 0
        self.all: list[Attempt] = []
        self.outbox: list[tuple[Literal["send", "cancel"], int]] = []
        self.answered_ns = np.full(schedule_ns.size, -1, np.int64)
        self.ended: list[int] = []
        self.failed: list[tuple[int, int, bool]] = []
        """Number, when (ns), and whether its last attempt was refused, not late."""
        self.timed_out = self.needless = 0

    @property
    def next_ns(self) -> int:
        """When the next thing is to be done."""
        return min(self._due[self.position], self._timers[0][0] if self._timers else NEVER_NS)

    @property
    def in_flight(self) -> int:
        """Requests sent, and neither answered nor given up."""
        return len(self._of)

    def advance(self, now_ns: int) -> None:
        """Do all that is to be done by now, in the order in which it is due."""
        while (due := self.next_ns) <= now_ns:
            if due == self._due[self.position]:
                self._begin(now_ns)
            else:
                _, _, act, about = heapq.heappop(self._timers)
                act(about, now_ns)

    def on_reply(self, attempt: int, is_ok: bool, now_ns: int) -> bool:
        """What came back for an attempt; whether that is the request's answer. One that had timed out is `needless`."""
        tried = self.all[attempt]
        if not tried.is_open:
            self.needless += 1
            return False
        tried.is_open = False
        if not is_ok:
            self._try_again(tried.number, now_ns, refused=True)
            return False
        for other in self._of.pop(tried.number):
            self._drop(other)
        self.answered_ns[tried.number] = now_ns
        self._recent.append((now_ns - self._due[tried.number]) / 1e9)
        self.ended.append(tried.number)
        return True

    def _begin(self, now_ns: int) -> None:
        number, self.position = self.position, self.position + 1
        self.tokens = min(MAX_TOKENS, self.tokens + self._patience.share)
        self._of[number] = []
        self._send(number, "first", now_ns)
        if self._patience.hedge_after is not never:
            after_s = said("hedge_after", self._patience.hedge_after, tuple(self._recent))
            if after_s is not None:
                self._set_timer(now_ns + round(after_s * 1e9), self._hedge, number)

    def _send(self, number: int, kind: Kind, now_ns: int) -> None:
        if len(self.all) >= MAX_ATTEMPTS:
            raise BadInput(f"This run has sent {MAX_ATTEMPTS:,} attempts, which is the most that is allowed.")
        attempt, tried = len(self.all), self._of[number]
        self.all.append(Attempt(number, (number + len(tried)) % self._servers, kind, now_ns))
        tried.append(attempt)
        self.outbox.append(("send", attempt))
        self._set_timer(now_ns + self._timeout_ns, self._time_out, attempt)

    def _time_out(self, attempt: int, now_ns: int) -> None:
        if self.all[attempt].is_open:
            self.timed_out += 1
            self._drop(attempt)
            self._try_again(self.all[attempt].number, now_ns, refused=False)

    def _try_again(self, number: int, now_ns: int, refused: bool) -> None:
        if any(self.all[other].is_open for other in self._of[number]):
            return  # a hedge may still be answered
        tries = sum(self.all[other].kind != "hedge" for other in self._of[number])
        pause_s = said("retry", self._patience.retry, tries, self.tokens)
        if pause_s is None:
            del self._of[number]
            self.failed.append((number, now_ns, refused))
            return
        self.tokens = max(0.0, self.tokens - 1)
        if pause_s:
            self._set_timer(now_ns + round(pause_s * 1e9), self._retry, number)
        else:
            self._send(number, "retry", now_ns)

    def _retry(self, number: int, now_ns: int) -> None:
        if number in self._of:
            self._send(number, "retry", now_ns)

    def _hedge(self, number: int, now_ns: int) -> None:
        if number in self._of and (self.tokens >= 1 or not self._patience.saves):
            self.tokens = max(0.0, self.tokens - 1)
            self._send(number, "hedge", now_ns)

    def _drop(self, attempt: int) -> None:
        if self.all[attempt].is_open:
            self.all[attempt].is_open = False
            if self._patience.cancels:
                self.outbox.append(("cancel", attempt))

    def _set_timer(self, at_ns: int, act: Callable[[int, int], None], about: int) -> None:
        heapq.heappush(self._timers, (at_ns, next(self._order), act, about))


def said(name: str, rule: Callable[..., Any], *given: Any) -> float | None:
    """The seconds that a rule says, or None; raises `BadInput` where it raises, or returns anything else."""
    try:
        answer = rule(*given)
    except Exception as error:
        raise BadInput(f"{name} raised {type(error).__name__}: {error}.") from error
    if answer is None or (is_number(answer) and 0 <= answer <= MAX_PAUSE_S):
        return None if answer is None else float(answer)
    raise BadInput(f"{name} must return seconds from 0 to {MAX_PAUSE_S:g}, or None; it returned {answer!r}.")
