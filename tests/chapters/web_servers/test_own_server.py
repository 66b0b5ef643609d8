"""The lab for a server of the learner's: which ports it takes, its words, and real servers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied

from perflab.chapters.web_servers import own_server
from perflab.chapters.web_servers.own_server import LATENCY, OVERDUE, WINDOW_S, WINDOWS
from perflab.lab import Record
from perflab.measure.frame import Frame, merge
from perflab.measure.guards import BadInput
from perflab.systems.servers.web.own import LOOP
from perflab.systems.servers.web.web_server import web_server

MS = 1e6


def record(rate: int = 200, response_ms: float = 2.0, overdue: int = 0, **counts: int) -> Record:
    """A run of as many requests as the rate lets expect, of which each fiftieth takes ten times as long."""
    number = round(rate * WINDOW_S * WINDOWS)
    times = np.full(number, response_ms * MS)
    times[::50] *= 10
    samples = {"due_s": np.linspace(0, WINDOW_S, number), LATENCY: times, "lateness_ns": np.zeros(number)}
    frame = Frame(samples, {"calls": number, OVERDUE: overdue, "failures": 0, "timeouts": 0, **counts})
    return Record("own_server", {"rate": rate}, 1, "", frame, status="complete")


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(own_server, "check_that_it_listens", lambda port: None)
    return own_server.lab_on(8_000)


@pytest.mark.parametrize("port", ["8000", 8_000.5, 0, 65_536, float("nan"), True, [8_000], b"1"])
def test_what_is_no_port_is_said_in_a_sentence(port: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert own_server.lab_on(port) is None
    assert capsys.readouterr().out.startswith("Not yet: port must be a whole number from 1 to 65,535; got ")


@pytest.mark.parametrize("path", ["", "search", "http://there/", "/a b", "/ü", "/\r\nX: 1", None, 3, b"/"])
def test_what_is_no_path_is_said_in_a_sentence(
    path: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_server, "check_that_it_listens", lambda port: None)
    assert own_server.lab_on(8_000, path) is None
    assert capsys.readouterr().out.startswith(
        "Not yet: path must begin with / and have no spaces, such as /search?q=car"
    )


def test_the_path_is_told(lab: Any) -> None:
    assert lab.scenario({"rate": 20}).startswith("20 requests for / per second arrive at random")
    searching = own_server.lab_on(8_000, "/search?q=car")
    assert searching is not None and searching.policy["path"] == "/search?q=car"
    assert "for /search?q=car per second" in searching.scenario({"rate": 20})
    longest = own_server.lab_on(8_000, "/" + 500 * "a")
    assert longest is not None and len(longest.scenario({"rate": 500})) <= 150


def test_without_a_port_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert own_server.lab_on() is None
    assert capsys.readouterr().out.startswith("Not done yet. Start a server of yours")


def test_the_words_name_both_ends_and_what_failed(lab: Any) -> None:
    said = str(lab.verdict_of(record(failures=3, timeouts=2), None))
    assert "600 requests, 200 per second: p50 2.0 ms" in said and "p99 20 ms" in said
    assert "2 had no reply within 2 s." in said and "3 failed." in said
    assert lab.found(record(), None) == "At 200 requests/s half of the requests take over 2.0 ms, 1 in 100 over 20 ms."


def test_few_requests_have_no_p99(lab: Any) -> None:
    assert "a p99 needs 368 of them." in str(lab.verdict_of(record(5), None))
    assert lab.found(record(5), None) == "At 5 requests/s half of the requests take over 2.0 ms."


def test_where_many_requests_still_wait_it_is_saturated_and_has_no_percentiles(lab: Any) -> None:
    busy = record(response_ms=900, overdue=300)
    assert str(lab.verdict_of(busy, None)).startswith("Saturated: 50% of 600 requests still waited")
    assert "p99" not in str(lab.verdict_of(busy, None)) and "saturated" in lab.found(busy, None)


def test_no_reply_at_all_is_said(lab: Any) -> None:
    empty = Record("own_server", {"rate": 20}, 1, "", Frame(), status="complete")
    assert "No request was answered." in str(lab.verdict_of(empty, None))


@pytest.mark.parametrize("place", [0, 1])
def test_the_charts_follow_runs(lab: Any, place: int) -> None:
    check_shows_all_and_can_be_emptied(lab.charts[place], record(), record(50), {"rate": 200}, None)


@pytest.mark.process
def test_a_real_server_answers_and_a_missing_one_is_named() -> None:
    with web_server(LOOP) as server:
        assert own_server.lab_on(server.port) is not None
        found = merge(own_server.experiment(100, seed=1, port=server.port, path="/"))
        missing = next(each for each in own_server.experiment(5, 1, server.port, "/nothing") if each.counts)
        assert missing.counts["failures"] > 0 and missing.counts["calls"] == 0, "the path is asked for"
    assert found.counts["calls"] == found.samples[LATENCY].size > 200
    assert found.counts["failures"] == found.counts["timeouts"] == 0
    with pytest.raises(BadInput, match="Nothing listens on port"):
        next(own_server.experiment(100, seed=1, port=server.port, path="/"))
