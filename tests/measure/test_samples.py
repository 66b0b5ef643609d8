"""Latencies as a frame."""

from __future__ import annotations

import numpy as np

from perflab.measure.samples import Latencies


def test_as_a_frame_they_name_columns_counts_and_facts() -> None:
    frame = Latencies(np.array([3.0, 5.0]), np.array([0, 10]), failures=1, batch=4).frame()
    assert {name: column.tolist() for name, column in frame.samples.items()} == {
        "latency_ns": [3.0, 5.0],
        "started_ns": [0, 10],
    }
    assert (frame.counts, frame.facts) == ({"calls": 8, "failures": 1}, {"batch": 4})
