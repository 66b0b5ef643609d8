"""Files of orders, kept for the life of a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from perflab.measure.guards import BadInput
from perflab.systems.databases import order_files
from perflab.systems.databases.order_book import INDEXED
from perflab.systems.databases.order_files import ROWS, duck_book, sqlite_book


def kept() -> set[str]:
    return {path.name for path in Path(order_files._folder().name).iterdir()}


@pytest.mark.parametrize("make", [lambda: sqlite_book(INDEXED[:2], rows=1_500), lambda: duck_book(1_500)])
def test_a_file_is_made_once_and_nothing_else_stays(make: Callable[[], object]) -> None:
    make().close()  # type: ignore[attr-defined]
    folder = Path(order_files._folder().name)
    made = {path: path.stat().st_ino for path in folder.glob("1500*")}
    assert made
    with closing(make()) as book:  # type: ignore[type-var]
        assert book.rows == 1_500  # type: ignore[attr-defined]
    assert {path: path.stat().st_ino for path in made} == made
    assert not [name for name in kept() if ".part" in name]


def test_a_file_with_an_index_more_is_made_from_the_one_with_fewer() -> None:
    sqlite_book(INDEXED[:2], rows=1_600).close()
    assert {"1600.sqlite", "1600-customer.sqlite", "1600-customer-day.sqlite"} <= kept()


@pytest.mark.parametrize("rows", [0, 1.5, ROWS + 1, float("nan"), "many"])
@pytest.mark.parametrize("make", [lambda rows: sqlite_book(rows=rows), duck_book])
def test_a_number_of_rows_out_of_range_is_refused(make: Callable[[object], object], rows: object) -> None:
    with pytest.raises(BadInput, match="rows"):
        make(rows)


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder)}
    imports = "from perflab.systems.databases.order_files import *\nfrom perflab.systems.databases.order_files import _folder\n"
    return subprocess.run([sys.executable, "-c", imports + code], env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.process
def test_its_files_go_away_with_the_process(tmp_path: Path) -> None:
    code = "books = sqlite_book(rows=5_000), duck_book(5_000)\nprint(sum(book.count() for book in books))"
    done = run(code, tmp_path)
    assert int(done.stdout) == 10_000, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="file sizes cannot be limited there")
@pytest.mark.parametrize("make", ["sqlite_book", "duck_book"])
def test_a_disk_without_room_is_told_in_words_and_nothing_is_left(make: str, tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
    tried = f"try:\n    {make}(rows=50_000)\nexcept OSError as error:\n    print(error)\n"
    done = run(f"{limit}{tried}print(list(Path(_folder().name).iterdir()))", tmp_path)
    assert "The file of orders cannot be written" in done.stdout, done.stderr
    assert done.stdout.rstrip().endswith("[]")
    assert list(tmp_path.iterdir()) == []
