"""A file of orders."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relations import assert_more

from perflab.measure.guards import BadInput
from perflab.measure.timing import time_calls
from perflab.systems.databases import orders as orders_file
from perflab.systems.databases.orders import MOST, PAGE, SCATTER, Orders, file_of_orders, scatter

ROWS = 20_000


@pytest.fixture(scope="module")
def orders() -> Iterator[Orders]:
    with closing(Orders(file_of_orders(ROWS))) as opened:
        yield opened


@given(number=st.integers(0, ROWS - 1))
def test_an_order_is_found_by_its_number_with_and_without_the_index(orders: Orders, number: int) -> None:
    found = orders.find(number)
    assert found == orders.find(number, indexed=False)
    assert found[0] * SCATTER % ROWS == number


def test_a_number_that_no_order_has_finds_nothing(orders: Orders) -> None:
    assert orders.find(10**9) is None and orders.find(-1, indexed=False) is None


@pytest.mark.parametrize("rows", [SCATTER, 2 * SCATTER, 100, 1_001])
def test_every_number_occurs_once_however_many_rows(rows: int) -> None:
    assert {row * scatter(rows) % rows for row in range(rows)} == set(range(rows))
    with closing(Orders(file_of_orders(rows))) as orders:
        assert orders.find(rows - 1)[0] * scatter(rows) % rows == rows - 1


@given(first=st.integers(0, ROWS - PAGE))
def test_a_page_is_the_same_by_one_statement_or_by_many(orders: Orders, first: int) -> None:
    page = orders.page_by_join(first)
    assert page == orders.page_one_by_one(first)
    assert len(page) == PAGE


@pytest.mark.clock
def test_the_index_spares_the_rows_and_the_join_the_statements(orders: Orders) -> None:
    def usual_ns(function: Callable[[], object]) -> float:
        return median(time_calls(function, repeats=15, generation=0).latencies_ns)

    number = orders.find(ROWS // 2)[0]  # somewhere in the middle of the rows
    for slow, fast in (
        (lambda: orders.find(number, indexed=False), lambda: orders.find(number)),
        (lambda: orders.page_one_by_one(5), lambda: orders.page_by_join(5)),
    ):
        assert_more(lambda slow=slow: usual_ns(slow), lambda fast=fast: usual_ns(fast), 2)


def test_a_file_is_made_once() -> None:
    made = file_of_orders(200)
    before = made.stat().st_mtime_ns
    assert file_of_orders(200) == made
    assert made.stat().st_mtime_ns == before


@pytest.mark.parametrize("rows", [0, -5, 1.5, MOST + 1, float("nan"), "many"])
def test_a_number_of_rows_out_of_range_is_refused_before_anything_is_written(rows: float) -> None:
    with pytest.raises(BadInput, match="rows"):
        file_of_orders(rows)  # type: ignore[arg-type]


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {"TMPDIR": str(folder), "TEMP": str(folder), "PATH": ""}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.clock
def test_its_files_go_away_with_the_process(tmp_path: Path) -> None:
    done = run("from perflab.systems.databases.orders import *; print(file_of_orders(5_000).stat().st_size)", tmp_path)
    assert int(done.stdout) > 50_000, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_only_so_much_is_kept_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    oldest, older = file_of_orders(301), file_of_orders(302)
    monkeypatch.setattr(orders_file, "KEPT_BYTES", older.stat().st_size)
    newest = file_of_orders(303)
    assert (oldest.exists(), newest.exists()) == (False, True)
    assert file_of_orders(301).exists(), "and it is made again when it is asked for"


def test_a_file_that_was_cut_off_half_way_is_neither_left_nor_used() -> None:
    half = file_of_orders(200).with_name("orders-304.part")
    half.write_bytes(b"half a file")
    with pytest.raises(OSError, match="304 orders cannot be written"):
        file_of_orders(304)
    assert not half.exists()
    assert file_of_orders(304).exists()


ATTEMPT = """
try:
    file_of_orders(50_000)
except OSError as error:
    print(error)
"""


@pytest.mark.clock
@pytest.mark.skipif(sys.platform == "win32", reason="file sizes cannot be limited there")
def test_a_disk_without_room_is_told_in_words_and_nothing_is_left(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    listing = "print(list(Path(orders._folder().name).iterdir()))"
    imports = "from perflab.systems.databases.orders import *; from perflab.systems.databases import orders\n"
    done = run(limit + imports + ATTEMPT + listing, tmp_path)
    assert "The file of 50,000 orders cannot be written" in done.stdout, done.stderr
    assert done.stdout.rstrip().endswith("[]")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.clock
def test_a_folder_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    imports = "from perflab.systems.databases.orders import *\ntempfile.tempdir = '/dev/null'\n"
    done = run(imports + ATTEMPT, tmp_path)
    assert "The file of 50,000 orders cannot be written" in done.stdout, done.stderr
    assert "TMPDIR" in done.stdout
