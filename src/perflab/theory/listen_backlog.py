"""A server that is offered more connections than it can serve: a queue in front of it, and clients that try again.

Times in seconds. What finds no room is not refused: the client's system asks again after a pause (TCP's retransmission of SYN).
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

FIRST, AGAIN, RESENT = range(3)
"""What arrives: a first try, one after a pause, and the request of a client that believes to be connected."""


@dataclass(frozen=True)
class Handshake:
    """How a system connects: the pause after each try, the last of them for all further ones; in which steps its timers fire, so
    that tries of one step arrive at the same moment; and how long until a request that got no answer is sent again, twice as
    long each time.
    """

    pauses: Sequence[float] = (1.0, 2.0, 4.0)
    step: float = 0.0
    resend: float = 0.2


@dataclass(frozen=True)
class Served:
    """Of each request: when it has its reply, by which try (from 1) it found room, and whether it was connected before there was
    room. Arrays of the arrivals' shape.
    """

    ended: NDArray[np.float64]
    tries: NDArray[np.int64]
    early: NDArray[np.bool_]


def fluid_wait(arrived: ArrayLike, rate: float, workers: int, service: float, room: float) -> NDArray[np.float64]:
    """How long a request waits that arrives at such a moment and finds room: (λ − C)·t / C with the capacity C = W/S, at most
    that of a full queue. Requests arrive as a fluid from t = 0 on at an empty server.
    """
    capacity = workers / service
    queued = np.maximum(0.0, (rate - capacity) * np.asarray(arrived, float))
    return np.minimum(queued, room) / capacity


def simulated(arrivals: ArrayLike, workers: int, service: float, room: int, handshake: Handshake) -> Served:
    """Requests that arrive at these moments, in rising order, at a server of `workers` that each take `service` for one, first
    come first served, and at a queue with `room` for more.

    Tries that arrive at one moment all find the same room; all of them are connected where there is any. The queue takes as many
    as it holds (Linux drops the last packet of the others' handshakes); the others are in when they send their request again.
    """
    if workers < 1 or service <= 0 or room < 0 or min(handshake.pauses) <= 0:
        raise ValueError("there must be a worker, a service time and pauses, and no negative room")
    return _Line(np.asarray(arrivals, float), workers, service, room, handshake).run()


@dataclass
class _Line:
    arrivals: NDArray[np.float64]
    workers: int
    service: float
    room: int
    handshake: Handshake
    queue: deque[int] = field(default_factory=deque)
    busy: list[float] = field(default_factory=list)

    def run(self) -> Served:
        size = self.arrivals.size
        self.ended, tries, resent = np.full(size, np.nan), np.ones(size, np.int64), np.zeros(size, np.int64)
        coming = [(moment, FIRST, number) for number, moment in enumerate(self.arrivals.tolist())]  # a heap: they rise
        while coming:
            moment, kind, number = heapq.heappop(coming)
            self._serve_until(moment)
            together = [number]
            while kind == AGAIN and coming and coming[0][:2] == (moment, AGAIN):
                together.append(heapq.heappop(coming)[2])
            connects = kind == RESENT or self._has_room()
            for each in together:
                if not connects:
                    pause = self.handshake.pauses[min(int(tries[each]), len(self.handshake.pauses)) - 1]
                    tries[each] += 1
                    heapq.heappush(coming, (self._on_a_step(moment + pause), AGAIN, each))
                elif not self._take(moment, each):
                    heapq.heappush(coming, (moment + self.handshake.resend * 2.0 ** resent[each], RESENT, each))
                    resent[each] += 1
        self._serve_until(math.inf)
        return Served(self.ended, tries, resent > 0)

    def _on_a_step(self, moment: float) -> float:
        step = self.handshake.step
        return math.ceil(moment / step) * step if step else moment

    def _has_room(self) -> bool:
        return len(self.busy) < self.workers or len(self.queue) < self.room

    def _take(self, moment: float, number: int) -> bool:
        """Whether there is a worker for it, or room in the queue."""
        if len(self.busy) < self.workers:
            self._begin(moment, number)
        elif len(self.queue) < self.room:
            self.queue.append(number)
        else:
            return False
        return True

    def _begin(self, moment: float, number: int) -> None:
        self.ended[number] = moment + self.service
        heapq.heappush(self.busy, moment + self.service)

    def _serve_until(self, moment: float) -> None:
        while self.busy and self.busy[0] <= moment:
            free = heapq.heappop(self.busy)
            if self.queue:
                self._begin(free, self.queue.popleft())
