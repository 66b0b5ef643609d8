"""The claims of notebook 06 are judged by records, both ways."""

from __future__ import annotations

import numpy as np
import pytest
from lever_runs import run
from predictions import assert_judged_both_ways
from switchboard_runs import MEANS_MS, board, ruled
from two_axes import batched, packed

from perflab.chapters.trade_off.advice_model import NO_LEVER
from perflab.chapters.trade_off.claims import CLAIMS
from perflab.chapters.trade_off.lever_claims import CLAIMED
from perflab.chapters.trade_off.levers_model import POOLING
from perflab.chapters.trade_off.switchboard_model import FAST, FIFTY, MANY
from perflab.lab import Record

SHORT = {**MEANS_MS, NO_LEVER: 60.0, FAST: 50.0, MANY: 20.0}
"""Means below the limit of the advice."""
MOST_OF_THEM = 10
"""This claim is on the number of settings, each of which counts once."""
CASES = [
    (0, [batched(3, 20)], [batched(0.1, 20), batched(3, 20)]),
    (1, [batched(3, 20, max_wait=0)], [batched(3, 1, max_wait=0), batched(3, 20)]),
    (2, [packed(2)], [packed(2, bandwidth=1_600), packed(0.3)]),
    (3, [packed(0.3, bandwidth=1_600)], [packed(2, bandwidth=1_600), packed(0.3)]),
    *(
        (4 + at, [run(2.0 ** lever[0].way, 2.0, lever=name)], [run(2.0 ** -lever[0].way, 2.0, lever=name)])
        for at, (name, lever) in enumerate(CLAIMED.items())
    ),
    (10, [run(2.0, 2.0, lever=name) for name in CLAIMED], [run(0.5, 2.0, lever=name) for name in CLAIMED]),
    (11, [board(1_200, 30.0)], [board(1_200, 7.0), board(1_200, 30.0)]),
    (12, [ruled({**MEANS_MS, FAST: 90.0}), ruled(SHORT)], [ruled(), ruled({**MEANS_MS, FAST: 90.0})]),
]


@pytest.mark.parametrize(("number", "for_it", "against_it"), CASES)
def test_a_claim_holds_or_does_not_by_what_was_measured(
    number: int, for_it: list[Record], against_it: list[Record]
) -> None:
    if number != MOST_OF_THEM:
        assert_judged_both_ways(CLAIMS[number], for_it, against_it)
    assert CLAIMS[number].report(for_it).startswith("✓") and CLAIMS[number].report(against_it).startswith("✗")


def test_every_claim_is_tested_and_open_until_its_lab_was_used() -> None:
    assert [number for number, *_ in CASES] == list(range(len(CLAIMS)))
    assert all("Not decided yet" in claim.report([]) for claim in CLAIMS)


@pytest.mark.parametrize(
    ("number", "irrelevant"),
    [
        (0, batched(3, 20, size=1)),
        (1, batched(3, 20, size=1)),
        (0, batched(np.array([0.1, 10, 1] * 3), 1)),  # type: ignore[arg-type]
        (1, batched(3, 20)),
        (2, packed(2, bandwidth=1_600)),
        (3, packed(0.3)),
        (11, board(1_200, 30.0, batching=FIFTY)),
        (2, packed(np.array([0.1, 10, 1] * 3))),  # type: ignore[arg-type]
        (3, packed(1.5, sent=200_060, kind="already compressed")),
        (6, run(0.3, 1.0, lever=POOLING)),
        (6, run(0.3, 1.0, spread=0.2)),
        (10, run(2.0, 2.0)),
        (11, board(400, 7.0)),
        (12, ruled({**MEANS_MS, FAST: 90.0})),
        (12, ruled(SHORT)),
        (12, ruled({**MEANS_MS, MANY: 300.0}, spread=0.001)),
        (12, ruled({**MEANS_MS, NO_LEVER: 200.0})),
    ],
)
def test_runs_that_do_not_decide_leave_a_claim_open(number: int, irrelevant: Record) -> None:
    assert "Not decided yet" in CLAIMS[number].report([irrelevant])


def test_the_numbers_name_the_setting() -> None:
    assert "what waits, up to 20, 8 threads: latency alone 0.500×" in CLAIMS[1].report([batched(3, 0.5, max_wait=0)])
    assert "200 kB of JSON, level 6, 100 Mb/s: 0.300×" in CLAIMS[2].report([packed(0.3)])
    assert "what waits + cache + async + pool + compression: capacity 2.00×" in CLAIMS[11].report([board(1_200, 7.0)])
    assert "100 clients: the mean “for latency”, as advised, is 1.79×" in CLAIMS[12].report([ruled()])
