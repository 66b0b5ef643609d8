"""Checks of the exercises of notebook 03. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.judging import OPEN, Case, judge, judge_cases
from perflab.chapters.where_latency_comes_from.anatomy_model import typical, whole
from perflab.lab import Lab, Record, distribution, slider, versus
from perflab.measure import Frame, call_slices, count, percent, percentile, time_calls
from perflab.measure.units import ratio
from perflab.systems.databases.catalogue import AUTHOR, REVIEWS_EACH, make_catalogue

PRODUCTS = 500
PRODUCT = 7
MIN_GAIN = 1.05

Page = Callable[[sqlite3.Connection, int, int], Sequence[Any]]
Span = tuple[str, float, float]


def check_side_by_side(in_a_row: Record, side_by_side: Record | None) -> None:
    """Modify: only the database calls differ."""
    if side_by_side is None:
        print(f"{OPEN}Run the lab again with the calls side by side, and keep the record in `side_by_side`.")
        return
    differing = {name for name in in_a_row.parameters if in_a_row.parameters[name] != side_by_side.parameters[name]}
    if differing != {"calls"}:
        named = ", ".join(sorted(differing - {"calls"})) or "nothing"
        print(
            f"Not yet: {named} differs; it should be `calls` and nothing else, or you cannot tell what made the difference."
        )
        return
    before, after = (typical(record.frame) for record in (in_a_row, side_by_side))
    database, request = before["database"] / after["database"], whole(before) / whole(after)
    print(
        f"Right. The database part is {ratio(database)} faster, the whole request {ratio(request)}: "
        f"only {percent(before['database'] / whole(before))} of it was the database."
    )
    if database < MIN_GAIN:
        print("Here the calls gain nothing side by side, because this machine has no CPU to spare for them.")


def check_page(page: Page) -> Lab | None:
    """Make: a page of reviews with their authors' names, by one statement; in a lab beside the model of N + 1."""
    with _catalogue() as connection:
        expected = one_by_one(connection, PRODUCT, REVIEWS_EACH)
        found = [tuple(row) for row in page(connection, PRODUCT, REVIEWS_EACH)]
        short = [tuple(row) for row in page(connection, PRODUCT, 3)]
        statements = _statements_of(connection, lambda: page(connection, PRODUCT, REVIEWS_EACH))
        own_ns, usual_ns = (_median_ns(connection, function) for function in (page, one_by_one))
    if found != expected or short != expected[:3]:
        wanted, got = _first_difference(expected, found) if found != expected else (expected[:3], short)
        print(f"Not yet: the page should hold {wanted!r}, and yours holds {got!r}.")
        return None
    if statements > 1:
        print(f"{OPEN}The page is right, and takes {count(statements)} statements for {count(len(found))} reviews.")
    else:
        print(f"Right: one statement, {ratio(usual_ns / own_ns)} as fast as one for each review. The lab is yours.")
    return Lab(
        question="How long does your page take, compared with one statement for each review?",
        experiment=time_page,
        policy={"page": page},
        controls={"reviews": slider(1, REVIEWS_EACH, REVIEWS_EACH, unit="reviews")},
        charts=(
            versus("reviews", (0.9, REVIEWS_EACH * 1.2), (1e3, 1e7), lambda model: model, "reviews on the page"),
            distribution(1e3, 1e7),
        ),
        calibrate=_calibrate_page,
        predict=_expected_page,
    )


def one_by_one(connection: sqlite3.Connection, product: int, most: int) -> list[tuple[str, int]]:
    """The page by N + 1 statements: the reviews, then the author of each."""
    asked = connection.execute(
        "select author, stars from reviews where product = ? order by id limit ?", (product, most)
    )
    return [(connection.execute(AUTHOR, (author,)).fetchone()[0], stars) for author, stars in asked.fetchall()]


def time_page(reviews: int, page: Page) -> Iterator[Frame]:
    with _catalogue() as connection:
        for latencies in call_slices(lambda: page(connection, PRODUCT, reviews)):
            yield latencies.frame()


def _calibrate_page() -> Iterator[Frame]:
    with _catalogue() as connection:
        few, many = (
            percentile(time_calls(lambda n=n: one_by_one(connection, PRODUCT, n), repeats=200).latencies_ns, 0.5)
            for n in (1, REVIEWS_EACH)
        )
    each = (many - few) / (REVIEWS_EACH - 1)
    yield Frame(facts={"each_ns": each, "list_ns": max(1.0, few - each)})


def _expected_page(reviews: int, constants: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """N + 1 statements: the list, and one for each review."""
    reviews_on_page = np.arange(1.0, REVIEWS_EACH + 1)
    return reviews_on_page, constants["list_ns"] + constants["each_ns"] * reviews_on_page


@contextmanager
def _catalogue() -> Iterator[sqlite3.Connection]:
    with tempfile.TemporaryDirectory(prefix="perflab-page-") as folder:
        path = make_catalogue(Path(folder), PRODUCTS).plain
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            yield connection


def _statements_of(connection: sqlite3.Connection, function: Callable[[], object]) -> int:
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    try:
        function()
    finally:
        connection.set_trace_callback(None)
    return len(seen)


def _median_ns(connection: sqlite3.Connection, function: Page) -> float:
    times = time_calls(lambda: function(connection, PRODUCT, REVIEWS_EACH), repeats=100).latencies_ns
    return percentile(times, 0.5)


def _first_difference(expected: Sequence[Any], found: Sequence[Any]) -> tuple[Any, Any]:
    pairs = zip(expected, found, strict=False)
    return next((pair for pair in pairs if pair[0] != pair[1]), (f"{len(expected)} rows", f"{len(found)}"))


def check_sydney(answer: str | None) -> None:
    """Judge: what helps the users who are far away."""
    told = {
        "faster code": "it takes 10 ms off 300: the users in Frankfurt notice it, those in Sydney do not.",
        "keep connections": "Right: 285 ms are two round trips, and one of them only opens the connection. Then bring the server "
        "closer.",
        "bigger database": "the server needs 15 ms for everything, the database a part of that: 285 ms lie elsewhere.",
    }
    judge(answer, told)


TRACES: dict[str, tuple[list[Span], float]] = {
    "calls in a row": ([("parse", 0, 2), ("database", 2, 6), ("database", 6, 10), ("render", 10, 20)], 0.4),
    "two calls side by side": ([("database", 0, 10), ("database", 0, 10), ("render", 10, 20)], 0.5),
    "calls that overlap a little": (
        [("parse", 0, 4), ("database", 4, 12), ("database", 8, 16), ("render", 16, 24)],
        0.5,
    ),
    "a call during other work": ([("render", 0, 10), ("database", 2, 7)], 0.5),
    "a pause between two parts": ([("database", 0, 5), ("render", 15, 20)], 0.25),
}
"""Traces of requests in ms, and the share of the request's time in which it is in the database."""


def check_the_lie(database_share: Callable[[list[Span]], float]) -> None:
    """Spot the lie: spans that overlap are counted once, and shares are of the time that passed."""
    cases = [
        Case(f"{name}: {spans}\n ", partial(database_share, list(spans)), share, 0.005)
        for name, (spans, share) in TRACES.items()
    ]
    right = "what happens at the same time is counted once, and the whole is the time that passed."
    judge_cases(cases, right, what="requests")
