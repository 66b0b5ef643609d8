"""The exercises of notebook 08: every right way is accepted, and what is wrong is said in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from caching_records import kill_record, stale_record

from perflab.chapters.caching_strategies import exercises
from perflab.chapters.caching_strategies.exercises import Behind
from perflab.lab import Record
from perflab.systems.caches.races import delete_and_note, fill_if_newer
from perflab.systems.servers.victim import THROUGH


def said(capsys: pytest.CaptureFixture[str], check: Callable[..., Any], *answer: Any) -> str:
    check(*answer)
    return capsys.readouterr().out


@pytest.mark.parametrize("check", [exercises.check_few_lost, exercises.check_slower_reads, exercises.check_slow_site])
def test_an_open_exercise_says_what_to_do(capsys: pytest.CaptureFixture[str], check: Callable[[Any], Any]) -> None:
    assert said(capsys, check, None).startswith("Not done yet. ")


@pytest.mark.parametrize("flush", [10, 20])
def test_a_shorter_interval_loses_little(capsys: pytest.CaptureFixture[str], flush: int) -> None:
    assert said(capsys, exercises.check_few_lost, kill_record(flush=flush)).startswith("Right")


def test_what_loses_more_or_is_something_else_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "200 writes come between two flushes" in said(capsys, exercises.check_few_lost, kill_record())
    assert "`strategy` should be" in said(capsys, exercises.check_few_lost, kill_record(strategy=THROUGH))
    assert "`rate` should be 2000" in said(capsys, exercises.check_few_lost, kill_record(rate=200))
    assert "`keys` should be 1000" in said(capsys, exercises.check_few_lost, kill_record(keys=10)), "as many writes"
    slow = kill_record(lost=[3, 40, 62, 90], flush=20)
    assert "40 writes come between two flushes, but your kills lost up to 90." in said(
        capsys, exercises.check_few_lost, slow
    )
    assert "no run" in said(capsys, exercises.check_few_lost, 5)
    assert "nothing that counts" in said(capsys, exercises.check_few_lost, Record("kill", {}, 1, "", status="complete"))
    assert "the lab 'stale reads'" in said(capsys, exercises.check_few_lost, replace(stale_record(), lab="stale_reads"))


def keep(cache: Any, deleted: Any, key: int, version: int) -> None:
    cache[key] = version


def drop(cache: Any, deleted: Any, key: int, version: int) -> None:
    cache.pop(key, None)


def keep_newest(cache: Any, deleted: Any, key: int, version: int) -> None:
    cache[key] = max(version, cache.get(key, 0))


@pytest.mark.long
def test_the_check_of_the_version_is_right_and_so_is_to_keep_the_newest(capsys: pytest.CaptureFixture[str]) -> None:
    lab = exercises.check_rules(fill_if_newer, delete_and_note)
    assert capsys.readouterr().out.startswith("Right")
    assert lab is not None and lab.policy == {"fill": fill_if_newer, "delete": delete_and_note}
    assert lab.model(lab.check({})).stale["version check"].mean == 0
    assert said(capsys, exercises.check_rules, keep_newest, keep_newest).startswith("Right")


@pytest.mark.long
@pytest.mark.parametrize(
    ("fill", "delete", "because"),
    [
        (keep, drop, "reads are stale"),
        (keep, delete_and_note, "late fill"),
        (lambda *_: None, drop, "no read is stale, but only 2"),
        (fill_if_newer, drop, "reads are stale"),
        (lambda cache, deleted, key, version: deleted[key], drop, "KeyError"),
        (lambda cache: None, drop, "TypeError"),
        (5, drop, "no function"),
        (keep, None, "no function"),
    ],
)
def test_rules_that_do_not_are_told_why(
    capsys: pytest.CaptureFixture[str], fill: Any, delete: Any, because: str
) -> None:
    told = said(capsys, exercises.check_rules, fill, delete)
    assert told.startswith("Not") and because in told and "Traceback" not in told


@pytest.mark.parametrize(
    ("check", "answer", "told"),
    [
        (exercises.check_slower_reads, "raise the hit ratio", "100% hits"),
        (exercises.check_slower_reads, "The cache is slower than the store", "Right"),
        (exercises.check_slower_reads, "Redis needs more memory", "Not yet"),
        (exercises.check_slow_site, "the misses", "Right"),
        (exercises.check_slow_site, "the hits", "6 ms"),
        (exercises.check_slow_site, "the mean", "no read takes"),
        (exercises.check_slow_site, "yes", "none of"),
    ],
)
def test_the_cases(capsys: pytest.CaptureFixture[str], check: Callable[[Any], Any], answer: str, told: str) -> None:
    assert told in said(capsys, check, answer)


def test_the_numbers_of_the_slow_site() -> None:
    assert pytest.approx(0.26, abs=0.005) == 1 - 0.99**30
    mean = 0.99 * 0.2 + 0.01 * 150
    assert mean == pytest.approx(1.7, abs=0.01) and 1.5 / mean == pytest.approx(0.88, abs=0.005)


def flawed(cache: Behind, keys: Sequence[int], clock: Callable[[], float]) -> float:
    """The exercise's own."""
    began = clock()
    for key in keys:
        cache.write(key, "new")
    took = clock() - began
    cache.flush()
    return len(keys) / took


def mended(cache: Behind, keys: Sequence[int], clock: Callable[[], float]) -> float:
    began = clock()
    for key in keys:
        cache.write(key, "new")
    cache.flush()
    return len(keys) / (clock() - began)


def each_flushed(cache: Behind, keys: Sequence[int], clock: Callable[[], float]) -> float:
    began = clock()
    for key in keys:
        cache.write(key, "new")
        cache.flush()
    return len(keys) / (clock() - began)


@pytest.mark.parametrize(
    ("benchmark", "told"),
    [
        (mended, "Right"),
        (flawed, "Still wrong for 3 of 3 caches"),
        (each_flushed, "Still wrong"),
        (lambda cache, keys, clock: float("nan"), "Still wrong"),
        (lambda cache, keys, clock: 1 / 0, "ZeroDivisionError"),
        (7, "no function"),
    ],
)
def test_a_benchmark_counts_what_is_stored(capsys: pytest.CaptureFixture[str], benchmark: Any, told: str) -> None:
    assert told in said(capsys, exercises.check_the_lie, benchmark)
