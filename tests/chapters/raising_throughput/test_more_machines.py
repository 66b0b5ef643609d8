"""More machines: the routing decides who waits, one fast server beats many, and a death is counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labs import measure

from perflab.chapters.raising_throughput import more_machines
from perflab.chapters.raising_throughput.more_machines import OUT, UP
from perflab.lab.record import Record
from perflab.measure.frame import Frame

START: dict[str, Any] = {"servers": 4, "scale": OUT, "routing": "round robin", "skew": 1, "rate": 100, "dies": False}


def simulated(
    slow_ms: float = 30, usual_ms: float = 30, lost: int = 0, late_ns: int = 10_000, **changes: Any
) -> Record:
    """190 requests in two seconds, a quarter of them at server 0."""
    by = np.arange(190) % 4
    times = np.where(by == 0, slow_ms, usual_ms) * 1e6
    done = np.linspace(0.02, 1.99, 190)
    ns = {"arrived_ns": done * 1e9 - times, "started_ns": done * 1e9 - times, "done_ns": done * 1e9}
    columns = {"server": by, "latency_ns": times, "done_s": done, "lateness_ns": np.full(190, late_ns), "came_s": done}
    frame = Frame(
        {**columns, **ns, "failed_s": np.full(lost, 0.95)}, {"failures": lost}, {"elapsed_s": 2.0, "alive": 3}
    )
    return Record("more_machines", {**START, **changes}, 1, "", frame, 2.0, "complete")


def measured(**changes: Any) -> Record:
    frame = measure(more_machines.lab(), 5.0, **changes)
    return Record("more_machines", {**START, **changes}, 1, "", frame, 2.0, "complete")


def test_dealt_in_turn_a_quarter_suffers_and_looking_saves_them() -> None:
    dealt, looked = measured(skew=4), measured(skew=4, routing="least outstanding")
    assert more_machines.what_turns_do([dealt]) == "a quarter of them suffers"
    assert "At the slow server" in more_machines.verdict(dealt, None).text
    assert more_machines.mean_response_ns(dealt) > 1.5 * more_machines.mean_response_ns(looked)
    for record in (dealt, looked):
        replayed = more_machines.replay_of(record)
        assert replayed is not None and replayed.deviation < 0.15


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
    assert dealt.response_ns[2] > 3 * looked.response_ns[2]
    out, up = more_machines.predict(**START), more_machines.predict(**{**START, "scale": UP})
    assert np.all(up.response_ns < out.response_ns)
    assert np.nanmax(out.best_ns[:4] / out.response_ns[:4]) < 1.2
    assert up.shares.size == 1 and out.shares.size == 4
    assert out.shares.sum() == pytest.approx(100, rel=0.15)


def test_when_one_dies_the_others_get_its_share_on_paper() -> None:
    alive, dead = (more_machines.predict(**{**START, "dies": dies}).shares for dies in (False, True))
    assert dead[0] < 0.6 * alive[0]
    assert dead.sum() == pytest.approx(alive.sum())


def test_a_late_generator_shows_no_times() -> None:
    assert "too slow" in more_machines.verdict(simulated(late_ns=10**8), None).text


def test_what_was_lost_is_said_and_a_pinned_run_compared() -> None:
    said = more_machines.verdict(simulated(lost=7), simulated(usual_ms=90, slow_ms=90))
    assert "7 failed when a server died; 3 went on" in said.text
    assert said.kind == "clear"


def test_only_the_setting_that_was_asked_about_settles_the_prediction() -> None:
    assert more_machines.what_turns_do([simulated(900, skew=4)]) == "a quarter of them suffers"
    assert more_machines.what_turns_do([simulated(40, skew=4)]) == "all get along"
    assert more_machines.what_turns_do([simulated(900, skew=4, routing="random")]) is None
    assert more_machines.what_turns_do([simulated(900)]) is None


def test_before_anything_was_done_there_is_nothing_to_say() -> None:
    empty = Record("more_machines", START, 1, "")
    assert more_machines.verdict(empty, None).kind == "invalid"
    assert more_machines.table(empty, None) == []
    assert more_machines.replay_of(empty) is None
