"""The stopwatch's operations are real."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import psutil
import pytest
from relations import assert_more

from perflab.measure.timing import time_calls
from perflab.systems.operations.operations import BLOCK, KEYS, MESSAGE, OPERATIONS

pytestmark = pytest.mark.clock


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_runs_repeatedly_and_leaves_neither_process_nor_file(name: str, folder: Path) -> None:
    children = len(psutil.Process().children())
    with OPERATIONS[name]() as operation:
        assert time_calls(operation, repeats=5).failures == 0
    assert len(psutil.Process().children()) == children
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "result"),
    [("dict lookup", 500), ("TCP round trip, loopback", MESSAGE), ("HTTP request, loopback", b"hello")],
)
def test_the_answer_is_the_right_one(name: str, result: object) -> None:
    with OPERATIONS[name]() as operation:
        assert operation() == result


def test_a_file_read_reads_and_a_lookup_finds() -> None:
    with OPERATIONS["file read, 4 kB"]() as operation:
        assert len(operation()[1]) == BLOCK  # type: ignore[index]
    with OPERATIONS["SQLite lookup by key"]() as operation:
        assert operation()[0] == KEYS // 2  # type: ignore[index]


def usual_ns(operation: Callable[[], object]) -> float:
    return median(time_calls(operation, repeats=50).latencies_ns)


def test_a_round_trip_takes_far_longer_than_a_dict_lookup() -> None:
    with OPERATIONS["TCP round trip, loopback"]() as far, OPERATIONS["dict lookup"]() as near:
        assert_more(lambda: usual_ns(far), lambda: usual_ns(near), 5)


def test_printing_takes_longer_than_what_is_printed() -> None:
    with OPERATIONS["dict lookup, printed"]() as printed, OPERATIONS["dict lookup"]() as near:
        assert_more(lambda: usual_ns(printed), lambda: usual_ns(near), 2)


def test_a_sleep_takes_its_time() -> None:
    with OPERATIONS["sleep 1 ms"]() as sleep:
        assert min(time_calls(sleep, repeats=20).latencies_ns) >= 1_000_000
