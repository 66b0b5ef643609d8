"""Workers: their limit is named, rejected requests are counted apart, and real servers do what the bounds allow."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from labs import measure
from matplotlib.figure import Figure
from relations import two_of_three
from replays import agrees
from turns import side_by_side

from perflab.chapters import load
from perflab.chapters.measuring_throughput import workers, workers_model
from perflab.chapters.measuring_throughput.workers_model import NUMBERS, predict
from perflab.lab.prediction import Outcome
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.servers.worker_kinds import KINDS, LOOP, PROCESSES, THREADS
from perflab.systems.servers.worker_server import GAUGES

LAB = workers.lab()
START: dict[str, Any] = {
    "kind": THREADS,
    "workers": 8,
    "connections": 20,
    "computing": 0,
}


def served(per_s: float = 160, rejected: int = 0, not_sent: int = 0, late_ns: int = 10_000, **changes: Any) -> Record:
    """A record of a run of two seconds that served so many requests per second, evenly."""
    done = np.arange(1, 2 * per_s + 1) / per_s
    samples = {
        "completed_s": done,
        "latency_ns": np.full(done.size, 5e7),
        "lateness_ns": np.full(done.size, late_ns),
        "arrived_s": done,
        "arrived_ns": done * 1e9,
        "started_ns": done * 1e9,
        "begun_ns": done * 1e9,
        "done_ns": done * 1e9 + 5e7,
    } | {name: np.arange(5) for name in GAUGES}
    counts = {"calls": done.size, "rejected": rejected, "not_sent": not_sent}
    return Record("workers", {**START, **changes}, 1, "", Frame(samples, counts, {"elapsed_s": 2.0}), 2.0, "complete")


def drawn(place: int, run: Record) -> dict[str, Any]:
    """The lines of a chart with this run and its model, by label; those without one by their place."""
    chart, axes = deepcopy(workers.CHARTS[place]), Figure().subplots()
    chart.build(axes)
    chart.show_model(run.parameters, predict(**run.parameters))
    chart.show_run(run, (run,))
    return {line.get_label(): line for line in axes.lines} | dict(enumerate(axes.lines))


def test_each_finite_limit_is_drawn() -> None:
    lines = drawn(0, served(computing=20))
    assert all(np.isfinite(lines[place].get_ydata()).all() for place in range(1, 5))
    computing = drawn(0, served())[2]
    assert not np.isfinite(computing.get_ydata()).any(), "without computing the CPU limits nothing"


def test_a_run_is_a_dot_of_its_kind_at_its_number_of_workers() -> None:
    for place, value in ((0, 160), (1, 5e7)):
        lines = drawn(place, served(kind=PROCESSES))
        assert lines[PROCESSES].get_xydata().tolist() == [[8, pytest.approx(value)]]
        assert not np.isfinite(lines[THREADS].get_ydata()).any()


def test_gauges_are_drawn_over_time() -> None:
    lines = drawn(2, served())
    assert lines["busy workers"].get_ydata().tolist() == [0, 1, 2, 3, 4]
    assert lines["queued"].get_xdata().tolist() == [0, 1e-9, 2e-9, 3e-9, 4e-9]
    assert lines["connections"].get_ydata().tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("changes", "limit", "why"),
    [
        ({}, "160/s", "all workers busy"),
        ({"workers": 64}, "400/s", "all connections in use"),
        ({"workers": 64, "computing": 20}, "100/s", "the GIL lets one thread compute at a time"),
    ],
)
def test_the_smallest_limit_is_named(changes: dict[str, Any], limit: str, why: str) -> None:
    said = LAB.verdict(served(50, **changes), None).text
    assert limit in said and why in said


def test_processes_are_limited_by_cpus() -> None:
    assert "all CPUs busy" in LAB.verdict(served(20, kind=PROCESSES, computing=100, workers=8), None).text


def test_a_loop_computes_one_request_at_a_time_and_so_do_threads_unless_python_has_no_gil(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limited = [served(20, kind=kind, computing=100, workers=8) for kind in (LOOP, THREADS)]
    assert "event loop computes one request at a time" in LAB.verdict(limited[0], None).text
    with_gil = workers_model.smallest_limit(limited[1])
    monkeypatch.setattr(workers_model, "HAS_GIL", False)
    monkeypatch.setattr(workers_model, "effective_cpus", lambda: 4.0)
    assert workers_model.smallest_limit(limited[1]) == ("all CPUs busy", 80.0)
    assert with_gil == ("the GIL lets one thread compute at a time", 20.0)


def test_below_its_limit_a_server_is_not_said_to_be_limited() -> None:
    assert "the limit is" not in LAB.verdict(served(480, workers=64, connections=64), None).text


def test_rejected_requests_are_counted_apart() -> None:
    said = LAB.verdict(served(rejected=600), None).text
    assert "600 requests found the queue full" in said
    rows = {row[0]: row[1] for row in LAB.table(served(rejected=600), None)}
    assert rows["rejected, queue full"] == "600"
    assert dict(LAB.trust(served(rejected=600), None))[load.PARTS[0]] == "0 ns; 0 ns; 0 ns; 50 ms"


def test_a_server_that_cannot_even_read_says_why() -> None:
    said = LAB.verdict(served(12, not_sent=700, computing=20, workers=64), None).text
    assert "700 could not be sent" in said
    assert "fewer workers" in said


def test_a_late_generator_shows_no_times() -> None:
    said = LAB.verdict(served(late_ns=10**8), None)
    assert said.kind == "invalid" and "mean response" not in said.text


def test_a_pinned_run_is_compared() -> None:
    found = LAB.verdict(*side_by_side(served(), served(80, workers=4)))
    assert found.kind == "practically equal" and "Pinned run: 80/s" in found.text


def test_without_a_served_request_there_is_nothing_to_say() -> None:
    empty = Record("workers", START, 1, "")
    assert LAB.verdict(empty, None).kind == "invalid"
    assert LAB.table(empty, None) == []


def test_the_model_is_the_smallest_limit_and_never_more_than_arrives() -> None:
    expected = predict(**START)
    assert expected.throughput[-1] == pytest.approx(400)
    assert np.interp(8, NUMBERS, expected.throughput) == pytest.approx(160, rel=0.02)
    assert predict(**{**START, "connections": 64}).throughput.max() <= workers_model.RATE_PER_S
    assert np.nanmin(expected.response_ns) >= 5e7


def test_workers_that_wait_for_a_connection_lengthen_the_response() -> None:
    many = np.interp(64, NUMBERS, predict(**START).response_ns)
    few = predict(**{**START, "connections": 5})
    assert np.interp(64, NUMBERS, few.response_ns) > 2 * many


def test_a_run_that_did_more_than_its_limit_is_not_to_be_trusted() -> None:
    found = LAB.verdict(served(200), None)
    assert found.kind == "invalid" and "changed its speed" in found.text
    assert LAB.verdict(served(170), None).kind != "invalid"


def test_how_many_were_offered_is_counted_and_not_taken_from_the_slider() -> None:
    assert "of 160 offered" in LAB.verdict(served(), None).text


def test_offered_is_counted_over_the_same_time_as_served() -> None:
    record = served()
    arrived_s = record.column("arrived_s")
    none_at_first = {**record.frame.samples, "arrived_s": arrived_s[arrived_s > workers_model.WARM_UP_S]}
    said = LAB.verdict(replace(record, frame=replace(record.frame, samples=none_at_first)), None).text
    assert "160 requests/s served of 160 offered" in said, (
        "and not of 140, which is the rate over all of the two seconds"
    )


def test_a_reply_counts_when_the_client_has_it() -> None:
    record = served(20)
    done_early = {**record.frame.samples, "done_ns": np.linspace(1e8, 4e8, 40)}
    assert workers.throughput(replace(record, frame=replace(record.frame, samples=done_early))) == pytest.approx(20)


def test_at_its_very_beginning_a_run_has_a_verdict_too() -> None:
    columns = {"arrived_s": np.array([0.2]), "completed_s": np.array([0.26]), "latency_ns": np.array([6e7])}
    begun = Record("workers", START, 1, "", Frame(columns, {"calls": 1}, {"elapsed_s": 0.3}))
    assert "of 0 offered" in LAB.verdict(begun, None).text


@pytest.mark.clock
def test_64_threads_that_compute_let_the_server_hardly_read_and_4_do() -> None:
    # Most of the time they serve fewer than the 4, too; but in one run of five the reader gets the lock often enough.
    many, few = (measure(LAB, 5.0, computing=40, workers=number).counts for number in (64, 4))
    assert many["not_sent"] > 100
    assert few["not_sent"] == 0 and few["rejected"] > 100


@pytest.mark.clock
@pytest.mark.parametrize("kind", KINDS)
def test_a_real_server_does_what_its_workers_can_and_its_queue_is_replayed(kind: str) -> None:
    def per_s() -> float:
        record = Record("workers", {**START, "kind": kind}, 1, "", measure(LAB, 5.0, kind=kind), 2.0, "complete")
        assert record.count("rejected") > 100
        assert agrees(load.Load(record).replay(8), record)
        assert record.column("busy").max() == 8 and 90 < record.column("queued").max() <= 100
        return workers.throughput(record)

    two_of_three(per_s, lambda found: 100 < found < 1.1 * 160, "eight workers of 50 ms")


@pytest.mark.clock
def test_the_queue_of_more_threads_than_connections_is_replayed_too() -> None:
    # With a pool in which threads overtake each other some hold a worker for over a second: 10 to 30% apart.
    frame = measure(LAB, 5.0, workers=64)
    record = Record("workers", {**START, "workers": 64}, 1, "", frame, 2.0, "complete")
    assert agrees(load.Load(record).replay(64), record)


@pytest.mark.clock
@pytest.mark.parametrize("kind", KINDS)
def test_the_queue_of_workers_that_compute_is_replayed_too(kind: str) -> None:
    changes = {"kind": kind, "computing": 20}
    frame = measure(LAB, 5.0, **changes)
    record = Record("workers", {**START, **changes}, 1, "", frame, 2.0, "complete")
    assert agrees(load.Load(record).replay(8), record)


def outcome(few: Record, many: Record) -> Outcome | None:
    return LAB.prediction.outcome(side_by_side(few, many), LAB.check)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("per_s", "choice", "because"),
    [(400, "2.5 times", "however many threads wait"), (162, "the same", "limits this machine")],
)
def test_what_64_threads_did_is_told_whatever_was_predicted(per_s: int, choice: str, because: str) -> None:
    found = outcome(served(), served(per_s, workers=64))
    assert found is not None and found.choice == choice
    for answer in (None, *workers.PREDICTION.choices):
        said = workers.PREDICTION.comment(answer, found)
        assert because in said and f"160 to {per_s}/s" in said
        assert (f"You predicted {answer}" in said) == (answer is not None)


def test_two_runs_that_do_not_tell_two_choices_apart_settle_nothing() -> None:
    assert outcome(served(), served(250, workers=64)) is None, "as near to once as to 2.5 times"
    assert outcome(served(), served(400, workers=64, connections=64)) is None
    short = replace(served(), frame=replace(served().frame, facts={"elapsed_s": 1.0}))
    assert outcome(short, served(400, workers=64)) is None
    assert outcome(served(4), served(10, workers=64)) is None, "too few"


@pytest.mark.clock
def test_the_click_finds_the_ratio_of_the_workers() -> None:
    outcome = corpus.click("measuring_throughput.workers").outcome
    assert outcome is not None and outcome.choice == "2.5 times"


FINDING, LETTERS = workers_model.finding, 120


@pytest.mark.parametrize("kind", KINDS)
def test_the_headline_is_what_is_served_and_what_limits_it(kind: str) -> None:
    for number in (1, 8, workers_model.MAX_WORKERS):
        for computing in (0, 20, 100):
            for connections in (1, 64):
                changes = {"kind": kind, "workers": number, "computing": computing, "connections": connections}
                said = FINDING(served(440, **changes), None)
                assert said is not None and ": 440 requests/s " in said and len(said) <= LETTERS, said


def test_a_limit_is_named_only_below_the_offered_load() -> None:
    assert FINDING(served(), None) == "8 threads: 160 requests/s are served; the limit is 160/s: all workers busy."
    assert LAB.found(served(), None) == FINDING(served(), None) and LAB.found(served(late_ns=10**8), None) == ""
    free = FINDING(served(480, workers=64, connections=64), None)
    assert free == "64 threads: 480 requests/s of 480 offered are served."
    assert (FINDING(served(20, kind=LOOP, workers=1), None) or "").startswith("Event loop with 1 task: 20 requests/s")
    assert (FINDING(served(20, kind=PROCESSES, workers=1), None) or "").startswith("1 process: 20 requests/s")


@pytest.mark.parametrize(
    ("per_s", "change", "said"),
    [
        (400, {"workers": 64}, "8 threads, 160 requests/s; 64 threads, 400: 2.5 times as many."),
        (80, {"workers": 4}, "8 threads, 160 requests/s; 4 threads, 80: fewer by a factor of 2.0."),
        (161, {"kind": LOOP}, "8 threads, 160 requests/s; event loop with 8 tasks, 161."),
        (20, {"computing": 100}, "0% computing, 160 requests/s; 100% computing, 20: fewer by a factor of 8.0."),
        (40, {"connections": 2}, "20 connections, 160 requests/s; 2 connections, 40: fewer by a factor of 4.0."),
        (40, {"connections": 2, "workers": 9}, "Pinned run, 160 requests/s; this run, 40: fewer by a factor of 4.0."),
    ],
)
def test_beside_another_setting_the_headline_is_what_the_change_does(
    per_s: int, change: dict[str, Any], said: str
) -> None:
    assert FINDING(served(per_s, **change), served()) == said


def test_counts_of_unequal_times_are_not_compared() -> None:
    many = served(400, workers=64)
    stopped = replace(many, frame=replace(many.frame, facts={"elapsed_s": 1.5}))
    assert (FINDING(stopped, served()) or "").count("times") == 0


def test_without_a_served_request_there_is_no_headline() -> None:
    empty = Record("workers", START, 1, "")
    assert FINDING(empty, None) is None and FINDING(empty, served()) is None
    assert FINDING(served(workers=9), empty) == FINDING(served(workers=9), None)
    assert FINDING(served(), served(80)) == FINDING(served(), None), "nothing was changed"


def test_what_a_run_does_is_said() -> None:
    assert workers_model.scenario(START) == (
        "For 2 s, 500 requests per second arrive at a server: 8 threads, 20 connections to the database. Each needs 50 ms, "
        "all in the database."
    )
    far = workers_model.scenario({"kind": LOOP, "workers": 128, "connections": 1, "computing": 100})
    assert "event loop with 128 tasks, one connection" in far and far.endswith("50 ms, 100% of it computing.")
