"""More machines: the routing decides which requests wait, one fast server beats many, and a death is counted."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from headlines import check_headlines_fit
from labs import measure
from relations import assert_more, two_of_three
from replays import agrees
from turns import side_by_side

from perflab.chapters.load import Load, mean_response_ns
from perflab.chapters.raising_throughput import more_machines
from perflab.chapters.raising_throughput.more_machines import QUARTER
from perflab.chapters.raising_throughput.more_machines_model import (
    ALIKE,
    DIES,
    FAST,
    RUN_S,
    RUN_TO_TYPICAL,
    SERVICE_S,
    SLOW,
    SLOWNESS,
    Expected,
    at_rate,
    slowness,
)
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.schedule import poisson, services
from perflab.systems.clients.routing import ROUTES, round_robin
from perflab.theory.balancing import simulate_routed

LAB = more_machines.lab()
START: dict[str, Any] = {"servers": 4, "kind": ALIKE, "routing": "round robin", "rate": 100}
PREDICTION = more_machines.PREDICTION


def simulated(
    slow_ms: float = 30,
    usual_ms: float = 30,
    lost: int = 0,
    not_sent: int = 0,
    late_ns: int = 10_000,
    came: int = 190,
    inside: int = 0,
    alive: int = 3,
    **changes: Any,
) -> Record:
    """190 requests done in two seconds, a quarter of them at server 0."""
    by = np.arange(190) % 4
    times = np.where(by == 0, slow_ms, usual_ms) * 1e6
    done = np.linspace(0.02, 1.99, 190)
    ns = {"arrived_ns": done * 1e9 - times, "started_ns": done * 1e9 - times, "done_ns": done * 1e9}
    columns = {"server": by, "latency_ns": times, "completed_s": done, "lateness_ns": np.full(190, late_ns)}
    columns |= {**ns, "arrived_s": np.linspace(0, 1.99, came), "failed_s": np.full(lost, 0.95)}
    facts = {"elapsed_s": 2.0, "alive": alive, "in_flight": inside}
    frame = Frame(columns, {"failures": lost, "not_sent": not_sent}, facts)
    return Record("more_machines", {**START, **changes}, 1, "", frame, 2.0, "complete")


def measured(**changes: Any) -> Record:
    frame = measure(more_machines.lab(), 5.0, **changes)
    return Record("more_machines", {**START, **changes}, 1, "", frame, 2.0, "complete")


@pytest.mark.clock
@pytest.mark.parametrize(
    "changes",
    [
        {"servers": 1, "rate": 40},
        {"kind": FAST, "rate": 100},
        {"kind": FAST, "servers": 8, "rate": 240},
        {"routing": "two choices"},
    ],
)
def test_the_queues_of_a_real_run_are_replayed(changes: dict[str, Any]) -> None:
    record = measured(**changes)
    assert agrees(Load(record).replay(), record)


@pytest.mark.clock
def test_round_robin_makes_a_quarter_slow_and_counting_outstanding_requests_does_not() -> None:
    def look() -> tuple[str | None, float]:
        dealt, counted = measured(kind=SLOW), measured(kind=SLOW, routing="least outstanding")
        assert PREDICTION.find(counted) is None
        assert "The median at the slow server" in LAB.verdict_of(dealt, None).text
        assert all(agrees(Load(record).replay(), record) for record in (dealt, counted))
        outcome = PREDICTION.find(dealt)
        return outcome and outcome.choice, mean_response_ns(dealt) / mean_response_ns(counted)

    two_of_three(look, lambda found: found[0] == QUARTER and found[1] > 1.5, "a quarter is slow, in turn")


@pytest.mark.clock
def test_one_fast_server_is_quicker_than_as_much_in_pieces() -> None:
    def median_ns(**changes: Any) -> float:
        return float(np.median(measured(**changes).column("latency_ns")))

    assert_more(lambda: median_ns(routing="random"), lambda: median_ns(kind=FAST), 1 / 0.6, "latency in pieces")


@pytest.mark.clock
def test_a_death_in_mid_run_is_said() -> None:
    def look() -> tuple[bool, float]:
        record = measured(kind=DIES, rate=200)
        assert record.count("failures") >= 1
        assert "servers went on" in LAB.verdict_of(record, None).text
        moments, served = more_machines.per_s(record, "completed_s", zeros=True)
        failing, _ = more_machines.per_s(record, "failed_s", zeros=False)
        return bool(np.any((failing > 0.8) & (failing < 1.3))), float(served[moments > 1.4].min())

    two_of_three(look, lambda found: found[0] and found[1] > 0, "one fails in mid-run, the others go on")


def test_in_the_model_counting_outstanding_requests_helps_and_one_fast_server_is_quicker() -> None:
    slow = {**START, "kind": SLOW}
    dealt, counted = (
        more_machines.predict(**{**slow, "routing": name}) for name in ("round robin", "least outstanding")
    )
    assert response(dealt, 100) > 2.5 * response(counted, 100)
    out, up = more_machines.predict(**START), more_machines.predict(**{**START, "kind": FAST})
    calm = out.rates < 200
    assert np.all(up.response_ns[calm] < 0.7 * out.response_ns[calm])
    assert np.all(up.response_ns <= 1.05 * out.response_ns), "above, only requests that were served count"
    assert up.shares.size == 1 and out.shares.size == 4
    assert out.shares.sum() == pytest.approx(100, rel=0.05)


def response(model: Expected, rate: int) -> float:
    return float(model.response_ns[np.flatnonzero(model.rates == rate)[0]])


@pytest.mark.parametrize("rate", range(20, 401, 20))
def test_the_rate_of_the_slider_is_simulated_itself(rate: int) -> None:
    model = more_machines.predict(**{**START, "rate": rate})
    assert response(model, rate) == 1e9 * at_rate((1.0,) * 4, round_robin, rate, False).response_s
    assert np.all(np.diff(model.rates) > 0) and model.rates[-1] == 400


@pytest.mark.long
@pytest.mark.parametrize("servers", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("routing", ROUTES)
def test_one_queue_for_all_is_the_best_there_is_at_every_rate(servers: int, routing: str) -> None:
    for rate in (20, 180):
        model = more_machines.predict(**{**START, "servers": servers, "routing": routing, "rate": rate})
        assert np.all(np.isfinite(model.best_ns))
        assert np.all(model.best_ns <= 1.05 * model.response_ns), (rate, model.best_ns / model.response_ns)


def test_one_fast_server_is_one_queue() -> None:
    for servers in (1, 8):
        model = more_machines.predict(**{**START, "kind": FAST, "servers": servers})
        assert model.best_ns == pytest.approx(model.response_ns)
    for changes in ({"kind": SLOW}, {"kind": DIES}):
        assert np.all(np.isnan(more_machines.predict(**{**START, **changes}).best_ns))


@pytest.mark.parametrize(("servers", "rate"), [(4, 100), (4, 180), (2, 60), (8, 380), (1, 40)])
def test_when_one_dies_no_server_does_more_in_the_model_than_it_can(servers: int, rate: int) -> None:
    alive, dead = (
        more_machines.predict(**{**START, "servers": servers, "rate": rate, "kind": DIES if dies else ALIKE})
        for dies in (False, True)
    )
    assert dead.shares[0] < 0.6 * alive.shares[0]
    assert np.all(dead.shares[1:] <= 1.1 * 50), "each can do 50/s, and chance gives it a few short ones"
    if servers > 1:
        assert dead.shares[1:].sum() > 0.97 * alive.shares[1:].sum(), "they get what it would have got"
        assert response(dead, rate) > 1.02 * response(alive, rate), "the curve knows of it too"


@pytest.mark.clock
def test_the_model_is_quick_enough_for_a_slider_that_is_drawn() -> None:
    more_machines.predict(**START)
    began = time.process_time()
    for _ in range(100):
        more_machines.predict(**START)
    assert time.process_time() - began < 0.1


def test_a_late_generator_shows_no_times() -> None:
    assert "too slow" in LAB.verdict_of(simulated(late_ns=10**8), None).text


def test_what_was_lost_is_said_and_a_pinned_run_compared() -> None:
    said = LAB.verdict_of(*side_by_side(simulated(lost=7, kind=DIES), simulated(usual_ms=90, slow_ms=90)))
    assert "7 failed when a server died; 3 servers went on" in said.text
    assert said.kind == "clear"


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (simulated(), "4 servers served 95 of 95 requests/s, in 30 ms on average."),
        (simulated(came=400), "4 servers served 95 of 200 requests/s, in 30 ms on average."),
        (simulated(kind=FAST), "One server as fast as 4 served 95 of 95 requests/s, in 30 ms on average."),
        (simulated(servers=1), "One server served 95 of 95 requests/s, in 30 ms on average."),
        (
            simulated(900, kind=SLOW),
            "The median is 900 ms at the slow server and 30 ms at the others; the mean of all is 250 ms.",
        ),
        (
            simulated(10, kind=SLOW),
            "The median is 10 ms at the slow server and 30 ms at the others; the mean of all is 25 ms.",
        ),
        (
            simulated(lost=7, kind=DIES),
            "7 requests failed when 1 of 4 servers died; the mean response of served requests is 30 ms.",
        ),
        (
            simulated(kind=DIES),
            "No requests failed when 1 of 4 servers died; the mean response of served requests is 30 ms.",
        ),
        (
            simulated(lost=1, not_sent=40, alive=0, servers=1, kind=DIES),
            "1 request failed when the only server died, and 40 could not be sent.",
        ),
        (simulated(kind=DIES, alive=4), "4 servers served 95 of 95 requests/s, in 30 ms on average."),
    ],
)
def test_the_headline_is_which_requests_wait_or_fail(run: Record, said: str) -> None:
    assert LAB.found(run, None) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"routing": "least outstanding"}, "From round robin to least outstanding"),
        ({"servers": 8}, "From 4 to 8 servers"),
        ({"kind": FAST}, "From “alike” to “one as fast as all”"),
        ({"rate": 200}, "From 100 to 200 requests/s"),
    ],
)
def test_beside_another_run_the_headline_is_what_the_change_did(changes: dict[str, Any], said: str) -> None:
    slow, quick = side_by_side(simulated(90, 90, **changes), simulated())
    assert LAB.found(slow, quick) == f"{said}, the mean went from 30 ms to 90 ms, the p50 from 30 ms to 90 ms."
    assert "the mean went from 90 ms to 30 ms" in LAB.found(quick, slow)
    several = simulated(90, 90, **{**changes, "servers": 2, "rate": 300})
    assert LAB.found(*side_by_side(several, simulated())) == LAB.found(several, None)


def test_before_anything_was_served_there_is_no_headline() -> None:
    empty = Record("more_machines", START, 1, "")
    assert more_machines.finding(empty, None) is None
    assert more_machines.finding(simulated(rate=200), empty) == more_machines.finding(simulated(rate=200), None)


def test_each_headline_fits_and_says_what_is_done() -> None:
    check_headlines_fit(LAB, simulated)
    check_headlines_fit(LAB, lambda **chosen: simulated(lost=1_000, **chosen))
    said = "100 requests/s arrive at random, each 20 ms of work on average. They go to 4 servers"
    assert more_machines.scenario(START) == f"{said} (routing: round robin)."
    for kind, who in ((SLOW, "one server, 4 times as slow as usual."), (FAST, "one server."), (DIES, "which dies.")):
        assert more_machines.scenario({**START, "servers": 1, "kind": kind}).endswith(who)


def test_how_many_requests_arrived_is_counted_and_not_taken_from_the_slider() -> None:
    assert "95 requests/s served of 101 that arrived" in LAB.verdict_of(simulated(came=202), None).text


def test_only_a_death_is_called_one() -> None:
    not_sent, failed = simulated(not_sent=257), simulated(lost=3)
    said = LAB.verdict_of(not_sent, None).text
    assert "died" not in said
    assert "257 could not be sent: all connections of the generator were in use" in said
    assert "3 failed." in LAB.verdict_of(failed, None).text
    assert "died" not in LAB.verdict_of(failed, None).text
    alone = LAB.verdict_of(simulated(lost=1, not_sent=40, alive=0, kind=DIES), None).text
    assert "1 failed when a server died; 0 servers went on. 40 could not be sent: no server was left." in alone


def test_servers_are_saturated_when_more_is_offered_than_they_can_do() -> None:
    calm = simulated(servers=1, rate=40, inside=5)
    assert "Saturated" not in LAB.verdict_of(calm, None).text
    full = simulated(came=400, inside=210, rate=400)
    assert "Saturated: 210 requests are still in flight" in LAB.verdict_of(full, None).text
    dead = simulated(came=400, inside=210, rate=160, kind=DIES)
    assert "Saturated" in LAB.verdict_of(dead, None).text, "three can do 150"


def test_the_capacity_counts_slow_and_dead_servers() -> None:
    for changes, capacity_per_s in (
        ({}, 200),
        ({"kind": SLOW}, 162.5),
        ({"kind": FAST}, 200),
        ({"kind": DIES}, 150),
    ):
        assert more_machines.capacity_per_s(**{**START, **changes}) == pytest.approx(capacity_per_s)


def test_the_click_settles_the_prediction_and_other_settings_do_not() -> None:
    outcome = PREDICTION.outcome([simulated(900, kind=SLOW)], LAB.check)
    assert outcome is not None and outcome.choice == QUARTER
    assert outcome.measured == "median 900 ms at the slow server, 30 ms at the others: 30 times as long (14–94)"
    for answer in (None, *PREDICTION.choices):
        comment = PREDICTION.comment(answer, outcome)
        assert PREDICTION.choices[QUARTER].reason in comment and outcome.measured in comment
    others = [simulated(900, kind=SLOW, routing="random"), simulated(900), simulated(900, kind=SLOW, servers=8)]
    assert PREDICTION.outcome(others, LAB.check) is None


def test_a_run_in_which_the_slow_server_is_not_slow_settles_nothing() -> None:
    for slow_ms in (40, 110, 240):
        assert PREDICTION.outcome([simulated(slow_ms, kind=SLOW)], LAB.check) is None
    assert PREDICTION.outcome([simulated(260, kind=SLOW)], LAB.check) is not None
    assert [text for text, answer in PREDICTION.choices.items() if answer.reason] == [QUARTER]


@pytest.mark.long
def test_the_interval_of_the_question_holds_what_a_typical_run_shows() -> None:
    slow = slowness(4, SLOW)

    def ratio_of_medians(seed: int) -> float:
        arrivals = poisson(100, RUN_S, seed) / 1e9
        routed = simulate_routed(arrivals, services(SERVICE_S, arrivals.size, seed), slow, round_robin, seed)
        times, in_time = routed.departures - arrivals, routed.departures <= RUN_S
        at_slow = routed.servers == 0
        return float(np.median(times[in_time & at_slow]) / np.median(times[in_time & ~at_slow]))

    typical = np.median([ratio_of_medians(seed) for seed in range(500, 1_000)])
    low, high = (np.array([ratio_of_medians(seed) for seed in range(500)]) / run for run in reversed(RUN_TO_TYPICAL))
    assert 0.93 <= np.mean((low <= typical) & (typical <= high)) <= 0.98
    assert np.mean(low >= SLOWNESS) > 0.95, "one click settles it"


def test_before_anything_was_done_there_is_nothing_to_say() -> None:
    empty = Record("more_machines", START, 1, "")
    assert LAB.verdict_of(empty, None).kind == "invalid"
    assert LAB.table(empty, None) == []
    assert Load(empty).replay() is None


def test_the_table_of_trust_has_the_replay_and_the_generator() -> None:
    run = simulated(late_ns=2_000_000)
    rows = dict(LAB.trust(run, None)[1:])
    assert rows["generator's lateness, p99"] == "2.0 ms" and rows["due; sent per second"] == "95; 95"
    assert rows["queue replayed, mean"].endswith("apart")
    assert dict(LAB.table(run, None)[1:])["by each server"] == "24; 24; 24; 24"


def test_the_model_follows_the_rate_and_runs_leave_dots() -> None:
    chart, found = drawn(more_machines.CHARTS[0])
    model = more_machines.predict(**{**START, "rate": 150})
    chart.show_model({**START, "rate": 150}, model)
    assert points(found["2"]) == [(150, response(model, 150))], "the ring"
    runs = [simulated(rate=100), simulated(rate=200, usual_ms=60)]
    chart.show_run(runs[-1], runs)
    assert [rate for rate, _ in points(found["3"])] == [100, 200]
    assert points(found["measured"]) == [(200, pytest.approx(52.5e6, rel=0.01))]
    other = simulated(rate=200, servers=2)
    chart.show_run(other, [*runs, other])
    assert [rate for rate, _ in points(found["3"])] == [200], "other servers, another curve"
    chart.show_pinned(runs[0])
    assert points(found["pinned run"]) == [(100, pytest.approx(30e6))]
    chart.show_run(None, [])
    assert points(found["measured"]) == points(found["3"]) == []


def test_one_queue_for_all_is_drawn_where_servers_are_alike() -> None:
    chart, found = drawn(more_machines.CHARTS[0])
    for kind, drawn_at in ((ALIKE, True), (SLOW, False)):
        chart.show_model(START, more_machines.predict(**{**START, "kind": kind}))
        assert np.isfinite(found["one queue for all"].get_ydata()).any() == drawn_at


def test_each_server_has_its_bar_and_the_axis_holds_them() -> None:
    chart, found = drawn(more_machines.CHARTS[1])
    bars = [found[str(place)] for place in range(more_machines.MAX_SERVERS)]
    run, model = simulated(), more_machines.predict(**START)
    chart.show_model(START, model)
    chart.show_run(run, [run])
    chart.show_pinned(run)
    assert [bar.get_height() for bar in bars] == [24, 24, 23.5, 23.5, 0, 0, 0, 0]
    assert points(found["pinned run"]) == [(1, 24), (2, 24), (3, 23.5), (4, 23.5)]
    assert points(found["model"]) == list(enumerate(model.shares, 1))
    assert bars[0].axes.get_ylim() == (0, 60)
    chart.show_model(START, more_machines.predict(**{**START, "servers": 2, "kind": FAST, "rate": 80}))
    assert bars[0].axes.get_ylim() == (0, 500)
    chart.show_run(None, [])
    assert {bar.get_height() for bar in bars} == {0}


def test_failures_are_crosses_where_there_were_any() -> None:
    chart, found = drawn(more_machines.CHARTS[2])
    run = simulated(lost=7, kind=DIES)
    chart.show_model({**START, "rate": 50}, None)
    chart.show_run(run, [run])
    assert points(found["failed"]) == [(pytest.approx(0.95), 70)]
    assert len(points(found["served"])) == 20
    assert list(found["offered"].get_ydata()) == [50, 50]
