"""SQLite's write-ahead log as a database has it that is in use."""

from __future__ import annotations

import sqlite3

FULL, NORMAL, OFF = "full", "normal", "off"
TINY_CACHE = 1
"""In pages: what is written goes to the log at once, and not first into the cache."""


def wait_for_drive(connection: sqlite3.Connection, synchronous: str = FULL) -> None:
    """Each commit waits until it is on the drive (`FULL`); or only what moves the log into the file does (`NORMAL`); or nothing.

    On macOS fsync alone stops at the drive's cache, and SQLite asks for no more by itself.
    """
    connection.execute(f"pragma synchronous = {synchronous}")
    connection.execute("pragma fullfsync = on")


def grow_log(connection: sqlite3.Connection) -> None:
    """Give the log its full size: that at which SQLite copies it into the file, and begins it anew (`wal_autocheckpoint`).

    Until it has come so far, the file system has to note a new size at each commit that waits for the drive, which takes two to
    three times as long. A database in use has that behind it: so has one that is measured. Nothing is written but the log: the
    transaction is rolled back. The commit that follows, of nothing new, waits until all of the log is on the drive, which the
    first one to be measured would wait for otherwise. To be called outside of any transaction.
    """

    def ask(what: str) -> int:
        found: int = connection.execute(f"pragma {what}").fetchone()[0]
        return found

    cache = ask("cache_size")
    connection.execute(f"pragma cache_size = {TINY_CACHE}")
    try:
        connection.execute("begin immediate")
        try:
            connection.execute("create table grown (bytes blob)")
            connection.execute(
                "insert into grown values (zeroblob(?))", (ask("wal_autocheckpoint") * ask("page_size"),)
            )
        finally:
            if connection.in_transaction:  # a full disk has ended it
                connection.execute("rollback")
    finally:
        connection.execute(f"pragma cache_size = {cache}")
    connection.execute(f"pragma user_version = {ask('user_version')}")
