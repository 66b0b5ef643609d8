"""The claims of notebook 05 are judged by records, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from predictions import assert_judged_both_ways

from perflab.chapters.raising_throughput.claims import CLAIMS
from perflab.chapters.raising_throughput.more_machines_model import ALIKE, FAST, SLOW
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.calls import IN_A_ROW, ON_A_LOOP
from perflab.systems.clients.strategies import ASYNC, INDEX, UNCHANGED


def routed(slow_ms: float, usual_ms: float, **changes: Any) -> Record:
    chosen = {"servers": 4, "kind": ALIKE, "routing": "round robin", "rate": 100, **changes}
    by = np.arange(200) % 4
    samples = {"server": by, "latency_ns": np.where(by == 0, slow_ms, usual_ms) * 1e6}
    return Record("more_machines", chosen, 1, "", Frame(samples, {}, {"elapsed_s": 2.0}), 2.0, "complete")


def scaled(gain: float, work: str = "locking", locked: int = 20) -> Record:
    chosen = {"work": work, "workers": 24, "locked": locked}
    samples = {"x4": np.full(8, 100.0), "x64": np.full(8, 100.0 * gain)}
    return Record("scaling_law", chosen, 1, "", Frame(samples), 6.0, "complete")


def called(row_ms: float, loop_ms: float) -> Record:
    samples = {IN_A_ROW: np.full(20, row_ms * 1e6), ON_A_LOOP: np.full(20, loop_ms * 1e6)}
    chosen = {"calls": 1, "clients": 100, "wait": 10}
    return Record("async_calls", chosen, 1, "", Frame(samples), 4.0, "complete")


def loaded(calm_ms: float, busy_ms: float, requests: int = 200, load_share: float = 0.9) -> Record:
    samples = {"calm_ns": np.full(requests, calm_ms * 1e6), "latency_ns": np.full(200, busy_ms * 1e6)}
    frame = Frame(samples, {}, {"calm_share": 0.5, "load_share": load_share})
    return Record("bottleneck", {"cpu": 2.0, "memory": 0, "network": 10, "disk": 0}, 1, "", frame, 3.0, "complete")


def helped(index: float, by_async: float, rounds: int = 8) -> Record:
    samples = {f"{UNCHANGED} per_s": np.full(rounds, 170.0), f"{INDEX} per_s": np.full(rounds, 170 * index)}
    for name in ("caching", "pooling", "batching", "more servers"):
        samples[f"{name} per_s"] = np.full(rounds, 170.0)
    samples[f"{ASYNC} per_s"] = np.full(rounds, 170 * by_async)
    chosen = {"rate": 600, "wait": 50, "writes": 1, "pages": 50}
    return Record("which_strategy", chosen, 1, "", Frame(samples), 20.0, "complete")


CASES = [
    (0, [routed(40, 30, kind=SLOW)], [routed(400, 30, kind=SLOW)]),
    (1, [routed(30, 30), routed(30, 30, kind=FAST)], [routed(30, 30), routed(8, 8, kind=FAST)]),
    (2, [scaled(15)], [scaled(2)]),
    (3, [called(11, 5)], [called(11, 11.5)]),
    (4, [loaded(5, 5.2)], [loaded(5, 40)]),
    (5, [helped(1.9, 1.2)], [helped(1.05, 2.0)]),
]


@pytest.mark.parametrize(("number", "for_it", "against_it"), CASES)
def test_a_claim_holds_or_does_not_by_what_was_measured(
    number: int, for_it: list[Record], against_it: list[Record]
) -> None:
    assert_judged_both_ways(CLAIMS[number], for_it, against_it)


@pytest.mark.parametrize(
    ("number", "records"),
    [
        (0, [routed(400, 30)]),
        (0, [routed(400, 30, kind=SLOW, routing="random")]),
        (1, [routed(30, 30), routed(8, 8, kind=FAST, rate=40)]),
        (1, [routed(30, 30, kind=SLOW), routed(8, 8, kind=FAST)]),
        (2, [scaled(15, "waiting")]),
        (2, [scaled(15, locked=0)]),
        (1, [routed(300, 300, rate=240), routed(300, 300, kind=FAST, rate=240)]),
        (2, [scaled(12)]),
        (5, [helped(1.5, 1.5)]),
        (4, [loaded(5, 40, requests=20)]),
        (4, [loaded(5, 400, load_share=0.6)]),
        (5, [helped(1.05, 2.0, rounds=3)]),
    ],
)
def test_runs_that_cannot_be_compared_decide_nothing(number: int, records: list[Record]) -> None:
    assert CLAIMS[number].report(records).startswith("·")


def test_every_claim_is_tested_and_open_until_its_lab_was_used() -> None:
    assert [number for number, *_ in CASES] == list(range(len(CLAIMS)))
    assert all(claim.report([]).startswith("·") for claim in CLAIMS)
