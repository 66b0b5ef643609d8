"""A cache of the learner's own: right ones of every make are accepted, wrong ones are told why, and the lab runs with it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied

from perflab.chapters.where_latency_comes_from import your_cache
from perflab.lab.record import Record
from perflab.measure.frame import Frame, merge

Store = dict[Hashable, Any]
Ask = Callable[[Hashable], Any]
ELSEWHERE: Store = {}


def solution(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    if key in store and now_s - store[key][0] < ttl_s:
        return store[key][1]
    store.pop(key, None)
    if len(store) >= most:
        del store[next(iter(store))]
    store[key] = (now_s, ask(key))
    return store[key][1]


def until(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    page, ends_s = store.get(key, (None, -1))
    if ends_s > now_s:
        return page
    page = ask(key)
    store[key] = (page, now_s + ttl_s)
    while len(store) > most:
        store.pop(min(store, key=lambda each: store[each][1]))
    return page


def clearing(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    found = store.get(key)
    if found is None or now_s - found["at"] >= ttl_s:
        if len(store) >= most:
            store.clear()
        found = store[key] = {"at": now_s, "page": ask(key)}
    return found["page"]


def sweeping(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    for old in [each for each, (at_s, _) in store.items() if now_s - at_s >= ttl_s]:
        del store[old]
    if key not in store:
        while len(store) >= most:
            store.popitem()
        store[key] = (now_s, ask(key))
    return store[key][1]


@pytest.mark.parametrize("fetch", [solution, until, clearing, sweeping], ids=lambda fetch: fetch.__name__)
def test_a_right_cache_gets_its_lab(fetch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert your_cache.check(fetch) is not None
    assert capsys.readouterr().out.startswith("Right: ")


def by_the_wall_clock(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    return solution(store, key, ask, time.time(), ttl_s, most)


def without_bound(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    return solution(store, key, ask, now_s, ttl_s, 10**9)


def one_too_many(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    return solution(store, key, ask, now_s, ttl_s, most + 1)


def renewing(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    page = solution(store, key, ask, now_s, ttl_s, most)
    store[key] = (now_s, page)
    return page


def for_ever(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    if key not in store:
        store[key] = ask(key)
    return store[key]


def by_text(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    return solution(store, str(key), lambda _: ask(key), now_s, ttl_s, most)


def without_none(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    if key in store and store[key][1] is None:
        del store[key]
    return solution(store, key, ask, now_s, ttl_s, most)


def in_one_place(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    return solution(ELSEWHERE, key, ask, now_s, ttl_s, most)


def until_it_is_full(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    return solution(store, key, ask, now_s, ttl_s, most) if key in store or len(store) < most else ask(key)


def asking_twice(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    solution(store, key, ask, now_s, ttl_s, most)
    return ask(key)


def with_its_time(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    solution(store, key, ask, now_s, ttl_s, most)
    return store[key]


def stale_once(store: Store, key: Hashable, ask: Ask, now_s: float, ttl_s: float, most: int) -> Any:
    before = store.get(key)
    page = solution(store, key, ask, now_s, ttl_s, most)
    return page if before is None else before[1]


@pytest.mark.parametrize(
    ("fetch", "said"),
    [
        (lambda store, key, ask, now_s, ttl_s, most: ask(key), "Not done yet. A page that was read a moment ago."),
        (by_the_wall_clock, "counted by `now_s`"),
        (without_bound, "At most 2 pages may be held; at 100 s, 3 are."),
        (one_too_many, "At most 2 pages may be held"),
        (renewing, "Its life begins when it is filled."),
        (for_ever, "A page that is too old."),
        (by_text, "Keys that look alike."),
        (without_none, "A page that is None."),
        (in_one_place, "An empty `store` has no page"),
        (until_it_is_full, "A store full of old pages."),
        (asking_twice, "should ask once; yours asks twice"),
        (with_its_time, "yours returns (0.0, "),
        (stale_once, "yours returns \"edition 1 of 'a'\""),
        (lambda *_: None, "yours asks nothing"),
        (lambda store: None, "TypeError"),
        (lambda *_: 1 / 0, "Yours fails: ZeroDivisionError: division by zero."),
        (3, "3 is no function"),
        (None, "None is no function"),
    ],
)
def test_a_wrong_cache_is_told_what_is_wrong_with_it(fetch: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    ELSEWHERE.clear()
    assert your_cache.check(fetch) is None
    shown = capsys.readouterr().out
    assert shown.startswith("Not ") and said in shown and len(shown) < 300


@pytest.mark.long
@pytest.mark.parametrize(("ttl", "keys"), [(0.1, 10), (1, 100), (60, 1_000)])
def test_the_lab_hits_as_often_as_theory_says_of_these_settings(ttl: float, keys: int) -> None:
    frame = merge(itertools.islice(your_cache.experiment(ttl, keys, 1, solution), 12))
    x, ratio = your_cache.expected(ttl, keys)
    assert frame.samples["hit"].mean() == pytest.approx(np.interp(ttl, x, ratio), abs=0.01)


def record(ttl: float, hits: float) -> Record:
    frame = Frame({"latency_ns": np.full(100, 500.0), "hit": np.arange(100) < 100 * hits}, {"calls": 100})
    return Record("your_cache", {"ttl": ttl, "keys": 100}, 1, "", frame, 2.0, "complete")


def test_the_lab_says_what_was_expected_and_shows_model_and_runs() -> None:
    lab = your_cache.lab_of(solution)
    assert lab.verdict(record(1, 0.6), None).text.startswith("60% of 100 reads hit, 60% expected; a hit takes 500 ns")
    assert "a miss –" in lab.verdict(record(1, 1.0), None).text
    first, second = record(1, 0.6), record(10, 0.9)
    model = your_cache.expected(1, 100)
    check_shows_all_and_can_be_emptied(lab.charts[0], first, second, {"ttl": 1, "keys": 100}, model)
