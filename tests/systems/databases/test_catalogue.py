"""The shop's database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import pytest
from relations import assert_more, two_of_three

from perflab.measure.guards import BadInput
from perflab.systems.databases.catalogue import (
    REVIEWS_EACH,
    Catalogue,
    Connections,
    Files,
    make_catalogue,
    sku_of,
)
from perflab.systems.machine.computing import per_ms

PRODUCTS = 500


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_catalogue(tmp_path_factory.mktemp("catalogue"), PRODUCTS)


@pytest.fixture
def catalogue(files: Files) -> Iterator[Catalogue]:
    connection = Catalogue(files, tuned=False)
    yield connection
    connection.close()


def test_every_product_has_one_page_with_all_its_reviews(catalogue: Catalogue) -> None:
    pages = [catalogue.page(sku_of(number), True, True) for number in range(PRODUCTS)]
    assert len({page["id"] for page in pages if page}) == PRODUCTS
    assert all(page and len(page["reviews"]) == REVIEWS_EACH for page in pages)
    assert catalogue.page("sku999999", True, True) is None


def test_neither_index_nor_join_nor_tuning_changes_the_page(files: Files, catalogue: Catalogue) -> None:
    tuned = Catalogue(files, tuned=True)
    for number in (0, 17, PRODUCTS - 1):
        page = catalogue.page(sku_of(number), True, True)
        for connection in (catalogue, tuned):
            for indexed in (True, False):
                for joined in (True, False):
                    assert connection.page(sku_of(number), indexed, joined) == page
    tuned.close()


def test_without_the_index_the_table_is_scanned(catalogue: Catalogue) -> None:
    def plan(hint: str) -> str:
        query = f"explain query plan select id from products {hint} where sku = 'x'"
        return str(catalogue._connection.execute(query).fetchone()[3])

    assert "USING COVERING INDEX products_by_sku" in plan("")
    assert plan("not indexed").startswith("SCAN")


def test_one_by_one_takes_as_many_statements_as_reviews_and_two(catalogue: Catalogue) -> None:
    statements: list[str] = []
    catalogue._connection.set_trace_callback(statements.append)
    catalogue.page(sku_of(3), True, joined=True)
    assert len(statements) == 2
    statements.clear()
    catalogue.page(sku_of(3), True, joined=False)
    assert len(statements) == 2 + REVIEWS_EACH


def test_tuning_is_what_it_says(files: Files) -> None:
    settings: list[tuple[Any, ...]] = []
    for tuned in (False, True):
        connection = Catalogue(files, tuned)
        ask = connection._connection.execute
        settings.append(tuple(ask(f"pragma {name}").fetchone()[0] for name in ("journal_mode", "synchronous")))
        connection.close()
    assert settings == [("delete", 2), ("wal", 1)]


@pytest.mark.parametrize("tuned", [True, False])
def test_views_are_counted_for_good(files: Files, tuned: bool) -> None:
    connection = Catalogue(files, tuned)
    for _ in range(3):
        connection.count_views([7])
    connection.close()
    other = sqlite3.connect(files.tuned if tuned else files.plain)
    assert other.execute("select count from views where product = 7").fetchone() == (3,)
    other.close()


def test_crunching_counts_its_rows_even_beyond_the_table(catalogue: Catalogue) -> None:
    assert catalogue.reviews == PRODUCTS * REVIEWS_EACH
    whole = catalogue.crunch(catalogue.reviews)
    assert catalogue.crunch(2 * catalogue.reviews + 1) == 2 * whole + 1
    assert catalogue.crunch(0) == 0


@pytest.mark.clock
def test_crunching_takes_time_in_proportion_to_the_rows_and_as_long_as_its_rate_says(catalogue: Catalogue) -> None:
    def best_ns(rows: int, tries: int = 5) -> int:
        times = []
        for _ in range(tries):
            started = perf_counter_ns()
            catalogue.crunch(rows)
            times.append(perf_counter_ns() - started)
        return min(times)

    assert_more(lambda: best_ns(100_000), lambda: best_ns(5_000), 5)
    # As short as the probes are: in what takes longer, others have the CPU for a part of the time.
    two_of_three(
        lambda: best_ns(round(per_ms(catalogue.crunch, 20_000)), 20) / 1e6,
        lambda ms: 0.5 < ms < 2,
        "a millisecond of rows",
    )


def test_a_pool_lends_the_same_connection_again_and_without_it_each_is_new_and_closed(files: Files) -> None:
    connections = Connections(files)
    with connections.lend(pooled=True, tuned=False) as first:
        with connections.lend(pooled=True, tuned=False) as second:
            assert first is not second
        with connections.lend(pooled=True, tuned=True) as tuned:
            assert tuned is not first
        with connections.lend(pooled=True, tuned=False) as again:
            assert again is second
    with connections.lend(pooled=False, tuned=False) as fresh:
        assert fresh not in (first, second)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        fresh.crunch(1)
    connections.close()
    for closed in (first, second, tuned):
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            closed.crunch(1)


@pytest.mark.parametrize("products", [9, 1.5, 10**7, float("nan"), "many"])
def test_a_number_of_products_out_of_range_is_refused(tmp_path: Path, products: Any) -> None:
    with pytest.raises(BadInput, match="products must be a whole number"):
        make_catalogue(tmp_path, products)
