"""A file that the disk has. Without NumPy, which a server that writes would load for nothing."""

from __future__ import annotations

import os
import sys


def sync_file(descriptor: int) -> None:
    """Push a file to the disk. macOS needs F_FULLFSYNC: its fsync stops at the drive's cache (man 2 fsync)."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)
