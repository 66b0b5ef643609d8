"""A learner's score decides what leaves; where it fails, that is one sentence."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from perflab.chapters.eviction_and_stampedes import policy_runs as runs
from perflab.chapters.eviction_and_stampedes.exercises import own_lab
from perflab.chapters.eviction_and_stampedes.own_score import YOURS, scored
from perflab.lab.record import Record
from perflab.measure.frame import merge
from perflab.measure.guards import BadInput
from perflab.systems.caches.bounded import BoundedCache
from perflab.theory import traces
from perflab.theory.eviction import NOTHING, decisions, hits
from perflab.theory.eviction.queues import lru, random

ZIPF = traces.popular(20_000, 1, np.random.default_rng(1), keys=1_000).tolist()


def by_last(now: int, inserted: int, last: int, uses: int) -> float:
    return last


def test_the_last_read_as_a_score_is_nearly_lru() -> None:
    near = [sum(hits(policy, ZIPF, 100)) for policy in (scored(by_last), lru)]
    assert near[0] == pytest.approx(near[1], rel=0.02)


@pytest.mark.long
def test_equal_scores_leave_at_random() -> None:
    same = [sum(hits(policy, ZIPF, 100)) for policy in (scored(lambda *_: 0), random)]
    assert same[0] == pytest.approx(same[1], rel=0.02)
    gone = Counter(decisions(scored(lambda *_: 0.0), list(range(20_000)), 4)[4:].tolist())
    assert max(gone.values()) == 1, "each key leaves once"


def test_the_score_is_asked_with_moments_counted_in_reads() -> None:
    asked: list[tuple[int, ...]] = []

    def score(*moments: int) -> float:
        asked.append(moments)
        return 0

    assert decisions(scored(score), [7, 7, 8], 1).tolist() == [NOTHING, -1, 7]
    assert set(asked) == {(2, 0, 1, 2)} and len(asked) == 16


def raising(*_: Any) -> float:
    raise KeyError("x")


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (raising, "`score` raised KeyError: 'x' (asked with now=1, inserted=0, last=0, uses=1)."),
        (lambda *_: None, "`score` must return a number; it returned None (asked with"),
        (lambda *_: float("nan"), "it returned nan"),
        (lambda *_: True, "it returned True"),
        (lambda now: 0, "`score` raised TypeError"),
    ],
)
def test_a_score_that_fails_is_told_in_one_sentence(score: Any, said: str) -> None:
    with pytest.raises(BadInput) as raised:
        decisions(scored(score), [1, 2], 1)
    assert said in str(raised.value) and str(raised.value).count("\n") == 0


def test_a_cache_with_a_score_never_overflows() -> None:
    cache = BoundedCache(50, scored(by_last)(ZIPF, 50), str)
    for key in ZIPF:
        cache.get(key)
        assert len(cache) <= 50


@pytest.mark.process  # it reads the clock, and judges no time
def test_the_lab_runs_the_learners_policy_among_the_others() -> None:
    lab = own_lab(by_last)
    assert lab.first["policy"] == YOURS and lab.policy == {"score": by_last}
    frame = merge(lab.experiment(**lab.first, seed=1, **lab.policy))
    found = runs.misses_at(Record("what_to_evict", lab.first, 1, "", frame))
    assert next(iter(found)) == YOURS and len(found) == 11
    assert found[YOURS] == pytest.approx(found["LRU"], rel=0.05)


@pytest.mark.process
def test_a_score_that_raises_ends_the_run_in_one_sentence() -> None:
    lab = own_lab(raising)
    with pytest.raises(BadInput, match="`score` raised KeyError"):
        merge(lab.experiment(**lab.first, seed=1, **lab.policy))
