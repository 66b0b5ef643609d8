"""What runs say of claims: holds, reversed, no change, too close to call, noisy; and what that depends on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from lever_runs import run

from perflab.chapters.trade_off.lever_claims import (
    CLAIMED,
    HOLDS,
    NO_CHANGE,
    REVERSED,
    arrow,
    both_claims,
    changes_of,
    claim_text,
    favour_one,
    judged,
    of_lever,
    verdict_on,
)
from perflab.chapters.trade_off.levers_model import ASYNC, AT_ONCE, CACHING, COMPRESSION, LEVERS, POOLING, TIMED
from perflab.lab import Record
from perflab.lab.claims import unless_refuted
from perflab.lab.verdict import NOISY
from perflab.measure.compare import TOO_CLOSE
from perflab.measure.noise import NoiseLedger

LOUD = NoiseLedger(1e6, 3e6, 1.0, 1.0, 0, 0.0, 0.0, 1.0)


def test_each_lever_has_a_claim_on_both_numbers() -> None:
    assert CLAIMED.keys() == set(LEVERS)
    assert [arrow(CACHING, axis) for axis in (0, 1)] == ["↓", "↑"]


@pytest.mark.parametrize(
    ("lever", "latency", "verdict"),
    [
        (CACHING, 0.3, HOLDS),
        (CACHING, 1.3, REVERSED),
        (POOLING, 0.8, REVERSED),
        (AT_ONCE, 0.9, REVERSED),
        (TIMED, 2.0, HOLDS),
        (TIMED, 1.0, NO_CHANGE),
    ],
)
def test_a_claim_holds_or_is_reversed_by_the_direction_of_the_change(lever: str, latency: float, verdict: str) -> None:
    found = run(latency, 1.0, lever=lever)
    assert verdict_on(found, 0) == verdict
    assert claim_text(found, 0) == f"“{CLAIMED[lever][0].text}”, {verdict}"


def test_what_a_run_cannot_tell_is_neither() -> None:
    assert verdict_on(run(1.05, 1.05, spread=0.3), 0) == TOO_CLOSE
    assert verdict_on(run(0.3, 1.0, pairs=5), 0) == TOO_CLOSE, "five pairs have no interval"
    assert verdict_on(replace(run(0.3, 1.0), noise=LOUD), 0) == NOISY


def test_of_each_lever_the_newest_run_under_these_conditions_counts() -> None:
    runs = [
        run(0.9, 1.0),
        run(0.3, 1.0),
        run(0.7, 2.0, lever=POOLING),
        run(0.5, 3.0, threads=2),
        run(2.0, 3.0, lever=TIMED),
    ]
    found = changes_of(runs)
    assert {row: round(ratio.value, 2) for row, ratio in found.items()} == {
        "caching · latency": 0.3,
        "caching · requests/s": 1.0,
        "pooling · latency": 0.7,
        "pooling · requests/s": 2.0,
        "batching with timer · latency": 2.0,
        "batching with timer · requests/s": 3.0,
    }


def test_a_claim_that_went_both_ways_depends_on_what_differed() -> None:
    slow, fast = run(0.6, 3.0, lever=COMPRESSION, link=20), run(1.2, 0.8, lever=COMPRESSION)
    assert judged([slow])["compression · latency"] == REVERSED
    assert judged([slow, fast]) == dict.fromkeys(
        ("compression · latency", "compression · requests/s"), "depends on link"
    )
    assert judged([fast, slow])["compression · latency"] == "depends on link"


def test_a_run_that_is_under_way_is_shown_and_not_judged() -> None:
    running = replace(run(0.3, 2.0), status="running")
    assert judged([running, run(0.7, 2.0, lever=POOLING)]).keys() == {"pooling · latency", "pooling · requests/s"}
    assert changes_of([running])["caching · latency"].value == pytest.approx(0.3, rel=1e-3)


def test_a_lever_that_did_something_here_and_nothing_there_depends_on_that() -> None:
    there, here = run(2.0, 3.0, lever=TIMED), run(2.0, 1.0, lever=TIMED, commits=1)
    found = judged([there, here])
    assert found["batching with timer · requests/s"] == "depends on commits"
    assert found["batching with timer · latency"] == HOLDS


@pytest.mark.parametrize(
    "other",
    [
        run(1.2, 0.8, lever=COMPRESSION, link=50, threads=4),  # two conditions differ: which of them was it?
        run(1.2, 0.8, lever=COMPRESSION, link=50, pairs=5),
        run(1.2, 0.8, lever=CACHING, link=50),
    ],
)
def test_only_a_run_that_differs_in_one_condition_and_can_tell_makes_a_claim_depend_on_it(other: Record) -> None:
    assert judged([other, run(0.6, 3.0, lever=COMPRESSION, link=20)])["compression · latency"] == REVERSED


@pytest.mark.parametrize(
    ("latency", "capacity", "spread", "holds"),
    [
        (0.3, 2.0, 0.01, True),
        (0.3, 0.8, 0.01, False),
        (1.3, 2.0, 0.01, False),
        (0.3, 1.0, 0.01, False),
        (0.3, 1.0, 0.1, None),
        (1.4, 1.0, 0.1, False),
    ],
)
def test_both_claims_hold_or_one_is_refuted(latency: float, capacity: float, spread: float, holds: bool | None) -> None:
    found = both_claims(run(latency, capacity, spread))
    assert (found[0] if found else None) == holds
    if found:
        assert found[1].startswith("20 commits, 500 Mb/s, 16 threads: latency alone ")


@pytest.mark.parametrize(
    ("lever", "latency", "capacity", "holds"),
    [
        (ASYNC, 1.0, 2.0, True),
        (ASYNC, 2.0, 2.0, True),
        (ASYNC, 0.5, 2.0, False),
        (ASYNC, 1.0, 1.0, False),
        (COMPRESSION, 2.0, 1.0, True),
        (COMPRESSION, 2.0, 0.5, False),
        (COMPRESSION, 1.0, 2.0, False),
    ],
)
def test_what_may_change_is_not_refuted_where_it_does_not(
    lever: str, latency: float, capacity: float, holds: bool
) -> None:
    found = both_claims(run(latency, capacity, lever=lever))
    assert found is not None and found[0] == holds


def test_a_claim_that_one_condition_refutes_tells_on_what_it_depends() -> None:
    judge = unless_refuted(partial(of_lever, COMPRESSION))
    slow, fast = run(0.6, 3.0, lever=COMPRESSION, link=20), run(1.2, 1.5, lever=COMPRESSION)
    for runs in ([slow, fast], [fast, slow]):
        found = judge(runs)
        assert found is not None and not found[0]
        assert found[1].startswith("it depends on link: 20 commits, 20 Mb/s, 16 threads: latency alone 0.6")
        assert "; 20 commits, 500 Mb/s, 16 threads: latency alone 1.2" in found[1]
    alone, other = judge([slow]), judge([slow, run(1.2, 1.5, lever=COMPRESSION, threads=2)])
    assert alone == other and alone is not None and alone[1].startswith("20 commits"), "two conditions differ"


def test_whether_most_settings_favour_one_axis_is_counted_over_the_newest_run_of_each() -> None:
    traded = [run(2.0, 3.0, lever=TIMED), run(0.5, 0.4, commits=1)]
    others = [run(0.3, 2.0), run(1.0, 3.0, lever=COMPRESSION), run(0.9, 1.0, lever=POOLING)]
    assert favour_one([*traded, others[0]]) is None
    assert favour_one([*traded, *others, run(2.0, 3.0, lever=TIMED, spread=0.9)]) == favour_one([*traded, *others])
    assert favour_one([run(2.0, 2.0), *traded, *others]) == (
        False,
        "2 of 5 settings gained on one axis and lost on the other.",
    )
    assert favour_one([*traded, run(2.0, 2.0, lever=POOLING), others[0]]) == (
        True,
        "3 of 4 settings gained on one axis and lost on the other.",
    )
