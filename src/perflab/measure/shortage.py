"""What this system ran out of, said for the person at the slider: threads, processes, files, connections, memory, disk, ports."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

NO_MORE_THREADS = (
    "No more threads or processes can be started here: a limit of this system is reached (ulimit -u, or the container's). "
    "Choose a smaller setting, or close other notebooks and programs."
)
FILES = (
    "No more files or connections can be opened: this system allows a program {files} of them (ulimit -n). "
    "Choose fewer connections, or raise that limit and start JupyterLab again."
)
MEMORY = "No memory is left for this setting. Choose a smaller one, or close other notebooks and programs."
DISK = "The disk is full. Free some space, then measure again."
PORTS = "No port is left for another connection: the system keeps those of closed ones for a minute. Wait, then measure again."

NUMBERS = {
    errno.EAGAIN: NO_MORE_THREADS,  # of fork and pthread_create
    errno.EMFILE: FILES,
    errno.ENFILE: FILES,
    errno.ENOBUFS: FILES,
    errno.ENOMEM: MEMORY,
    errno.ENOSPC: DISK,
    getattr(errno, "EDQUOT", errno.ENOSPC): DISK,
    errno.EADDRNOTAVAIL: PORTS,
}
PHRASES = {
    "can't start new thread": NO_MORE_THREADS,
    "can't allocate lock": NO_MORE_THREADS,
    "pthread_create failed": NO_MORE_THREADS,
    "database or disk is full": DISK,
    "MemoryError": MEMORY,
    **{os.strerror(number): words for number, words in NUMBERS.items()},
}
"""In messages and in the logs of other processes."""
CANNOT_OPEN = "unable to open database file"
FEW_FILES = 256
"""SQLite does not say why. When it is asked, what was open may be closed again: then a low limit is the likely reason."""


def shortage_of(error: BaseException) -> str | None:
    """What the system ran out of, with the remedy, where that is what this error, or one behind it, says."""
    return next((words for each in _behind(error) if (words := _words(each))), None)


def shortage_in(log: str) -> str | None:
    """As `shortage_of`, for the end of what a process printed."""
    found = next((words for phrase, words in PHRASES.items() if phrase in log), None)
    return _filled(found or (FILES if CANNOT_OPEN in log and _files_are_scarce() else None))


def _words(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return MEMORY
    if isinstance(error, OSError) and error.errno in NUMBERS:
        return _filled(NUMBERS[error.errno])
    return shortage_in(str(error))


def _behind(error: BaseException | None, seen: frozenset[int] = frozenset()) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    yield error
    parts = getattr(error, "exceptions", ())
    for other in (*parts, error.__cause__, None if error.__suppress_context__ else error.__context__):
        yield from _behind(other, seen | {id(error)})


def _filled(words: str | None) -> str | None:
    limit = _file_limit()
    return words and words.format(files="a limited number" if limit is None else f"{limit:,}")


def _file_limit() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _files_are_scarce() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return True
    limit = _file_limit()
    return limit is not None and 0 <= limit <= FEW_FILES
