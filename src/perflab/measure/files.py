"""Open files: each connection is one, and some systems allow few."""

from __future__ import annotations

FILES = 4_096
MAX_WATCHED = 1_023
"""The highest file descriptor that the system's select can watch."""


def allow_files() -> int | None:
    """Let this process open up to 4,096 files, as far as its system permits; returns how many, if known. macOS starts at 256."""
    try:
        import resource
    except ImportError:  # Windows counts them otherwise
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError):  # some systems allow less than they say, some sandboxes no change
            return soft
        return most
    return soft
