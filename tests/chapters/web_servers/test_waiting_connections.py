"""The lab on waiting connections: waits overlap up to the processes or the CPUs, and clients without an answer are seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from dying_servers import LAST_WORDS
from labs import measure
from predictions import assert_each_comment_fits
from relations import two_of_three

from perflab.chapters.web_servers import waiting_connections, waiting_connections_model
from perflab.chapters.web_servers.waiting_connections import ALL, HALF, NO_ANSWER_NS, TEN
from perflab.chapters.web_servers.waiting_connections_model import (
    CLIENT,
    CONNECTIONS,
    NUMBERS,
    PER_S,
    RESPONSE,
    added,
    most,
    most_per_s,
    never,
    of_clients,
    probe_waits,
    rate,
    who,
)
from perflab.lab import Outcome, Record, values_slider
from perflab.measure.frame import Frame, merge
from perflab.systems.process.installed import NotStarted
from perflab.systems.servers.web.own import LOOP, MAX_PROCESSES, PREFORK, PROCESS_EACH, THREADS
from perflab.systems.servers.web.web_server import APACHE, ARCHITECTURES, NGINX, NODE

NAME = "web_servers.waiting_connections"
pytestmark = pytest.mark.skipif(PREFORK not in waiting_connections.found(), reason="this system cannot fork")
LAB = waiting_connections.lab()
WAIT_MS = 300
PATIENT = replace(LAB, controls={**LAB.controls, "wait": values_slider((WAIT_MS,), WAIT_MS, unit="ms")})
"""With waits so long that what a busy machine adds to a request does not count beside them."""
CONSTANTS = {added(each): 0.5e6 for each in ARCHITECTURES} | {
    most(each, wait): 10_000.0 for each in ARCHITECTURES for wait in probe_waits(each)
}


def record(
    architecture: str = PREFORK, connections: int = 100, answered: int = 10, ms: float = 51.0, **changes: Any
) -> Record:
    """Eight slices of 0.2 s, in which each answered client has had four answers."""
    clients = np.tile(np.arange(answered), 32)
    times = ms * 1e6 * np.where(clients == answered - 1, 1.04, 1.0)
    samples = {PER_S: np.full(8, 20.0 * answered), RESPONSE: times, CLIENT: clients}
    facts = {"answered": answered, "connected": connections, "asked_s": 2.0}
    frame = Frame(samples, {"calls": clients.size, "failures": 0}, facts)
    chosen = LAB.check({"architecture": architecture, "connections": connections})
    sizes = {PER_S: (1,) * 8, RESPONSE: (4 * answered,) * 8, CLIENT: (4 * answered,) * 8}
    made = Record("waiting_connections", chosen, 1, "", frame, 2.0, "complete", constants=CONSTANTS, sizes=sizes)
    return replace(made, **changes)


@pytest.mark.process
def test_nothing_is_known_of_a_server_that_does_not_start_and_its_runs_say_why(dying: Callable[..., None]) -> None:
    dying("apache2", "node", "nginx")
    for architecture in (NODE, APACHE, NGINX):
        assert merge(waiting_connections_model.calibrate(architecture)).facts == {}
        with pytest.raises(NotStarted, match=rf"^{architecture} does not start(.|\n)*{LAST_WORDS}"):
            next(waiting_connections.experiment(architecture, 10, 10, 10))


def model(**chosen: Any) -> Any:
    return LAB.model(LAB.check(chosen), CONSTANTS)


def curve(**chosen: Any) -> Mapping[float, float]:
    return dict(zip(NUMBERS.tolist(), model(**chosen).curve.tolist(), strict=True))


@pytest.mark.clock
def test_ten_processes_answer_ten_clients_and_an_event_loop_all() -> None:
    loop, prefork = corpus.click(NAME).records
    assert never(loop) == 0 and never(prefork) == 90
    assert of_clients(prefork).size == 10
    assert rate(loop) > 3 * rate(prefork), "100 wait at once against 10"


@pytest.mark.clock
def test_the_throughput_is_the_smaller_of_clients_and_processes_by_the_wait() -> None:
    """X = min(N, W)/S within 15%, on either side of W."""

    def look() -> tuple[float, float]:
        """Of 100 and of 5 clients of 10 processes."""
        many, few = (
            np.median(measure(PATIENT, 2.0, connections=number, architecture=PREFORK).samples[PER_S])
            for number in (100, 5)
        )
        return float(many), float(few)

    def holds(found: tuple[float, float]) -> bool:
        return all(
            x == pytest.approx(served * 1e3 / WAIT_MS, rel=0.15) for x, served in zip(found, (10, 5), strict=True)
        )

    two_of_three(look, holds, "requests/s of 10 and of 5 requests under way")


@pytest.mark.parametrize("architecture", [PREFORK, APACHE])
def test_processes_limit_how_many_wait_at_once(architecture: str) -> None:
    if architecture not in LAB.controls["architecture"].values:
        pytest.skip(f"{architecture} is not installed")
    found = curve(architecture=architecture, workers=20)
    assert [found[number] for number in (1, 10, 20, 1_000)] == pytest.approx(
        [1 / 0.0505, 10 / 0.0505, *[20 / 0.0505] * 2]
    )
    expected = model(architecture=architecture, workers=20, connections=100)
    assert expected.served_share == 0.2 and expected.response_ns == pytest.approx(50.5e6)


def test_only_apache_gets_as_many_processes_as_are_said_to_be_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_connections, "found", lambda: (PREFORK, APACHE, LOOP))
    lab = waiting_connections.lab()
    most = {"workers": waiting_connections_model.APACHES, "connections": 1_000}
    expected = lab.model(lab.check({"architecture": APACHE, **most}), CONSTANTS)
    assert expected.served_share == 0.15 and expected.per_s == pytest.approx(150 / 0.0505)
    monkeypatch.setattr(waiting_connections, "found", lambda: (PREFORK, LOOP))
    assert 150 not in waiting_connections.lab().controls["workers"].values


@pytest.mark.parametrize("architecture", [LOOP, THREADS])
def test_what_waits_for_all_is_limited_by_the_cpus(architecture: str) -> None:
    found = curve(architecture=architecture)
    assert found[100] == pytest.approx(100 / 0.0505) and found[1_000] == pytest.approx(10_000)
    expected = model(architecture=architecture, connections=1_000)
    assert (
        expected.served_share == 1
        and expected.per_s == pytest.approx(10_000)
        and expected.response_ns == pytest.approx(1e8)
    )


def test_a_process_for_each_connection_ends_where_no_more_processes_are_allowed() -> None:
    found = curve(architecture=PROCESS_EACH)
    assert found[MAX_PROCESSES] == found[1_000] == pytest.approx(MAX_PROCESSES / 0.0505)
    said = LAB.verdict(record(PROCESS_EACH, 100, 50), None).text
    assert "at most 50 processes" in said and "50 clients got none" in said


def test_a_longer_wait_lowers_the_throughput_and_an_architecture_that_did_not_start_has_no_model() -> None:
    assert model(wait=100).per_s < model(wait=50).per_s < model(wait=10).per_s
    assert np.isnan(LAB.model(LAB.check({}), {}).per_s)


def test_the_limit_lies_between_those_of_the_probed_waits() -> None:
    found = {most(LOOP, 10): 20_000.0, most(LOOP, 50): 5_000.0, most(PREFORK, 1): 9_000.0}
    assert [most_per_s(LOOP, wait, found) for wait in (10, 500**0.5, 50, 100)] == pytest.approx(
        [20_000, 10_000, 5_000, 5_000]
    )
    assert most_per_s(PREFORK, 100, found) == pytest.approx(9_000)
    assert most_per_s(LOOP, 20, {most(LOOP, 10): np.inf, most(LOOP, 50): 5_000.0}) == pytest.approx(5_000)
    assert most_per_s(LOOP, 20, {}) == np.inf, "not known"


def test_a_run_says_who_is_answered_and_that_the_others_are_not() -> None:
    said = LAB.verdict(record(), None).text
    assert said.startswith("10 of 100 clients get answers: 200 requests/s, p50 51 ms, p99 53 ms of these.")
    assert "90 clients got none in 2.0 s." in said and "keep-alive" in said
    assert LAB.found(record(), None) == "Prefork, 10 processes: p99 53 ms for 10 of 100 clients, no answer for 90."
    assert dict(row[:2] for row in LAB.table(record(), None))["p99 if unanswered requests count"] == "over 2.0 s"


def test_where_all_are_answered_waits_overlap_until_the_cpus_are_busy() -> None:
    quick, slow = record(LOOP, 100, 100), record(LOOP, 100, 100, ms=90)
    assert LAB.verdict(quick, None).text.endswith("p99 51 ms of these. All waits overlap.")
    assert LAB.verdict(slow, None).text.endswith("keep the CPUs busy.")
    assert LAB.found(quick, None) == "Event loop: p99 51 ms for all 100 clients, 2,000 requests/s."
    assert "–" not in dict(row[:2] for row in LAB.table(quick, None))["p99 if unanswered requests count"]
    assert "have been accepted yet" in LAB.verdict(record(LOOP, 100, 98), None).text, "not all have had their turn yet"


def test_one_client_is_one() -> None:
    alone = record(connections=1, answered=1)
    assert LAB.found(alone, None) == "Prefork, 10 processes: p99 53 ms for one client, 20 requests/s."
    assert waiting_connections.scenario(alone.parameters).startswith("One client keeps its connection open.")


def test_a_pinned_run_of_another_architecture_is_named_in_the_headline() -> None:
    now, pinned = (replace(each, turns="together") for each in (record(), record(LOOP, 100, 100)))
    said = "Event loop: p99 51 ms for all 100 clients. Prefork, 10 processes: p99 53 ms for 10 of 100 clients."
    assert LAB.found(now, pinned) == said
    apart = replace(pinned, parameters={**pinned.parameters, "wait": 10})
    assert "Event loop" not in LAB.found(now, apart), "two controls differ"
    assert "10.0× (10.0–10.0) below the pinned run" in LAB.verdict(now, pinned).text


@pytest.mark.parametrize("name", LAB.controls["architecture"].values)
def test_the_longest_headline_fits(name: str) -> None:
    other = replace(record(PROCESS_EACH, 1_000, 50, ms=123), turns="together")
    one = replace(record(name, 1_000, 50, ms=123), turns="together")
    assert len(LAB.found(one, None)) <= 120 and len(LAB.found(one, other)) <= 120


def test_servers_are_named_as_they_are_written() -> None:
    assert [who({"architecture": each, "workers": 5}) for each in (LOOP, NODE, NGINX, APACHE)] == [
        "Event loop",
        "Node.js",
        "nginx",
        "Apache, 5 processes",
    ]


def outcome(loop: Record, prefork: Record) -> Outcome | None:
    assert LAB.prediction is not None
    return LAB.prediction.outcome([replace(each, turns="together") for each in (loop, prefork)], LAB.check)


@pytest.mark.parametrize(("answered", "choice"), [(10, TEN), (100, ALL), (50, HALF)])
def test_the_number_of_answered_clients_settles_the_question(answered: int, choice: str) -> None:
    found = outcome(record(LOOP, 100, 100), record(answered=answered))
    assert found is not None and found.choice == choice and f"{answered} of 100" in found.measured
    assert_each_comment_fits(waiting_connections.PREDICTION, found)


def test_where_an_event_loop_had_too_little_time_nothing_is_settled() -> None:
    assert outcome(record(LOOP, 100, 99), record()) is None
    assert outcome(record(LOOP, 100, 100), record(frame=Frame())) is None


def test_clients_without_an_answer_are_a_bar_of_their_own() -> None:
    built, artists = drawn(LAB.charts[1])
    built.show_run(record(), (record(),))
    lines = [points(each) for each in built._axes.get_lines()]
    assert [(0.1, NO_ANSWER_NS), (1.0, NO_ANSWER_NS)] in lines
    (answered,) = [each for each in lines if len(each) == 20]
    assert answered[0] == (0, 51e6) and answered[-1] == (pytest.approx(0.1), pytest.approx(1.04 * 51e6))
    assert {each.get_text() for each in artists.values() if hasattr(each, "get_text")} == {
        "90 clients get no answer",
        "answered: p50 51 ms, p99 53 ms",
        "",
    }
    everyone = record(LOOP, 100, 100)
    built.show_run(everyone, (everyone,))
    assert not any(y == NO_ANSWER_NS for each in built._axes.get_lines() for _, y in points(each))


@pytest.mark.parametrize("chart", [0, 1])
def test_each_chart_shows_run_pinned_run_and_model(chart: int) -> None:
    parameters = LAB.check({"connections": 30})
    check_shows_all_and_can_be_emptied(
        LAB.charts[chart], record(), record(LOOP, 100, 100), parameters, LAB.model(parameters, CONSTANTS)
    )


def test_a_run_is_a_dot_on_the_line_of_the_model() -> None:
    built, _ = drawn(LAB.charts[0])
    built.show_run(record(), (record(),))
    assert [(100.0, 200.0)] in [points(each) for each in built._axes.get_lines()]
    assert set(CONNECTIONS) <= set(NUMBERS.tolist())


def test_what_is_not_installed_is_said_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_connections_model, "why_missing", lambda each: "Not here." if each == NGINX else "")
    rows = waiting_connections.lab().table(record(), None)
    assert (NGINX, "Not here.") in [row[:2] for row in rows]


def test_nothing_measured_is_said_and_borrows_nothing() -> None:
    empty = record(frame=Frame())
    assert LAB.verdict(empty, None).kind == "invalid" and np.isnan(rate(empty)) and of_clients(empty).size == 0
    silent = record(frame=Frame({PER_S: np.zeros(1), RESPONSE: np.empty(0), CLIENT: np.empty(0)}, {"calls": 0}))
    assert LAB.verdict(silent, None).kind == "invalid"
