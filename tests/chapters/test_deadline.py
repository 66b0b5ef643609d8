"""A block that never returns is left, and nothing of the limit stays behind."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import pytest

from perflab.chapters import deadline as module
from perflab.chapters.deadline import TookTooLong, deadline

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such signals"),
]


def test_a_loop_that_swallows_what_is_raised_is_left_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_S", 0.05)
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    rung = 0
    with pytest.raises(TookTooLong, match=r"it has not returned after 0\.05 s"), deadline():
        while True:
            try:
                time.sleep(0.01)
            except BaseException:
                rung += 1
                if rung == 3:
                    raise


def test_afterwards_nothing_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGALRM)
    with deadline():
        pass
    monkeypatch.setattr(module, "MAX_S", 0.01)
    with contextlib.suppress(TookTooLong), deadline():
        time.sleep(10)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


def test_outside_the_main_thread_there_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_S", 0.001)
    done: list[bool] = []

    def work() -> None:
        with deadline():
            time.sleep(0.05)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
