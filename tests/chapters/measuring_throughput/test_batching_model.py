"""The simulated batches lose where a batch never fills, win where the writer is busy, and know bad rows."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from perflab.chapters.measuring_throughput import batching_model
from perflab.chapters.measuring_throughput.batching_model import BAD, ON_ARRIVAL, RESTS_MS, TIMER, after_rest, predict
from perflab.lab.moments import AT_WORK, BEFORE, GONE, IN_LINE
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.schedule import poisson
from perflab.systems.databases.batcher import Batch

START: dict[str, Any] = {"size": 1, "max_wait": 50, "rate": 50, "writer": TIMER}
NO_REST = dict.fromkeys(map(after_rest, RESTS_MS), 0.0)
CONSTANTS = {"each_batch_ns": 1e6, "each_row_ns": 5e3, **NO_REST}


def test_the_model_loses_at_a_low_rate_and_wins_where_single_commits_cannot_keep_up() -> None:
    slow = [predict(**{**START, "size": size}, constants=CONSTANTS).here.waiting for size in (1, 100)]
    assert slow[1] > 20 * slow[0]
    busy = [predict(**{**START, "rate": 5_000, "size": size}, constants=CONSTANTS).here for size in (1, 50)]
    assert np.isnan(busy[0].waiting)
    assert busy[1].waiting < 50e6


def test_full_batches_wait_for_as_long_as_they_fill_though_the_timer_is_far_away() -> None:
    found = predict(200, 200, 5_000, TIMER, constants=CONSTANTS).here
    assert found.waiting == pytest.approx(199 / 2 / 5_000 * 1e9, rel=0.05)
    assert found.rows == 200


@pytest.mark.parametrize("rows", [2, 20, 50, 100, 200])
def test_the_share_of_spoilt_batches_is_that_of_batches_of_neighbours(rows: int) -> None:
    numbers = np.arange(20_000)
    spoilt = [np.any(batch % 100 == 99) for batch in numbers.reshape(-1, rows)]
    # A rate at which no request waits for the writer, and a timer that never fires: all batches are full.
    found = predict(rows, 200, 1_000, BAD, constants={"each_batch_ns": 1e3, "each_row_ns": 1.0, **NO_REST}).here
    one_by_one, whole = rows * 1_001, 1_000 + rows
    assert found.writing == pytest.approx(whole + np.mean(spoilt) * one_by_one, rel=0.02)


def test_bad_rows_cost_the_batches_they_spoil() -> None:
    chosen = {**START, "size": 100, "rate": 1_000}
    clean, spoilt = (
        predict(**{**chosen, "writer": writer}, constants=CONSTANTS).here.writing for writer in (TIMER, BAD)
    )
    assert np.isnan(spoilt) or spoilt > 2 * clean


def test_without_a_timer_the_oldest_waits_for_the_next_arrival_too() -> None:
    timer, none = (predict(100, 5, 20, writer, constants=CONSTANTS).here for writer in (TIMER, ON_ARRIVAL))
    # A request alone waits 5 ms with the timer. Without it, it waits until the first arrival after these 5 ms, which takes
    # the mean time between arrivals from then on, and is written with it.
    assert timer.waiting == pytest.approx(5e6, rel=0.1)
    assert 20e6 < none.waiting < 55e6
    assert none.rows > 1.8


@pytest.mark.parametrize("rate", [10, 50, 200, 1_000])
def test_a_drive_that_wakes_up_slowly_is_calibrated_so_that_its_commits_take_what_is_expected(
    rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a made-up drive: 0.2 ms, 1 µs for each row, and more the longer it has rested, up to 0.5 ms more."""

    def more_ns(idle_ns: float) -> float:
        return 5e5 * (1 - np.exp(-idle_ns / 6e6))

    asked = []

    def commit(schedule: Any, write: Any, size: int, max_wait_s: float) -> Any:
        asked.append(schedule[-1] / 1e6)
        yield Batch(0, size, 0, round(2e5 + 1e3 * size + more_ns(schedule[-1])))

    monkeypatch.setattr(batching_model, "batches", commit)
    monkeypatch.setattr(batching_model, "ledger", lambda: nullcontext(None))
    (found,) = batching_model.calibrate()
    rested = [rest for rest in asked if rest]
    assert sorted(set(rested)) == list(RESTS_MS) and len(rested) == len(RESTS_MS) * batching_model.PROBES
    assert rested != sorted(rested), "what a commit takes hangs on the rests before, too: so they come in random order"
    times, free = [], 0.0
    for due in poisson(rate, 4_000 / rate, 7).tolist():
        start = max(due, free)
        times.append(2.01e5 + more_ns(start - free))
        free = start + times[-1]
    assert predict(1, 0, rate, TIMER, constants=found.facts).here.writing == pytest.approx(np.mean(times), rel=0.1)


def test_the_requests_of_a_batch_wait_for_it_and_are_at_work_together() -> None:
    columns = {"arrived_ns": [1e8, 2e8, 3e8], "members": [2, 1], "began_ns": [2.5e8, 4e8], "took_ns": [1e8, 0.5e8]}
    samples = {name: np.array(values) for name, values in columns.items()}
    samples["members"] = samples["members"].astype(int)
    moments = batching_model.moments(Record("batching", {}, 1, "", Frame(samples, {"refused": 0})))
    assert moments is not None and moments.workers == 2 and moments.until_s == pytest.approx(0.45)
    assert moments.states_at(0.21).tolist() == [IN_LINE, IN_LINE, BEFORE]
    assert moments.states_at(0.34).tolist() == [AT_WORK, AT_WORK, IN_LINE]
    assert moments.states_at(0.41).tolist() == [GONE, GONE, AT_WORK]
    assert moments.places.tolist() == [0, 1, 0]
    refused = Record("batching", {}, 1, "", Frame(samples, {"refused": 1}))
    assert batching_model.moments(refused) is None and batching_model.moments(Record("batching", {}, 1, "")) is None
