"""Make: a cache of the learner's own. Its check, and a lab that runs with it on a clock that is handed in."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from reprlib import repr as in_short
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.deadline import deadline
from perflab.chapters.judging import FAULTS, OPEN, RIGHT, in_words, is_function
from perflab.lab import Axis, Chart, Lab, Record, log_slider, percent_ticks, values_slider
from perflab.lab.axes import plain_ticks
from perflab.lab.marks import Here, Line, measured
from perflab.lab.palette import MODEL_LINE
from perflab.lab.verdict import table_of, verdict_of
from perflab.measure import Frame, count, duration, percent
from perflab.systems.databases.orders import Orders, file_of_orders
from perflab.theory.ttl import mean_hit_ratio, zipf

Ask = Callable[[Hashable], Any]
Fetch = Callable[[dict[Hashable, Any], Hashable, Ask, float, float, int], Any]

HOW = "`fetch(store, key, ask, now_s, ttl_s, most)` should return the page of `key`."
TIMES = {0: "nothing", 1: "once", 2: "twice"}
RATE_PER_S, SKEW, ROWS, MOST, READS, LIVES = 100, 0.8, 10_000, 1_000, 5_000, 2
TTLS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300)
X = np.geomspace(TTLS_S[0], TTLS_S[-1], 60)


def check(fetch: Fetch) -> Lab | None:
    """Say what is wrong with the cache; of a right one return the lab."""
    if not is_function(fetch, HOW):
        return None
    for about, story in STORIES:
        try:
            with deadline():
                fault = story(fetch)
        except FAULTS as error:
            fault = f"{HOW} Yours fails: {in_words(error)}."
        if fault:
            print(f"{OPEN if about == FIRST else 'Not yet: '}{about}. {fault}".rstrip())
            return None
    print(
        f"{RIGHT}: it keeps what is young, asks for what is old, and never holds more than it may. The lab runs with it."
    )
    return lab_of(fetch)


class Database:
    """What a check asks: each answer is another edition, or what `pages` says. `keys` are those asked for so far."""

    def __init__(self, pages: Mapping[Any, Any]) -> None:
        self.keys: list[Hashable] = []
        self._pages = pages

    def ask(self, key: Hashable) -> Any:
        self.keys.append(key)
        return self.newest(key)

    def newest(self, key: Hashable) -> Any:
        return self._pages[key] if key in self._pages else f"edition {len(self.keys)} of {key!r}"


Read = tuple[float, Hashable, bool]
"""When (s), which key, and whether the cache has it."""


def story_of(
    reads: Sequence[Read], ttl_s: float, most: int = 100, why: str = "", **pages: Any
) -> Callable[[Fetch], str]:
    """Reads one after another: what is wrong with the first one that goes wrong, and `why` it should be so."""

    def story(fetch: Fetch) -> str:
        database, store, kept = Database(pages), {}, {}  # type: Database, dict[Hashable, Any], dict[Hashable, Any]
        for now_s, key, hit in reads:
            before = len(database.keys)
            page = fetch(store, key, database.ask, now_s, ttl_s, most)
            asked, at = len(database.keys) - before, f"With a TTL of {ttl_s:g} s, the read of {key!r} at {now_s:g} s"
            if asked != (not hit):
                return f"{at} should {'be a hit' if hit else 'ask once'}; yours asks {TIMES.get(asked, 'several times')}. {why}"
            kept[key] = kept[key] if hit else database.newest(key)
            if page != kept[key]:
                return f"{at} should return {kept[key]!r}; yours returns {in_short(page)}. {why}"
            if len(store) > most:
                return f"At most {count(most)} pages may be held; at {now_s:g} s, {count(len(store))} are. {why}"
        return ""

    return story


def crowded(fetch: Fetch) -> str:
    """A thousand different keys pass by; then the newest one is read again."""
    store: dict[Hashable, Any] = {}
    database, most = Database({}), 10
    for number in range(1_000):
        fetch(store, number, database.ask, float(number), 1e6, most)
        if len(store) > most:
            return (
                f"At most {most} pages may be held; after {count(number + 1)} different keys, {count(len(store))} are."
            )
    fetch(store, 999, database.ask, 1_000.0, 1e6, most)
    return (
        ""
        if len(database.keys) == 1_000
        else "The page that came last should be kept: a store that is full has to make room."
    )


def apart(fetch: Fetch) -> str:
    """Two stores know nothing of each other."""
    database = Database({})
    for _ in range(2):
        fetch({}, "a", database.ask, 0.0, 10.0, 5)
    return (
        ""
        if len(database.keys) == 2
        else "An empty `store` has no page: what is kept has to be kept there, and nowhere else."
    )


FIRST = "A page that was read a moment ago"
STORIES: tuple[tuple[str, Callable[[Fetch], str]], ...] = (
    (FIRST, story_of([(0.0, "a", False), (1.0, "a", True), (2.0, "b", False), (3.0, "b", True), (4.0, "a", True)], 10)),
    ("Two stores", apart),
    (
        "A page that is too old",
        story_of(
            [(0.0, "a", False), (11.0, "a", False), (12.0, "a", True)],
            10,
            why="Is its age counted by `now_s`? The clock on the wall can be set, and then pages live for ever or die at once.",
        ),
    ),
    (
        "A page that is read often",
        story_of(
            [(0.0, "a", False), (6.0, "a", True), (12.0, "a", False)], 10, why="Its life begins when it is filled."
        ),
    ),
    ("Nothing is young enough", story_of([(0.0, "a", False), (0.5, "a", False), (1.0, "a", False)], 0)),
    ("Another time to live", story_of([(5.0, 7, False), (5.2, 7, True), (5.7, 7, False), (304.0, 7, False)], 0.5)),
    ("Keys that look alike", story_of([(0.0, 1, False), (1.0, "1", False), (2.0, 1, True), (3.0, (1, 2), False)], 60)),
    (
        "A page that is None",
        story_of([(0.0, "x", False), (1.0, "x", True)], 60, why="No such product: worth knowing.", x=None),
    ),
    (
        "A store full of old pages",
        story_of([(0.0, "a", False), (0.0, "b", False), (100.0, "c", False), (101.0, "c", True)], 10, most=2),
    ),
    (
        "A store for one",
        story_of([(0.0, "a", False), (1.0, "b", False), (2.0, "b", True), (3.0, "a", False)], 60, most=1),
    ),
    ("A thousand keys", crowded),
)


def experiment(ttl: float, keys: int, seed: int, fetch: Fetch) -> Iterator[Frame]:
    """Reads at random, 100 a second of a clock that is handed in, so that minutes pass in a moment; misses ask SQLite."""
    generator, popularity = np.random.default_rng(seed), zipf(keys, SKEW)
    store: dict[Hashable, Any] = {}
    now_s, asked = 0.0, 0

    with closing(Orders(file_of_orders(ROWS))) as orders:

        def ask(key: Hashable) -> Any:
            nonlocal asked
            asked += 1
            return orders.find(int(key))  # type: ignore[call-overload]

        while True:
            chosen = generator.choice(keys, READS, p=popularity).tolist()
            moments = (now_s + np.cumsum(generator.exponential(1 / RATE_PER_S, READS))).tolist()
            hits, took_ns = np.zeros(READS, bool), np.zeros(READS)
            for number, (key, at_s) in enumerate(zip(chosen, moments, strict=True)):
                before, started_ns = asked, perf_counter_ns()
                fetch(store, key, ask, at_s, ttl, MOST)
                took_ns[number] = perf_counter_ns() - started_ns
                hits[number] = asked == before
            now_s = moments[-1]
            # The empty cache at the beginning is left out.
            if now_s > LIVES * ttl:
                yield Frame({"latency_ns": took_ns, "hit": hits}, {"calls": READS})


def expected(ttl: float, keys: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Share of hits against the time to live: λT / (1 + λT) for each key, weighted by how often it is read."""
    x, popularity = np.sort(np.append(X, ttl)), zipf(keys, SKEW)
    return x, np.array([mean_hit_ratio(RATE_PER_S, popularity, each) for each in x])


def say(record: Record) -> str:
    hits, took_ns = record.column("hit").astype(bool), record.column("latency_ns")
    hit, miss = (duration(float(np.median(took_ns[each]))) if each.any() else "–" for each in (hits, ~hits))
    x, ratio = expected(**record.parameters)
    told = percent(float(np.interp(record.parameters["ttl"], x, ratio)))
    return f"{percent(hits.mean())} of {count(hits.size)} reads hit, {told} expected; a hit takes {hit}, a miss {miss} (p50)."


def lab_of(fetch: Fetch) -> Lab:
    """The lab with this cache in it."""
    chart = Chart(
        "How often your cache hits",
        Axis("time to live, s", TTLS_S[0] / 1.3, TTLS_S[-1] * 1.3, log=True, ticks=plain_ticks),
        Axis("share of reads", 0, 1, ticks=percent_ticks),
        Line("model", model=lambda model: model, **MODEL_LINE),
        Here("ttl", lambda model: model),
        *measured(lambda run: (run.parameters["ttl"], run.column("hit").mean()), among=("ttl",)),
    )
    return Lab(
        question="How often does your cache hit?",
        experiment=experiment,
        policy={"fetch": fetch},
        controls={
            "ttl": values_slider(TTLS_S, 1, unit="s", label="time to live (TTL)"),
            "keys": log_slider(10, MOST, 100, unit="products", label="different products"),
        },
        charts=(chart,),
        predict=expected,
        verdict=verdict_of(say),
        table=table_of(("reads", lambda run: count(run.column("hit").size)), heading="this run"),
    )
