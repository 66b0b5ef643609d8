"""Handing the turn over: to another thread by a lock, to another process by a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from perflab.systems.process.child import end_process

TIMEOUT_S = 5.0
ECHO = """
import os, sys
if len(sys.argv) > 1: os.sched_setaffinity(0, {int(sys.argv[1])})
while byte := os.read(0, 1): os.write(1, byte)
"""


@contextmanager
def between_threads() -> Iterator[Callable[[], object]]:
    """Yields a function that hands the turn to a second thread and gets it back: two hand-overs."""
    to_other, back = threading.Semaphore(0), threading.Semaphore(0)
    over = False

    def answer() -> None:
        while to_other.acquire() and not over:
            back.release()

    def there_and_back() -> None:
        to_other.release()
        if not back.acquire(timeout=TIMEOUT_S):
            raise TimeoutError("the other thread did not answer")

    thread = threading.Thread(target=answer, daemon=True, name="perflab-handover")
    thread.start()
    try:
        yield there_and_back
    finally:
        over = True
        to_other.release()
        thread.join()


@contextmanager
def between_processes() -> Iterator[Callable[[], object]]:
    """Yields a function that sends a byte to another process and gets it back: two switches from process to process.

    Where the system lets us (Linux), the other process is kept on one CPU. It is to be called `on_one_cpu`, the same one, so that
    one can only run when the other waits. The other process ends when its pipe closes, however this one ends.
    """
    cpu = [str(_one_cpu())] if can_pin() else []
    process = subprocess.Popen(
        [sys.executable, "-S", "-E", "-P", "-c", ECHO, *cpu], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdin is not None and process.stdout is not None
    to_other, back = process.stdin.fileno(), process.stdout.fileno()

    def there_and_back() -> object:
        os.write(to_other, b"x")
        if not (byte := os.read(back, 1)):
            raise ConnectionError("the other process is gone")
        return byte

    try:
        there_and_back()  # it has started when it answers
        yield there_and_back
    finally:
        end_process(process, TIMEOUT_S)
        process.stdout.close()


def can_pin() -> bool:
    """Whether a thread can be kept on one CPU here."""
    return hasattr(os, "sched_setaffinity")


def _one_cpu() -> int:
    return min(os.sched_getaffinity(0))


@contextmanager
def on_one_cpu() -> Iterator[None]:
    """Keep this thread on the CPU of the other process while it calls it, and not longer: what is measured next may use all."""
    if not can_pin():
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_one_cpu()})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
