"""A report over a real SQLite file that takes a given CPU time. Meanwhile SQLite releases the GIL, so threads share the CPUs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from time import perf_counter_ns

from perflab.systems.databases.temporary import fill, quick_connection, temporary

PRODUCTS, DAYS = 500, 20_000
PROBED_DAYS, PROBES = 50, 15
LOOK_OPCODES = 40_000
"""So often, in steps of SQLite's machine, a report looks whether it should stand still: about twice in a millisecond."""
REPORT = "select sum(price * rate % 97) from day cross join product where day.id < ?"


def create(path: Path) -> None:
    """The file: prices of products, rates of days."""
    with closing(quick_connection(path)) as connection:
        connection.execute("create table product (price integer)")
        connection.execute("create table day (id integer primary key, rate integer)")
        fill(connection, "product", "(n * 7919) % 1000", PRODUCTS)
        fill(connection, "day", "n, n % 89", DAYS)


class Reports:
    """A connection of one thread's; `look` is called again and again while a report is computed."""

    def __init__(self, path: Path, look: Callable[[], None] | None = None) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        if look is not None:
            self._connection.set_progress_handler(look, LOOK_OPCODES)

    def report(self, days: int) -> int:
        """What all products cost on so many days. The time is proportional to the days."""
        total: int = self._connection.execute(REPORT, (days,)).fetchone()[0]
        return total

    def days_per_ms(self) -> float:
        """Days that a report covers in a millisecond when nothing else wants the CPU."""

        def timed_ns() -> int:
            began_ns = perf_counter_ns()
            self.report(PROBED_DAYS)
            return perf_counter_ns() - began_ns

        return PROBED_DAYS * 1e6 / min(timed_ns() for _ in range(PROBES))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def reports() -> AbstractContextManager[Reports]:
    """A connection to a new file in a temporary folder, which goes away with the block."""

    def opened(path: Path) -> Reports:
        create(path)
        return Reports(path)

    return temporary("report", opened)
