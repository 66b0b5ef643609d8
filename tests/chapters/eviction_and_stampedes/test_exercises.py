"""The exercises of notebook 09 on eviction: every right way is accepted, and what is wrong is said in a sentence."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from eviction_records import evict_record

from perflab.chapters.eviction_and_stampedes import exercises
from perflab.chapters.eviction_and_stampedes.own_score import YOURS
from perflab.chapters.eviction_and_stampedes.policy_runs import IN_LOOP, OPTIMUM
from perflab.lab import Record


def said(capsys: pytest.CaptureFixture[str], check: Callable[[Any], Any], answer: Any) -> str:
    check(answer)
    shown = capsys.readouterr().out
    assert shown.count("\n") == 1
    return shown


@pytest.mark.parametrize("check", [exercises.check_kept, exercises.check_database_load])
def test_an_open_exercise_says_what_to_do(capsys: pytest.CaptureFixture[str], check: Callable[[Any], Any]) -> None:
    assert said(capsys, check, None).startswith("Not done yet. ")


@pytest.mark.parametrize("policy", ["random", "S3-FIFO", "W-TinyLFU"])
def test_policies_that_keep_a_part_of_the_loop_are_right(capsys: pytest.CaptureFixture[str], policy: str) -> None:
    told = said(capsys, exercises.check_kept, evict_record((), trace=IN_LOOP, policy=policy))
    assert told.startswith(f"Right: {policy} keeps a part of the loop, and hits ")


def test_other_runs_are_not_right(capsys: pytest.CaptureFixture[str]) -> None:
    check = exercises.check_kept
    assert "LRU hits 0% of the reads" in said(capsys, check, evict_record((), trace=IN_LOOP))
    assert "know what will be read" in said(capsys, check, evict_record((), trace=IN_LOOP, policy=OPTIMUM))
    assert "`trace` should be" in said(capsys, check, evict_record((), policy="random"))
    assert "`capacity` should be 1000" in said(
        capsys, check, evict_record((), trace=IN_LOOP, policy="random", capacity=2_000)
    )
    assert "no run" in said(capsys, check, 5)
    assert "the lab 'stopwatch'" in said(capsys, check, replace(evict_record(()), lab="stopwatch"))
    assert "nothing that counts" in said(capsys, check, Record("what_to_evict", {}, 1, "", status="complete"))


def raising(*_: Any) -> float:
    raise KeyError("x")


@pytest.mark.long
@pytest.mark.parametrize(
    ("score", "told"),
    [
        (lambda now, inserted, last, uses: uses / (now - last + 1), "Right: Zipf and scans 5"),
        (lambda now, inserted, last, uses: min(uses, 4) * 3_000 + last, "Right: "),
        (lambda now, inserted, last, uses: last, "What tells a popular key from one of a scan?"),
        (lambda now, inserted, last, uses: inserted, "Not done yet. Zipf and scans: your score hits 4"),
        (lambda now, inserted, last, uses: uses, "Does it forget what was popular?"),
        (lambda now, inserted, last, uses: "low", "must return a number; it returned 'low'"),
        (lambda now, inserted: 0, "TypeError"),
        (raising, "KeyError"),
        (7, "7 is no function"),
    ],
)
def test_scores_are_judged(capsys: pytest.CaptureFixture[str], score: Any, told: str) -> None:
    lab = exercises.check_score(score)
    shown = capsys.readouterr().out
    assert told in shown and shown.count("\n") == 1
    assert (lab is None) == any(word in shown for word in ("no function", "Error", "must return"))
    if lab is not None:
        assert lab.policy == {"score": score} and lab.prediction is None and lab.first["policy"] == YOURS
        assert lab.model(lab.first).lru.size


def test_the_load_of_the_database_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, exercises.check_database_load, "halves").startswith("Right")
    for wrong in ("falls by 5%", "hardly changes"):
        assert said(capsys, exercises.check_database_load, wrong).startswith("Not yet")
    assert "is none of" in said(capsys, exercises.check_database_load, "twice")


def lying(reads: Sequence[int], places: int) -> float:
    """As it stands in the notebook."""
    held, hits = OrderedDict.fromkeys(reads), 0
    for key in reads:
        hits += key in held
        held[key] = None
        held.move_to_end(key)
        if len(held) > max(places, len(set(reads))):
            held.popitem(last=False)
    return hits / len(reads)


def small_but_warm(reads: Sequence[int], places: int) -> float:
    """Filled with the reads that it counts, and no larger than it may be."""
    twice = [*reads, *reads]
    return exercises.honest(twice, places, warm_up=len(reads))


def cold_and_large(reads: Sequence[int], places: int) -> float:
    return exercises.honest(reads, max(places, len(set(reads))))


def test_the_lie_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    check = exercises.check_the_lie
    assert said(capsys, check, exercises.honest).startswith("Right")
    half = said(capsys, check, lambda reads, places: exercises.honest(reads, places, warm_up=len(reads) // 2))
    assert half.startswith("Right"), "a warm-up by other reads is fine"
    assert "20 reads of 4 pages, 10 places: yours says 100%; 80% of the reads hit" in said(capsys, check, lying)
    assert said(capsys, check, small_but_warm).startswith("Not done yet")
    assert "a loop of 12 pages, 10 places: yours says 90%; 0%" in said(capsys, check, cold_and_large)
    assert said(capsys, check, lambda reads, places: "much").startswith("Not done yet")
    assert "KeyError" in said(capsys, check, raising)
    assert "no function" in said(capsys, check, 0.98)
