"""What makes a query slow: the rows, the index, the connection, or the number of statements?"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict

import numpy as np

from perflab.chapters.where_latency_comes_from.query_model import (
    JOIN,
    ONE_BY_ONE,
    ONE_ROW,
    OPENED,
    POOLED,
    finding,
    median_ns,
    predict,
    scenario,
)
from perflab.lab import Answer, Lab, Outcome, Prediction, Record, choice, log_slider, switch
from perflab.lab.charts import distribution, versus
from perflab.lab.guesses import times_the_first
from perflab.lab.verdict import ratio_in_turns
from perflab.measure import Frame, call_slices, time_calls
from perflab.measure.units import number
from perflab.systems.databases.orders import FEWEST, MOST, PAGE, Orders, file_of_orders
from perflab.theory.btree import calibrate as fit_costs

DRAWN = 5_000
INDEXED_ROWS = (100, 2_000, 50_000)
SCANNED_ROWS = (100, 2_000, 50_000)
WARM_UP, PROBES, ROUNDS = 15, 20, 6


def experiment(rows: int, index: bool, connection: str, fetch: str, seed: int) -> Iterator[Frame]:
    with ExitStack() as stack:
        query = prepared(rows, index, connection, fetch, seed, stack)
        for latencies in call_slices(query):
            yield latencies.frame()


def prepared(rows: int, index: bool, connection: str, fetch: str, seed: int, stack: ExitStack) -> Callable[[], object]:
    """A function that looks up an order at random, or reads the page that begins with it; `stack` closes what it opens."""
    path = file_of_orders(rows)
    generator = random.Random(seed)
    numbers = itertools.cycle([generator.randrange(rows) for _ in range(DRAWN)])

    def ask(orders: Orders) -> object:
        order = orders.find(next(numbers), index)
        if fetch == ONE_ROW or order is None:
            return order
        first = min(order[0], rows - PAGE)
        return orders.page_by_join(first) if fetch == JOIN else orders.page_one_by_one(first)

    def open_and_ask() -> object:
        with closing(Orders(path)) as orders:
            return ask(orders)

    if connection == OPENED:
        return open_and_ask
    pooled = stack.enter_context(closing(Orders(path)))
    return lambda: ask(pooled)


def calibrate() -> Iterator[Frame]:
    """What a statement, a level of the tree, a row of a scan, a row of a join, and a new connection cost on this machine."""
    middle = INDEXED_ROWS[1]
    cases = [(rows, True, POOLED, ONE_ROW) for rows in INDEXED_ROWS]
    cases += [(rows, False, POOLED, ONE_ROW) for rows in SCANNED_ROWS]
    cases += [(middle, True, OPENED, ONE_ROW), (middle, True, POOLED, JOIN)]
    times: list[list[float]] = [[] for _ in cases]
    with ExitStack() as stack:
        queries = [prepared(*case, 1, stack) for case in cases]
        # Interleaved: a moment in which the machine is slow must not fall on one of them alone.
        for _ in range(ROUNDS):
            for query, taken in zip(queries, times, strict=True):
                latencies_ns = time_calls(query, repeats=WARM_UP + PROBES, generation=0).latencies_ns
                taken.extend(latencies_ns[WARM_UP:])
    medians = [float(np.median(taken)) for taken in times]
    indexed, scanned = medians[: len(INDEXED_ROWS)], medians[len(INDEXED_ROWS) : -2]
    costs = fit_costs(INDEXED_ROWS, indexed, SCANNED_ROWS, scanned)
    opened, joined = (max(0.0, median - indexed[1]) for median in medians[-2:])
    item_ns = max(0.0, joined - costs.statement_ns) / PAGE
    yield Frame(facts={**asdict(costs), "item_ns": item_ns, "opening_ns": opened})


CHOICES = {"×1": 1.0, "×1.3": 1.3, "×10": 10.0, "×100": 100.0}
CHARTS = (
    versus("rows", (FEWEST / 1.3, MOST * 1.3), (1e3, 1e9), lambda model: model, "rows of the table").plus(
        times_the_first(CHOICES, 100_000, median_ns)
    ),
    distribution(1e3, 1e9),
)


def growth_without_index(few: Record, many: Record) -> Outcome | None:
    """How the median look-up grows for ten times the rows, slice by slice."""
    growth = ratio_in_turns(many, few)
    if growth is None or not growth.has_interval or not GROWS[0] < growth.value < GROWS[1]:
        return None
    return Outcome("×10", f"×{number(growth.value)} ({number(growth.low)}–{number(growth.high)})")


GROWS = (5, 25)  # nothing else can come of ten times the reading, unless something else took the time

PREDICTION = Prediction(
    question="There is no index. The table grows from 10,000 to 100,000 rows. How much longer does a look-up take?",
    choices={
        "×1": Answer("That cannot be: without an index the database does not know where the row is, and has to look."),
        "×1.3": Answer("That is what an index would give: one more level of a tree for some 350 times the rows."),
        "×10": Answer(
            "That is what ten times the reading takes; something else took time in this run.",
            "A scan reads half of the rows, so ten times the rows are ten times the reading; a little more where the table "
            "outgrows SQLite's own cache.",
        ),
        "×100": Answer(
            "That cannot be: each row is read once, so the work grows with the rows, not with their square."
        ),
    },
    runs=({"rows": 10_000, "index": False}, {"rows": 100_000, "index": False}),
    find=growth_without_index,
)


def lab() -> Lab:
    return Lab(
        question="What makes a query slow?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "rows": log_slider(FEWEST, MOST, 10_000, unit="rows"),
            "index": switch(True),
            "connection": choice((POOLED, OPENED)),
            "fetch": choice((ONE_ROW, JOIN, ONE_BY_ONE), label="query"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        finding=finding,
        scenario=scenario,
    )
