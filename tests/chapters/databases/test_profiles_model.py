"""What each profile should take: by rows, indexes and commits; and what a calibration finds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from profile_runs import CONSTANTS, MS, US, WITHOUT, run

from perflab.chapters.databases import profiles_model
from perflab.chapters.databases.profiles_model import (
    BALANCED,
    DUCKDB,
    NAMES,
    OLAP,
    OLTP,
    PAGE,
    PROBE,
    PROFILES,
    SERVER,
    YOURS,
    column,
    expected_in,
    predict,
)
from perflab.lab import Record
from perflab.systems.databases.order_book import COVERING, INDEXED
from perflab.systems.databases.order_work import COMMITS, FIND, LOAD, ORDER, REPORT, WORKS, WRITING
from perflab.systems.servers.real.postgresql import POSTGRESQL
from perflab.theory.indexed_rows import touched


def times(work: str, indexes: int = 5, batch: int = 1_000, durable: bool = True) -> dict[str, float]:
    """The model, in ms."""
    return {name: found.value / MS for name, found in predict(work, indexes, batch, durable, CONSTANTS).times.items()}


def test_profiles_are_those_of_the_advice() -> None:
    assert [(len(each.indexes), each.batch, each.durable) for each in PROFILES.values()] == [
        (5, 1, True),
        (1, 10_000, True),
        (2, 100, True),
    ]
    assert PROFILES[OLAP].indexes == (COVERING,) and INDEXED[0] in PROFILES[BALANCED].indexes


def test_a_find_goes_down_an_index_or_reads_all_rows() -> None:
    found = times(FIND, indexes=0)
    assert found[OLAP] == found[YOURS] == pytest.approx(4), "twice the rows of half the table"
    # log 100,000 over log 50,000
    assert found[OLTP] == found[BALANCED] == pytest.approx(0.02 * 1.06406, rel=1e-4)
    assert times(FIND, indexes=1)[YOURS] == found[OLTP]


def test_a_report_sorts_all_rows_unless_an_index_has_them_in_order() -> None:
    found = times(REPORT)
    assert found[OLAP] == pytest.approx(20)
    # n log n
    assert found[OLTP] == found[BALANCED] == found[YOURS] == pytest.approx(80 * 1.06406, rel=1e-4)
    assert found[DUCKDB] == pytest.approx(0.8 + (1.8 - 0.8) * 99 / 49)
    assert found[SERVER] == pytest.approx(1 + (10.8 - 1) * 99 / 49) and times(FIND)[SERVER] == pytest.approx(0.14)


def test_an_order_waits_for_the_drive_once_whatever_the_indexes() -> None:
    found = times(ORDER)
    assert found[OLTP] == pytest.approx(1 + 0.03 + 5 * (0.012 + 0.004), rel=0.01)
    assert found[OLTP] == found[YOURS], "a batch of one"
    assert found[DUCKDB] == pytest.approx(2) and found[SERVER] == pytest.approx(1.2)
    assert times(ORDER, durable=False)[YOURS] == pytest.approx(found[OLTP] - 1 - 5 * 0.004)
    assert times(ORDER, durable=False)[OLTP] == found[OLTP], "the profiles are durable"


def test_a_load_waits_for_the_drive_once_a_batch() -> None:
    found = times(LOAD)
    assert found[OLTP] == pytest.approx(1_000 + 90 + 5 * 4), "and writes a page of each index"
    all_pages = float(touched(260, 1_000))
    assert found[YOURS] == pytest.approx(1 + 27.5 + 5 * all_pages * 0.004)
    assert found[DUCKDB] == pytest.approx(3, rel=0.01)
    assert found[SERVER] == pytest.approx(10 * 1.2 + 990 * 0.01), "10 commits"
    assert found[OLAP] == pytest.approx(1 + 2.5 + 5 + all_pages * 0.004), "one of five indexes"
    one_by_one, none = times(LOAD, 0, 1)[YOURS], times(LOAD, 0, 1_000)[YOURS]
    assert found[OLTP] / one_by_one == pytest.approx(1.08, abs=0.01) and found[YOURS] / none > 8


def test_batches_of_all_sizes_lie_between() -> None:
    found = [times(LOAD, 5, batch)[YOURS] for batch in (1, 10, 100, 1_000)]
    assert found == sorted(found, reverse=True)
    assert found[2] == pytest.approx(10 * (1 + 0.0275) + 2.5 + 5 * 10.5 + 10 * 5 * 83 * 0.004, rel=0.05), (
        "100 rows share few of 260 pages"
    )


def test_each_work_is_told_in_the_best_profiles_time() -> None:
    ratios = predict(LOAD, 5, 1_000, True, CONSTANTS).against_best
    assert ratios.keys() == set(WORKS)
    for work, found in ratios.items():
        assert found.keys() == set(NAMES) and min(found[name] for name in PROFILES) == 1, work
    assert ratios[LOAD][DUCKDB] < 1 < 100 < ratios[LOAD][OLTP] and ratios[FIND][OLAP] > 150


def test_a_run_is_compared_with_writes_that_wait_as_long_as_its_own() -> None:
    usual = run(LOAD)
    slow = with_probe(usual, 4 * usual.column(column(PROBE)))
    assert expected_in(slow)[OLTP].value == pytest.approx((4_000 + 90 + 20) * MS)
    assert expected_in(run(FIND))[OLAP].value == pytest.approx(4 * MS), "nothing is written"
    assert expected_in(with_probe(usual, np.empty(0))) == {}, "before the first such write nothing is said"
    assert expected_in(replace(usual, constants={})) == {}


def with_probe(record: Record, values: Any) -> Record:
    return replace(record, frame=replace(record.frame, samples={**record.frame.samples, column(PROBE): values}))


def test_where_postgresql_is_missing_nothing_is_expected_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SERVER in expected_in(run(LOAD)) and {*expected_in(run(LOAD, names=WITHOUT))} == {*WITHOUT}
    found = predict(FIND, 5, 1, True, run(names=WITHOUT).constants)
    assert {*found.times} == {*found.against_best[LOAD]} == {*WITHOUT}
    for path, names in (("/usr/bin/postgres", NAMES), (None, WITHOUT)):
        monkeypatch.setattr(type(POSTGRESQL), "find", lambda _, path=path: path)
        assert profiles_model.names_here() == names


def test_postgresql_is_set_up_as_balanced_is() -> None:
    assert profiles_model.sides(5, 1, False)[SERVER] == PROFILES[BALANCED]
    assert {*profiles_model.sides(5, 1, False, WITHOUT)} == {*WITHOUT}


class Scripted:
    """A book that is opened and closed."""

    opened = 0

    def __init__(self, *_: Any, **__: Any) -> None:
        Scripted.opened += 1

    def close(self) -> None:
        Scripted.opened -= 1


@pytest.fixture(params=[NAMES, WITHOUT], ids=["all", "without PostgreSQL"])
def here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """What is installed; the books are scripted."""
    for name in ("sqlite_book", "duck_book", "ServerBook"):
        monkeypatch.setattr(profiles_model, name, Scripted)
    monkeypatch.setattr(profiles_model, "order_server", lambda: nullcontext(SimpleNamespace(folder="")))
    monkeypatch.setattr(profiles_model, "names_here", lambda: request.param)
    names: tuple[str, ...] = request.param
    return names


def test_a_calibration_knows_all_that_the_model_needs(here: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles_model, "time_work", lambda *_: profiles_model.Timed(5 * US, 1))
    monkeypatch.setattr(profiles_model, "probe", lambda *_: profiles_model.Timed(7 * US, 1))
    *frames, last = profiles_model.calibrate()
    assert len(frames) > profiles_model.ROUNDS, "it can be stopped between rounds"
    assert last.facts.keys() == run(names=here).constants.keys()
    assert last.facts[PROBE] == 7 * US and last.facts[PAGE] == 0 and Scripted.opened == 0
    for work in WORKS:
        found = predict(work, 3, 10, True, last.facts).times  # type: ignore[arg-type]
        assert found.keys() == {*here} and all(np.isfinite(each.value) for each in found.values())


@pytest.mark.process
def test_a_calibration_leaves_out_a_server_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch, dying: Callable[..., None]
) -> None:
    dying("postgres", "initdb")
    for name in ("time_work", "probe"):
        monkeypatch.setattr(profiles_model, name, lambda *_: profiles_model.Timed(5 * US, 1))
    *_, last = profiles_model.calibrate()
    assert last.facts.keys() == run(names=WITHOUT).constants.keys()


def test_a_calibration_that_is_stopped_closes_what_it_opened(here: tuple[str, ...]) -> None:
    calibration = profiles_model.calibrate()
    next(calibration)
    assert Scripted.opened > 0
    calibration.close()  # type: ignore[attr-defined]
    assert Scripted.opened == 0


@pytest.mark.parametrize("work", WRITING)
def test_as_many_writes_are_probed_as_there_are_commits(work: str) -> None:
    written: list[int] = []
    found = profiles_model.probe(work, lambda: written.append(1))
    assert found.calls == (COMMITS if work == ORDER else 10) == len(written) - 1, "the first is left out"
