"""What a store does with its orders, and how long each work takes."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from perflab.measure.collector import gc_paused
from perflab.systems.databases.order_book import PER_CUSTOMER, Book, more_orders

FIND, ORDER, LOAD, REPORT = WORKS = ("find by customer", "one order", "load 1,000 orders", "report")
WRITING = (ORDER, LOAD)
LOADED, FEWEST, COMMITS, FINDS = 1_000, 10, 3, 3


class Timed(NamedTuple):
    """How long the work took (ns), and from how many statements or commits that is known."""

    took_ns: float
    calls: int


def part_of_load(batch: int) -> int:
    """How many of the 1,000 orders are added in fact, since their commits are all alike: at least 10, and 3 commits."""
    return min(LOADED, max(FEWEST, COMMITS * batch))


def time_work(work: str, book: Book, batch: int, generator: np.random.Generator) -> Timed:
    """One find or order (the mean of 3), 1,000 orders with a commit for each `batch` of them, or one report.

    What is done just before, to warm up, is left out; and so is the tidying up of what was added.
    """
    with gc_paused(generation=0):
        if work == REPORT:
            return Timed(_ns(book.report), 1)
        if work == FIND:
            first, *others = generator.integers(0, book.rows // PER_CUSTOMER, 1 + FINDS).tolist()
            book.find(first)
            return Timed(_ns(lambda: [book.find(customer) for customer in others]) / FINDS, FINDS)
        size, number = (1, COMMITS) if work == ORDER else (batch, part_of_load(batch))
        first, *others = more_orders(book.rows, 1 + number)
        try:
            book.add([first], 1)
            took_ns = _ns(lambda: book.add(others, size))
        finally:
            book.tidy()
        return Timed(took_ns * (LOADED if work == LOAD else 1) / number, -(-number // size))


def _ns(do: Any) -> int:
    began_ns = perf_counter_ns()
    do()
    return perf_counter_ns() - began_ns
