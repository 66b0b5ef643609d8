"""What notebook 10 teaches is there on one CPU as well: its labs wait, lock and read, and a second CPU is no part of that."""

from __future__ import annotations

import os
from collections.abc import Iterator

import corpus
import pytest
from labs import measure, measure_slices, measured_together
from relations import two_of_three

from perflab.chapters.databases import connections, lost_updates, profiles, profiles_model, rows_or_columns
from perflab.chapters.databases import lost_updates_model as updates
from perflab.chapters.databases.connections_model import gained
from perflab.chapters.databases.profiles_model import BALANCED, OLAP, OLTP
from perflab.chapters.databases.rows_or_columns_model import faster_at
from perflab.chapters.databases.winners import against
from perflab.lab import Record
from perflab.systems.databases.counters import IMMEDIATE, ONE, TWO
from perflab.systems.databases.order_work import FIND, LOAD
from perflab.systems.databases.tables import COLUMNS, MOST
from perflab.systems.servers.query_kinds import COMPUTES, WAITS

pytestmark = [
    pytest.mark.clock,
    pytest.mark.skipif(
        not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a thread and its children to one CPU"
    ),
]


@pytest.fixture(autouse=True)
def one_cpu() -> Iterator[None]:
    """For this thread, and for the threads and processes that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    yield
    os.sched_setaffinity(0, before)


def test_waits_overlap_and_reports_do_not() -> None:
    def gains() -> tuple[float, ...]:
        settings = ({"kind": kind, "connections": 16} for kind in (WAITS, COMPUTES))
        return tuple(map(gained, measured_together(connections.lab(), *settings, budget_s=1.0)))

    two_of_three(gains, lambda found: found[0] > 4 and found[0] > 2 * found[1], "waits overlap, reports do not")


def test_two_statements_lose_and_safe_ways_do_not() -> None:
    lab = lost_updates.lab()

    def lost(way: str) -> float:
        return updates.lost(Record(lab.name, lab.check({"way": way}), 1, "", measure(lab, 0.6, way=way)))

    two_of_three(lambda: lost(TWO), lambda share: share > 0.5, "the share that is lost")
    assert lost(ONE) == lost(IMMEDIATE) == 0


def test_a_row_is_the_row_stores_and_a_column_the_column_stores() -> None:
    lab = rows_or_columns.lab()

    def factors() -> tuple[float, ...]:
        settings = ({"rows": 1, "columns": COLUMNS}, {"rows": MOST, "columns": 1})
        return tuple(faster_at(run)[1] for run in measured_together(lab, *settings, budget_s=0.5))

    two_of_three(factors, lambda found: found[0] < 1 / 4 and found[1] > 4, "DuckDB against SQLite")


def test_an_index_spares_a_find_the_scan_and_a_batch_a_load_its_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    without = tuple(name for name in profiles_model.NAMES if name != profiles_model.SERVER)
    monkeypatch.setattr(profiles, "names_here", lambda: without)  # a server would be started for each run
    lab = profiles.lab()

    def times(work: str, slow: str, fast: str) -> float:
        measured = measure_slices(lab, 0.3, fewest=4, work=work)
        ratio = against(corpus.record_of(lab, {"work": work}, measured), slow, fast)
        assert ratio is not None
        return ratio.value

    two_of_three(lambda: times(FIND, OLAP, BALANCED), lambda found: found > 20, "a find without its index")
    two_of_three(lambda: times(LOAD, OLTP, OLAP), lambda found: found > 2, "a load that commits each order")
