"""A loaded run read: rates, lateness, the queue once more, and servers called saturated when they are, not by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import FrozenInstanceError
from functools import partial

import numpy as np
import pytest

from perflab.chapters import load
from perflab.chapters.load import NOT_SHOWN, Load, falls_behind, grows, lateness_said, too_late
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.routing import ROUTES
from perflab.theory.balancing import simulate_routed
from perflab.theory.simulate import simulate

EMPTY = Record("any", {}, 1, "")
ROWS = [row for name in dir(load) if isinstance(row := getattr(load, name), tuple) and callable(row[-1])]


def recorded(samples: dict[str, np.ndarray], elapsed_s: float = 2.0, **counts: int) -> Record:
    return Record("any", {}, 1, "", Frame(samples, counts, {"elapsed_s": elapsed_s, "in_flight": 7}), 2.0, "complete")


def record(late_ns: float = 1_000, sent: int = 90, due: int = 100) -> Record:
    queue = {"arrived_ns": [0, 10, 20], "started_ns": [0, 50, 100], "begun_ns": [0, 53, 103], "done_ns": [50, 100, 150]}
    columns = {name: np.array(times) * 1_000 for name, times in queue.items()}
    columns |= {
        "latency_ns": columns["done_ns"] - columns["arrived_ns"] + 7_000,
        "completed_s": np.array([0.5, 1, 1.5]),
    }
    columns |= {"lateness_ns": np.full(sent, late_ns), "arrived_s": np.zeros(due)}
    return recorded(columns, failures=2, not_sent=10)


def cell(row: load.Row, run: Record) -> str:
    return row[1](run)


def test_what_was_due_what_was_sent_and_what_failed_stand_beside_each_other() -> None:
    assert cell(load.sent(), record()) == "50; 45" and cell(load.sent(), record(sent=100)) == "50; 50"
    assert cell(load.FAILED, record()) == "2; 10"
    assert cell(load.LATENESS, record()) == "1.0 µs"
    assert cell(load.IN_FLIGHT, record()) == "7"


def test_rates_are_of_the_time_in_which_requests_were_due() -> None:
    assert cell(load.sent(1.0), record()) == "100; 90"
    assert Load(record()).offered_per_s == 50 and Load(record(), asked_s=1.0).offered_per_s == 100
    assert Load(record(), asked_s=5.0).offered_per_s == 50, "no more time than has passed"
    assert Load(record()).throughput_per_s == 1.5
    assert np.isnan(Load(EMPTY).offered_per_s) and np.isnan(Load(EMPTY).throughput_per_s)


def test_rates_after_a_warm_up_are_of_the_rest_of_the_run() -> None:
    times = {"arrived_s": np.array([0.05, 0.5, 0.6, 1.0]), "completed_s": np.array([0.09, 0.7, 1.2])}
    run = recorded(times, 2.1)
    assert Load(run, 0.1).offered_per_s == pytest.approx(3 / 2), "also while no request is due any more"
    assert Load(run, 0.1).throughput_per_s == pytest.approx(2 / 2)
    assert Load(run, 1.5).offered_per_s == 0
    assert np.isnan(Load(run, 2.1).offered_per_s)


def test_a_reading_is_frozen_and_computed_once() -> None:
    read = Load(record())
    assert read.summary is read.summary
    with pytest.raises(FrozenInstanceError):
        read.since_s = 1.0  # type: ignore[misc]


def test_what_became_of_the_requests_is_counted_apart() -> None:
    read = Load(record())
    assert (read.failures, read.not_sent, read.in_flight, read.response.size) == (2, 10, 7, 3)
    assert load.failures_said(record()) == " 2 failed."
    assert load.failures_said(EMPTY) == ""


@pytest.mark.parametrize(("late_ns", "late"), [(999_999, False), (1_000_000, False), (1_000_001, True)])
def test_a_lab_may_set_a_bound_of_its_own(late_ns: int, late: bool) -> None:
    found = too_late(record(late_ns), 1e6)
    assert (found is not None) == late
    assert found is None or (found.kind == "invalid" and "Generator too slow" in found.text)


def test_a_first_come_first_served_queue_is_replayed_to_the_digit() -> None:
    found = Load(record()).replay(1)
    assert found is not None and found.deviation == 0
    assert "0% apart" in cell(load.replayed(), record())


def test_the_number_of_servers_may_be_a_function_of_the_run() -> None:
    assert cell(load.replayed(lambda run: 2), record()) == cell(load.replayed(2), record())
    assert cell(load.replayed(2), record()) != cell(load.replayed(1), record())


def test_each_server_has_a_queue_of_its_own_and_the_mean_is_of_all_requests() -> None:
    run = record()
    twice = {f"a {name}": np.concatenate([times, times]) for name, times in run.frame.samples.items()}
    found = Load(recorded({**twice, "a server": np.repeat([0, 3], 3)})).replay(1, "a ")
    one = Load(run).replay(1)
    assert found == one
    assert one is not None and one.measured > 0
    again = Load(recorded({**twice, "a server": np.zeros(6)})).replay(1, "a ")
    assert again is not None and again.replayed > 1.5 * one.replayed, "one server for both waits longer than measured"


def test_a_mean_response_is_told_in_parts_that_sum_to_it() -> None:
    assert cell(load.PARTS, record()) == "7.0 µs; 40 µs; 2.0 µs; 48 µs"
    assert cell(load.PARTS, record(1e9)) == NOT_SHOWN, "what is late is on the way"
    assert cell(load.PARTS, recorded({"latency_ns": np.ones(3)})) == "", "a server that tells no stages"


def test_before_anything_happened_there_is_nothing_to_report() -> None:
    assert len(ROWS) >= 8
    assert too_late(EMPTY) is None and Load(EMPTY).replay() is None and lateness_said(EMPTY) == ""
    assert all(cell(row, EMPTY) in ("", "0", "0; 0", "0.0 ns", "0 ns") for row in (*ROWS, *load.TRUST))


def test_the_rows_of_trust_are_about_the_measuring_and_none_of_them_is_a_result() -> None:
    assert [name.split(":")[0] for name, _ in load.trust(3, 1.0)] == [name.split(":")[0] for name, _ in load.TRUST]
    assert not {name for name, _ in load.TRUST} & {row[0] for row in (load.MEAN, load.P50, load.P99, load.IN_FLIGHT)}


def answered(late_ns: float, response_ns: float, most_late_ns: float | None = None) -> Record:
    """200 requests that are answered after the same time, and sent late by as much, but for the last five of them."""
    lateness = np.full(200, late_ns)
    lateness[-5:] = late_ns if most_late_ns is None else most_late_ns
    return recorded({"lateness_ns": lateness, "latency_ns": np.full(200, response_ns)})


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
    assert np.isnan(load.mean_response_ns(run)) == invalid


@pytest.mark.parametrize("row", [load.MEAN, load.P50, load.P95, load.P99], ids=lambda row: row[0])
def test_times_of_a_run_that_was_sent_too_late_are_not_shown(row: load.Row) -> None:
    assert cell(row, answered(2e7, 1e7)) == NOT_SHOWN
    assert cell(row, answered(1e4, 1e7)).startswith("10 ms")
    assert cell(load.LATENESS, answered(2e7, 1e7)) == "20 ms", "how late they were is shown"


@pytest.mark.parametrize("number", [lambda value: value, lambda value: lambda record: value])
def test_more_than_can_be_is_not_to_be_trusted(number: Callable[[float], load.Number]) -> None:
    fast = load.impossible(number(100.0), number(116.0))(record())
    assert fast is not None and fast.kind == "invalid" and "limit of 100/s" in fast.text
    assert load.impossible(number(100.0), number(114.0))(record()) is None
    assert load.impossible(number(1.4))(record()) is None and load.impossible(number(1.2))(record()) is not None
    assert load.impossible(number(100.0), number(np.nan))(record()) is None


RUNS = 300
SERVICE_S, RUN_S = 0.02, 2.0


def simulated(rate: float, servers: int, routing: str, seed: int, spread: float = 1.0) -> Record:
    """A run on paper: exponential services, or constant ones with a spread of 0; one queue where no routing is named."""
    generator = np.random.default_rng((seed, servers, int(rate)))
    came = np.sort(generator.uniform(0, RUN_S, generator.poisson(rate * RUN_S)))
    services = SERVICE_S * (spread * generator.exponential(1.0, came.size) + 1 - spread)
    if routing:
        gone = simulate_routed(came, services, [1.0] * servers, ROUTES[routing]).departures
    else:
        gone = simulate(came, services, servers).departures
    return recorded({"arrived_s": came, "completed_s": gone[gone < RUN_S]})


def share_of_runs(found: Callable[[Record], bool], runs: Sequence[Record]) -> float:
    return float(np.mean([found(run) for run in runs]))


def share_found(utilisation: float, servers: int, routing: str = "", spread: float = 1.0) -> float:
    capacity = servers / SERVICE_S
    rate = utilisation * capacity
    runs = [simulated(rate, servers, routing, seed, spread) for seed in range(RUNS)]
    return share_of_runs(partial(falls_behind, offered_per_s=rate, capacity_per_s=capacity, servers=servers), runs)


@pytest.mark.long
@pytest.mark.parametrize(
    ("servers", "routing", "spread"),
    [
        (1, "", 1.0),
        (1, "", 0.0),
        (4, "", 0.0),
        (4, "round robin", 1.0),
        (8, "random", 1.0),
        (8, "least outstanding", 1.0),
    ],
)
def test_chance_is_hardly_ever_called_saturation_and_saturation_hardly_ever_missed(
    servers: int, routing: str, spread: float
) -> None:
    for utilisation in (0.5, 0.8, 0.9):
        assert share_found(utilisation, servers, routing, spread) <= 0.02, utilisation
    assert share_found(1.2, servers, routing, spread) >= 0.9
    assert share_found(1.5, servers, routing, spread) >= 0.99


def test_a_server_that_can_do_less_than_was_thought_is_found_by_its_backlog() -> None:
    runs = [simulated(200, 2, "", seed) for seed in range(RUNS)]
    assert share_of_runs(partial(falls_behind, offered_per_s=200, capacity_per_s=1_000, servers=2), runs) > 0.95


def test_a_backlog_that_stands_still_does_not_grow() -> None:
    came = np.linspace(0, 2, 400)
    assert not grows(came, came[:200] + 1.0, 2.0)
    assert grows(came, came[:100], 2.0)
    assert not grows([], [], 0.0)
