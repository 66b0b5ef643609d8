"""The checks of notebook 03 say what is wrong, and accept what is right."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perflab.chapters.where_latency_comes_from import anatomy, exercises, your_cache
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.anatomy import PARTS

JOIN = """select name, stars from reviews join authors on authors.id = author
where product = ? order by reviews.id limit ?"""


def request(database_ns: float, **changes: Any) -> Record:
    asked = {"payload": 1_000, "round_trip": 0, "concurrency": 1, "calls": anatomy.IN_A_ROW, **changes}
    parts = dict.fromkeys(PARTS, 1000000.0) | {"database": database_ns}
    samples = {f"{part}_ns": np.full(9, value) for part, value in parts.items()}
    samples |= {"latency_ns": np.full(9, sum(parts.values())), "calls_ns": np.zeros(9 * anatomy.CALLS * 2)}
    return Record("anatomy", asked, 1, "", Frame(samples, {"calls": 9}), 1.0, "complete")


BESIDE = {"calls": anatomy.SIDE_BY_SIDE}


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (None, "Not done yet"),
        (request(10e6), "`calls` should be 'side by side'"),
        (request(5e6, **BESIDE, payload=10_000), "payload should stay as before"),
        (request(5e6, **BESIDE, payload=10_000, concurrency=4), "concurrency and payload should stay"),
        (
            request(5e6, **BESIDE),
            "Right. The database part is 2.0× faster, the whole request 1.4× faster; the database was 59%",
        ),
        (request(10e6, **BESIDE), "no CPU to spare"),
        (request(10e6, **BESIDE), "The database part is as fast as before, the whole request as fast as before"),
        (request(14e6, **BESIDE), "The database part is 1.4× slower, the whole request 1.2× slower"),
        ("side by side", "'side by side' is no run"),
        (replace(request(5e6, **BESIDE), lab="query"), "a run of the lab 'query'"),
        (replace(request(5e6, **BESIDE), frame=Frame()), "measured nothing"),
        ((request(5e6, **BESIDE),), "is no run"),
    ],
)
def test_side_by_side(after: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_side_by_side(request(10e6), after)
    assert said in capsys.readouterr().out


def test_side_by_side_the_other_way_round(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_side_by_side(request(5e6, **BESIDE), request(10e6))
    assert "in the second run" in capsys.readouterr().out


def by_join(connection: sqlite3.Connection, product: int, most: int) -> Sequence[Any]:
    return connection.execute(JOIN, (product, most)).fetchall()


def test_the_page_as_it_stands_is_open_and_still_a_lab(capsys: pytest.CaptureFixture[str]) -> None:
    assert exercises.check_page(exercises.one_by_one) is not None
    assert "takes 21 statements for 20 reviews" in capsys.readouterr().out


@pytest.mark.process
def test_a_join_is_right_and_its_lab_runs(capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_page(by_join)
    assert "Right: one statement" in capsys.readouterr().out
    assert lab is not None
    few, many = (np.median(lab.run(reviews=reviews).column("latency_ns")[:200]) for reviews in (1, 20))
    assert many > few


def of(statement: str) -> Any:
    return lambda connection, product, most: connection.execute(statement, (product, most))


def lazily_one_by_one(connection: sqlite3.Connection, product: int, most: int) -> Iterator[Any]:
    for author, stars in connection.execute(
        "select author, stars from reviews where product = ? order by id limit ?", (product, most)
    ):
        yield connection.execute("select name from authors where id = ?", (author,)).fetchone()[0], stars


def closing_it(connection: sqlite3.Connection, product: int, most: int) -> Any:
    found = connection.execute(JOIN, (product, most)).fetchall()
    connection.close()
    return found


CALLS = itertools.count(1)


def at_first(connection: sqlite3.Connection, product: int, most: int) -> Any:
    return by_join(connection, product, most) if next(CALLS) < 9 else 1 / 0


REMEMBERED: dict[Any, Any] = {}


def remembering(connection: sqlite3.Connection, *asked: int) -> Any:
    return REMEMBERED.setdefault(asked, REMEMBERED.get(asked) or connection.execute(JOIN, asked).fetchall())


@pytest.mark.long
@pytest.mark.parametrize(
    "page",
    [
        of(JOIN),
        of(JOIN.replace("join", "left join")),
        of(JOIN.replace("reviews.id", "reviews.rowid")),
        of(
            "select (select name from authors where id = author), stars from reviews where product = ? order by id limit ?"
        ),
        lambda connection, product, most: iter(by_join(connection, product, most)),
        lambda connection, product, most: [list(row) for row in by_join(connection, product, most)],
        lambda connection, product, most: by_join(connection, product, 10**6)[:most],
    ],
    ids=["cursor", "left join", "rowid", "subquery", "iterator", "lists", "slice"],
)
def test_any_way_of_asking_once_is_right_and_its_rows_are_fetched(
    page: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exercises.check_page(page) is not None
    assert capsys.readouterr().out.startswith("Right: one statement, ")


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (lambda connection, product, most: [], "there should be '20 rows', not '0'"),
        (lambda connection, product, most: by_join(connection, product, 20), "at most 3"),
        (lambda connection, product, most: by_join(connection, 7, most), "for product 0"),
        (
            lambda connection, product, most: [row[::-1] for row in by_join(connection, product, most)],
            "not (3, 'author",
        ),
        (lambda connection, product, most: [name for name, _ in by_join(connection, product, most)], "not 'author"),
        (lambda connection, product, most: [stars for _, stars in by_join(connection, product, most)], "TypeError"),
        (of(JOIN.replace("name, stars", "name, stars, text")), "'yyyy"),
        (of(JOIN.replace("order by reviews.id", "")), "right by luck"),
        (of(JOIN.replace("reviews.id", "reviews.id desc")), "there should be ('author 217', 3)"),
        (of(JOIN.replace("reviews.id", "id")), "say whose you mean, as in `reviews.id`"),
        (of("selec name"), "syntax error"),
        (lambda connection, product, most: None, "is there a `return`?"),
        (lambda connection: [], "takes 1 positional argument"),
        (lambda *_: 1 / 0, "ZeroDivisionError: division by zero"),
        (closing_it, "Cannot operate on a closed database"),
        (at_first, "`page` should work again and again"),
        (remembering, "returns what it remembers"),
        (lazily_one_by_one, "takes 21 statements"),
        ("page", "'page' is no function"),
        (None, "None is no function"),
    ],
)
def test_a_page_that_is_wrong_is_told_so_in_one_sentence(
    page: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exercises.check_page(page)
    shown = capsys.readouterr().out
    assert shown.startswith("Not ") and said in shown and len(shown) < 300


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Not done yet"),
        ("keep connections", "Right"),
        ("faster code", "10 ms off 300"),
        ("bigger database", "lie elsewhere"),
        ("Keep connections ", "Right"),
        ("keep-alive", "Right"),
        ("pray", 'none of: "faster code"'),
        (3, "3 is none of"),
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
    assert "Still wrong for 8 of 13 requests" in capsys.readouterr().out
    exercises.check_the_lie(covered)
    assert capsys.readouterr().out.startswith("Right")


def elapsed(spans: Sequence[exercises.Span]) -> float:
    return max(end for *_, end in spans) - min(start for _, start, _ in spans)


def calls(spans: Sequence[exercises.Span]) -> list[tuple[float, float]]:
    return [(start, end) for name, start, end in spans if name == "database"]


def by_the_millisecond(spans: Sequence[exercises.Span]) -> float:
    return len({ms for start, end in calls(spans) for ms in range(int(start), int(end))}) / elapsed(spans)


def merged(spans: Sequence[exercises.Span]) -> float:
    found: list[list[float]] = []
    for start, end in sorted(calls(spans)):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return sum(end - start for start, end in found) / elapsed(spans)


def swept(spans: Sequence[exercises.Span]) -> float:
    edges = sorted((moment, change) for start, end in calls(spans) for moment, change in ((start, 1), (end, -1)))
    open_, took, last = 0, 0.0, 0.0
    for moment, change in edges:
        took += (moment - last) * (open_ > 0)
        open_, last = open_ + change, moment
    return took / elapsed(spans)


@pytest.mark.parametrize("share", [by_the_millisecond, merged, swept])
def test_every_way_to_count_once_is_right(share: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(share)
    assert capsys.readouterr().out.startswith("Right")


HALVES: dict[str, Any] = {
    "only the time that passed": lambda spans: sum(end - start for start, end in calls(spans)) / elapsed(spans),
    "hull": lambda spans: (max(e for _, e in calls(spans)) - min(s for s, _ in calls(spans))) / elapsed(spans),
    "longest": lambda spans: max((end - start for start, end in calls(spans)), default=0) / elapsed(spans),
    "at most all": lambda spans: min(1.0, sum(end - start for start, end in calls(spans)) / elapsed(spans)),
    "each call once": lambda spans: sum(end - start for start, end in set(calls(spans))) / elapsed(spans),
    "percent": lambda spans: 100 * merged(spans),
    "from zero": lambda spans: merged(spans) * elapsed(spans) / max(end for *_, end in spans),
    "of the database's own hull": lambda spans: merged(spans) * elapsed(spans) / sum(end - s for _, s, end in spans),
    "constant": lambda spans: 0.5,
    "none": lambda spans: None,
    "text": lambda spans: "50%",
    "raises": lambda spans: 1 / 0,
    "arity": lambda: 0.5,
}


@pytest.mark.parametrize("half", HALVES)
def test_half_a_repair_is_not_enough(half: str, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(HALVES[half])
    shown = capsys.readouterr().out
    assert shown.startswith("Not done yet. Still wrong") and len(shown) < 400


@pytest.mark.parametrize("odd", [None, 0.5, "database_share"])
def test_what_is_no_function_is_said(odd: Any, capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check_the_lie(odd)
    assert "is no function" in capsys.readouterr().out


NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "03-where-latency-comes-from.ipynb"


def defined_in_notebook(kind: str, pattern: str) -> list[Any]:
    """The functions that its code cells or its folded solutions define, in their order."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]
    functions = []
    for code in (found for text in texts for found in re.findall(pattern, text)):
        names: dict[str, Any] = {}
        exec(code, names)
        functions.append(next(value for name, value in names.items() if name in ("page", "fetch", "database_share")))
    return functions


CHECKS = (exercises.check_page, your_cache.check, exercises.check_the_lie)


def test_the_notebooks_own_solutions_are_right(capsys: pytest.CaptureFixture[str]) -> None:
    solutions = defined_in_notebook("markdown", r"(?ms)^```python\n(def .*?)^```")
    for check, solution in zip(CHECKS, solutions, strict=True):
        check(solution)
        assert capsys.readouterr().out.startswith("Right")


def test_the_notebooks_unfilled_exercises_are_open(capsys: pytest.CaptureFixture[str]) -> None:
    for check, unfilled in zip(CHECKS, defined_in_notebook("code", r"(?ms)^(def .*)"), strict=True):
        check(unfilled)
        assert capsys.readouterr().out.startswith("Not done yet")
