"""The lab on overload: what becomes of connections that find the queue full, by a simulation and at a real server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import psutil
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from labs import measure
from predictions import assert_each_comment_fits
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.web_servers import beyond_the_limit
from perflab.chapters.web_servers import beyond_the_limit_model as model
from perflab.chapters.web_servers.beyond_the_limit import LOST, PAUSE, PREDICTION, REFUSED
from perflab.chapters.web_servers.beyond_the_limit_model import AT_ONCE, NEVER_SERVED, QUEUED, SECOND, THIRD
from perflab.lab import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.new_connections import NEVER
from perflab.systems.servers.web.web_server import PREFORK, found
from perflab.theory.listen_backlog import Handshake, simulated

NAME = "web_servers.beyond_the_limit"
LAB = beyond_the_limit.lab()
CONSTANTS = {model.SERVICE: 0.001}
START = LAB.check({})
needs_fork = pytest.mark.skipif(PREFORK not in found(), reason="a process cannot be forked here")


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A system whose clients try again each second; what is measured, is measured at this one."""
    if not any(map(request.node.get_closest_marker, ("clock", "process"))):
        monkeypatch.setattr(model, "pauses_s", lambda: (1.0, 1.0, 1.0, 1.0, 2.0))
        monkeypatch.setattr(model, "timer_step_s", lambda: 0.032)
        monkeypatch.setattr(model, "room_of", lambda backlog: backlog + 1)


def expected(**changes: Any) -> model.Expected:
    return model.predict(**{**START, **changes}, constants=CONSTANTS)


def made(refused: int = 0, lost: int = 0, **changes: Any) -> Record:
    """A run of a simulated kernel; the last ones were refused, or had no reply."""
    now = {**START, **changes}
    arrived = model.arrivals(now["load"], now["workers"], now["wait"])
    served = simulated(
        arrived / 1e9, now["workers"], now["wait"] / 1e3 + 0.001, now["backlog"] + 1, Handshake((1.0,), 0.032)
    )
    response = np.round(1e9 * (served.ended - arrived / 1e9)).astype(np.int64)
    reply = np.arange(arrived.size) < arrived.size - refused - lost
    samples = {
        model.ARRIVED: arrived,
        model.RESPONSE: response,
        model.CONNECT: np.round(1e9 * (served.tries - 1)).astype(np.int64) + 100_000,
        model.LATENESS: np.full(arrived.size, 50_000),
        model.REPLY: reply,
    }
    frame = Frame(samples, {"calls": arrived.size, "refused": refused})
    return Record("beyond_the_limit", now, 1, "", frame, 3.7, "complete", constants=CONSTANTS)


def test_below_the_capacity_all_are_served_at_once() -> None:
    for load in (50, 80, 90):
        assert expected(load=load).shares[AT_ONCE] == 1


def test_beyond_it_a_large_backlog_queues_them_and_a_small_one_makes_them_try_again() -> None:
    large, small = expected(backlog=500), expected(backlog=10)
    assert large.shares[SECOND:].sum() == 0 and large.shares[QUEUED] > 0.9
    assert large.responses.max() / 1e9 == pytest.approx(0.65, abs=0.05), (
        "(300 − 200) · 1.2 s wait in the end, 200 leave a second"
    )
    assert 0.25 < small.shares[SECOND:].sum() < 0.4
    late = small.responses[small.responses > 0.5e9]
    assert late.min() > 1e9 and small.responses[small.responses < 0.5e9].max() < 0.15e9
    assert small.shares.sum() == pytest.approx(1)


def test_the_line_is_the_fluids() -> None:
    x, y = expected(backlog=500).line
    assert np.interp(1.0e9, x, y) / 1e9 == pytest.approx(0.051 + (300 - 10 / 0.051) / (10 / 0.051), abs=0.001)
    x, y = expected(backlog=10).line
    assert y.max() / 1e9 == pytest.approx(0.051 + 11 * 0.0051, abs=0.001), "a full queue"


def test_by_the_end_of_a_run_all_have_their_reply() -> None:
    for workers in LAB.controls["workers"].values:
        for wait in LAB.controls["wait"].values:
            found = expected(workers=workers, wait=wait, load=200, backlog=5)
            assert found.responses.max() / 1e9 + model.ARRIVALS_S > 1 and found.shares[NEVER_SERVED] == 0


def test_what_became_of_a_request_is_read_from_its_connection_and_its_response() -> None:
    run = made()
    assert model.shares_of(model.became(run)) == pytest.approx(expected().shares, abs=0.01)
    assert model.tries_of(run).max() == 2 and model.tries_of(made(load=200, backlog=5)).max() >= 3
    reply = np.ones(4, bool)
    reply[3] = False
    samples = {
        model.RESPONSE: np.array([55e6, 90e6, 2_050e6, 3_700e6]),
        model.CONNECT: np.array([1e5, 1e5, 1_995e6, 3_700e6]),
        model.REPLY: reply,
    }
    one_of_each = replace(run, frame=Frame(samples))
    assert model.became(one_of_each).tolist() == [AT_ONCE, QUEUED, THIRD, NEVER_SERVED]


def test_the_words_tell_what_became_of_them() -> None:
    run = made()
    said = LAB.verdict(run, None).text
    assert said.startswith("Of 360 requests 2.8% were served at once, ")
    assert "found it full and were served by a later try, after up to 1.3 s" in said
    assert "has room for 11, 55 ms of work" in said and "tries again after 1 s, 2 s, 3 s." in said
    assert "of the requests found the queue full, and waited 1 s or more for their next try." in LAB.found(run, None)
    assert LAB.found(made(backlog=500), None).startswith("At 150% load all requests found room, and waited up to 6")
    assert LAB.found(made(load=80), None) == "At 80% load all requests were served at once."
    assert "had no reply within 3.6 s" in LAB.verdict(made(lost=20), None).text


def test_the_tables_have_the_model_beside() -> None:
    rows = dict(row[:2] for row in LAB.table(made(), None))
    assert rows["no reply"] == "0%; 0%" and rows["served at once"] == "2.8%; 2.8%"
    trust = dict(row[:2] for row in LAB.trust(made(), None))
    assert trust["this system tries again after"] == "1 s, 2 s, 3 s, 4 s"
    assert trust["requests; refused"] == "360; 0"
    uncalibrated = replace(made(), constants={})
    assert dict(row[:2] for row in LAB.table(uncalibrated, None))["no reply"] == "0%; –"


def test_requests_that_were_sent_late_make_a_run_invalid() -> None:
    run = made()
    late = {**run.frame.samples, model.LATENESS: np.full(360, 30_000_000)}
    found = LAB.verdict(replace(run, frame=Frame(late, run.frame.counts)), None)
    assert found.kind == "invalid" and "30 ms late" in found.text


def test_a_run_that_was_stopped_lacks_those_that_wait_longest() -> None:
    run = made()
    found = LAB.verdict(replace(run, frame=Frame(run.frame.samples, {"calls": 300}), status="stopped"), None)
    assert found.kind == "invalid" and "60 requests still waited" in found.text


def test_two_backlogs_share_a_headline_and_are_compared() -> None:
    small, large = side_by_side(made(), made(backlog=500))
    assert LAB.verdict_of(large, small).kind == "clear"
    assert LAB.found(large, small).startswith("Queue full, next try 1 s later or more: 0% with a backlog of 500, 3")
    assert np.nanmean(model.full_in_parts(small)) == pytest.approx(model.full(small), abs=0.01)
    other = made(load=50, backlog=500)
    assert beyond_the_limit.finding(small, other) == beyond_the_limit.finding(small, None), "two things differ"
    same, again = side_by_side(made(), made())
    assert LAB.verdict_of(same, again).kind == "too close to call"


def test_one_bad_moment_makes_no_clear_difference() -> None:
    """A third of one run waits for later tries, all of it in one stretch: too little to say that its setting is worse."""
    run = made(backlog=500)
    connect = run.column(model.CONNECT).copy()
    connect[:120] += 1_000_000_000
    paused = replace(run, frame=Frame({**run.frame.samples, model.CONNECT: connect}, run.frame.counts))
    now, then = side_by_side(paused, run)
    assert model.full(now) > 0.3 and model.full(then) == 0
    assert LAB.verdict_of(now, then).kind == "too close to call"


def test_the_question_is_settled_whatever_was_found() -> None:
    for run, choice in ((made(), PAUSE), (made(refused=200), REFUSED), (made(lost=200), LOST)):
        outcome = PREDICTION.outcome([run], LAB.check)
        assert outcome is not None and outcome.choice == choice
        assert_each_comment_fits(PREDICTION, outcome)
    assert beyond_the_limit.what_happens(made(backlog=500)) is None


@pytest.mark.long
def test_the_charts_show_it() -> None:
    run, pinned = made(), made(backlog=500)
    check_shows_all_and_can_be_emptied(LAB.charts[1], run, pinned, START, expected())  # type: ignore[arg-type]
    chart, artists = drawn(LAB.charts[0])  # type: ignore[arg-type]
    chart.show_run(run, (run,))
    number = {name: len(points(artists[name])) for name in ("served at once", "queued", "tried again", "no reply")}
    assert sum(number.values()) == 360 and number["no reply"] == 0 and number["tried again"] > 90


def test_a_run_that_has_just_begun_can_be_shown() -> None:
    empty = Record("beyond_the_limit", START, 1, "")
    assert LAB.verdict(empty, None).kind == "invalid" and LAB.table(empty, None) == []
    assert beyond_the_limit.what_happens(empty) is None and model.full(empty) == 0


class Clients:
    """Four requests without a server; one has no reply."""

    schedule = np.array([0, 10, 20, 30])
    sent, connected = schedule + 1, np.array([2, 12, 22, NEVER])
    started, done = np.array([[10, 20, NEVER, NEVER], [40, 55, NEVER, NEVER]])
    answered = np.array([50, 60, NEVER, NEVER])
    refused = np.array([False, False, True, False])

    def now_ns(self) -> int:
        return 1_000


def test_a_request_without_a_reply_counts_as_what_it_has_waited() -> None:
    frame = model.frame_of(Clients(), np.ones(4, bool))  # type: ignore[arg-type]
    assert frame.samples[model.RESPONSE].tolist() == [50, 50, 980, 970]
    assert frame.samples[model.CONNECT].tolist() == [1, 1, 1, 969]
    assert frame.samples[model.REPLY].tolist() == [True, True, False, False]
    assert frame.counts == {"calls": 4, "refused": 1}
    told = [2, 12, 22, np.nan], [10, 20, np.nan, np.nan], [40, 55, np.nan, np.nan]
    for name, moments in zip(model.MOMENTS, told, strict=True):
        np.testing.assert_array_equal(frame.samples[name], moments)


@needs_fork
@pytest.mark.clock
def test_a_real_queue_does_as_the_simulated_one() -> None:
    constants = corpus.constants(NAME) or {}
    known = [*corpus.click(NAME).records]

    def look() -> tuple[float, float]:
        run = known.pop() if known else Record("beyond_the_limit", START, 1, "", measure(LAB, 5.0, **START))
        return model.full(run), float(model.predict(**START, constants=constants).shares[SECOND:].sum())

    two_of_three(look, lambda shares: abs(shares[0] - shares[1]) < 0.1 and shares[0] > 0.15, "found the queue full")


@needs_fork
@pytest.mark.process
def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    run = beyond_the_limit.experiment(**START)
    for _ in range(3):
        next(run)
    run.close()  # type: ignore[attr-defined]
    assert {each.pid for each in psutil.Process().children(recursive=True)} <= before
    assert [*tmp_path.iterdir()] == []
