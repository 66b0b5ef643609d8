"""Files that several users lock and write: opened for all of them, locked without waiting."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}
"""What says that another process holds the lock. Other errors say that files cannot be locked there (NFS, FUSE, …)."""
FAR = 1 << 30
"""Windows locks bytes, and nobody else can read those: one that no file has."""
FOR_ALL = 0o666


def open_shared(path: Path) -> int:
    """A descriptor of a file that every user may lock, made where there is none; raises OSError where that cannot be.

    Systems refuse to create a file that another user has in a folder for all: so it is opened without that first. A file
    that this user may only read can be locked all the same. No link is followed: another user may have put it there.
    """
    plain = getattr(os, "O_NOFOLLOW", 0)
    for flags in (os.O_RDWR, os.O_RDONLY):
        try:
            return os.open(path, flags | plain)
        except FileNotFoundError:
            break
        except PermissionError:
            continue
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | plain, FOR_ALL)
    try:
        path.chmod(FOR_ALL)  # whatever the umask says
    except OSError:
        pass  # another user has made it in this very moment
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Whether the file is locked by us now, or by another; raises OSError where files cannot be locked."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            return False
        raise
    return True


def unlock_and_close(descriptor: int) -> None:
    """Let go of the lock, also where a process that was forked meanwhile has the file open too."""
    try:
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    except OSError:
        pass  # never locked: files cannot be locked there
    finally:
        os.close(descriptor)
