"""What only tests with a marker may do is refused in all others."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from tiers import GUARD, MARKERS, OutOfTier


def test_a_process_is_refused() -> None:
    with pytest.raises(OutOfTier, match="started a process: mark it"):
        subprocess.run([sys.executable, "-c", "pass"], check=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_is_refused() -> None:
    with pytest.raises(OutOfTier, match="started a process"):
        os.fork()


def test_a_long_sleep_is_refused_and_a_short_one_is_not() -> None:
    time.sleep(0.001)
    with pytest.raises(OutOfTier, match=r"slept for 0\.2 s"):
        time.sleep(0.2)


@pytest.mark.parametrize(
    "marked", [pytest.param("", marks=getattr(pytest.mark, marker), id=marker) for marker in MARKERS]
)
def test_with_a_marker_both_are_allowed(marked: str) -> None:
    assert not GUARD.is_closed
    assert subprocess.run([sys.executable, "-c", "pass"], check=False).returncode == 0
    time.sleep(0.06)


def test_the_guard_is_as_it_was_after_a_test() -> None:
    with GUARD.closed(False):
        assert not GUARD.is_closed
    assert GUARD.is_closed
