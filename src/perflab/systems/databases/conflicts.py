"""Clients that each add 1 to the same counter in a transaction, and what becomes of a conflict: a policy of retries decides.

As in `increments`, each client is a generator of waits in seconds: threads sleep so long, a virtual schedule adds it up.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from perflab.systems.databases.counters import BEGIN, SqliteCounters, new_file
from perflab.systems.databases.virtual_counters import Locks, Schedule, VirtualStore

THINK_S, REST_S = 0.002, 0.02
"""Between reading and writing, and between two increments of a client: means; from half of it to one and a half."""
KEY = 0

Retry = Callable[[int, Exception], float | None]
"""Gets how many tries have failed, and what the last one raised; returns seconds until the next, or None to give up."""


class Store(Protocol):
    """One client's connection to the counter. It waits for no lock."""

    def start(self, key: int) -> int | None:
        """Begin a transaction, and read."""

    def finish(self, key: int, value: int) -> bool:
        """Write and commit; false where another client has written meanwhile, and all is undone."""

    @property
    def refusal(self) -> Exception:
        """What was raised then."""


@dataclass
class Tally:
    """Increments that were committed and that were given up, and how often one was tried."""

    done: int = 0
    given_up: int = 0
    tries: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.done + other.done, self.given_up + other.given_up, self.tries + other.tries)


def client(
    store: Store, retry: Retry, tally: Tally, chance: random.Random, now: Callable[[], float], until: float
) -> Iterator[float]:
    """One that adds again and again, and begins no try once it is `until`."""
    while True:
        yield REST_S * chance.uniform(0.5, 1.5)
        tries, wait_s = 0, None
        while now() < until:
            value = store.start(KEY) or 0
            yield THINK_S * chance.uniform(0.5, 1.5)
            is_stored, tries = store.finish(KEY, value + 1), tries + 1
            tally.tries += 1
            if is_stored:
                tally.done += 1
                break
            wait_s = retry(tries, store.refusal)
            if wait_s is None:
                tally.given_up += 1
                break
            yield wait_s
        else:
            return


def real_run(clients: int, retry: Retry, seconds: float) -> tuple[Tally, int]:
    """So many threads on a real file for so long; with what the counter says in the end."""
    with ExitStack() as opened:
        folder = opened.enter_context(
            tempfile.TemporaryDirectory(prefix="perflab-conflicts-", ignore_cleanup_errors=True)
        )
        new_file(path := Path(folder) / "counters.db")
        stores = [opened.enter_context(closing(SqliteCounters(path, BEGIN))) for _ in range(clients)]
        tallies, until = [Tally() for _ in stores], time.perf_counter() + seconds

        def live(store: SqliteCounters, tally: Tally, number: int) -> None:
            for wait_s in client(store, retry, tally, random.Random(number), time.perf_counter, until):
                time.sleep(max(0.0, min(wait_s, until - time.perf_counter())))

        with ThreadPoolExecutor(clients) as pool:
            asked = [pool.submit(live, *each, number) for number, each in enumerate(zip(stores, tallies, strict=True))]
            for each in asked:
                each.result()
        return sum(tallies, Tally()), stores[0].sum()


def simulated(clients: int, retry: Retry, seconds: float, seed: int) -> Tally:
    """Such a run on a virtual schedule."""
    values, commits, locks, schedule = Counter[int](), Counter[int](), Locks(), Schedule()
    stores = [VirtualStore(BEGIN, values, commits, locks) for _ in range(clients)]
    tallies = [Tally() for _ in stores]
    steps = [
        client(store, retry, tally, random.Random(f"{seed} {number}"), schedule.now, seconds)
        for number, (store, tally) in enumerate(zip(stores, tallies, strict=True))
    ]
    schedule.run(steps, stores, locks)
    return sum(tallies, Tally())
