"""Servers that pause while a lab draws: a request that was half done before is half done afterwards.

A message would be read late: with many threads that compute, the reading thread waits for the GIL, and the server would go on
for up to a tenth of a second. So the server's clock lies in memory that it shares with the process that watches it.
"""

from __future__ import annotations

import asyncio
import mmap
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from perflab.systems.process.child import ChildServer, Handlers

LOOK_S = 0.001
HANDOVER_S = 0.0002
WORD_BYTES = 8


class RunningClock:
    """Nanoseconds of running, from 0 on; they stand still between `pause` and `resume`, in each process that maps the same file.

    One word holds all, so that no reader sees half of a change: how far the system's clock is ahead or, in a pause, the
    complement of where this clock stands, which is negative. One process pauses and resumes, others only read.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            self._map = mmap.mmap(-1, WORD_BYTES)
        else:
            with path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), WORD_BYTES)
        self._word = memoryview(self._map).cast("q")

    def start(self) -> None:
        """Begin at 0, running."""
        self._word[0] = time.perf_counter_ns()

    @property
    def is_paused(self) -> bool:
        """Whether it stands still."""
        return self._word[0] < 0

    def now_ns(self) -> int:
        """Nanoseconds of running."""
        word = self._word[0]
        return ~word if word < 0 else time.perf_counter_ns() - word

    def pause(self) -> None:
        """Stand still from now on; without effect when it does already."""
        if not self.is_paused:
            self._word[0] = ~self.now_ns()

    def resume(self) -> None:
        """Go on from where it stood; without effect when it runs."""
        if self.is_paused:
            self._word[0] = time.perf_counter_ns() - self.now_ns()

    def close(self) -> None:
        """Let go of the memory."""
        self._word.release()
        self._map.close()


class PausableSleep:
    """Sleeping by such a clock, from any thread or on an event loop: no time passes in it while the clock stands still."""

    def __init__(self, clock: RunningClock) -> None:
        self._clock = clock
        self._look_often = threading.Event()
        self._look_often.set()
        self.requests: Handlers = {"settle": self.settle, "get_ready": self.get_ready}

    def now_ns(self) -> int:
        """Nanoseconds of running."""
        return self._clock.now_ns()

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds of running."""
        until = self.now_ns() + round(seconds * 1e9)
        # No lock is held, and none is needed to wake: among threads that compute each would cost a turn at the GIL.
        while (left := until - self.now_ns()) > 0:
            self.stand_still()
            time.sleep(left / 1e9)

    async def sleep_on_loop(self, seconds: float) -> None:
        """As `sleep`, for one of many tasks on an event loop; goes on within a millisecond of a resume."""
        until = self.now_ns() + round(seconds * 1e9)
        while (left := until - self.now_ns()) > 0:
            await asyncio.sleep(LOOK_S if self._clock.is_paused else left / 1e9)

    def stand_still(self) -> None:
        """Wait for the end of a pause; at once while there is none. For work that no sleep interrupts."""
        while self._clock.is_paused:
            if self._look_often.is_set():
                time.sleep(HANDOVER_S)
            else:
                self._look_often.wait()

    def settle(self) -> None:
        """The clock was stopped: from now on sleepers need not look at it all the time."""
        self._look_often.clear()

    def get_ready(self) -> None:
        """The clock will go on in a moment: look at it again."""
        self._look_often.set()


class PausableServer(ChildServer):
    """A server that is told in its configuration where the "clock" of its running lies, and answers "settle" and "get_ready"."""

    def __init__(self, module: str, config: dict[str, Any], name: str | None = None) -> None:
        # The file is gone when both have mapped it, so that nothing is left of it however the parent ends.
        with tempfile.TemporaryDirectory(prefix="perflab-clock-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "clock"
            path.write_bytes(bytes(WORD_BYTES))
            self._clock = RunningClock(path)
            self._clock.start()
            self._hangs = False
            super().__init__(module, {**config, "clock": str(path)}, name)

    @property
    def now_ns(self) -> int:
        """Nanoseconds of the server's running."""
        return self._clock.now_ns()

    def pause(self) -> dict[str, Any]:
        """Nothing goes on in the server from now on; returns what it answers to "settle"."""
        self._clock.pause()
        return self.ask("settle")

    def resume(self) -> None:
        """Go on, everything at once: threads that have to wake up are awake by then."""
        if self._hangs:
            return
        self.ask("get_ready")
        self._clock.resume()

    def hang(self) -> None:
        """Stop for good: a later `resume` changes nothing. The server still accepts connections, and answers no request."""
        self._hangs = True
        self._clock.pause()

    def close(self) -> None:
        """End the server, and let go of its clock."""
        super().close()
        self._clock.close()
