"""Patience: what is awaited comes soon, or never. No test says anything about speed with it."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

PATIENCE_S = 30.0


def wait_until(condition: Callable[[], object], what: str = "what was awaited") -> None:
    """Look until the condition holds; fails when that takes so long that it never will."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE_S:g} s"
        time.sleep(0.01)


def wait_until_gone(*pids: int) -> None:
    """Look until none of these processes runs any more."""
    wait_until(lambda: all(map(is_gone, pids)), f"the end of {pids}")


def is_gone(pid: int) -> bool:
    """Whether the process has ended; its parent need not have noticed."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
