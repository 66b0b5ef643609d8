"""What a system ran out of is said in one sentence with its remedy, however the error arrives."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from perflab.measure import shortage
from perflab.measure.shortage import DISK, FILES, MEMORY, NO_MORE_THREADS, PORTS, shortage_in, shortage_of


def failing(error: BaseException) -> BaseException:
    """The error as it is caught, with what stands behind it."""
    try:
        raise error
    except BaseException as caught:
        return caught


def wrapped(error: BaseException) -> BaseException:
    try:
        try:
            raise error
        except BaseException as caught:
            raise RuntimeError("the server did not start") from caught
    except RuntimeError as caught:
        return caught


def while_cleaning_up(error: BaseException) -> BaseException:
    try:
        try:
            raise error
        finally:
            {}["not yet made"]
    except KeyError as caught:
        return caught


def in_a_group(error: Exception) -> BaseException:
    return failing(ExceptionGroup("several", [ValueError("another one"), ExceptionGroup("inner", [error])]))


ERRORS: dict[str, tuple[Any, str]] = {
    "a thread": (RuntimeError("can't start new thread"), NO_MORE_THREADS),
    "a process": (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), NO_MORE_THREADS),
    "a file": (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "people.db"), FILES),
    "a file of the whole system": (OSError(errno.ENFILE, os.strerror(errno.ENFILE)), FILES),
    "a socket": (OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS)), FILES),
    "memory": (MemoryError(), MEMORY),
    "memory for a process": (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), MEMORY),
    "a port": (OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL)), PORTS),
    "disk": (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), DISK),
    "disk for a database": (sqlite3.OperationalError("database or disk is full"), DISK),
    "a server's log": (RuntimeError("The shop server died.\nIts log:\nToo many open files"), FILES),
}


@pytest.mark.parametrize("arrives", [failing, wrapped, while_cleaning_up, in_a_group])
@pytest.mark.parametrize("name", ERRORS)
def test_each_kind_however_it_arrives(name: str, arrives: Any) -> None:
    error, words = ERRORS[name]
    said = shortage_of(arrives(error))
    assert said is not None
    assert said.split("{")[0].split(" allows a program")[0] == words.split("{")[0].split(" allows a program")[0]
    assert "{" not in said


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no such table"),
        KeyError("a"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        FileNotFoundError(2, "x"),
    ],
)
def test_other_errors_are_no_shortage(error: Exception) -> None:
    for arrives in (failing, wrapped, while_cleaning_up, in_a_group):
        assert shortage_of(arrives(error)) is None


def test_errors_that_refer_to_each_other_are_looked_through_once() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert shortage_of(first) is None


def test_a_database_that_cannot_be_opened_is_one_only_where_files_are_scarce(monkeypatch: pytest.MonkeyPatch) -> None:
    error = sqlite3.OperationalError("unable to open database file")
    assert shortage_of(error) is None
    monkeypatch.setattr(shortage, "_file_limit", lambda: 64)
    assert "ulimit -n" in (shortage_of(error) or "")


def test_the_log_of_a_library_that_gets_no_threads_is_understood() -> None:
    log = "OpenBLAS blas_thread_init: pthread_create failed for thread 1 of 2: Resource temporarily unavailable"
    assert shortage_in(log) == NO_MORE_THREADS
    assert shortage_in("Traceback (most recent call last):\nValueError: no") is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_real_limit_is_named_with_its_number() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (len([*Path("/dev/fd").iterdir()]) + 8, before[1]))
    try:
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        with pytest.raises(OSError) as failed:
            while True:
                opened.append(os.open(os.devnull, os.O_RDONLY))
        said = shortage_of(failed.value)
        assert shortage_of(sqlite3.OperationalError("unable to open database file")) == said
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert said == FILES.format(files=f"{allowed:,}")
