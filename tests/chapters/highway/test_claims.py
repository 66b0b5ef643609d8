"""The claims of notebook 01 are judged by records, both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from predictions import assert_judged_both_ways

from perflab.chapters.highway.claims import CLAIMS
from perflab.lab.record import Record
from perflab.measure.frame import Frame


def drive(through: int, trip_s: float = 30, waiting: int = 99, **changes: Any) -> Record:
    chosen = {"lanes": 1, "cars": 30, "limit": 135, "hesitation": 0.2, **changes}
    frame = Frame({"latency_ns": np.full(through, trip_s * 1e9)}, {"steps": 200}, {"waiting": waiting})
    return Record("road", chosen, 1, "", frame, sizes={"latency_ns": (through // 50,) * 50})


def circle(cars: int, flow: float) -> Record:
    samples = {"latency_ns": np.full(30, 3e10), "density": np.full(100, cars / 120), "flow": np.full(100, flow)}
    return Record("ring", {"cars": cars, "limit": 135, "hesitation": 0.0}, 1, "", Frame(samples, {"steps": 100}))


def served(per_s: int, **changes: Any) -> Record:
    chosen = {"lanes": 1, "rate": 200, "trip": 10, **changes}
    done = np.arange(1, 3 * per_s + 1) / per_s
    samples = {"arrived_s": np.linspace(0, 3, 600), "completed_s": done, "latency_ns": np.full(done.size, 1e7)}
    return Record("same_road", chosen, 1, "", Frame(samples, {}, {"elapsed_s": 3.0}))


def counted(**changes: Any) -> Record:
    """Requests that stay for one second each."""
    chosen = {"rate": 10, "trip": 50, "workers": 9, "window": 3.0, **changes}
    not_sent = chosen.pop("not_sent", 0)
    done = np.array([1.0, 2.0, 3.0])
    samples = {"arrived_s": done - 1, "completed_s": done, "latency_ns": np.full(3, 1e9)}
    facts = {"elapsed_s": 3.0, "in_flight": 0}
    return Record("littles_law", chosen, 1, "", Frame(samples, {"not_sent": not_sent}, facts))


def noisy(run: Record) -> Record:
    """As if the cars had come in bursts."""
    return replace(run, sizes={"latency_ns": (0, 0, 0, 0, 0, 0, 0, 0, 0, 20) * 2})


LAW = 5
CASES = [
    (0, [drive(100, limit=54), drive(250)], [drive(100, limit=54), drive(150)]),
    (1, [drive(80), drive(150, lanes=2)], [drive(80, cars=60), drive(80, cars=60, lanes=2)]),
    (2, [drive(80), drive(80, lanes=2)], [drive(80, 120), drive(150, 25, 0, lanes=2)]),
    (3, [circle(20, 0.2), circle(80, 0.8)], [circle(20, 0.8), circle(80, 0.3)]),
    (4, [served(40)], [served(98)]),
]


@pytest.mark.parametrize(("number", "for_it", "against_it"), CASES)
def test_a_claim_holds_or_does_not_by_what_was_measured(
    number: int, for_it: list[Record], against_it: list[Record]
) -> None:
    assert_judged_both_ways(CLAIMS[number], for_it, against_it)


def test_every_claim_is_tested_and_open_until_its_lab_was_used() -> None:
    assert [number for number, *_ in CASES] == list(range(LAW))
    assert len(CLAIMS) - 1 == LAW and CLAIMS[LAW].report([counted()]).startswith("✓"), "an identity: no run refutes it"
    assert all("Not decided yet" in claim.report([]) for claim in CLAIMS)


@pytest.mark.parametrize(
    ("number", "irrelevant"),
    [
        (0, [drive(80)]),
        (0, [drive(80, waiting=0, limit=54), drive(80, waiting=0)]),
        (0, [drive(80, limit=27), drive(80)]),
        (1, [drive(80), drive(80, limit=54)]),
        (1, [drive(80, waiting=0), drive(80, lanes=2)]),
        (2, [drive(80, waiting=0), drive(80, lanes=2)]),
        (2, [drive(80), drive(10, lanes=2)]),
        (3, [circle(20, 0.8), circle(25, 0.7)]),
        (0, [drive(100, limit=54), noisy(drive(200))]),
        (1, [drive(92), drive(96, lanes=2)]),
        (3, [circle(20, 0.5), circle(80, 0.51)]),
        (3, [circle(5, 0.2), circle(20, 0.8)]),
        (4, [served(50, rate=50)]),
        (5, [counted(window=0.5)]),
        (5, [counted(not_sent=1)]),
    ],
)
def test_runs_that_do_not_decide_a_claim_leave_it_open(number: int, irrelevant: list[Record]) -> None:
    assert CLAIMS[number].judge(irrelevant) is None
