"""The checks of notebook 03 say what is wrong, and accept what is right."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from perflab.chapters.where_latency_comes_from import anatomy, exercises
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.anatomy import PARTS

JOIN = """select name, stars from reviews join authors on authors.id = author
where product = ? order by reviews.id limit ?"""


def request(database_ns: float, **changes: Any) -> Record:
    asked = {"payload": 1_000, "round_trip": 0, "concurrency": 1, "work": 10, "calls": anatomy.IN_A_ROW, **changes}
    parts = dict.fromkeys(PARTS, 1000000.0) | {"database": database_ns}
    samples = {f"{part}_ns": np.full(9, value) for part, value in parts.items()}
    samples |= {"latency_ns": np.full(9, sum(parts.values())), "calls_ns": np.zeros(9 * anatomy.CALLS * 2)}
    return Record("anatomy", asked, 1, "", Frame(samples, {"calls": 9}), 1.0, "complete")


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (None, "Not done yet"),
        (request(10e6), "nothing differs"),
        (request(5e6, calls=anatomy.SIDE_BY_SIDE, payload=10_000), "payload differs"),
        (request(5e6, calls=anatomy.SIDE_BY_SIDE), "Right. The database part is 2.0× faster, the whole request 1.4×"),
        (request(10e6, calls=anatomy.SIDE_BY_SIDE), "no CPU to spare"),
    ],
)
def test_side_by_side(after: Record | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_side_by_side(request(10e6), after)
    assert said in capsys.readouterr().out


def by_join(connection: sqlite3.Connection, product: int, most: int) -> Sequence[Any]:
    return connection.execute(JOIN, (product, most)).fetchall()


def test_the_page_as_it_stands_is_open_and_still_a_lab(capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_page(exercises.one_by_one) is not None
    assert "takes 21 statements for 20 reviews" in capsys.readouterr().out


@pytest.mark.clock
def test_a_join_is_right_and_its_lab_runs(capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_page(by_join)
    assert "Right: one statement" in capsys.readouterr().out
    assert lab is not None
    few, many = (np.median(lab.run(reviews=reviews).column("latency_ns")[:200]) for reviews in (1, 20))
    assert many > few


@pytest.mark.parametrize(
    "page",
    [
        lambda connection, product, most: [],
        lambda connection, product, most: by_join(connection, product, 20),
        lambda connection, product, most: [(stars, name) for name, stars in by_join(connection, product, most)],
    ],
    ids=["empty", "all of them", "turned round"],
)
def test_a_page_with_other_rows_is_told_what_it_should_hold(page: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_page(page) is None
    assert "the page should hold" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Not done yet"),
        ("keep connections", "Right"),
        ("faster code", "10 ms off 300"),
        ("bigger database", "lie elsewhere"),
        ("pray", 'none of: "faster code"'),
    ],
)
def test_sydney(answer: str | None, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_sydney(answer)
    assert said in capsys.readouterr().out


def summed(spans: Sequence[exercises.Span]) -> float:
    """The lie: overlapping calls are counted twice."""
    total = sum(end - start for _, start, end in spans)
    return sum(end - start for name, start, end in spans if name == "database") / total


def covered(spans: Sequence[exercises.Span]) -> float:
    database = sorted((start, end) for name, start, end in spans if name == "database")
    took, until = 0.0, float("-inf")
    for start, end in database:
        took += max(0.0, end - max(start, until))
        until = max(until, end)
    return took / (max(end for *_, end in spans) - min(start for _, start, _ in spans))


def test_the_lie_is_seen_and_the_truth_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(summed)
    assert "Still wrong for 4 of 5 requests" in capsys.readouterr().out
    exercises.check_the_lie(covered)
    assert capsys.readouterr().out.startswith("Right")


def test_half_a_repair_is_not_enough(capsys: pytest.CaptureFixture[str]) -> None:
    def elapsed_only(spans: Sequence[exercises.Span]) -> float:
        elapsed = max(end for *_, end in spans) - min(start for _, start, _ in spans)
        return sum(end - start for name, start, end in spans if name == "database") / elapsed

    exercises.check_the_lie(elapsed_only)
    assert "Still wrong" in capsys.readouterr().out
