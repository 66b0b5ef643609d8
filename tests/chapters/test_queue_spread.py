"""The spread of a recorded queue, and what a loaded run shows with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perflab.chapters.load import Load
from perflab.chapters.queue_spread import spread_of
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.summary import DEPENDENT
from perflab.theory.simulate import simulate


def recorded(utilisation: float, count: int = 400) -> Record:
    generator = np.random.default_rng(3)
    run = simulate(np.cumsum(generator.exponential(10e6 / utilisation, count)), generator.exponential(10e6, count))
    columns = {"arrived_ns": run.arrivals, "started_ns": run.starts, "done_ns": run.departures}
    samples = {name: times.astype(np.int64) for name, times in columns.items()} | {"latency_ns": run.responses + 50e3}
    return Record("any", {}, 1, "", Frame(samples), 4.0, "complete")


def test_a_loaded_run_shows_how_sure_its_numbers_are() -> None:
    widths = []
    for utilisation in (0.3, 0.9):
        record = recorded(utilisation)
        summary = Load(record).summary
        for shown in (summary.mean, *summary.percentiles.values()):
            assert shown.low < shown.value < shown.high
        widths.append(summary.percentiles[0.5].high / summary.percentiles[0.5].low)
        assert spread_of(record) is spread_of(record), "drawn once"
    assert widths[1] > 2 * widths[0], "near saturation it is far less sure"


def test_while_a_run_goes_on_nothing_is_drawn() -> None:
    running = replace(recorded(0.5), status="running")
    assert spread_of(running) is None
    assert Load(running).summary.percentiles[0.5].shortage == DEPENDENT


@pytest.mark.parametrize("missing", ["arrived_ns", "started_ns", "done_ns"])
def test_a_run_that_does_not_tell_its_queue_has_no_interval(missing: str) -> None:
    record = recorded(0.5)
    columns = {name: column for name, column in record.frame.samples.items() if name != missing}
    assert spread_of(replace(record, frame=Frame(columns))) is None
