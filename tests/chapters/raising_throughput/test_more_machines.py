"""More machines: the routing decides who waits, one fast server beats many, and a death is counted."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from labs import measure
from perflab.chapters.raising_throughput.balancing_model import at_rate
from replays import agrees

from perflab.chapters.load_report import replayed_each
from perflab.chapters.raising_throughput import more_machines
from perflab.chapters.raising_throughput.more_machines import OUT, UP
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.routing import ROUTES, round_robin

START: dict[str, Any] = {"servers": 4, "scale": OUT, "routing": "round robin", "skew": 1, "rate": 100, "dies": False}


def simulated(
    slow_ms: float = 30,
    usual_ms: float = 30,
    lost: int = 0,
    dropped: int = 0,
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
    columns = {"server": by, "latency_ns": times, "done_s": done, "lateness_ns": np.full(190, late_ns)}
    columns |= {**ns, "came_s": np.linspace(0, 1.99, came), "failed_s": np.full(lost, 0.95)}
    facts = {"elapsed_s": 2.0, "alive": alive, "inside": inside}
    frame = Frame(columns, {"failures": lost, "dropped": dropped}, facts)
    return Record("more_machines", {**START, **changes}, 1, "", frame, 2.0, "complete")


def measured(**changes: Any) -> Record:
    frame = measure(more_machines.lab(), 5.0, **changes)
    return Record("more_machines", {**START, **changes}, 1, "", frame, 2.0, "complete")


@pytest.mark.parametrize(
    "changes",
    [
        {"servers": 1, "rate": 40},
        {"scale": UP, "rate": 100},
        {"scale": UP, "servers": 8, "rate": 240},
        {"routing": "two choices"},
    ],
)
def test_the_queues_of_a_real_run_are_replayed(changes: dict[str, Any]) -> None:
    record = measured(**changes)
    assert agrees(replayed_each(record), record)


def test_dealt_in_turn_a_quarter_suffers_and_looking_saves_them() -> None:
    dealt, looked = measured(skew=4), measured(skew=4, routing="least outstanding")
    assert more_machines.what_turns_do([dealt]) == "a quarter of them suffers"
    assert "At the slow server" in more_machines.verdict(dealt, None).text
    assert more_machines.mean_response_ns(dealt) > 1.5 * more_machines.mean_response_ns(looked)
    for record in (dealt, looked):
        assert agrees(replayed_each(record), record)


def test_one_fast_server_is_quicker_than_as_much_in_pieces() -> None:
    many, one = measured(routing="random"), measured(scale=UP)
    assert np.median(one.column("latency_ns")) < 0.6 * np.median(many.column("latency_ns"))


def test_a_death_in_mid_run_is_said() -> None:
    record = measured(dies=True, rate=200)
    assert record.count("failures") >= 1
    assert "went on" in more_machines.verdict(record, None).text
    moments, done, failed = more_machines.over_time(record)
    assert failed[(moments > 0.8) & (moments < 1.3)].sum() > 0
    assert done[moments > 1.4].min() > 0, "the others go on"


def test_the_model_knows_that_looking_helps_and_that_one_is_quicker() -> None:
    slow = {**START, "skew": 4}
    dealt, looked = (
        more_machines.predict(**{**slow, "routing": name}) for name in ("round robin", "least outstanding")
    )
    assert response(dealt, 100) > 2.5 * response(looked, 100)
    out, up = more_machines.predict(**START), more_machines.predict(**{**START, "scale": UP})
    calm = out.rates < 200
    assert np.all(up.response_ns[calm] < 0.7 * out.response_ns[calm])
    assert np.all(up.response_ns <= 1.05 * out.response_ns), "above, all of them only count those who got through"
    assert up.shares.size == 1 and out.shares.size == 4
    assert out.shares.sum() == pytest.approx(100, rel=0.05)


def response(model: more_machines.Expected, rate: int) -> float:
    return float(model.response_ns[np.flatnonzero(model.rates == rate)[0]])


@pytest.mark.parametrize("rate", range(20, 401, 20))
def test_the_rate_of_the_slider_is_simulated_itself(rate: int) -> None:
    model = more_machines.predict(**{**START, "rate": rate})
    assert response(model, rate) == 1e9 * at_rate((1.0,) * 4, round_robin, rate, False).response_s
    assert np.all(np.diff(model.rates) > 0) and model.rates[-1] == 400


@pytest.mark.parametrize("servers", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("routing", ROUTES)
def test_one_queue_for_all_is_the_best_there_is_at_every_rate(servers: int, routing: str) -> None:
    for rate in (20, 180):
        model = more_machines.predict(**{**START, "servers": servers, "routing": routing, "rate": rate})
        assert np.all(np.isfinite(model.best_ns))
        assert np.all(model.best_ns <= 1.05 * model.response_ns), (rate, model.best_ns / model.response_ns)


def test_one_fast_server_is_one_queue_however_slow_another_would_be() -> None:
    for skew in (1, 8):
        model = more_machines.predict(**{**START, "scale": UP, "skew": skew})
        assert model.best_ns == pytest.approx(model.response_ns)
    for changes in ({"skew": 2}, {"dies": True}):
        assert np.all(np.isnan(more_machines.predict(**{**START, **changes}).best_ns))


@pytest.mark.parametrize(("servers", "rate"), [(4, 100), (4, 180), (2, 60), (8, 380), (1, 40)])
def test_when_one_dies_nobody_does_more_on_paper_than_it_can(servers: int, rate: int) -> None:
    alive, dead = (
        more_machines.predict(**{**START, "servers": servers, "rate": rate, "dies": dies}) for dies in (False, True)
    )
    assert dead.shares[0] < 0.6 * alive.shares[0]
    assert np.all(dead.shares[1:] <= 1.1 * 50), "each can do 50/s, and chance gives it a few short ones"
    if servers > 1:
        assert dead.shares[1:].sum() > 0.97 * alive.shares[1:].sum(), "they get what it would have got"
        assert response(dead, rate) > 1.02 * response(alive, rate), "the curve knows of it too"


def test_the_model_is_quick_enough_for_a_slider_that_is_drawn() -> None:
    more_machines.predict(**START)
    began = time.process_time()
    for _ in range(100):
        more_machines.predict(**START)
    assert time.process_time() - began < 0.1


def test_a_late_generator_shows_no_times() -> None:
    assert "too slow" in more_machines.verdict(simulated(late_ns=10**8), None).text


def test_what_was_lost_is_said_and_a_pinned_run_compared() -> None:
    said = more_machines.verdict(simulated(lost=7, dies=True), simulated(usual_ms=90, slow_ms=90))
    assert "7 failed when a server died; 3 went on" in said.text
    assert said.kind == "clear"


def test_how_many_came_is_counted_and_not_taken_from_the_slider() -> None:
    assert "95 requests/s done of 101 that came" in more_machines.verdict(simulated(came=202), None).text


def test_only_a_death_is_called_one() -> None:
    dropped, failed = simulated(dropped=257), simulated(lost=3)
    said = more_machines.verdict(dropped, None).text
    assert "died" not in said
    assert "257 could not be sent: all connections of the generator were in use" in said
    assert "3 failed." in more_machines.verdict(failed, None).text
    assert "died" not in more_machines.verdict(failed, None).text
    alone = more_machines.verdict(simulated(lost=1, dropped=40, alive=0, dies=True), None).text
    assert "1 failed when a server died; 0 went on. 40 could not be sent: no server was left." in alone


def test_saturated_is_who_is_offered_more_than_it_can_do_and_nobody_else() -> None:
    calm = simulated(servers=1, rate=40, inside=5)
    assert "Saturated" not in more_machines.verdict(calm, None).text
    full = simulated(came=400, inside=210, rate=400)
    assert "Saturated: 210 are still inside" in more_machines.verdict(full, None).text
    dead = simulated(came=400, inside=210, rate=160, dies=True)
    assert "Saturated" in more_machines.verdict(dead, None).text, "three can do 150"


def test_what_all_can_do_counts_the_slow_and_the_dead() -> None:
    assert more_machines.capacity_per_s(4, OUT, 1, False) == pytest.approx(200)
    assert more_machines.capacity_per_s(4, OUT, 4, False) == pytest.approx(162.5)
    assert more_machines.capacity_per_s(4, UP, 4, False) == pytest.approx(200)
    assert more_machines.capacity_per_s(4, OUT, 4, True) == pytest.approx(150)


def test_only_the_setting_that_was_asked_about_settles_the_prediction() -> None:
    assert more_machines.what_turns_do([simulated(900, skew=4)]) == "a quarter of them suffers"
    assert more_machines.what_turns_do([simulated(40, skew=4)]) == "all get along"
    assert more_machines.what_turns_do([simulated(900, skew=4, routing="random")]) is None
    assert more_machines.what_turns_do([simulated(900)]) is None


def test_before_anything_was_done_there_is_nothing_to_say() -> None:
    empty = Record("more_machines", START, 1, "")
    assert more_machines.verdict(empty, None).kind == "invalid"
    assert more_machines.table(empty, None) == []
    assert replayed_each(empty) is None
