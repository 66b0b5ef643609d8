"""One key that everything reads, and what a read does when the value has expired, or soon will: the rules against a stampede.

No clock and no lock in here: whoever has these, threads or a simulation, tells the time and asks one after another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Early = Callable[[float, float, float], bool]
"""Whether a read computes the value anew already: seconds until it expires, how long the last computation took (s), and a number
drawn at random, above 0 and at most 1.
"""
HIT, STALE, COMPUTE, WAIT, REFRESH = range(5)
"""What a read does: answer from the cache, though the value has expired; compute, then answer; wait for the computation that is
under way; answer from the cache, then compute.
"""


@dataclass(frozen=True)
class Cure:
    """`single`: only one read computes at a time, those that need its value wait. `serves_stale`: none waits, an expired value
    is an answer. `early`: which reads compute before it has expired. At most `places` queries at a time.
    """

    single: bool = False
    serves_stale: bool = False
    early: Early | None = None
    places: int | None = None

    @property
    def at_once(self) -> int | None:
        """How many queries may run at once; None where these rules do not limit them."""
        return 1 if self.single else self.places


@dataclass(frozen=True)
class XFetch:
    """At random, more likely the nearer the expiry and the longer a computation takes; a larger `beta` is earlier."""

    beta: float = 1.0

    def __call__(self, left_s: float, took_s: float, drawn: float) -> bool:
        return -self.beta * took_s * math.log(drawn) >= left_s


class HotKey:
    """The entry and its `value`. It lives `ttl_s` from 0 on, and from each fill; its first computation took `took_s`."""

    def __init__(self, cure: Cure, ttl_s: float, took_s: float, draw: Callable[[], float]) -> None:
        self.expires_s, self.took_s, self.computing = ttl_s, took_s, 0
        self.value: Any = None
        self._cure, self._ttl_s, self._draw = cure, ttl_s, draw

    def look(self, now_s: float) -> int:
        """What a read does at this moment. One that computes, calls `fill` at the end."""
        cure, left_s = self._cure, self.expires_s - now_s
        is_early = left_s > 0 and cure.early is not None and cure.early(left_s, self.took_s, 1 - self._draw())
        if left_s > 0 and not is_early:
            return HIT
        if cure.single and self.computing:
            return HIT if left_s > 0 else STALE if cure.serves_stale else WAIT
        self.computing += 1
        return REFRESH if cure.serves_stale else COMPUTE

    @property
    def hits_until_s(self) -> float:
        """Until when each read is sure to hit, with nothing drawn: never where a rule may compute early."""
        return self.expires_s if self._cure.early is None else -math.inf

    def fill(self, now_s: float, took_s: float, value: Any = None) -> None:
        """The value has been computed."""
        self.computing -= 1
        self.value = value
        self.expires_s, self.took_s = now_s + self._ttl_s, took_s
