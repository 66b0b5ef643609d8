"""Servers that fork: a process per connection, or a fixed number of processes that accept in turns (prefork)."""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable

from perflab.systems.process.child import announce
from perflab.systems.process.keeper import PDEATHSIG

Converse = Callable[[socket.socket], None]


class Children:
    """Processes forked from this one, none of which outlives it."""

    def __init__(self) -> None:
        self.pids: set[int] = set()
        self._parent = os.getpid()
        self._system = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._reading, self._writing = os.pipe()  # closed by the system when this process ends
        self.ended, self._tell = socket.socketpair()
        self._tell.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._tell.fileno(), warn_on_full_buffer=False)
        gc.freeze()  # what is never looked at again is never copied for a child

    def fork(self, work: Callable[[], object]) -> None:
        """Have a new process do this work and end."""
        pid = os.fork()
        if pid:
            self.pids.add(pid)
            return
        code = 1
        try:
            self._become_child()
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def _become_child(self) -> None:
        signal.set_wakeup_fd(-1)
        self.ended.close()
        self._tell.close()
        os.close(self._writing)
        if self._system is None:
            threading.Thread(target=lambda: os._exit(len(os.read(self._reading, 1))), daemon=True).start()
        else:
            self._system.prctl(PDEATHSIG, int(signal.SIGKILL))
            if os.getppid() != self._parent:  # it was killed just now
                os._exit(1)

    def take_leave(self) -> int:
        """How many have ended since the last call; to be called once `ended` is readable."""
        self.ended.recv(4_096)
        number = 0
        for pid in tuple(self.pids):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self.pids.discard(pid)
                number += 1
        return number

    def kill(self) -> None:
        """End all of them."""
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
        for pid in self.pids:
            os.waitpid(pid, 0)


def serve_each(listening: socket.socket, converse: Converse, max_processes: int) -> None:
    """Fork a process for each connection; the next one waits in the backlog while there are `max_processes`."""
    children = Children()

    def accept() -> None:
        connection, _ = listening.accept()

        def serve() -> None:
            listening.close()
            converse(connection)

        with connection:
            children.fork(serve)

    _run(children, lambda: [listening] if len(children.pids) < max_processes else [], accept, listening)


def serve_prefork(listening: socket.socket, converse: Converse, workers: int) -> None:
    """Fork so many processes, each of which accepts a connection when it has none."""
    children = Children()

    def take_turns() -> None:
        while True:
            converse(listening.accept()[0])

    for _ in range(workers):
        children.fork(take_turns)
    _run(children, lambda: [], lambda: None, listening, may_end=False)


def _run(
    children: Children,
    watched: Callable[[], list[socket.socket]],
    accept: Callable[[], None],
    listening: socket.socket,
    may_end: bool = True,
) -> None:
    """Until the parent is gone, which closes the standard input."""
    try:
        announce(listening.getsockname()[1])
        while True:
            ready, _, _ = select.select([sys.stdin, children.ended, *watched()], [], [])
            if sys.stdin in ready:
                return
            if children.ended in ready and children.take_leave() and not may_end:
                sys.exit("One of its processes has ended.")
            if listening in ready:
                accept()
    finally:
        children.kill()
