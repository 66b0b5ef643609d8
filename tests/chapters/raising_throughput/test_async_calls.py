"""The lab on waiting for many things at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from headlines import check_headlines_fit
from labs import constants_of, measure_slices
from predictions import assert_each_comment_fits
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.raising_throughput import async_calls, async_calls_model
from perflab.chapters.raising_throughput.async_calls_model import DATABASE, HTTP
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.calls import IN_A_ROW, ON_A_LOOP, ON_THREADS
from perflab.systems.servers.worker_kinds import LOOP, THREADS

LAB = async_calls.lab()
PREDICTION = async_calls.PREDICTION
EACH_ONCE = 6
"""Slices of a round: the calls twice, and of each kind of clients what they cost and how long they took."""
START = {"what": HTTP, "calls": 3, "clients": 100, "wait": 20}


def record(times: float = 1.0, **changes: Any) -> Record:
    """Calls that take what the model says; a hundred clients."""
    noise = np.random.default_rng(1).normal(1, 0.01, 30)
    samples = {
        IN_A_ROW: 61e6 * noise,
        ON_THREADS: 21e6 * times * noise,
        ON_A_LOOP: 20.5e6 * times * noise,
        f"{THREADS} ns": np.full(100, 30e6),
        f"{LOOP} ns": np.full(100, 25e6),
        f"{THREADS} bytes": np.array([30_000.0, 28_000.0]),
        f"{LOOP} bytes": np.array([3_000.0, 0.0, 2_900.0]),
    }
    return Record("async_calls", {**START, **changes}, 1, "", Frame(samples, {"calls": 30}), 4.0, "complete")


def test_the_verdict_names_gain_response_and_memory() -> None:
    said = LAB.verdict_of(record(), None)
    assert said.kind == "clear"
    assert "3.0× (" in said.text or "2.98× (" in said.text
    for part in ("30 ms on 100 threads", "25 ms on one event loop", "29 kB and 2.9 kB of memory"):
        assert part in said.text, said.text


def one_call(times: float) -> Record:
    noise = np.random.default_rng(1).normal(1, 0.01, 30)
    samples = {IN_A_ROW: 21e6 * noise, ON_THREADS: 21e6 * noise, ON_A_LOOP: 21e6 * times * noise}
    samples |= {f"{kind} {what}": np.full(3, 3e7) for kind in (THREADS, LOOP) for what in ("ns", "bytes")}
    chosen = {**START, "calls": 1, "clients": 1}
    return Record("async_calls", chosen, 1, "", Frame(samples, {"calls": 30}), 4.0, "complete")


@pytest.mark.parametrize(("times", "kind"), [(1.0, "practically equal"), (2.0, "clear")])
def test_one_call_is_judged_like_many(times: float, kind: str) -> None:
    assert LAB.verdict_of(one_call(times), None).kind == kind


def test_one_call_and_one_client_are_named_in_the_singular() -> None:
    said = LAB.verdict_of(one_call(1.0), None).text
    assert said.startswith("1 HTTP call of 20 ms") and "1 client has its reply" in said and "on 1 thread," in said


def test_the_memory_of_few_clients_is_not_told() -> None:
    assert set(async_calls_model.sizes(record())) == {THREADS, LOOP}
    assert async_calls_model.sizes(record(clients=20)) == {}
    assert "A client takes" not in LAB.verdict_of(record(clients=20), None).text
    assert LAB.table(record(clients=20), None)[-1][1] == "–"


def test_the_verdict_compares_with_the_pinned_run() -> None:
    assert "pinned run" in LAB.verdict_of(*side_by_side(record(2.0), record())).text
    assert LAB.verdict_of(*side_by_side(record(), record())).kind == "practically equal"


@pytest.mark.parametrize(
    ("times", "ending"),
    [(1.0, ", 2.98 times as fast."), (61 / 20.5, ", practically the same."), (4.0, ", which is slower.")],
)
def test_the_headline_is_what_gathering_did(times: float, ending: str) -> None:
    said = LAB.found(record(times), None)
    assert said.startswith("3 HTTP calls of 20 ms: 61 ms in a row, ") and said.endswith(f" ms gathered{ending}")


def test_a_single_call_has_nothing_to_overlap_with() -> None:
    said = "A single call has no other to overlap with: 21 ms made directly, 21 ms on an event loop."
    assert LAB.found(one_call(1.0), None) == said


def test_beside_other_calls_or_clients_the_headline_has_both() -> None:
    said = LAB.found(*side_by_side(record(calls=10, what=HTTP), record()))
    assert said.startswith("3 HTTP calls of 20 ms: 61 ms in a row, ") and "; 10 HTTP calls of 20 ms: 61 ms in" in said
    more, fewer = side_by_side(record(clients=1_000), record())
    said = "Median reply to 100 clients: 30 ms on threads, 25 ms on an event loop; to 1,000: 30 ms, 25 ms."
    assert LAB.found(more, fewer) == said
    uncounted = replace(more, frame=Frame({way: more.column(way) for way in (IN_A_ROW, ON_A_LOOP)}))
    assert LAB.found(uncounted, fewer) == LAB.found(uncounted, None), "its clients had no turn yet"
    several = side_by_side(record(clients=1_000, calls=10), record())
    assert LAB.found(*several) == LAB.found(several[0], None), "nobody knows which of two changes did it"


def test_without_a_call_there_is_no_headline() -> None:
    empty = Record("async_calls", START, 1, "")
    assert async_calls.finding(empty, None) is None
    assert async_calls.finding(record(calls=10), empty) == async_calls.finding(record(calls=10), None)


def test_each_headline_fits_and_says_what_is_done() -> None:
    check_headlines_fit(LAB, record)
    said = (
        "A page makes 3 HTTP calls of 20 ms, in a row and gathered. Then 100 clients call at once, on threads and on an"
    )
    assert async_calls.scenario(START).startswith(said)
    told = async_calls.scenario({**START, "what": DATABASE, "calls": 1, "clients": 1})
    assert "1 database call of 20 ms over 4 connections" in told and "Then 1 client calls, on" in told


def test_nothing_measured_is_no_verdict() -> None:
    empty = Record("async_calls", START, 1, "")
    assert LAB.verdict_of(empty, None).kind == "invalid"
    assert LAB.table(empty, None) == []


def test_the_table_has_both_runs() -> None:
    rows = LAB.table(record(), record(2.0))
    assert {len(row) for row in rows} == {3}
    assert len(rows) == 1 + 3 + 2 * 3


@pytest.mark.parametrize(("times", "choice"), [(1.0, "20 ms"), (1.4, "20 ms"), (3.0, "60 ms"), (9.0, "60 ms")])
def test_the_prediction_has_a_text_for_each_outcome(times: float, choice: str) -> None:
    outcome = PREDICTION.outcome([record(times)], LAB.check)
    assert outcome is not None and outcome.choice == choice
    assert f"{20.5 * times:.0f}"[:1] in outcome.measured and outcome.measured.endswith("for all three")
    assert_each_comment_fits(PREDICTION, outcome)
    assert not PREDICTION.choices["7 ms"].reason, "it cannot be"


@pytest.mark.parametrize("change", [{"calls": 4}, {"wait": 10}, {"what": DATABASE}, {"clients": 10}])
def test_other_settings_settle_nothing(change: dict[str, Any]) -> None:
    assert PREDICTION.outcome([record(**change)], LAB.check) is None


def test_calls_that_are_too_few_or_too_scattered_settle_nothing() -> None:
    run = record()
    for times_ms in ([20.0, 21.0, 22.0], [20.0, 60.0] * 10):
        frame = Frame({**run.frame.samples, ON_A_LOOP: np.array(times_ms) * 1e6}, {})
        assert PREDICTION.outcome([replace(run, frame=frame)], LAB.check) is None


@pytest.mark.clock
def test_measured_and_model_agree_about_calls() -> None:
    lab = async_calls.lab()
    model = async_calls_model.predict(HTTP, 5, 5, 20, constants_of(lab))

    def look() -> dict[str, float]:
        frame = measure_slices(lab, 0.6, fewest=EACH_ONCE, calls=5, clients=5, wait=20).frame
        assert len(frame.samples[f"{THREADS} ns"]) % 5 == 0
        ways = async_calls.of_ways(Record("async_calls", lab.check({"calls": 5, "wait": 20}), 1, "", frame))
        return {name: way.value for name, way in ways.items()}

    def agrees(found: dict[str, float]) -> bool:
        # Tasks of a loop and threads cost more than a call does: up to twice the band's work, on a busy machine.
        bands = ((found[name], band.low, band.high) for name, band in model.calls.items())
        near = all(low < value < high + 5 * (high - low) + 10e6 for value, low, high in bands)
        return near and found[IN_A_ROW] > 100e6 and max(found[ON_A_LOOP], found[ON_THREADS]) < 0.5 * found[IN_A_ROW]

    two_of_three(look, agrees, f"calls as {model.calls}")


@pytest.mark.clock
def test_long_calls_and_many_clients_leave_room_for_an_interval() -> None:
    """There are enough pairs before clients of a kind are measured a second time."""
    slices = async_calls.experiment(HTTP, 10, 50, 30, 1)
    seen = []
    for frame in slices:
        seen.append(frame)
        if sum(IN_A_ROW in each.samples for each in seen) and sum(each.counts.get("calls", 0) for each in seen) >= 6:
            break
    slices.close()  # type: ignore[attr-defined]
    clients = [name for each in seen for name in each.samples if name.endswith(" ns")]
    assert len(clients) == len(set(clients)), clients


MODEL = async_calls_model.predict(HTTP, 3, 100, 20, {HTTP: 3e5, f"{THREADS}_ns": 2e5, f"{LOOP}_ns": 1e5})


def test_each_kind_of_clients_has_its_curve_its_ring_and_its_points() -> None:
    chart, found = drawn(async_calls.CHARTS[1])
    chart.show_model({**START, "clients": 100}, MODEL)
    for kind, ring in ((THREADS, "1"), (LOOP, "5")):
        curve = dict(points(found[f"{kind}, model"]))
        assert list(curve) == list(async_calls_model.NUMBERS)
        assert points(found[ring]) == [(100, curve[100])]
    runs = [record(clients=50), record()]
    chart.show_run(runs[-1], runs)
    chart.show_pinned(runs[0])
    assert points(found[THREADS]) == [(100, 30e6)] and points(found[LOOP]) == [(100, 25e6)]
    assert points(found["2"]) == [(50, 30e6), (100, 30e6)], "numbers of clients measured before keep their dots"
    assert points(found["pinned run"]) == [(50, 30e6), (50, 25e6)]
    other = record(wait=10)
    chart.show_run(other, [*runs, other])
    assert points(found["2"]) == [(100, 30e6)], "another wait, another curve"


def test_memory_is_drawn_where_there_are_enough_clients_to_tell() -> None:
    chart, found = drawn(async_calls.CHARTS[2])
    run = record()
    chart.show_run(run, [run])
    assert points(found[THREADS]) == [(100, 29_000)] and points(found[LOOP]) == [(100, 2_900)]
    few = record(clients=20)
    chart.show_run(few, [few])
    chart.show_pinned(few)
    assert np.isnan(found[THREADS].get_ydata()).all() and not points(found["pinned run"])
