"""A policy of the learner's: of 16 entries drawn at random the one with the lowest score leaves, as Redis does it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator

from perflab.chapters.judging import in_words
from perflab.measure.guards import BadInput, is_number
from perflab.theory.eviction import HIT, NOTHING, Policy

YOURS = "yours"
DRAWN = 16
Score = Callable[[int, int, int, int], float]
"""Gets now, inserted, last (moments, counted in requests) and uses of an entry; the lowest score leaves."""


def scored(score: Score, seed: int = 1) -> Policy:
    """The policy with this score. It raises `BadInput`, one sentence, where the score fails or is no number."""

    def policy(keys: Iterable[int], capacity: int) -> Iterator[int]:
        entries: dict[int, tuple[int, int, int]] = {}
        places: list[int] = []
        draw = random.Random(seed).random
        for now, key in enumerate(keys):
            if key in entries:
                inserted, _, uses = entries[key]
                entries[key] = inserted, now, uses + 1
                yield HIT
                continue
            leaves = NOTHING
            if len(places) < capacity:
                places.append(key)
            else:
                drawn = [int(capacity * draw()) for _ in range(DRAWN)]
                scores = [_score_of(score, now, *entries[places[each]]) for each in drawn]
                place = drawn[scores.index(min(scores))]  # of equal ones the first drawn
                leaves, places[place] = places[place], key
                del entries[leaves]
            entries[key] = now, now, 1
            yield leaves

    return policy


def _score_of(score: Score, now: int, inserted: int, last: int, uses: int) -> float:
    cause: Exception | None = None
    try:
        found = score(now, inserted, last, uses)
        if is_number(found) and found == found:
            return found
        how = f"must return a number; it returned {found!r}"
    except Exception as error:
        how, cause = f"raised {in_words(error)}", error
    asked = f"asked with now={now}, inserted={inserted}, last={last}, uses={uses}"
    raise BadInput(f"`score` {how} ({asked}).") from cause
