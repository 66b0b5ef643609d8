"""A web service whose parts can be set while it runs, under the load of clients that ask again as soon as they have a reply."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.measure.http_reply import Reply
from perflab.measure.http_target import HttpTarget
from perflab.systems.http.connection import request_bytes
from perflab.systems.process.pausable import PausableServer
from perflab.systems.servers.configurable import configurable_service

TTL_S = 3_600.0
NEW_EVERY = 5
"""One of so many requests asks for a page that was never asked for before; the others for the same one."""
TIMEOUT_S = 5.0
SLICE_S = 0.4
"""Short enough for a lab to be stopped; most loads are shorter."""
Result = TypeVar("Result")
ENCODED = b"\r\nContent-Encoding: deflate"


@dataclass(frozen=True)
class Answered:
    """Requests in the order of their replies: when each was `done_ns`, decompressed, after the load began, and how long it took.

    `until_ns`: no client asked again after it. Arrays of shape (requests,).
    """

    done_ns: NDArray[np.int64]
    took_ns: NDArray[np.int64]
    until_ns: int

    def per_s(self, skipped: int) -> float:
        """Replies per second while clients asked again, after the first ones; NaN where there are none.

        Replies come in bunches, as threads and batches end together: the time counts from the end of the first ones.
        """
        began, counted = self._counted(skipped)
        return 1e9 * counted.sum() / float(self.done_ns[counted][-1] - began) if counted.any() else float("nan")

    def mean_ns(self, skipped: int) -> float:
        """How long the replies that `per_s` counts took on average."""
        _, counted = self._counted(skipped)
        return float(self.took_ns[counted].mean()) if counted.any() else float("nan")

    def _counted(self, skipped: int) -> tuple[int, NDArray[np.bool_]]:
        began = int(self.done_ns[skipped - 1]) if self.done_ns.size >= skipped else self.until_ns
        return began, (self.done_ns > began) & (self.done_ns <= self.until_ns)


class Service:
    """A service, and connections of up to so many clients. One thread."""

    def __init__(self, server: PausableServer, clients: int) -> None:
        self._server, self._numbers = server, itertools.count()
        self._target = HttpTarget(server.port, _request, clients, self._on_reply, spin=False)
        self.close = self._target.close

    def set(self, **settings: Any) -> None:
        """Change settings of its stages for the requests that are sent from now on."""
        self._server.ask("set", **settings)

    def commits(self) -> int:
        """How many the service has made since it was started."""
        return int(self._server.ask("commits")["commits"])

    def load(self, clients: int, seconds: float, fewest: int = 1) -> Answered:
        """So many clients, each of which asks again as soon as it has a reply, for so long, and until there are that many
        replies; then wait for the last ones.

        Raises OSError with what the service says when a request fails, ConnectionError when it is not answered in time.
        """
        return finished(self.load_in_slices(clients, seconds, fewest, math.inf))

    def load_in_slices(
        self, clients: int, seconds: float, fewest: int = 1, slice_s: float = SLICE_S
    ) -> Generator[Frame, None, Answered]:
        """As `load`, with an empty frame after each slice of a longer one, while which the service and its times stand still."""
        began_ns, slice_ns = perf_counter_ns(), slice_s * 1e9
        until_ns, pause_ns, sent_ns = round(seconds * 1e9), slice_ns, dict[int, int]()

        def send() -> None:
            number = next(self._numbers)
            if not self._target.send(number):
                raise ConnectionError("the service has closed a connection")
            sent_ns[number] = self._target.sent_ns - began_ns

        for _ in range(clients):
            send()
        done, took = [], []
        while sent_ns:
            ended = self._target.poll(TIMEOUT_S)
            if not all(succeeded for _, succeeded in ended) or not ended:
                raise ConnectionError("the service did not answer a request")
            now_ns = perf_counter_ns() - began_ns
            for number, _ in ended:
                done.append(now_ns)
                took.append(now_ns - sent_ns.pop(number))
                if len(done) <= fewest:
                    until_ns = max(until_ns, now_ns)
                if now_ns < until_ns or len(done) < fewest:
                    send()
            if now_ns >= pause_ns and sent_ns:
                held_ns = perf_counter_ns()
                self._server.pause()
                try:
                    yield Frame()
                finally:
                    self._server.resume()
                began_ns += perf_counter_ns() - held_ns
                pause_ns = now_ns + slice_ns
        return Answered(np.array(done), np.array(took), until_ns)

    def _on_reply(self, number: int, reply: Reply) -> None:
        reply.checked("/page")
        body = zlib.decompress(reply.body) if ENCODED in reply.head else reply.body
        if not body.endswith(b"]"):
            raise RuntimeError("The reply is not a page of JSON.")


def finished(slices: Generator[Frame, None, Result]) -> Result:
    """What a measurement in slices returns, without the frames in between."""
    while True:
        try:
            next(slices)
        except StopIteration as ended:
            result: Result = ended.value
            return result


@contextmanager
def service(clients: int, **settings: Any) -> Iterator[Service]:
    """A service with these settings at first, and at most so many clients, for as long as the block lasts."""
    with configurable_service(**settings) as server, closing(Service(server, clients)) as found:
        yield found


def _request(number: int) -> bytes:
    page = number if number % NEW_EVERY == NEW_EVERY - 1 else 0
    return request_bytes(f"/page?number={page}")
