"""The report on a load: what was due and sent, how late, and the queue once more."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.chapters.load_report import (
    NOT_SHOWN,
    PARTS,
    came_per_s,
    failures_said,
    lateness_said,
    load_rows,
    parts_row,
    per_s_since,
    replay_row,
    replayed,
    replayed_each,
    too_late,
    too_slow,
    without_times,
)
from perflab.lab.record import Record
from perflab.measure.frame import Frame


def record(late_ns: int = 1_000, sent: int = 90, due: int = 100) -> Record:
    queue = {"arrived_ns": [0, 10, 20], "started_ns": [0, 50, 100], "begun_ns": [0, 53, 103], "done_ns": [50, 100, 150]}
    columns = {name: np.array(times) * 1_000 for name, times in queue.items()}
    columns |= {"latency_ns": columns["done_ns"] - columns["arrived_ns"] + 7_000}
    columns |= {"lateness_ns": np.full(sent, late_ns), "came_s": np.zeros(due)}
    counts = {"failures": 2, "dropped": 10}
    return Record("any", {}, 1, "", Frame(columns, counts, {"elapsed_s": 2.0}), 2.0, "complete")


def test_what_was_due_what_was_sent_and_what_failed_stand_beside_each_other() -> None:
    rows = {row[0]: row[1:] for row in load_rows([record(), record(sent=100)])}
    assert rows["due; sent per second"] == ("50; 45", "50; 50")
    assert rows["failed; not sent (generator's connections all in use)"][0] == "2; 10"
    assert rows["generator's lateness, p99"][0] == "1.0 µs"


def test_rates_are_of_the_time_in_which_requests_came() -> None:
    rows = {row[0]: row[1:] for row in load_rows([record()], asked_s=1.0)}
    assert rows["due; sent per second"] == ("100; 90",)
    assert came_per_s(record()) == 50 and came_per_s(record(), 1.0) == 100
    assert came_per_s(record(), 5.0) == 50, "no more time than has passed"
    assert np.isnan(came_per_s(Record("any", {}, 1, "")))


def test_moments_are_counted_from_one_of_them_to_the_end_of_the_run() -> None:
    run = Record("any", {}, 1, "", Frame({"came_s": np.array([0.1, 0.5, 0.6, 1.0])}, facts={"elapsed_s": 2.1}))
    assert per_s_since(run, "came_s", 0.1) == pytest.approx(3 / 2), "also while nobody comes any more"
    assert per_s_since(run, "came_s", 1.5) == 0
    assert np.isnan(per_s_since(run, "came_s", 2.1))


@pytest.mark.parametrize(("late_ns", "slow"), [(999_999, False), (1_000_000, False), (1_000_001, True)])
def test_a_generator_that_is_late_lets_no_time_be_shown(late_ns: int, slow: bool) -> None:
    found = too_slow(record(late_ns), 1e6)
    assert (found is not None) == slow
    assert found is None or (found.kind == "invalid" and "Generator too slow" in found.text)


def test_a_first_come_first_served_queue_is_replayed_to_the_digit() -> None:
    found = replayed(record(), 1)
    assert found is not None
    assert found.deviation == 0
    assert "0% apart" in replay_row([found])[1]


def test_each_server_has_a_queue_of_its_own_and_the_mean_is_of_all_requests() -> None:
    run = record()
    twice = {f"a {name}": np.concatenate([times, times]) for name, times in run.frame.samples.items()}
    of = Record("any", {}, 1, "", Frame({**twice, "a server": np.repeat([0, 3], 3)}))
    found, one = replayed_each(of, 1, "a "), replayed(run, 1)
    assert found == one
    assert one is not None and one.measured > 0
    mixed = Record("any", {}, 1, "", Frame({**twice, "a server": np.zeros(6)}))
    assert (again := replayed_each(mixed, 1, "a ")) is not None
    assert again.replayed > 1.5 * one.replayed, "one server for both waits longer than was measured"


def test_a_mean_response_is_told_in_parts_that_sum_to_it() -> None:
    assert parts_row([record()]) == (PARTS, "7.0 µs; 40 µs; 2.0 µs; 48 µs")
    assert without_times([parts_row([run := record(int(1e9))])], [run]) == [(PARTS, NOT_SHOWN)], (
        "what is late is on the way"
    )


def test_before_anything_happened_there_is_nothing_to_report() -> None:
    empty = Record("any", {}, 1, "")
    assert too_slow(empty, 1) is None
    assert replayed(empty, 1) is replayed_each(empty) is None
    assert replay_row([None])[1] == parts_row([empty])[1] == ""
    assert all(cell in ("", "0; 0") for row in load_rows([empty]) for cell in row[1:])


def answered(late_ns: float, response_ns: float, most_late_ns: float | None = None) -> Record:
    """200 requests that are answered after the same time, and sent late by as much, but for the last five of them."""
    lateness = np.full(200, late_ns)
    lateness[-5:] = late_ns if most_late_ns is None else most_late_ns
    samples = {"lateness_ns": lateness, "latency_ns": np.full(200, response_ns)}
    return Record("any", {}, 1, "", Frame(samples, {}, {"elapsed_s": 2.0}), 2.0, "complete")


@pytest.mark.parametrize(
    ("run", "invalid", "said"),
    [
        (answered(0.9e6, 1e5), False, False),
        (answered(1.2e6, 1e5), True, True),
        (answered(2.6e6, 1e7), True, True),
        (answered(2.4e6, 1e7), False, True),
        (answered(1.1e6, 1.2e7), False, False),
        (answered(1e5, 1e7, 4.9e6), False, True),
        (answered(1e5, 1e7, 5.1e6), True, True),
        (answered(1e5, 1e7, 0.9e6), False, False),
    ],
)
def test_what_is_too_late_depends_on_what_is_shown(run: Record, invalid: bool, said: bool) -> None:
    assert (too_late(run) is not None) == invalid
    assert ("too late (p99)" in lateness_said(run)) == said


@pytest.mark.parametrize("times", ["response time, p50", "mean response", "W, mean time inside"])
def test_times_of_a_run_that_was_sent_too_late_are_not_shown(times: str) -> None:
    late, prompt = answered(2e7, 1e7), answered(1e4, 1e7)
    rows = [("", "this run", "pinned"), ("requests/s", "1", "2"), (times, "3 ms", "4 ms")]
    rows += load_rows([late, prompt])
    assert without_times(rows, [prompt, prompt]) == rows
    shown = without_times(rows, [late, prompt])
    assert shown[2] == (times, NOT_SHOWN, "4 ms")
    assert shown[:2] == rows[:2] and shown[3:] == rows[3:], "how late they were is shown"


def test_failures_are_said_where_there_are_any() -> None:
    assert failures_said(record()) == " 2 failed."
    assert failures_said(Record("any", {}, 1, "")) == ""
