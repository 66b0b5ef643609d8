"""The coordinated omission lab."""

from __future__ import annotations

import numpy as np
import pytest
from labs import constants_of, measure

from perflab.chapters.measuring_latency import coordinated_omission as lab_file
from perflab.lab.panels import Percentiles
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile

START = {"rate": 400, "stall": 100, "every": 400}


def record(frame: Frame) -> Record:
    return Record("coordinated_omission", START, 1, "", frame)


@pytest.fixture(scope="module")
def measured() -> Record:
    return record(measure(lab_file.lab(), 1.5))


def test_the_open_loop_meets_the_stall_and_the_closed_loop_hides_it(measured: Record) -> None:
    slow_share = {name: np.mean(values > 20e6) for name, values in lab_file.latencies_of(measured).items()}
    assert slow_share["open"] > 5 * slow_share["closed"]
    assert slow_share["corrected"] > 5 * slow_share["closed"]


def test_the_measured_tail_follows_the_model(measured: Record) -> None:
    constants = constants_of(lab_file.lab())
    assert constants is not None
    model = lab_file.predict(**START, constants=constants)
    for share in (0.9, 0.95):
        expected = float(np.interp(share, Percentiles.SHARES, model.open))
        assert percentile(measured.column("open_ns"), share) == pytest.approx(expected, rel=0.5)


def test_the_prediction_is_settled_by_the_closed_loops_p99() -> None:
    quiet = record(Frame({"closed_ns": np.full(300, 1e6)}))
    loud = record(Frame({"closed_ns": np.full(300, 1e8)}))
    assert lab_file.what_the_closed_loop_reports([quiet]) == "about 1 ms"
    assert lab_file.what_the_closed_loop_reports([loud]) == "about 100 ms"
    assert lab_file.what_the_closed_loop_reports([record(Frame())]) is None


def test_a_generator_that_was_late_makes_the_run_invalid() -> None:
    late = record(Frame({"open_ns": np.full(100, 1e6), "lateness_ns": np.full(100, 3e7)}))
    verdict = lab_file.verdict(late, None)
    assert verdict.kind == "invalid"
    assert "too slow" in verdict.text
