"""The claims of notebook 04 are judged by records, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from predictions import assert_judged_both_ways

from perflab.chapters.measuring_throughput.claims import CLAIMS
from perflab.lab.record import Record
from perflab.measure.frame import Frame


def counted(offered: int, done: int, window: float = 0.5, incident: str = "none", until_s: float = 3.0) -> Record:
    chosen = {"rate": offered, "window": window, "incident": incident}
    done_s = np.arange(1, 3 * done + 1) / done
    samples = {"arrived_s": np.zeros(3 * offered), "completed_s": done_s[done_s <= until_s]}
    return Record("counting", chosen, 1, "", Frame(samples, {}, {"elapsed_s": 3.0}), 3.0, "complete")


def worked(per_s: int, **changes: Any) -> Record:
    chosen = {"kind": "threads", "workers": 8, "connections": 20, "computing": 0, **changes}
    done = np.arange(1, 2 * per_s + 1) / per_s
    return Record("workers", chosen, 1, "", Frame({"completed_s": done}, {}, {"elapsed_s": 2.0}), 2.0, "complete")


def queued(per_s: int, queue: int, rejected: int = 100) -> Record:
    done = np.arange(1, 2 * per_s + 1) / per_s
    samples = {"completed_s": done, "latency_ns": np.full(done.size, 1e8)}
    chosen = {"queue": queue, "rate": 500, "workers": 8, "processing": 50}
    return Record(
        "admission", chosen, 1, "", Frame(samples, {"rejected": rejected}, {"elapsed_s": 2.0}), 2.0, "complete"
    )


def written(median_ms: float, size: int, backlog: int = 0, rate: int = 1_000) -> Record:
    chosen = {"size": size, "max_wait": 50, "rate": rate, "writer": "with a timer"}
    facts = {"backlog": backlog, "elapsed_s": 2.0}
    return Record("batching", chosen, 1, "", Frame({"latency_ns": np.full(50, median_ms * 1e6)}, {}, facts))


CASES = [
    (0, [counted(200, 195)], [counted(200, 100)]),
    (1, [counted(50, 50, incident="server hangs")], [counted(50, 50, incident="server hangs", until_s=1.2)]),
    (2, [counted(50, 50, window=3.2)], [counted(50, 50, window=60)]),
    (3, [worked(50), worked(400, workers=64)], [worked(160), worked(400, workers=64)]),
    (4, [worked(160, kind="event loop"), worked(80)], [worked(160, kind="event loop"), worked(159)]),
    (5, [queued(100, 30), queued(160, 100)], [queued(155, 30), queued(156, 1_000, 0)]),
    (6, [written(400, 1, backlog=900), written(800, 50)], [written(800, 1, backlog=900), written(20, 50)]),
]


@pytest.mark.parametrize(("number", "for_it", "against_it"), CASES)
def test_a_claim_holds_or_does_not_by_what_was_measured(
    number: int, for_it: list[Record], against_it: list[Record]
) -> None:
    assert_judged_both_ways(CLAIMS[number], for_it, against_it)


def test_every_claim_is_tested_and_open_until_its_lab_was_used() -> None:
    assert [number for number, *_ in CASES] == list(range(len(CLAIMS)))
    assert all("Not decided yet" in claim.report([]) for claim in CLAIMS)


@pytest.mark.parametrize(
    ("number", "irrelevant"),
    [
        (0, [counted(50, 50)]),
        (1, [counted(50, 50)]),
        (2, [counted(50, 50)]),
        (3, [worked(160), worked(200, workers=10)]),
        (3, [worked(160), worked(320, workers=16)]),
        (4, [worked(490, kind="event loop"), worked(490)]),
        (5, [queued(450, 30), queued(460, 300, 0)]),
        (3, [worked(490, workers=32), worked(490, workers=64)]),
        (4, [worked(160), worked(160, kind="event loop", computing=20)]),
        (5, [queued(100, 30, 0), queued(100, 300, 0)]),
        (5, [queued(130, 0), queued(155, 30)]),
        (6, [written(40, 1, backlog=900), written(80, 50)]),
        (6, [written(5, 1), written(60, 50)]),
    ],
)
def test_runs_that_do_not_decide_a_claim_leave_it_open(number: int, irrelevant: list[Record]) -> None:
    assert CLAIMS[number].judge(irrelevant) is None
