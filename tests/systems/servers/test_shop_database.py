"""Asking the shop's database, one call after another and side by side."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from patience import PATIENCE_S, wait_until

from perflab.systems.databases.catalogue import Catalogue, Files, make_catalogue, sku_of
from perflab.systems.process.pausable import PausableSleep, RunningClock
from perflab.systems.servers.shop_database import Database
from perflab.systems.servers.shop_settings import Settings

SETTINGS = Settings(database_ms=40, calls=4)
RUNNING_CLOCK = RunningClock()
RUNNING_CLOCK.start()
RUNNING = PausableSleep(RUNNING_CLOCK)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_catalogue(tmp_path_factory.mktemp("shop"), 200)


@pytest.fixture(scope="module")
def database(files: Files) -> Iterator[Database]:
    database = Database(files, RUNNING)
    yield database
    database.close()


def test_calls_in_a_row_do_not_overlap_and_side_by_side_they_do(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, spans = database.ask(sku_of(5), SETTINGS, RUNNING.now_ns())
    assert page is not None and len(spans) == 5
    assert all(a[0] + a[1] <= b[0] for a, b in pairwise(spans))
    # None of them would end, were not all under way at once.
    all_of_them = threading.Barrier(SETTINGS.calls)
    monkeypatch.setattr(Catalogue, "crunch", lambda *_, **__: all_of_them.wait(PATIENCE_S))
    same, spans = database.ask(sku_of(5), replace(SETTINGS, parallel=True), RUNNING.now_ns())
    assert same == page and len(spans) == 5
    under_way = [sum(start <= moment < start + took for start, took in spans) for moment, _ in spans]
    assert max(under_way) >= SETTINGS.calls


def test_all_calls_lie_within_the_asking(database: Database) -> None:
    for parallel in (False, True):
        began = RUNNING.now_ns()
        _, spans = database.ask(sku_of(5), replace(SETTINGS, parallel=parallel), began)
        took = RUNNING.now_ns() - began
        assert all(start >= 0 and start + duration <= took for start, duration in spans)


def test_a_view_is_counted_only_of_a_product_that_exists(database: Database, files: Files) -> None:
    for sku in (sku_of(6), sku_of(6), "nothing"):
        page, _ = database.ask(sku, Settings(counted=True), RUNNING.now_ns())
        assert (page is None) == (sku == "nothing")
    reader = Catalogue(files, tuned=False)
    assert reader._connection.execute("select sum(count) from views").fetchone() == (2,)
    reader.close()


def test_a_catalogue_whose_file_was_lost_fails_and_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    lost = make_catalogue(tmp_path, 10)
    database = Database(lost, RUNNING)
    database.close()
    lost.plain.unlink()
    with pytest.raises(Exception, match="no such table"):
        database.ask(sku_of(1), Settings(pooled=False), RUNNING.now_ns())


def views_of(files: Files) -> int:
    reader = Catalogue(files, tuned=False)
    total: int = reader._connection.execute("select coalesce(sum(count), 0) from views").fetchone()[0]
    reader.close()
    return total


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Files]:
    """The connections that were opened so far."""
    found: list[Files] = []
    open_one = Catalogue.__init__

    def counted(self: Catalogue, files: Files, tuned: bool) -> None:
        found.append(files)
        open_one(self, files, tuned)

    monkeypatch.setattr(Catalogue, "__init__", counted)
    return found


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("writes", [1, 10])
def test_a_request_opens_one_connection_however_much_it_writes(
    database: Database, opened: list[Files], batched: bool, writes: int
) -> None:
    """Else what batching spares would be openings too, and pooling would spare the more the more is written."""
    settings = Settings(pooled=False, counted=True, batched=batched, writes=writes)
    database.ask(sku_of(1), settings, RUNNING.now_ns())
    assert len(opened) == 1


def test_a_pooled_request_opens_none_and_calls_side_by_side_one_each(database: Database, opened: list[Files]) -> None:
    database.ask(sku_of(1), Settings(counted=True, writes=3), RUNNING.now_ns())
    assert len(opened) == 0
    database.ask(sku_of(1), replace(SETTINGS, pooled=False, parallel=True), RUNNING.now_ns())
    assert len(opened) == 1 + SETTINGS.calls


def test_a_connection_is_given_back_also_when_a_request_fails(
    database: Database, opened: list[Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken, pytest.raises(OSError):
        broken.setattr(Catalogue, "count_views", lambda self, products: (_ for _ in ()).throw(OSError("disk full")))
        database.ask(sku_of(1), Settings(counted=True), RUNNING.now_ns())
    database.ask(sku_of(1), Settings(counted=True), RUNNING.now_ns())
    assert len(opened) == 0


@pytest.mark.parametrize("batched", [False, True])
def test_each_view_is_stored_once_alone_or_in_a_batch(database: Database, files: Files, batched: bool) -> None:
    before, settings = views_of(files), Settings(counted=True, batched=batched, writes=3)
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(lambda number: database.ask(sku_of(number), settings, RUNNING.now_ns()), range(16)))
    assert views_of(files) == before + 48


def count_eight(database: Database, monkeypatch: pytest.MonkeyPatch, fails: int | None = None) -> tuple[list[int], int]:
    """Eight requests, seven of which come while the first is committed: the size of each commit, and how many succeed."""
    commits: list[int] = []
    count_views = Catalogue.count_views
    began, go_on = threading.Event(), threading.Event()

    def held(self: Catalogue, products: Sequence[int]) -> None:
        commits.append(len(products))
        began.set()
        assert go_on.wait(PATIENCE_S)
        if len(commits) - 1 == fails:
            raise OSError("the disk is full")
        count_views(self, products)

    def ask(number: int) -> bool:
        try:
            database.ask(sku_of(number), Settings(counted=True, batched=True), RUNNING.now_ns())
        except OSError:
            return False
        return True

    monkeypatch.setattr(Catalogue, "count_views", held)
    with ThreadPoolExecutor(8) as crowd:
        first = crowd.submit(ask, 0)
        assert began.wait(PATIENCE_S)
        others = [crowd.submit(ask, number) for number in range(1, 8)]
        wait_until(lambda: len(database._gathered) == 7)
        go_on.set()
        return commits, sum(each.result() for each in (first, *others))


def test_a_batch_is_one_commit_of_all_that_came_meanwhile(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_eight(database, monkeypatch) == ([1, 7], 8)


def test_a_failed_commit_loses_no_other_requests_view_and_writes_none_twice(
    database: Database, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = views_of(files)
    assert count_eight(database, monkeypatch, fails=1) == ([1, 7, 6], 7), "only the request whose commit failed"
    assert views_of(files) == before + 7
