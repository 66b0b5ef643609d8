"""What the findings of several labs share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perflab.chapters.findings import against, change_said, median_told
from perflab.lab.record import Record
from perflab.measure.frame import Frame


def record(latencies: Any = (), **parameters: Any) -> Record:
    return Record("any", parameters, 1, "", Frame({"latency_ns": np.array(latencies, float)}))


def test_a_median_that_the_clock_cannot_tell_is_no_number() -> None:
    assert median_told(record([3.0, 5.0, 4.0])) == 4.0
    assert np.isnan(median_told(record()))
    assert np.isnan(median_told(record([0.0] * 9 + [1e3])))


def test_a_change_is_said_in_the_singular_where_it_is_one() -> None:
    one, two = record(lanes=1), record(lanes=2)
    said = [
        change_said("lanes", *runs, {"lanes": "With {} lane{s} instead of {}"}) for runs in ((one, two), (two, one))
    ]
    assert said == ["With 1 lane instead of 2", "With 2 lanes instead of 1"]


@pytest.mark.parametrize(("now", "then", "said"), [("20", "50", "20 instead of 50"), ("50", "50", "50, as before")])
def test_a_number_stands_beside_that_of_the_pinned_run(now: str, then: str, said: str) -> None:
    assert against(now, then) == said
