"""Requests that arrive on schedule, each on a new connection: when it came about, when the reply was there.

They are sent by a thread of their own, because the server does not stand still while nobody looks.
"""

from __future__ import annotations

import errno
import re
import selectors
import socket
import sys
import threading
import time
from pathlib import Path
from time import perf_counter_ns
from typing import Self

import numpy as np
from numpy.typing import NDArray

from perflab.measure.files import allow_files
from perflab.measure.guards import machine_limits
from perflab.measure.told import told
from perflab.systems.http.connection import CHUNK
from perflab.systems.process.loops import precise_selector

HERE = "127.0.0.1"
UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)
NEVER = -1
SUCCESS = re.compile(rb"HTTP/1\.[01] [123]")
TIMES = re.compile(rb"\r\n\r\n(\d+) (\d+)$")
"""The body of a reply that tells when its worker began and ended."""
LINEAR = Path("/proc/sys/net/ipv4/tcp_syn_linear_timeouts")
MAX_LINEAR, LOOK_S = 10, 0.05
COARSE = 6
"""Linux's CLOCK_MONOTONIC_COARSE, which moves at each tick."""


class NewConnections:
    """The requests of a schedule (ns from the start), to 127.0.0.1:`port`.

    Columns in ns from the start, `NEVER` for what has not come: `sent` (the connection was begun), `connected`, `answered`; and
    where replies tell it ("/timed?ms=" of our servers), when a worker `started` with the request and was `done`.
    `refused` are requests whose connection was refused or broken, or whose reply says that they failed.
    """

    def __init__(self, port: int, request: bytes, schedule_ns: NDArray[np.int64]) -> None:
        machine_limits().check(connections=schedule_ns.size)
        allow_files()
        self.schedule = schedule_ns
        columns = (np.full(schedule_ns.size, NEVER, np.int64) for _ in range(5))
        self.sent, self.connected, self.started, self.done, self.answered = columns
        self.refused = np.zeros(schedule_ns.size, bool)
        self._port, self._request = port, request
        self._selector = precise_selector()
        self._error: BaseException | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="perflab-arrivals")
        self._start_ns = perf_counter_ns()

    def __enter__(self) -> Self:
        self._start_ns = perf_counter_ns()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def now_ns(self) -> int:
        """Since the start."""
        return perf_counter_ns() - self._start_ns

    def ended(self) -> NDArray[np.bool_]:
        """Which requests have ended, with a reply or without. Raises what kept the thread from sending."""
        if self._error is not None:
            raise self._error
        return (self.answered != NEVER) | self.refused

    def _run(self) -> None:
        times, number = [*self.schedule.tolist(), 2**62], 0
        try:
            while not self._is_over.is_set():
                now = self.now_ns()
                if times[number] <= now:
                    self._send(number)
                    number += 1
                    continue
                for key, _ in self._selector.select(min(LOOK_S, (times[number] - now) / 1e9)):
                    self._advance(key)
        except BaseException as error:
            self._error = error

    def _send(self, number: int) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent[number] = self.now_ns()
        begun = connection.connect_ex((HERE, self._port))
        self._selector.register(connection, selectors.EVENT_WRITE, number)
        if begun not in UNDER_WAY:
            self._end(connection, number)

    def _advance(self, key: selectors.SelectorKey) -> None:
        """A connection has come about, or brings its reply."""
        connection: socket.socket = key.fileobj  # type: ignore[assignment]
        try:
            if self.connected[key.data] == NEVER:
                if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self._end(connection, key.data)
                    return
                self.connected[key.data] = self.now_ns()
                connection.send(self._request)
                self._selector.modify(connection, selectors.EVENT_READ, key.data)
                return
            reply = connection.recv(CHUNK)
            has_reply = SUCCESS.match(reply) is not None
            if told_ns := TIMES.search(reply):
                self.started[key.data], self.done[key.data] = (int(each) - self._start_ns for each in told_ns.groups())
        except ConnectionError:
            has_reply = False
        if has_reply:
            self.answered[key.data] = self.now_ns()
        self._end(connection, key.data)

    def _end(self, connection: socket.socket, number: int) -> None:
        self.refused[number] = self.answered[number] == NEVER
        self._selector.unregister(connection)
        connection.close()


def pauses_s() -> tuple[float, ...]:
    """How long this system waits after each try to connect before the next one.

    Linux since 6.5 and macOS try each second at first, then twice as long each time; earlier, each pause was twice the last.
    """
    linear = told(lambda: int(LINEAR.read_text()), 4 if sys.platform == "darwin" else 0)
    return (*[1.0] * min(linear, MAX_LINEAR), 1.0, 2.0, 4.0, 8.0)


def timer_step_s(pause_s: float = 1.0) -> float:
    """In which steps timers of such a pause fire here: Linux's wheel has 8 or 64 ticks a step for pauses of 64 or 512 ticks and
    more. 0 where it is not known.
    """
    if not sys.platform.startswith("linux"):
        return 0.0
    tick_s = told(lambda: time.clock_getres(COARSE), 0.0)
    ticks = pause_s / tick_s if tick_s else 0.0
    return tick_s * (64 if ticks >= 512 else 8 if ticks >= 64 else 1)
