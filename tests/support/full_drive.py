"""A drive without space, as a process finds it."""

from __future__ import annotations

import psutil
import pytest


def fill_up_the_drive_of(pid: int) -> None:
    """From now on no file of this process can grow."""
    if not hasattr(psutil, "RLIMIT_FSIZE"):
        pytest.skip("a process cannot be limited here")
    psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (1, psutil.RLIM_INFINITY))
