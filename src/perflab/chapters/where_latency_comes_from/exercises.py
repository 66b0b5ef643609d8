"""Checks of the exercises of notebook 03. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from reprlib import repr as in_short
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.deadline import deadline
from perflab.chapters.judging import FAULTS, OPEN, Case, in_words, is_function, is_run_of, judge, judge_cases, plain
from perflab.chapters.where_latency_comes_from.anatomy_model import IN_A_ROW, SIDE_BY_SIDE, Parts, typical, whole
from perflab.lab import Lab, Record, distribution, slider, versus
from perflab.measure import Frame, call_slices, count, percent, percentile, time_calls
from perflab.measure.units import ratio
from perflab.systems.databases.catalogue import AUTHOR, REVIEWS_EACH, make_catalogue

PRODUCTS, PRODUCT, ROUNDS, MAX_ROWS = 500, 7, 5, 50_000
MIN_GAIN = 1.05

Page = Callable[[sqlite3.Connection, int, int], Sequence[Any]]
Span = tuple[str, float, float]


def check_side_by_side(in_a_row: Record, side_by_side: Record | None) -> None:
    """Modify: only the database calls differ."""
    if side_by_side is None:
        print(f"{OPEN}Run the lab again with the calls side by side, and keep the record in `side_by_side`.")
        return
    if not all(is_run_of(record, "anatomy", "database_ns", ("calls",)) for record in (in_a_row, side_by_side)):
        return
    asked, given = in_a_row.parameters, side_by_side.parameters
    others = sorted(name for name in asked if name != "calls" and asked[name] != given.get(name))
    if others:
        print(f"Not yet: {' and '.join(others)} should stay as before, or you cannot tell what made the difference.")
    elif (asked["calls"], given["calls"]) != (IN_A_ROW, SIDE_BY_SIDE):
        print(f"Not yet: `calls` should be {SIDE_BY_SIDE!r} in the second run, {IN_A_ROW!r} in the first.")
    else:
        _say_what_was_gained(*(typical(record.frame) for record in (in_a_row, side_by_side)))


def _say_what_was_gained(before: Parts, after: Parts) -> None:
    database, request = before["database"] / after["database"], whole(before) / whole(after)
    print(
        f"Right. The database part is {_speed(database)}, the whole request {_speed(request)}; "
        f"the database was {percent(before['database'] / whole(before))} of it."
    )
    if database < MIN_GAIN:
        print("Here the calls gain nothing side by side, because this machine has no CPU to spare for them.")


def _speed(times: float) -> str:
    if 1 / MIN_GAIN < times < MIN_GAIN:
        return "as fast as before"
    return f"{ratio(times)} faster" if times > 1 else f"{ratio(1 / times)} slower"


def check_page(page: Page) -> Lab | None:
    """Make: a page of reviews with their authors' names, by one statement; in a lab beside the model of N + 1."""
    if not is_function(page, HOW):
        return None
    try:
        with _catalogue() as connection, deadline():
            if not all(_is_right(page, connection, *asked) for asked in PAGES):
                return None
            connection.execute("pragma reverse_unordered_selects = on")
            if not _is_right(page, connection, PRODUCT, REVIEWS_EACH, BY_LUCK):
                return None
            connection.execute("pragma reverse_unordered_selects = off")
            statements = _statements_of(connection, lambda: list(page(connection, PRODUCT, REVIEWS_EACH)))
            gain = _gain(connection, page) if statements else 0.0
    except FAULTS as error:  # whatever it raises when it is called again; or it has closed the connection
        print(f"Not yet: `page` should work again and again, on the connection as it was. {in_words(error)}")
        return None
    if statements == 0:
        print("Not yet: asked again, it sends no statement; it returns what it remembers, whatever has changed since.")
        return None
    if statements > 1:
        print(f"{OPEN}The page is right, and takes {count(statements)} statements for {count(REVIEWS_EACH)} reviews.")
    else:
        print(f"Right: one statement, {ratio(gain)} as fast as one for each review, rows fetched. The lab is yours.")
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


HOW = "`page(connection, product, most)` should return pairs of (author's name, stars)."
BY_LUCK = "The order was right by luck: without `order by`, a database may return rows in any order."
HINTS = {
    "ambiguous column": "Both tables have that column: say whose you mean, as in `reviews.id`.",
    "'NoneType' object is not iterable": "It returns None: is there a `return`?",
}
PAGES = ((PRODUCT, REVIEWS_EACH), (PRODUCT, 3), (0, 1), (123, REVIEWS_EACH), (PRODUCTS - 1, 5), (PRODUCT, 100))


def _is_right(page: Page, connection: sqlite3.Connection, product: int, most: int, why: str = "") -> bool:
    """Whether the page is what N + 1 statements find; if not, print what is wrong with it."""
    expected = one_by_one(connection, product, most)
    try:
        found = [_pair(row) for row in islice(page(connection, product, most), MAX_ROWS)]
    except FAULTS as error:
        hint = next((hint for said, hint in HINTS.items() if said in str(error)), "")
        print(f"Not yet: {HOW} Yours fails: {in_words(error)}. {hint}".rstrip())
        return False
    if found != expected:
        wanted, got = _first_difference(expected, found)
        print(
            f"Not yet: for product {product}, at most {most}, there should be {in_short(wanted)}, not {in_short(got)}. {why}"
        )
    return found == expected


def _pair(row: Any) -> Any:
    return row if isinstance(row, str) else tuple(row)


def one_by_one(connection: sqlite3.Connection, product: int, most: int) -> list[tuple[str, int]]:
    """The page by N + 1 statements: the reviews, then the author of each."""
    asked = connection.execute(
        "select author, stars from reviews where product = ? order by id limit ?", (product, most)
    )
    return [(connection.execute(AUTHOR, (author,)).fetchone()[0], stars) for author, stars in asked.fetchall()]


def time_page(reviews: int, page: Page) -> Iterator[Frame]:
    with _catalogue() as connection:
        for latencies in call_slices(lambda: list(page(connection, PRODUCT, reviews))):
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


def _gain(connection: sqlite3.Connection, page: Page) -> float:
    """How many times as fast as N + 1 statements it is, measured in turns; all rows are fetched."""
    times: dict[Page, list[float]] = {page: [], one_by_one: []}
    for _ in range(ROUNDS):
        for function, taken in times.items():
            called = time_calls(lambda call=function: list(call(connection, PRODUCT, REVIEWS_EACH)), repeats=20)
            taken.extend(called.latencies_ns)
    return percentile(times[one_by_one], 0.5) / percentile(times[page], 0.5)


def _first_difference(expected: Sequence[Any], found: Sequence[Any]) -> tuple[Any, Any]:
    pairs = zip(expected, found, strict=False)
    return next((pair for pair in pairs if pair[0] != pair[1]), (f"{len(expected)} rows", f"{len(found)}"))


def check_sydney(answer: str | None) -> None:
    """Judge: what helps the users who are far away."""
    told = {
        "faster code": "it takes 10 ms off 300: the users in Frankfurt notice it, those in Sydney do not.",
        "keep connections": "Right: 285 ms are two round trips, and one of them only opens the connection. (A user's first "
        "request still pays both.) Then bring the server closer.",
        "bigger database": "the server needs 15 ms for everything, the database a part of that: 285 ms lie elsewhere.",
    }
    judge("keep connections" if plain(answer) in KEEP_ALIVE else answer, told)


KEEP_ALIVE = ("keep alive", "keepalive", "keep connections open", "kept connections")
TRACES: dict[str, tuple[list[Span], float]] = {
    "calls in a row": ([("parse", 0, 2), ("database", 2, 6), ("database", 6, 10), ("render", 10, 20)], 0.4),
    "two calls side by side": ([("database", 0, 10), ("database", 0, 10), ("render", 10, 20)], 0.5),
    "calls that overlap a little": (
        [("parse", 0, 4), ("database", 4, 12), ("database", 8, 16), ("render", 16, 24)],
        0.5,
    ),
    "a call during other work": ([("render", 0, 10), ("database", 2, 7)], 0.5),
    "a pause between two parts": ([("database", 0, 5), ("render", 15, 20)], 0.25),
    "work between two calls": ([("database", 0, 5), ("render", 5, 15), ("database", 15, 20)], 0.5),
    "a call within another": ([("database", 0, 12), ("database", 3, 6), ("render", 12, 16)], 0.75),
    "a short call within a long one, then a third": (
        [("database", 0, 10), ("database", 1, 2), ("database", 8, 14), ("render", 14, 20)],
        0.7,
    ),
    "spans in no order": ([("render", 30, 40), ("database", 20, 30), ("parse", 0, 10), ("database", 18, 22)], 0.3),
    "three calls at once": ([("database", 0, 4), ("database", 0, 6), ("database", 0, 8), ("render", 8, 16)], 0.5),
    "no call": ([("parse", 0, 5), ("render", 5, 10)], 0.0),
    "times since midnight": ([("parse", 36_000_000, 36_000_010), ("database", 36_000_010, 36_000_040)], 0.75),
    "parts in a row": (
        [("network", 0, 25), ("database", 25, 175), ("compute", 175, 250), ("render", 250, 280)],
        15 / 28,
    ),
}
"""Traces of requests in ms, and the share of the request's time in which it is in the database."""


def check_the_lie(database_share: Callable[[list[Span]], float]) -> None:
    """Spot the lie: spans that overlap are counted once, and shares are of the time that passed."""
    if not is_function(database_share, "Hand over `database_share`, without brackets."):
        return
    cases = [
        Case(f"{name}: {spans}\n ", partial(database_share, list(spans)), share, 0.005)
        for name, (spans, share) in TRACES.items()
    ]
    right = "what happens at the same time is counted once, and the whole is the time that passed."
    judge_cases(cases, right, what="requests")
