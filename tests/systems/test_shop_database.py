"""Asking the shop's database, one call after another and side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import perf_counter_ns

import pytest

from perflab.systems.catalogue import Catalogue, Files, make_catalogue, sku_of
from perflab.systems.shop_database import Database
from perflab.systems.shop_settings import Settings

SETTINGS = Settings(database_ms=40, calls=4)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_catalogue(tmp_path_factory.mktemp("shop"), 200)


@pytest.fixture(scope="module")
def database(files: Files) -> Iterator[Database]:
    database = Database(files)
    yield database
    database.close()


def test_calls_in_a_row_do_not_overlap_and_side_by_side_they_do(database: Database) -> None:
    page, spans = database.ask(sku_of(5), SETTINGS, perf_counter_ns())
    assert page is not None and len(spans) == 5
    assert all(a[0] + a[1] <= b[0] for a, b in pairwise(spans))
    same, spans = database.ask(sku_of(5), replace(SETTINGS, parallel=True), perf_counter_ns())
    assert same == page and len(spans) == 5
    assert any(a[0] + a[1] > b[0] for a, b in pairwise(spans))


def test_all_calls_lie_within_the_asking(database: Database) -> None:
    for parallel in (False, True):
        began = perf_counter_ns()
        _, spans = database.ask(sku_of(5), replace(SETTINGS, parallel=parallel), began)
        took = perf_counter_ns() - began
        assert all(start >= 0 and start + duration <= took for start, duration in spans)


def test_a_view_is_counted_only_of_a_product_that_exists(database: Database, files: Files) -> None:
    for sku in (sku_of(6), sku_of(6), "nothing"):
        page, _ = database.ask(sku, Settings(counted=True), perf_counter_ns())
        assert (page is None) == (sku == "nothing")
    reader = Catalogue(files, tuned=False)
    assert reader._connection.execute("select sum(count) from views").fetchone() == (2,)
    reader.close()


def test_settings_out_of_range_are_refused_by_name() -> None:
    for wrong in (
        {"database_ms": -1},
        {"calls": 0},
        {"payload_bytes": 1.5},
        {"ttl_s": float("nan")},
        {"indexed": "yes"},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Settings(**wrong)


def test_a_catalogue_whose_file_was_lost_fails_and_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    lost = make_catalogue(tmp_path, 10)
    database = Database(lost)
    database.close()
    lost.plain.unlink()
    with pytest.raises(Exception, match="no such table"):
        database.ask(sku_of(1), Settings(pooled=False), perf_counter_ns())
